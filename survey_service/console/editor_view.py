"""What the pages of a draft show, as plain values: the grid, the checker's sentences, and the simulation beside the published version."""

import re
from collections.abc import Mapping
from typing import Any

from question_bank.definitions import Bank, in_language
from question_bank.files.load import Report
from question_bank.languages import negotiate
from survey_service.console.grid import HUNDRED, Cell, NotEditable, personas_of, questions_of, tables_of

NO_SHARE, SUM = re.compile(r"(-?[\d.e+-]+) is not a probability"), re.compile(r"adds up to ([\d.]+), not 1")

NEW_BANK = """# Personas, what tells them apart, and the survey that asks. Change everything; the page says what is wrong with it.
bank: {name}
languages: [en]
personas:
  - id: first
    name: {{en: The first}}
    prior: 0.5
  - id: second
    name: {{en: The second}}
    prior: 0.5
questions:
  - id: what_matters
    type: single
    text: {{en: What matters most to you?}}
    options:
      - {{id: price, text: {{en: The price}}}}
      - {{id: quality, text: {{en: The quality}}}}
      - {{id: advice, text: {{en: Good advice}}}}
    likelihood:   # of a hundred of each persona, how many choose it
      first: {{price: 0.6, quality: 0.3, advice: 0.1}}
      second: {{price: 0.2, quality: 0.4, advice: 0.4}}
surveys:
  - id: {name}
    title: {{en: Three questions}}
    questions: all
"""


def of_new_bank(name: str) -> str:
    """Return the text with which a bank begins."""
    return NEW_BANK.format(name=name)


def bank_text(given: str) -> str:
    """Return the text of a form, with the line ends that files have: browsers send others."""
    return given.replace("\r\n", "\n")


def written(text: Any, language: str, otherwise: str) -> str:
    """Return a text as it is written in a bank file, plain or by language, which may have mistakes."""
    if isinstance(text, Mapping):
        known = {str(name): str(value) for name, value in text.items() if isinstance(value, str)}
        return known[negotiate(language, list(known))] if known else otherwise
    return str(text) if isinstance(text, str | int | float) and not isinstance(text, bool) else otherwise


def names_in(bank: Bank | None, language: str) -> dict[str, str]:
    """Return what to call each persona, question and option (`question.option`) of a bank."""
    if bank is None:
        return {}
    texts = {persona.id: persona.name for persona in bank.personas} | {question.id: question.text for question in bank.questions}
    texts |= {f"{question.id}.{option.id}": option.text for question in bank.questions for option in question.options}
    return {name: in_language(text, language, bank.language) or name.rpartition(".")[2] for name, text in texts.items()}


def grid_view(text: str, question: str, report: Report, published: str | None, language: str, form: str | None = None) -> dict[str, Any]:
    """Return the list of questions and the grid of one of them; `tables` is empty where the question cannot be shown as a grid.

    `form` is that in which its rows are shown, None for as they are written.
    """
    try:
        questions, personas = questions_of(text), personas_of(text)
    except NotEditable:
        return {"questions": [], "title": question, "personas": {}, "tables": [], "kind": None, "written": written, "type": None}
    found = next((item for item in questions if item["id"] == question), {})
    try:
        tables = tables_of(text, question, report, published, form)
    except NotEditable:
        tables = []
    kinds = {cell.kind for table in tables for line in table.lines for cell in line.cells if cell is not None}
    return {
        "questions": [{"id": item["id"], "text": written(item.get("text"), language, item["id"])} for item in questions],
        "title": written(found.get("text"), language, question),
        "type": found.get("type"),
        "personas": {
            str(item.get("id")): {"place": place, "name": written(item.get("name"), language, str(item.get("id")))}
            for place, item in enumerate(personas)
        },
        "tables": tables,
        "kind": HUNDRED if kinds == {HUNDRED} else form or "mixed",
        "written": written,
    }


def live_view(
    text: str, report: Report, question: str, draft: Mapping[str, Any] | None, before: Mapping[str, Any] | None, wrong: str | None
) -> dict[str, Any]:
    """Return the figures of the draft beside those of the published version, and what is wrong, by the cell it is about."""
    problems = []
    try:
        tables = tables_of(text, question, report)
    except NotEditable:
        tables = []
    names = {".".join(map(str, cell.path)): cell for table in tables for line in table.lines for cell in line.cells if cell is not None}
    rows = {cell.name.split(".")[1]: cell.name for cell in reversed(list(names.values()))}
    row_kinds = {cell.name: cell.kind for cell in names.values()}
    for problem in report.errors:
        cell = names.get(problem.path)
        name = cell.name if cell else _first_cell_of(problem.path, rows)
        shown: dict[str, Any] = {"cell": name, "where": problem.where, "line": problem.line, "wrong": problem.wrong, "todo": problem.todo}
        problems.append(shown | _in_a_hundred(problem.wrong, cell, row_kinds.get(name or "")))
    gains = {row["question"]: row["gain_bits"] for row in (draft or before or {}).get("asked", [])}
    return {
        "draft": draft,
        "before": before,
        "wrong": wrong,
        "problems": problems,
        "gains": gains,
        "gain": gains.get(question),
        "gain_before": None if before is None else next((r["gain_bits"] for r in before["asked"] if r["question"] == question), None),
        "bars": _bars(draft, before),
    }


def _in_a_hundred(wrong: str, cell: Cell | None, kind: str | None) -> dict[str, str]:
    """Return the value or the sum that a sentence of the check is about, in a hundred, where the grid shows shares so."""
    if kind != HUNDRED:
        return {}
    if cell is not None and (found := NO_SHARE.match(wrong)):
        return {"share": f"{100 * float(found[1]):.6g}"}
    found = SUM.match(wrong)
    return {"sum": f"{100 * float(found[1]):.6g}"} if found else {}


def _first_cell_of(path: str, rows: Mapping[str, str]) -> str | None:
    """Return the cell beside which a problem of a whole row is shown: the first of its persona."""
    steps = path.split(".")
    return rows.get(steps[3]) if len(steps) > 3 and steps[2] == "likelihood" else None


def _bars(draft: Mapping[str, Any] | None, before: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return for each number of questions the share of people who were asked so many, in the draft and before."""
    shares = [{} if each is None else each["questions"]["distribution"] for each in (draft, before)]
    numbers = sorted({int(number) for each in shares for number, share in each.items() if share})
    return [{"questions": n, "draft": shares[0].get(str(n), 0.0), "before": shares[1].get(str(n), 0.0)} for n in numbers]
