"""What the columns of a foreign file of answers ask, told from the answers themselves: one column a question, one line a respondent.

0/1, true/false and yes/no, and words that repeat, are a single choice; columns ``question.option`` of 0/1 are one multiple question;
whole numbers within 21 points are a scale, other numbers a number; an empty cell is a missing answer. Anything else is refused with
its place, all at once; a wish (`ReadOptions`) goes before what is recognised.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adaptive.learning.responses import MISSING
from question_bank.datasets.column_types import KINDS, MOST_LEVELS, NUMBER, UnusableColumn, encode, infer_column, is_binary, tick_code
from question_bank.datasets.dataset import Column, Dataset, Labels, slug
from question_bank.datasets.duplicate_rows import find_duplicate_rows
from question_bank.datasets.table_files import AnswersInvalid, Cells, parse_csv
from question_bank.definitions import SECONDS_BY_TYPE, Option, Question

CLOSE_TO_ONE = 1e-3


@dataclass(frozen=True)
class ReadOptions:
    """What to make of a file: `columns` that are questions (None: all), those `without`, the kind of some, and who is who.

    Who is who stands in the column `label`, or as P(persona) in the columns `probabilities`, or nowhere.
    """

    columns: Sequence[str] | None = None
    label: str | None = None
    probabilities: Sequence[str] = ()
    without: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    keep_repeats: bool = False

    def is_question(self, name: str) -> bool:
        """Whether a column is to be a question."""
        told = (self.label, *self.probabilities, *self.without)
        return name not in told and self.kinds.get(name) != "ignore" and (self.columns is None or name in self.columns)


def read_dataset(source: str | Cells, file: str, wanted: Sequence[str] | ReadOptions | None = None, label: str | None = None) -> Dataset:
    """The columns of a file that are questions, and its respondents. Raises AnswersInvalid with every problem.

    `source` is the text of a CSV file, or its cells; `wanted` may be a list of columns, with the `label` beside it.
    """
    wish = wanted if isinstance(wanted, ReadOptions) else ReadOptions(columns=wanted, label=label)
    cells = parse_csv(source, file) if isinstance(source, str) else source
    problems = [*cells.problems(), *_option_problems(cells.header, wish)]
    if problems:
        raise AnswersInvalid(problems)
    repeats = find_duplicate_rows(cells)
    problems += [] if wish.keep_repeats else repeats.problems
    groups = _groups(cells, wish)
    in_group = {name for names in groups.values() for name in names}
    used = [name for name in cells.header if wish.is_question(name)]
    labels, known = _labels(cells, wish, problems)
    keep = [n for n, row in enumerate(cells.rows) if known[n] and any(row[cells.header.index(name)] for name in used)]
    if len(keep) < 2:
        some = "one respondent" if keep else "no respondent"
        raise AnswersInvalid([*problems, f"{cells.file}: has {some} to learn from: personas are learnt from many"])
    columns: list[Column] = []
    taken: set[str] = set()
    for name in used:
        prefix = name.rpartition(".")[0]
        if name in in_group and name != groups[prefix][0]:
            continue
        try:
            if name in in_group:
                column = _multiple(cells, prefix, groups[prefix], taken)
            else:
                column = infer_column(cells, name, taken, wish.kinds.get(name))
            columns.append(_restrict_to_respondents(column, keep, labelled=labels is not None))
        except UnusableColumn as wrong:
            problems += [
                f'{cells.file}:{1 if row is None else cells.numbers[row]}: column "{name}": {told}' for row, told in wrong.problems
            ]
    if problems:
        raise AnswersInvalid(problems)
    if labels is not None:
        labels = Labels(labels.names, labels.membership[keep], labels.column)
    warnings = repeats.warnings + (repeats.problems if wish.keep_repeats else ())
    return Dataset(tuple(columns), labels, tuple(name for name in cells.header if name not in used), len(cells.rows) - len(keep), warnings)


def _option_problems(header: Sequence[str], wish: ReadOptions) -> Iterator[str]:
    there = f"the file has {', '.join(header)}"
    prefixes = {name.rpartition(".")[0] for name in header}
    asked = {
        "label": [wish.label] if wish.label is not None else [],
        "label-probabilities": wish.probabilities,
        "columns": wish.columns or (),
        "without": wish.without,
        "type": [name for name, kind in wish.kinds.items() if not (kind == "multiple" and name in prefixes)],
    }
    for option, names in asked.items():
        for name in names:
            if name not in header:
                yield f'--{option}: there is no column "{name}": {there}'
    for name, kind in wish.kinds.items():
        if kind not in KINDS:
            yield f'--type: "{kind}" for {name} is not one of {", ".join(KINDS)}'
        elif kind == "multiple" and name in header:
            yield f'--type: "{name}" is one column: a multiple question has one column an option, {name}.option'
    if len(wish.probabilities) == 1:
        yield "--label-probabilities: names one persona: name the columns of two or more"
    if not any(wish.is_question(name) for name in header):
        yield f"--{'columns' if wish.columns is not None else 'without'}: names no question: name the columns that hold answers"


def _groups(cells: Cells, wish: ReadOptions) -> dict[str, list[str]]:
    """Prefix -> the columns that are options of one multiple question."""
    groups: dict[str, list[str]] = {}
    for name in cells.header:
        prefix, dot, option = name.rpartition(".")
        if prefix and dot and option and wish.is_question(name) and name not in wish.kinds:
            groups.setdefault(prefix, []).append(name)

    def ticks(prefix: str, names: Sequence[str]) -> bool:
        if wish.kinds.get(prefix) == "multiple":
            return True
        return len(names) > 1 and prefix not in cells.header and all(is_binary(cells.column(name)) for name in names)

    return {prefix: names for prefix, names in groups.items() if ticks(prefix, names)}


def _multiple(cells: Cells, prefix: str, names: Sequence[str], taken: set[str]) -> Column:
    """Raises NoQuestion."""
    columns = {name: cells.column(name) for name in names}
    problems: list[tuple[int | None, str]] = []
    for name, values in columns.items():
        strange = [row for row, value in enumerate(values) if value and not is_binary([value])]
        problems += [(row, f'"{values[row]}" in "{name}" is neither 1 nor 0') for row in strange]
        if not any(values):
            problems.append((None, f'nobody saw its option "{name}": leave it out with --without {name}'))
    if not problems and not any(tick_code(value) == 1 for values in columns.values() for value in values):
        problems.append((None, f"nobody ticked anything: leave out {', '.join(names)} with --without"))
    if problems:
        raise UnusableColumn(*problems)
    ids: set[str] = set()
    options = {name: Option(slug(name[len(prefix) + 1 :], ids), {"en": " ".join(name[len(prefix) + 1 :].split())}) for name in names}
    question = Question(
        slug(prefix, taken),
        "multiple",
        {"en": " ".join(prefix.split())},
        seconds=SECONDS_BY_TYPE["multiple"],
        options=tuple(options.values()),
    )
    codes = np.column_stack([[tick_code(value) for value in values] for values in columns.values()]).astype(np.int64)
    return Column(prefix, question, codes, {}, options={name: option.id for name, option in options.items()})


def _restrict_to_respondents(column: Column, keep: Sequence[int], *, labelled: bool) -> Column:
    """The respondents to learn from; what the others answered is an answer of the question too. Raises NoQuestion."""
    kept = column.take(list(keep))
    if not any(len(np.unique(item[item != MISSING])) > 1 for item in kept.ticks.T):
        who = "those who have a label" if labelled else "the respondents"
        raise UnusableColumn((None, f"{who} all gave the same answer, or none: leave it out with --without {column.name}"))
    return kept


def _labels(cells: Cells, wish: ReadOptions, problems: list[str]) -> tuple[Labels | None, list[bool]]:
    """Who each line is, and whether that is known."""
    if wish.probabilities:
        return _soft_labels(cells, wish.probabilities, problems)
    if wish.label is None:
        return None, [True] * len(cells.rows)
    values = cells.column(wish.label)
    names = sorted({value for value in values if value})
    if not 2 <= len(names) <= MOST_LEVELS:
        found = f'only "{names[0]}"' if len(names) == 1 else f"{len(names)} different values"
        problems.append(f'{cells.file}:1: label column "{wish.label}": holds {found}: a label names one of 2 to {MOST_LEVELS} personas')
    codes = encode(values, {name: k for k, name in enumerate(names)})
    membership = np.where(codes[:, None] == np.arange(len(names)), 1.0, 0.0)
    return Labels(tuple(names), membership, wish.label), [bool(value) for value in values]


def _soft_labels(cells: Cells, names: Sequence[str], problems: list[str]) -> tuple[Labels, list[bool]]:
    columns = [cells.column(name) for name in names]
    membership = np.zeros((len(cells.rows), len(names)))
    known = []
    for row, values in enumerate(zip(*columns, strict=True)):
        known.append(any(values))
        if not known[-1]:
            continue
        wrong = [(name, value) for name, value in zip(names, values, strict=True) if not _is_probability(value)]
        if wrong:
            problems += [f'{cells.at(row)}: column "{name}": "{value}" is not a probability from 0 to 1' for name, value in wrong]
            continue
        shares = [float(value) for value in values]
        if abs(sum(shares) - 1) > CLOSE_TO_ONE:
            problems.append(f"{cells.at(row)}: the probabilities of {', '.join(names)} add up to {sum(shares):g}, not 1")
            continue
        membership[row] = np.array(shares) / sum(shares)
    return Labels(tuple(names), membership), known


def _is_probability(value: str) -> bool:
    return bool(NUMBER.fullmatch(value)) and 0 <= float(value) <= 1
