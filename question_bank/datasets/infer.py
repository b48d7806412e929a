"""Infer the questions of a foreign file of answers: one column per question, one line per respondent.

0/1, true/false and yes/no, and words that repeat, are a single choice; columns ``question.option`` of 0/1 are one multiple question;
whole numbers within 21 points are a scale, other numbers a number; an empty cell is a missing answer. All other columns are refused
together, with their places. `ReadOptions` override what would be inferred.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adaptive.learning.responses import MISSING
from question_bank.datasets.column_types import KINDS, MOST_LEVELS, NUMBER, UnusableColumn, encode, infer_column, is_binary, tick_code
from question_bank.datasets.dataset import Column, Dataset, Labels, slug
from question_bank.datasets.duplicate_rows import find_duplicate_rows
from question_bank.exports.table_files import AnswersInvalid, Cells, parse_csv
from question_bank.definitions import SECONDS_BY_TYPE, Option, Question

CLOSE_TO_ONE = 1e-3


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file: `columns` that are questions (None: all), columns `without`, and the kind of some.

    Personas are named in the column `label`, or given as P(persona) in the columns `probabilities`, or unknown.
    """

    columns: Sequence[str] | None = None
    label: str | None = None
    probabilities: Sequence[str] = ()
    without: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    keep_repeats: bool = False

    def is_question(self, name: str) -> bool:
        """Return whether a column is to be read as a question."""
        reserved = (self.label, *self.probabilities, *self.without)
        return name not in reserved and self.kinds.get(name) != "ignore" and (self.columns is None or name in self.columns)


def read_dataset(source: str | Cells, file: str, wanted: Sequence[str] | ReadOptions | None = None, label: str | None = None) -> Dataset:
    """Return the questions and respondents of a file. Raises AnswersInvalid with every problem.

    `source` is the text of a CSV file, or its cells; `wanted` may be a list of columns, together with `label`.
    """
    options = wanted if isinstance(wanted, ReadOptions) else ReadOptions(columns=wanted, label=label)
    cells = parse_csv(source, file) if isinstance(source, str) else source
    problems = [*cells.problems(), *_option_problems(cells.header, options)]
    if problems:
        raise AnswersInvalid(problems)
    repeats = find_duplicate_rows(cells)
    problems += [] if options.keep_repeats else repeats.problems
    groups = _groups(cells, options)
    grouped = {name for names in groups.values() for name in names}
    used = [name for name in cells.header if options.is_question(name)]
    labels, known = read_labels(cells, options, problems)
    keep = [n for n, row in enumerate(cells.rows) if known[n] and any(row[cells.header.index(name)] for name in used)]
    if len(keep) < 2:
        count = "one respondent" if keep else "no respondent"
        raise AnswersInvalid([*problems, f"{cells.file}: has {count} to fit: a fit needs many"])
    columns: list[Column] = []
    taken: set[str] = set()
    for name in used:
        prefix = name.rpartition(".")[0]
        if name in grouped and name != groups[prefix][0]:
            continue
        try:
            if name in grouped:
                column = _multiple(cells, prefix, groups[prefix], taken)
            else:
                column = infer_column(cells, name, taken, options.kinds.get(name))
            columns.append(_restrict_to_respondents(column, keep, labelled=labels is not None))
        except UnusableColumn as wrong:
            problems += [
                f'{cells.file}:{1 if row is None else cells.numbers[row]}: column "{name}": {reason}' for row, reason in wrong.problems
            ]
    if problems:
        raise AnswersInvalid(problems)
    if labels is not None:
        labels = Labels(labels.names, labels.membership[keep], labels.column)
    warnings = repeats.warnings + (repeats.problems if options.keep_repeats else ())
    return Dataset(tuple(columns), labels, tuple(name for name in cells.header if name not in used), len(cells.rows) - len(keep), warnings)


def _option_problems(header: Sequence[str], options: ReadOptions) -> Iterator[str]:
    available = f"the file has {', '.join(header)}"
    prefixes = {name.rpartition(".")[0] for name in header}
    asked = {
        "label": [options.label] if options.label is not None else [],
        "label-probabilities": options.probabilities,
        "columns": options.columns or (),
        "without": options.without,
        "type": [name for name, kind in options.kinds.items() if not (kind == "multiple" and name in prefixes)],
    }
    for option, names in asked.items():
        for name in names:
            if name not in header:
                yield f'--{option}: there is no column "{name}": {available}'
    for name, kind in options.kinds.items():
        if kind not in KINDS:
            yield f'--type: "{kind}" for {name} is not one of {", ".join(KINDS)}'
        elif kind == "multiple" and name in header:
            yield f'--type: "{name}" is one column: a multiple question has one column an option, {name}.option'
    if len(options.probabilities) == 1:
        yield "--label-probabilities: names one persona: name the columns of two or more"
    if not any(options.is_question(name) for name in header):
        yield f"--{'columns' if options.columns is not None else 'without'}: names no question: name the columns that hold answers"


def _groups(cells: Cells, options: ReadOptions) -> dict[str, list[str]]:
    """Return prefix -> the columns that are options of one multiple question."""
    groups: dict[str, list[str]] = {}
    for name in cells.header:
        prefix, dot, option = name.rpartition(".")
        if prefix and dot and option and options.is_question(name) and name not in options.kinds:
            groups.setdefault(prefix, []).append(name)

    def ticks(prefix: str, names: Sequence[str]) -> bool:
        if options.kinds.get(prefix) == "multiple":
            return True
        return len(names) > 1 and prefix not in cells.header and all(is_binary(cells.column(name)) for name in names)

    return {prefix: names for prefix, names in groups.items() if ticks(prefix, names)}


def _multiple(cells: Cells, prefix: str, names: Sequence[str], taken: set[str]) -> Column:
    """Return the column of a multiple question. Raises UnusableColumn."""
    columns = {name: cells.column(name) for name in names}
    problems: list[tuple[int | None, str]] = []
    for name, values in columns.items():
        not_binary = [row for row, value in enumerate(values) if value and not is_binary([value])]
        problems += [(row, f'"{values[row]}" in "{name}" is neither 1 nor 0') for row in not_binary]
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
    """Return the column for the kept respondents, with the options that the others gave too. Raises UnusableColumn."""
    kept = column.take(list(keep))
    if not any(len(np.unique(codes[codes != MISSING])) > 1 for codes in kept.ticks.T):
        whom = "those who have a label" if labelled else "the respondents"
        raise UnusableColumn((None, f"{whom} all gave the same answer, or none: leave it out with --without {column.name}"))
    return kept


def read_labels(cells: Cells, options: ReadOptions, problems: list[str]) -> tuple[Labels | None, list[bool]]:
    """Return the persona of each line, and whether it is known; add what is wrong to `problems`."""
    if options.probabilities:
        return _soft_labels(cells, options.probabilities, problems)
    if options.label is None:
        return None, [True] * len(cells.rows)
    values = cells.column(options.label)
    names = sorted({value for value in values if value})
    if not 2 <= len(names) <= MOST_LEVELS:
        found = f'only "{names[0]}"' if len(names) == 1 else f"{len(names)} different values"
        problems.append(f'{cells.file}:1: label column "{options.label}": holds {found}: a label names one of 2 to {MOST_LEVELS} personas')
    codes = encode(values, {name: k for k, name in enumerate(names)})
    membership = np.where(codes[:, None] == np.arange(len(names)), 1.0, 0.0)
    return Labels(tuple(names), membership, options.label), [bool(value) for value in values]


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
