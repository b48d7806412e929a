"""`discern import` makes a bank of a workbook, or of a form of another tool."""

import io
import json

import openpyxl
import pytest
from click.testing import CliRunner

from question_bank.definitions import Counts, Normal, Shares, Words
from question_bank.files.load import check_bank, read_bank
from question_bank.imports.builder import NotImportable
from survey_service.analysis.bank_imports import import_bank
from survey_service.cli.main import main

TYPEFORM = {
    "title": "Buyers",
    "settings": {"language": "fr"},
    "fields": [
        {
            "title": "*Pourquoi* ?",
            "type": "multiple_choice",
            "validations": {"required": True},
            "properties": {
                "allow_multiple_selection": True,
                "allow_other_choice": True,
                "choices": [{"label": "Prix"}, {"label": "Style"}],
            },
        },
        {"title": "Une voiture ?", "type": "yes_no"},
        {
            "title": "Note",
            "type": "opinion_scale",
            "properties": {"steps": 5, "start_at_one": True, "labels": {"left": "Non", "right": "Oui"}},
        },
        {
            "title": "Vous",
            "type": "group",
            "properties": {
                "fields": [
                    {"title": "Âge", "type": "number", "validations": {"min_value": 18, "max_value": 99}},
                    {"title": "Votre e-mail", "type": "email"},
                    {"title": "Un commentaire ?", "type": "long_text"},
                ]
            },
        },
        {"title": "Merci", "type": "statement"},
        {"title": "Classez", "type": "ranking"},
    ],
    "logic": [{"type": "field"}],
}
GOOGLE = {
    "info": {"title": "Survey"},
    "items": [
        {
            "title": "Colour",
            "questionItem": {
                "question": {"choiceQuestion": {"type": "RADIO", "options": [{"value": "Red"}, {"value": "Blue"}, {"isOther": True}]}}
            },
        },
        {
            "title": "Extras",
            "questionItem": {"question": {"choiceQuestion": {"type": "CHECKBOX", "options": [{"value": "A"}, {"value": "B"}]}}},
        },
        {"title": "Stars", "questionItem": {"question": {"scaleQuestion": {"low": 1, "high": 7, "lowLabel": "bad", "highLabel": "good"}}}},
        {
            "title": "Rate",
            "questionGroupItem": {
                "questions": [{"rowQuestion": {"title": "Speed"}}, {"rowQuestion": {"title": "Price"}}],
                "grid": {"columns": {"type": "RADIO", "options": [{"value": "low"}, {"value": "high"}]}},
            },
        },
        {"title": "When?", "questionItem": {"question": {"dateQuestion": {}}}},
        {"title": "Page 2", "pageBreakItem": {}},
    ],
}


