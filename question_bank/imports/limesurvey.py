"""Import the questions of a LimeSurvey structure: a survey (`.lss`), a group (`.lsg`) or a question (`.lsq`), of versions 2 to 6.

Entities and document types are refused before anything is built, so that a hostile file cannot grow.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat

from question_bank.definitions import Text
from question_bank.imports.builder import Form, NotImportable, plain_text

SINGLE, MULTIPLE = "L!OI", "MP"
ARRAYS = "FH1"
"""Types of which each row is a question with the answers of all."""
FIXED: Mapping[str, tuple[str, ...]] = {
    "Y": ("Yes", "No"),
    "G": ("Female", "Male"),
    "C": ("Yes", "Uncertain", "No"),
    "E": ("Increase", "Same", "Decrease"),
}
SCALES: Mapping[str, tuple[float, float]] = {"5": (1.0, 5.0), "A": (1.0, 5.0), "B": (1.0, 10.0)}
TEXTS = "STU"
NOT_IN_A_BANK: Mapping[str, str] = {"X": "no question", "R": "a ranking", "D": "a date", "*": "an equation", "|": "a file"}
Line = Mapping[str, str]


@dataclass(frozen=True)
class _Structure:
    """The rows of a structure: questions and subquestions by parent, texts of questions, answers of questions, texts of answers."""

    children: Mapping[str, Sequence[Line]]
    texts: Mapping[str, Sequence[Line]]
    answers: Mapping[str, Sequence[Line]]
    answer_texts: Mapping[str, Sequence[Line]]
    languages: tuple[str, ...]

    @classmethod
    def of(cls, tables: Mapping[str, Sequence[Line]], languages: tuple[str, ...]) -> "_Structure":
        asked = [*tables["questions"], *tables.get("subquestions", ())]
        return cls(
            _by(asked, "parent_qid"),
            _by([*asked, *tables.get("question_l10ns", ())], "qid"),
            _by(tables.get("answers", ()), "qid"),
            _by(tables.get("answer_l10ns", ()), "aid"),
            languages,
        )

    def text(self, qid: str) -> dict[str, str]:
        """Return the text of a question by language: old files have it in its own row, new ones in rows of translations."""
        return self._translated(self.texts.get(qid, ()), "question")

    def parts(self, qid: str) -> list[tuple[str, Text]]:
        """Return code and text of each subquestion."""
        rows = {row.get("qid", ""): row for row in self.children.get(qid, ()) if row.get("scale_id", "0") == "0"}
        ordered = sorted(rows.values(), key=lambda row: _number(row.get("question_order")))
        return [(row.get("title", ""), self.text(row.get("qid", ""))) for row in ordered]

    def options(self, qid: str) -> list[Text]:
        """Return the texts of the answers to a question, in their order."""
        codes = _by([row for row in self.answers.get(qid, ()) if row.get("scale_id", "0") == "0"], "code")
        ordered = sorted(codes.items(), key=lambda item: _number(item[1][0].get("sortorder")))
        return [
            self._translated([*rows, *(text for row in rows if row.get("aid") for text in self.answer_texts.get(row["aid"], ()))], "answer")
            or {self.languages[0]: code}
            for code, rows in ordered
        ]

    def _translated(self, rows: Iterable[Line], field: str) -> dict[str, str]:
        found = {_tag(row.get("language"), self.languages[0]): plain_text(row[field]) for row in rows if row.get(field)}
        return {language: found[language] for language in self.languages if found.get(language)}


def _by(rows: Iterable[Line], key: str) -> dict[str, list[Line]]:
    groups: dict[str, list[Line]] = {}
    for row in rows:
        groups.setdefault(row.get(key, ""), []).append(row)
    return groups


def form_of_limesurvey(content: bytes) -> Form:
    """Return the questions of a structure. Raises NotImportable."""
    _refuse_entities(content)
    try:
        root = ElementTree.fromstring(content)  # noqa: S314
    except (ElementTree.ParseError, ValueError) as wrong:
        raise NotImportable(f"is not readable XML: {wrong}") from None
    tables = {table.tag: [_row(row) for row in table.iterfind("./rows/row")] for table in root}
    if "questions" not in tables:
        raise NotImportable("is no structure of LimeSurvey: it has no questions (export the survey structure as .lss)")
    languages = tuple(dict.fromkeys(_tag(name.text) for name in root.iterfind("./languages/language") if name.text)) or ("en",)
    settings = tables.get("surveys_languagesettings", ())
    titles = {_tag(row.get("surveyls_language")): plain_text(row.get("surveyls_title")) for row in settings}
    form = Form({language: titles[language] for language in languages if titles.get(language)}, languages)
    structure = _Structure.of(tables, languages)
    groups = {row.get("gid"): _number(row.get("group_order")) for row in tables.get("groups", ())}
    rows = {row.get("qid", ""): row for row in reversed(tables["questions"]) if row.get("parent_qid", "0") in ("0", "")}
    for row in sorted(rows.values(), key=lambda own: (groups.get(own.get("gid"), 0), _number(own.get("question_order")))):
        _question(form, row, structure)
    return form


def _question(form: Form, row: Line, structure: _Structure) -> None:
    kind, qid, name = row.get("type", ""), row.get("qid", ""), row.get("title", "")
    text, parts = structure.text(qid), structure.parts(qid)
    shown = next(iter(text.values()), name)
    required = row.get("mandatory") == "Y"
    if row.get("relevance", "1") not in ("1", ""):
        form.leave_out(shown, "is asked under a condition there: write it as ask_if")
    if row.get("other") == "Y":
        form.leave_out(shown, 'the option "other" with a text is left out')
    if kind in SINGLE or kind in MULTIPLE:
        options = structure.options(qid) if kind in SINGLE else [option for _, option in parts]
        form.add("single" if kind in SINGLE else "multiple", text, options, name=name, required=required)
    elif kind in TEXTS or kind == "N":
        form.add("number" if kind == "N" else "text", text, name=name, required=required)
    elif kind in (*ARRAYS, *FIXED, *SCALES, "K"):
        for code, part in parts or [("", {})]:
            own, own_name = (_joined(text, part), f"{name}-{code}") if part else (text, name)
            _row_of_array(form, kind, own, own_name, structure.options(qid), required=required)
    else:
        what = NOT_IN_A_BANK.get(kind, f"of the type {kind}")
        form.leave_out(shown, f"is {what}, which a bank does not have, so it is left out")


def _row_of_array(form: Form, kind: str, text: Text, name: str, options: Sequence[Text], *, required: bool) -> None:
    """Add a row of an array, or a question of a type that has its own answers."""
    if kind in SCALES:
        form.add("scale", text, name=name, minimum=SCALES[kind][0], maximum=SCALES[kind][1], required=required)
    elif kind == "K":
        form.add("number", text, name=name, required=required)
    else:
        words = [dict.fromkeys(form.languages, word) for word in FIXED.get(kind, ())]
        form.add("single", text, words or options, name=name, required=required)


def _joined(text: Text, part: Text) -> Text:
    """Return the text of a question with that of its part, in each language."""
    other = next(iter(part.values()), "")
    return {language: f"{words}: {part.get(language) or other}".strip(": ") for language, words in text.items()} or part


def _row(row: ElementTree.Element) -> dict[str, str]:
    return {field.tag: (field.text or "").strip() for field in row}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0


def _tag(language: str | None, default: str = "en") -> str:
    """Return a language as banks write it: LimeSurvey has ``de-informal`` and ``pt-BR``."""
    parts = (language or default).split("-")
    return "-".join(parts[:1] if parts[-1] in ("informal", "easy") else parts)


def _refuse_entities(content: bytes) -> None:
    """Raise NotImportable for a document type, in which entities would be declared, and for what is no XML."""

    def refuse(*_: object) -> None:
        raise NotImportable("has a document type or entities, which a structure of LimeSurvey has not")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as wrong:
        if isinstance(wrong, NotImportable):
            raise
        raise NotImportable(f"is not readable XML: {wrong}") from None
