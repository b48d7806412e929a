"""Pages that begin a bank: an interview in two steps, a starter, or a file. Each stores a draft."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from flask import Blueprint, Response, request

from question_bank.definitions import WORDS
from question_bank.files.fields import SLUG
from question_bank.files.load import check_bank
from question_bank.imports.builder import NotImportable
from question_bank.starters.first_bank import (
    FEWEST_PERSONAS,
    MOST_PERSONAS,
    ChoiceQuestion,
    NamedPersona,
    first_bank,
    read_options,
    read_origin,
    starter_names,
    starter_text,
    tells_apart,
)
from survey_service.analysis.bank_imports import import_bank
from survey_service.banks.drafts import begin_draft, is_taken
from survey_service.console.access import access, author, go_to, guard, language, page
from survey_service.errors import Invalid
from survey_service.web.context import parts

LANGUAGES = {"en": "English", "fr": "Français", "de": "Deutsch", "es": "Español", "it": "Italiano", "nl": "Nederlands", "pt": "Português"}
QUESTIONS = 4
LONGEST = 500

blueprint = Blueprint("console_begin", __name__, url_prefix="/console/new")
guard(blueprint)


@dataclass(frozen=True)
class Sketch:
    """What the form of the interview says: texts as they were written, and the problems of the first step by the field that has them."""

    bank: str
    language: str
    title: str
    personas: Sequence[NamedPersona]
    questions: Sequence[tuple[str, Sequence[str]]]
    origin: str
    given: dict[str, str]
    problems: dict[str, str]


@blueprint.get("")
@access("write")
def interview() -> Response:
    """Ask who the personas are, and for questions that tell them apart."""
    return _first_step({"language": language()}, {})


@blueprint.post("")
@access("write")
def answer() -> Response:
    """Ask who gives which answer; once that is said, store the draft and show it."""
    given = {name: value.strip()[:LONGEST] if name != "personas" else value[: LONGEST * 30] for name, value in request.form.items()}
    sketch = _read(given)
    with parts().store.reading() as session:
        if not sketch.problems and is_taken(session, sketch.bank):
            sketch.problems["bank"] = "taken"
    if sketch.problems:
        return _first_step(given, sketch.problems)
    questions = _with_words(sketch)
    if questions is None or "back" in given:
        return _first_step(given, {}) if "back" in given else _second_step(sketch, ())
    alike = [number for number, question in enumerate(questions) if not tells_apart(question.words)]
    text = first_bank(sketch.bank, sketch.language, sketch.title, sketch.personas, questions, sketch.origin)
    if alike or check_bank(text, "bank").warnings:
        return _second_step(sketch, alike or range(len(questions)))
    return _store(sketch.bank, text)


@blueprint.post("/starter")
@access("write")
def starter() -> Response:
    """Begin with the text of a starter bank."""
    name, bank = request.form.get("starter", ""), request.form.get("bank", "").strip()
    if name not in starter_names():
        raise Invalid(errors=[{"path": "starter", "message": f"is not one of {', '.join(starter_names())}"}])
    try:
        origin = read_origin(request.form.get("site", "").strip()[:LONGEST])
    except ValueError as wrong:
        raise Invalid(errors=[{"path": "site", "message": str(wrong)}]) from None
    return _store(bank, starter_text(name, bank, origin))


@blueprint.post("/file")
@access("write")
def of_file() -> Response:
    """Begin with a workbook, or with the questions of a form of another tool, and show what could not be carried over."""
    bank, given = request.form.get("bank", "").strip(), request.files.get("file")
    if not SLUG.fullmatch(bank) or given is None or not given.filename:
        return _first_step({"language": language()}, {}, problem="file")
    try:
        imported = import_bank(bank + PurePath(given.filename).suffix, given.stream.read(), language())
    except NotImportable as wrong:
        return _first_step({"language": language()}, {}, problem=str(wrong))
    stored = _store(bank, imported.text)
    return page("imported.html", bank=bank, notes=imported.notes) if imported.notes else stored


def _store(bank: str, text: str) -> Response:
    p = parts()
    with p.store.writing() as session:
        begin_draft(session, bank, text, author(), p.now())
    return go_to(f"/console/b/{bank}")


def _read(given: dict[str, str]) -> Sketch:
    """Read the first step."""
    problems: dict[str, str] = {}
    personas = [NamedPersona.read(line) for line in given.get("personas", "").splitlines() if line.strip()]
    names = [persona.name for persona in personas]
    if not FEWEST_PERSONAS <= len(personas) <= MOST_PERSONAS or len(set(names)) < len(names) or not all(names):
        problems["personas"] = "personas"
    questions: list[tuple[str, Sequence[str]]] = []
    for number in range(QUESTIONS):
        text, options = given.get(f"question{number}", ""), given.get(f"options{number}", "")
        if not text and not options:
            continue
        try:
            questions.append((text, read_options(options)))
        except ValueError:
            problems[f"options{number}"] = "options"
        if not text:
            problems[f"question{number}"] = "text"
    if not questions and not any(field.startswith(("question", "options")) for field in problems):
        problems["question0"] = "text"
    if not SLUG.fullmatch(given.get("bank", "")):
        problems["bank"] = "name"
    if not given.get("title"):
        problems["title"] = "text"
    chosen = given.get("language", "")
    if chosen not in LANGUAGES:
        problems["language"] = "text"
    origin = ""
    try:
        origin = read_origin(given.get("site", ""))
    except ValueError:
        problems["site"] = "site"
    return Sketch(given.get("bank", ""), chosen, given.get("title", ""), personas, questions, origin, given, problems)


def _with_words(sketch: Sketch) -> list[ChoiceQuestion] | None:
    """Return the questions with the words of the second step, None where they have not been asked for yet."""
    questions = []
    for number, (text, options) in enumerate(sketch.questions):
        fields = [[f"w{number}.{persona}.{option}" for option in range(len(options))] for persona in range(len(sketch.personas))]
        words = [[sketch.given.get(field, "") for field in row] for row in fields]
        if not all(word in WORDS for row in words for word in row):
            return None
        questions.append(ChoiceQuestion(text, options, words))
    return questions


def _first_step(given: dict[str, str], problems: dict[str, str], *, problem: str | None = None) -> Response:
    """Show the first page again. `problem` is what is wrong with a file: "file" where there is none, else a sentence."""
    values: dict[str, Any] = {"given": given, "problems": problems, "questions": QUESTIONS, "starters": starter_names()}
    return page("begin.html", 422 if problems or problem else 200, **values, codes=LANGUAGES, wrong_file=problem)


def _second_step(sketch: Sketch, alike: Sequence[int]) -> Response:
    return page("begin_words.html", 422 if alike else 200, sketch=sketch, alike=set(alike), signs=WORDS)