def rows_of(table, *rows):
    cells = "".join("<row>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in row.items()) + "</row>" for row in rows)
    return f"<{table}><rows>{cells}</rows></{table}>"


def question(qid, kind, title, order, parent=0, **more):
    return {"qid": qid, "parent_qid": parent, "gid": 7, "type": kind, "title": title, "question_order": order, "scale_id": 0, **more}


LIMESURVEY = (
    '<?xml version="1.0" encoding="UTF-8"?><document><LimeSurveyDocType>Survey</LimeSurveyDocType>'
    "<languages><language>de</language><language>en</language></languages>"
    + rows_of("groups", {"gid": 7, "group_order": 1})
    + rows_of(
        "questions",
        question(2, "M", "why", 2),
        question(1, "L", "colour", 1, mandatory="Y"),
        question(3, "F", "rate", 3),
        question(4, "R", "rank", 4),
        question(5, "Y", "car", 5, relevance="colour == 'A1'"),
    )
    + rows_of("subquestions", question(21, "T", "SQ001", 1, 2), question(22, "T", "SQ002", 2, 2), question(31, "T", "SQ001", 1, 3))
    + rows_of(
        "question_l10ns",
        *(
            {"qid": qid, "question": f"<p>{text}</p>", "language": "de"}
            for qid, text in ((1, "Farbe?"), (2, "Warum?"), (3, "Wie?"), (4, "Rang"), (5, "Auto?"))
        ),
        {"qid": 1, "question": "Colour?", "language": "en"},
        *({"qid": qid, "question": text, "language": "de"} for qid, text in ((21, "Preis"), (22, "Stil"), (31, "Tempo"))),
    )
    + rows_of(
        "answers",
        {"aid": 12, "qid": 1, "code": "A2", "sortorder": 2},
        {"aid": 11, "qid": 1, "code": "A1", "sortorder": 1},
        {"aid": 13, "qid": 3, "code": "1", "sortorder": 1},
        {"aid": 14, "qid": 3, "code": "2", "sortorder": 2},
    )
    + rows_of(
        "answer_l10ns",
        *({"aid": aid, "answer": text, "language": "de"} for aid, text in ((11, "Rot"), (12, "Blau"), (13, "gut"), (14, "schlecht"))),
    )
    + rows_of("surveys_languagesettings", {"surveyls_title": "Umfrage", "surveyls_language": "de"})
    + "</document>"
).encode()


def questions_of(imported):
    bank = read_bank(imported.text)
    return bank, {question.id: (question.type, " ".join(question.outcomes)) for question in bank.questions}


def workbook(**sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_form_of_typeform_keeps_texts_options_types_and_order():
    """What a bank does not have is said, line by line; what identifies a person is left out."""
    imported = import_bank("buyers.json", json.dumps(TYPEFORM).encode())

    bank, questions = questions_of(imported)
    assert questions == {
        "pourquoi": ("multiple", "prix style"),
        "une-voiture": ("single", "oui non"),
        "note": ("scale", "1 2 3 4 5"),
        "age": ("number", ""),
        "un-commentaire": ("text", ""),
    }
    assert (bank.languages, bank.title) == (("fr",), {"fr": "Buyers"})
    assert bank.questions[0].likelihood["persona-1"] == Words(("0", "0"))
    assert (bank.questions[3].minimum, bank.questions[3].maximum) == (18, 99)
    assert {label["fr"] for label in bank.questions[2].labels.values()} == {"Non", "Oui"}
    assert '"Votre e-mail": asks for what identifies a person (email), so it is left out' in imported.notes
    assert '"Classez": is of the type ranking, which a bank does not have, so it is left out' in imported.notes
    assert any("jumps between questions" in note for note in imported.notes)
    assert not check_bank(imported.text.encode(), "b").errors


def test_a_form_of_google_keeps_grids_as_questions():
    imported = import_bank("form.json", json.dumps(GOOGLE).encode())

    _, questions = questions_of(imported)

    assert questions == {
        "colour": ("single", "red blue"),
        "extras": ("multiple", "a b"),
        "stars": ("scale", "1 2 3 4 5 6 7"),
        "rate-speed": ("single", "low high"),
        "rate-price": ("single", "low high"),
    }
    assert '"Colour": the option "other" with a text is left out' in imported.notes
    assert '"When?": is of the type dateQuestion, which a bank does not have, so it is left out' in imported.notes


def test_a_structure_of_limesurvey_keeps_languages_and_order():
    imported = import_bank("umfrage.lss", LIMESURVEY)

    bank, questions = questions_of(imported)

    assert questions == {
        "colour": ("single", "rot blau"),
        "why": ("multiple", "preis stil"),
        "rate-sq001": ("single", "gut schlecht"),
        "car": ("single", "yes no"),
    }
    assert bank.languages == ("de", "en")
    assert bank.question("colour").text == {"de": "Farbe?", "en": "Colour?"}
    assert bank.question("rate-sq001").text == {"de": "Wie?: Tempo"}
    assert '"Rang": is a ranking, which a bank does not have, so it is left out' in imported.notes
    assert '"Auto?": is asked under a condition there: write it as ask_if' in imported.notes


def test_a_workbook_is_a_whole_bank():
    """Probabilities, percentages, counts, words and means; a cell that is none is said, and neutral."""
    content = workbook(
        personas=[["name", "share", "description"], ["Driver", 0.4, "likes bends"], ["Family", 0.6, None]],
        questions=[
            ["text", "type", "option", "min", "max", "Driver", "Family"],
            ["Colour?", "single", "Red", None, None, "70%", "30%"],
            [None, None, "Blue", None, None, "30%", "70%"],
            ["Extras?", "multiple", "Roof", None, None, 0.5, 0.25],
            [None, None, "Radio", None, None, 0.2, 0.9],
            ["Seats?", "single", "Two", None, None, 18, 2],
            [None, None, "Five", None, None, 6, 30],
            ["Fast?", "scale", "1", None, None, "--", "+"],
            [None, None, "2", None, None, "++", "0"],
            ["Age?", "number", None, 18, 99, "35 ± 10", "48 (8)"],
            ["Odd?", "single", "a", None, None, "x", "+"],
            [None, None, "b", None, None, "y", "-"],
        ],
    )

    imported = import_bank("My bank.xlsx", content)

    bank, _ = questions_of(imported)
    rows = [question.likelihood["driver"] for question in bank.questions]
    assert rows[:5] == [Shares((0.7, 0.3)), Shares((0.5, 0.2)), Counts((18, 6)), Words(("--", "++")), Normal(35, 10)]
    assert rows[5] == Words(("0", "0"))
    assert (bank.id, [persona.prior for persona in bank.personas]) == ("my-bank", [0.4, 0.6])
    assert imported.notes[0] == 'sheet "questions", line 11, column "driver": x, y is no likelihood of 2 outcomes: neutral is written'


LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><document><questions>&b;</questions></document>'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (LAUGHS, "has a document type or entities"),
        (b"<document><a>", "is not readable XML"),
        (b"<document/>", "is no structure of LimeSurvey"),
        (b"[" * 100_000, "is not readable JSON"),
        (b'{"fields": [{"type": "statement"}]}', "no question can be carried over"),
        (b'{"fields": [3, {"type": [], "title": {}, "properties": 1}], "settings": []}', "no question can be carried over"),
        (b"{}", "is neither a form of Typeform"),
        (b"bank: a", "is no workbook"),
        (b"", "is no workbook"),
        (b"PK\x03\x04nothing", "is not a readable workbook"),
        (workbook(personas=[["name"], ["A"], ["B"]]), 'has no sheet "questions"'),
        (workbook(personas=[["name"], ["A"]], questions=[["text"]]), "names fewer than two personas"),
        (workbook(personas=[["name"], ["A"], ["B"]], questions=[["text", "type"], ["q", "map"]]), '"map" is no type'),
    ],
)
def test_what_cannot_be_imported_is_refused_with_a_reason(content, words):
    with pytest.raises(NotImportable, match=words.replace("(", "\\(")):
        import_bank("file", content)


def test_the_command_writes_the_bank_and_says_what_is_left_out(tmp_path):
    """Notes are on stderr; the bank passes the check."""
    form, out = tmp_path / "form.json", tmp_path / "bank.yaml"
    form.write_text(json.dumps(GOOGLE))

    done = CliRunner().invoke(main, ["import", str(form), "-o", str(out)])

    assert (done.exit_code, done.stdout) == (0, "")
    assert '"Page 2": is no question (pageBreakItem)' in done.stderr
    assert CliRunner().invoke(main, ["check", str(out)]).exit_code == 0
    assert CliRunner().invoke(main, ["import", str(out), "-o", str(tmp_path / "b.yaml")]).exit_code == 1
