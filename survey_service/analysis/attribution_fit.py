"""`discern attribute fit` and `forecast` on files: P(persona | attributes) from the contacts that have a label."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from adaptive.arrays import Floats
from adaptive.lookalike.encode import Column
from adaptive.lookalike.fit import AttributionFit, fit_attribution, steps_of_fit
from adaptive.lookalike.risk import Forecast, forecast
from question_bank.datasets.attribute_kinds import Kind, infer_kind, is_id
from question_bank.datasets.dataset import Labels
from question_bank.datasets.duplicate_rows import TODO, find_duplicate_rows
from question_bank.datasets.infer import read_labels
from question_bank.datasets.read_options import ReadOptions, probability_problems
from question_bank.definitions import Bank
from question_bank.exports.not_questions import identifies
from question_bank.exports.table_files import AnswersInvalid, Cells, with_decimal_points
from survey_service.analysis.attribution_apply import ID_COLUMN, Base, survey_base
from survey_service.analysis.contact_files import ContactFile, RepeatedIds, cells_of, filled_rows
from survey_service.analysis.data_quality import ColumnQuality, DataQuality
from survey_service.analysis.progress import progress

KINDS = ("number", "date", "category", "text", "ignore")
TARGETS = (0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Options:
    """The options of a fit: which columns are labels, ids and attributes, the kinds of some, and the wanted accuracy."""

    columns: ReadOptions = field(default_factory=ReadOptions)
    id_column: str | None = None
    allow: Sequence[str] = ()
    target: float = 0.8
    hysteresis: float = 0.05
    seed: int = 1
    bank: Bank | None = None
    sheet: str | None = None


@dataclass(frozen=True, eq=False)
class Respondents:
    """The contacts of a file that have a label: their cells, their (N, K) P(persona), and the kind of each attribute.

    `contacts` counts all lines of the file, `quality` describes all of them; `repeats` are respondents who seem to be in the file twice.
    `personal` says why a column is no attribute that identifies people.
    """

    file: ContactFile
    cells: Cells
    labels: Floats
    personas: tuple[str, ...]
    kinds: Mapping[str, Kind]
    ids: tuple[str, ...]
    contacts: int
    quality: Sequence[ColumnQuality]
    repeats: Sequence[str]
    personal: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, Column]:
        return {name: self.cells.column(name) for name in self.kinds}


@dataclass(frozen=True, eq=False)
class FittedFile:
    """A fit to the respondents of a file, and what it says of all contacts in it."""

    respondents: Respondents
    fit: AttributionFit
    base: Base
    forecasts: Sequence[Forecast]


def fit_file(path: Path, options: Options) -> FittedFile:
    """Fit the contacts of a file that have a label. Raises ValueError with every problem of the file, and for attributes that leak."""
    people = read_respondents(path, options)
    prior = None if options.bank is None else np.array([persona.prior for persona in options.bank.personas])
    with progress("fitting", steps_of_fit()) as watch:
        fit = fit_attribution(
            people.columns,
            {name: kind.kind for name, kind in people.kinds.items()},
            people.labels,
            people.personas,
            target=options.target,
            hysteresis=options.hysteresis,
            allow=options.allow,
            date_orders={name: kind.date_order for name, kind in people.kinds.items() if kind.date_order},
            prior=prior,
            seed=options.seed,
            watch=watch,
        )
    if fit.leaks:
        shares = {attribute.name: attribute.figure for attribute in fit.left_out}
        raise ValueError(
            "\n".join(
                f'{people.file.name}: attribute "{name}" explains {shares[name]:.0%} of the personas: does it come from the questionnaire? '
                f"Leave it out with --without {name}, or accept it with --allow {name}"
                for name in fit.leaks
            )
        )
    base = survey_base(fit.model, people.file)
    return FittedFile(people, fit, base, forecast(fit.out_of_fold, people.labels, TARGETS, people.contacts))


def read_respondents(path: Path, options: Options) -> Respondents:
    """Read the contacts that have a label. Raises AnswersInvalid with every problem."""
    file = ContactFile(path, options.sheet)
    wanted = options.columns
    label_columns = [*([wanted.label] if wanted.label else []), *wanted.probabilities]
    file.require(label_columns, "--label names" if wanted.label else "--label-probabilities names")
    file.require(list(wanted.columns or ()), "--columns names")
    file.require([*wanted.without], "--without names")
    file.require([*options.allow], "--allow names")
    file.require([*wanted.kinds], "--type names")
    unknown = [f'--type: "{kind}" for {name} is not one of {", ".join(KINDS)}' for name, kind in wanted.kinds.items() if kind not in KINDS]
    unknown += probability_problems(wanted.probabilities)
    if unknown:
        raise AnswersInvalid(unknown)
    if options.id_column is not None:
        file.require([options.id_column], "--id-column names")
    id_column = options.id_column or (ID_COLUMN if ID_COLUMN in file.header else None)
    cells, contacts, counted, problems = _read(file, label_columns, id_column)
    labels = _labels(cells, options, problems)
    ids = [name for name in file.header if name == id_column or (name not in wanted.kinds and is_id(name, cells.column(name)))]
    others = [name for name in file.header if wanted.is_question(name) and name not in ids]
    personal = {name: why for name in others if not wanted.is_asked_for(name) and (why := identifies(name, cells.column(name)))}
    used = [name for name in others if name not in personal]
    kinds = {name: infer_kind(name, cells.column(name), wanted.kinds.get(name)) for name in used}
    problems += [f'{cells.at(row)}: column "{name}": {reason}' for name, kind in kinds.items() for row, reason in kind.problems]
    if not used:
        problems.append(f"{file.name}: has no column of an attribute: the file has {', '.join(file.header)}")
    if problems:
        raise AnswersInvalid(problems)
    found = find_duplicate_rows(cells)
    repeats = [problem.removesuffix(f": {TODO}") for problem in (*found.problems, *found.warnings)]
    return Respondents(file, cells, labels.membership, labels.names, kinds, tuple(ids), contacts, counted.found(kinds), repeats, personal)


def _read(file: ContactFile, label_columns: Sequence[str], id_column: str | None) -> tuple[Cells, int, DataQuality, list[str]]:
    """Return the cells of the contacts that have a label, and what is counted of all."""
    quality = DataQuality()
    rows: list[list[str]] = []
    lines: list[int] = []
    with ExitStack() as stack:
        repeated = stack.enter_context(RepeatedIds(file, id_column)) if id_column is not None else None
        watch = stack.enter_context(progress("reading", file.size))
        before = 0
        for batch in file.batches(file.header):
            quality.add(batch)
            if repeated is not None:
                repeated.add(batch)
            labelled = filled_rows(batch, label_columns)
            if labelled:
                rows += cells_of(batch, labelled)
                lines += [file.line(batch.first + row) for row in labelled]
            watch(batch.done - before)
            before = batch.done
        problems = [] if repeated is None else repeated.problems()
    if file.has_decimal_commas and rows:
        rows = with_decimal_points(rows)
    return Cells(file.name, file.header, rows, lines), quality.rows, quality, problems


def _labels(cells: Cells, options: Options, problems: list[str]) -> Labels:
    """Return the labels; with a bank its personas, in its order."""
    if not cells.rows:
        raise AnswersInvalid([*problems, f"{cells.file}: no contact has a label: fill the label of those who answered"])
    labels, _ = read_labels(cells, options.columns, problems)
    assert labels is not None  # noqa: S101  (the caller names a label column)
    if options.bank is None:
        return labels
    personas = [persona.id for persona in options.bank.personas]
    problems += [
        f'{cells.file}: the label "{name}" is not a persona of the bank: it must be one of {", ".join(personas)}'
        for name in labels.names
        if name not in personas
    ]
    membership = np.zeros((len(cells.rows), len(personas)))
    for place, name in enumerate(labels.names):
        if name in personas:
            membership[:, personas.index(name)] = labels.membership[:, place]
    return Labels(tuple(personas), membership, labels.column)
