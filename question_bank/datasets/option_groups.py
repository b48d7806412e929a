"""Find the columns that are options of one question, from their names, their texts and what they hold."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from question_bank.exports.not_questions import FREE_TEXT_NAME
from question_bank.exports.table_files import Cells
from question_bank.exports.ticks import OptionColumn, is_no_tick, option_column, stem_of
from question_bank.exports.words import binary_code, plain

SURE_STEM = re.compile(r".+(\[.+\]|\.[^.]+|\s-\s.+|:\s.+)", re.DOTALL)
"""A name that says it is an option of a question; ``Q1_2`` may as well be a question of its own."""
CHOICE = re.compile(r"\s*-?\s*(selected choice|choix sélectionné|ausgewählte option|opción seleccionada)\s*", re.IGNORECASE)
SOSCI = frozenset(("case", "questnnr"))
"""Columns of a file of SoSci Survey, in which 1 is an option that was not chosen and 2 one that was."""
MARK = re.compile(r" [-–] |: |\? |[\[(]")
"""Between a question and an option in one text."""


@dataclass(frozen=True)
class OptionGroup:
    """A question with a column an option: its name and text, and for each column the option's text and how its cells are read."""

    name: str
    text: str
    options: Mapping[str, str]
    columns: Mapping[str, OptionColumn]

    @property
    def empty_is_unticked(self) -> bool:
        """Whether an empty cell is an option that was not ticked, where another one was."""
        return all(column.empty_is_unticked for column in self.columns.values()) and any(column.ticks for column in self.columns.values())


def find_groups(cells: Cells, used: Sequence[str], wanted: Callable[[str], bool]) -> list[OptionGroup]:
    """Return the questions of which several columns are options. `wanted` says of which question the user says that it is multiple."""
    named: dict[str, list[tuple[str, str]]] = {}
    for name in used:
        found = cells.options.get(name) or stem_of(name)
        if found:
            named.setdefault(found[0], []).append((name, found[1]))
    groups = []
    for question, members in named.items():
        group = _group(cells, question, members, is_wanted=wanted(question))
        if group is not None:
            groups.append(group)
    taken = {name for group in groups for name in group.columns}
    return groups + _runs(cells, [name for name in used if name not in taken], used)


def _group(cells: Cells, question: str, members: Sequence[tuple[str, str]], *, is_wanted: bool) -> OptionGroup | None:
    columns: dict[str, OptionColumn] = {}
    is_coded = _are_coded(cells, members)
    for name, option in members:
        text = cells.texts.get(name, "")
        if is_coded is not None:
            columns[name] = OptionColumn(
                {cell: code for cell in cells.column(name) if (code := is_coded(cell)) is not None}, is_coded is _anything
            )
            continue
        found = option_column(name, _option_text(text, option), cells.column(name), in_group=True)
        if found is None:
            found = option_column(name, option, cells.column(name), in_group=True)
        if found is not None:
            columns[name] = found
        elif not FREE_TEXT_NAME.fullmatch(plain(f"{name} {text}")):
            if not is_wanted:
                return None
            known = {cell: code for cell in cells.column(name) if cell and (code := binary_code(cell)) is not None}
            columns[name] = OptionColumn(known, empty_is_unticked=False)  # other cells are reported
    if not is_wanted and (len(columns) < 2 or not any(any(column.ticks.values()) for column in columns.values())):
        return None
    texts = {name: cells.texts.get(name, "") for name in columns}
    options = {name: option for name, option in members if name in columns}
    text = question
    is_said = all(name in cells.options for name in columns)
    if not is_said and len(texts) > 1 and all(texts.values()) and len(set(texts.values())) == len(texts):
        text, options = _shared_text(question, texts)
    marks = all(column.empty_is_unticked for column in columns.values())
    is_sure = is_said or text != question or all(SURE_STEM.fullmatch(name) for name in columns)
    if not (is_wanted or marks or (is_sure and question not in cells.header)):
        return None
    return OptionGroup(question, text, options, columns)


def _are_coded(cells: Cells, members: Sequence[tuple[str, str]]) -> Callable[[str], int | None] | None:
    """Return how cells are read where an option's column holds its number or nothing, or 1 and 2 as SoSci writes them."""
    values = [{cell for cell in cells.column(name) if cell and not is_no_tick(cell)} for name, _ in members]
    if len(members) < 2 or not any(values):
        return None
    if {plain(name) for name in cells.header} >= SOSCI and all(own <= {"1", "2"} for own in values):
        return {"1": 0, "2": 1}.get
    numbers = [next(iter(own)) for own in values if len(own) == 1]
    if all(len(own) <= 1 for own in values) and len(numbers) > 1 and len(set(numbers)) == len(numbers) and all(map(str.isdigit, numbers)):
        return _anything
    return None


def _anything(cell: str) -> int | None:
    return 1 if cell and not is_no_tick(cell) else None


def _option_text(text: str, option: str) -> str:
    """Return the part of a text that names the option."""
    rest = CHOICE.sub(" - ", text)
    return rest.rpartition(" - ")[2].strip() if " - " in rest else option


def _shared_text(question: str, texts: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return what the texts of options begin with, up to a mark such as a colon, and what is left of each."""
    whole = {name: CHOICE.sub(" - ", text) for name, text in texts.items()}
    first, last = min(whole.values()), max(whole.values())
    same = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    cut = max((found.end() for found in MARK.finditer(first[:same])), default=0)
    if cut < 3:
        return question, dict(whole)
    return first[:cut].strip(" -–:[(") or question, {name: text[cut:].strip(" ]):-") or text for name, text in whole.items()}


def _runs(cells: Cells, free: Sequence[str], used: Sequence[str]) -> list[OptionGroup]:
    """Return neighbouring columns that hold their own name, or one mark, or nothing: options whose question the file does not name."""
    groups: list[OptionGroup] = []
    run: dict[str, OptionColumn] = {}
    kind = ""

    def close() -> None:
        if len(run) > 1:
            text, options = _shared_text(", ".join(run), {column: cells.texts.get(column) or column for column in run})
            groups.append(OptionGroup(text, text, options, dict(run)))
        run.clear()

    for name in used:
        found = option_column(name, name, cells.column(name), in_group=False) if name in free else None
        own = "" if found is None or not found.empty_is_unticked else _mark(name, found)
        if not own or (run and own != kind):
            close()
        if own and found is not None:
            run[name], kind = found, own
    close()
    return groups


def _mark(name: str, column: OptionColumn) -> str:
    """Return the mark of a column, "own" for its own name."""
    marks = {plain(cell) for cell, tick in column.ticks.items() if tick}
    return "own" if marks == {plain(name)} else next(iter(marks), "")
