"""Infer the questions of a foreign file of answers: one column per question, one line per respondent.

0/1, true/false and yes/no, and words that repeat, are a single choice; columns ``question.option`` of 0/1 are one multiple question;
whole numbers within 21 points are a scale, other numbers a number; an empty cell is a missing answer. All other columns are refused
together, with their places. `ReadOptions` override what would be inferred.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from adaptive.learning.responses import MISSING
from question_bank.datasets.column_types import NUMBER, UnusableColumn, encode, infer_column
from question_bank.datasets.dataset import Column, Dataset, Labels, slug
from question_bank.datasets.duplicate_rows import find_duplicate_rows
from question_bank.datasets.option_groups import OptionGroup
from question_bank.datasets.prepare import MOST_LEVELS, Prepared, prepare
from question_bank.datasets.read_options import ReadOptions, option_problems
from question_bank.definitions import SECONDS_BY_TYPE, Option, Question
from question_bank.exports.table_files import AnswersInvalid, Cells, parse_csv
from question_bank.exports.ticks import is_no_tick
from question_bank.exports.words import binary_code, plain

ROUNDED = 0.00501
"""By so much a probability with two decimals may be off; the probabilities of a respondent by so much each."""


def read_dataset(source: str | Cells, file: str, wanted: Sequence[str] | ReadOptions | None = None, label: str | None = None) -> Dataset:
    """Return the questions and respondents of a file. Raises AnswersInvalid with every problem.

    `source` is the text of a CSV file, or its cells; `wanted` may be a list of columns, together with `label`.
    """
    options = wanted if isinstance(wanted, ReadOptions) else ReadOptions(columns=wanted, label=label)
    cells = parse_csv(source, file) if isinstance(source, str) else source
    problems = [*cells.problems(), *option_problems(cells.header, options, [question for question, _ in cells.options.values()])]
    problems += [] if problems else _missing_problems(cells, options)
    if problems:
        raise AnswersInvalid(problems)
    repeats = find_duplicate_rows(cells)
    problems += [] if options.keep_repeats else repeats.problems
    prepared = prepare(cells, options)
    used = [name for name in cells.header if options.is_question(name) and name not in prepared.left_out]
    labels, known = read_labels(cells, options, problems)
    keep = [n for n, row in enumerate(cells.rows) if known[n] and any(row[cells.header.index(name)] for name in used)]
    if len(keep) < 2:
        count = "one respondent" if keep else "no respondent"
        raise AnswersInvalid([*problems, *(prepared.notes if not used else ()), f"{cells.file}: has {count} to fit: a fit needs many"])
    columns: list[Column] = []
    taken: set[str] = set()
    for name in used:
        try:
            column = _column(cells, prepared, name, taken, options)
            if column is not None:
                columns.append(_restrict_to_respondents(column, keep, labelled=labels is not None))
        except UnusableColumn as wrong_column:
            problems += [
                f'{cells.file}:{1 if row is None else cells.numbers[row]}: column "{name}": {reason}'
                for row, reason in wrong_column.problems
            ]
    if problems:
        raise AnswersInvalid(problems)
    if labels is not None:
        labels = Labels(labels.names, labels.membership[keep], labels.column)
    warnings = repeats.warnings + (repeats.problems if options.keep_repeats else ())
    ignored = tuple(name for name in cells.header if name not in used)
    return Dataset(tuple(columns), labels, ignored, len(cells.rows) - len(keep), warnings, prepared.notes)


def _column(cells: Cells, prepared: Prepared, name: str, taken: set[str], options: ReadOptions) -> Column | None:
    """Return the question of a column, None for a column that belongs to the question of another. Raises UnusableColumn."""
    if name in prepared.groups:
        return _multiple(cells, prepared.groups[name], taken, options.language)
    if name not in prepared.columns:
        return None
    kind = options.kinds.get(name)
    if kind == "multiple" and prepared.columns[name].ticks is None:
        raise UnusableColumn(
            (None, "is one column whose cells hold one option each: a multiple question has several in a cell, or a column an option")
        )
    return infer_column(prepared.columns[name], taken, kind, options.language)


def _missing_problems(cells: Cells, options: ReadOptions) -> list[str]:
    """Return a sentence for each code of --missing that its column does not hold: most often a slip."""
    return [
        f'--missing: column "{name}" has no cell "{value}": it holds {", ".join(sorted(set(cells.column(name)) - {""})[:12])}'
        for name, values in options.missing.items()
        for value in values
        if name and plain(value) not in map(plain, cells.column(name))
    ]


def _multiple(cells: Cells, group: OptionGroup, taken: set[str], language: str) -> Column:
    """Return the column of a multiple question. Raises UnusableColumn."""
    columns = {name: cells.column(name) for name in group.columns}
    problems: list[tuple[int | None, str]] = []
    for name, values in columns.items():
        ticks = group.columns[name].ticks
        problems += [
            (row, f'"{value}" in "{name}" is neither 1 nor 0')
            for row, value in enumerate(values)
            if value and value not in ticks and not is_no_tick(value)
        ]
        if not any(values) and not group.empty_is_unticked:
            problems.append((None, f'nobody saw its option "{name}": leave it out with --without {name}'))
    codes = np.full((len(cells.rows), len(columns)), MISSING, dtype=np.int64)
    for place, (name, values) in enumerate(columns.items()):
        codes[:, place] = [group.columns[name].ticks.get(value, MISSING) for value in values]
    if group.empty_is_unticked:
        codes[(codes == MISSING) & (codes == 1).any(axis=1, keepdims=True)] = 0
    if not problems and not (codes == 1).any():
        problems.append((None, f"nobody ticked anything: leave out {', '.join(columns)} with --without"))
    if problems:
        raise UnusableColumn(*problems)
    ids: set[str] = set()
    options = {name: Option(slug(text, ids), {language: " ".join(text.split())}) for name, text in group.options.items()}
    question = Question(
        slug(group.name, taken),
        "multiple",
        {language: " ".join(group.text.split())},
        seconds=SECONDS_BY_TYPE["multiple"],
        options=tuple(options.values()),
    )
    reading: dict[str, object] = {"empty": "unticked"} if group.empty_is_unticked else {}
    odd = {cell: str(tick) for column in group.columns.values() for cell, tick in column.ticks.items() if binary_code(cell) != tick}
    if odd and not group.empty_is_unticked:
        reading["values"] = {cell: str(tick) for column in group.columns.values() for cell, tick in column.ticks.items()}
    return Column(group.name, question, codes, {}, {name: option.id for name, option in options.items()}, reading=reading)


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
    values = usual_spelling(cells.column(options.label))
    names = sorted({value for value in values if value})
    if not 2 <= len(names) <= MOST_LEVELS:
        found = f'only "{names[0]}"' if len(names) == 1 else f"{len(names)} different values"
        problems.append(f'{cells.file}:1: label column "{options.label}": holds {found}: a label names one of 2 to {MOST_LEVELS} personas')
    codes = encode(values, {name: k for k, name in enumerate(names)})
    membership = np.where(codes[:, None] == np.arange(len(names)), 1.0, 0.0)
    return Labels(tuple(names), membership, options.label), [bool(value) for value in values]


def usual_spelling(values: Sequence[str]) -> list[str]:
    """Return words in the spelling that most lines have, among those that differ by case or spaces only.

    >>> usual_spelling(["Driver", "driver ", "Driver", "family"])
    ['Driver', 'Driver', 'Driver', 'family']
    """
    written = Counter(values)
    usual: dict[str, str] = {}
    for value in sorted(written, key=lambda word: (-written[word], word)):
        usual.setdefault(plain(value), value)
    return [usual[plain(value)] for value in values]


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
            todo = "write 0.8 for 80%, and leave all of them empty for a respondent whose persona is not known"
            problems += [f'{cells.at(row)}: column "{name}": "{value}" is not a probability from 0 to 1: {todo}' for name, value in wrong]
            continue
        shares = [float(value) for value in values]
        if abs(sum(shares) - 1) > ROUNDED * len(shares):
            problems.append(f"{cells.at(row)}: the probabilities of {', '.join(names)} add up to {sum(shares):g}, not 1: correct them")
            continue
        membership[row] = np.array(shares) / sum(shares)
    return Labels(tuple(names), membership), known


def _is_probability(value: str) -> bool:
    return bool(NUMBER.fullmatch(value)) and 0 <= float(value) <= 1
