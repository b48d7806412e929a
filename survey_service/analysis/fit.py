"""`discern fit`: fit a bank to a file of answers, and write it with its column map."""

import csv
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np

from adaptive.learning.cross_validation import FOLDS
from adaptive.learning.fit import Fit
from adaptive.learning.latent_classes import ParallelMap
from adaptive.learning.model_selection import best_class_number
from adaptive.learning.update import STRENGTHS
from question_bank.datasets.answer_table import read_answers
from question_bank.datasets.column_map import ColumnMap
from question_bank.datasets.dataset import Dataset
from question_bank.datasets.fit import (
    all_answers_summary,
    compare_persona_numbers,
    fit_dataset,
    fit_notes,
    fitted_bank,
    forest_choice,
    persona_ids,
    question_weights_choice,
    sparse_columns,
    unreached_confidence,
)
from question_bank.datasets.infer import read_dataset
from question_bank.datasets.read_options import KINDS, ReadOptions
from question_bank.datasets.update import drift_warning, refit_bank, rows_of
from question_bank.definitions import Bank
from question_bank.files.fields import SLUG, SLUG_TODO
from question_bank.files.load import check_bank
from question_bank.files.problems import count_of
from question_bank.files.write import write_bank
from survey_service.analysis.answer_files import read_cells
from survey_service.analysis.progress import progress

PARALLEL_FROM = 1_000_000
"""Number of one-hot cells from which the starts of a single fit run in parallel processes."""


@dataclass(frozen=True)
class Options:
    """The options of the command line: the range of persona numbers, None with labels, and how to read the columns."""

    personas: tuple[int, int] | None
    bank_id: str | None
    seed: int
    columns: ReadOptions = field(default_factory=ReadOptions)
    jobs: int = 1
    styles: bool = False
    sheet: str | None = None


def read_options(options: Mapping[str, Any], kinds_of_columns: Sequence[str] = KINDS) -> ReadOptions:
    """Return the options about columns. Raises ValueError for a --type without a kind."""
    kinds = {}
    for written in options["types"]:
        name, sign, kind = written.rpartition("=")
        if not sign or not name:
            *first, last = kinds_of_columns
            raise ValueError(f'--type: "{written}" has no kind: write COLUMN={", ".join(first)} or {last}')
        kinds[name] = kind
    missing: dict[str, tuple[str, ...]] = {}
    for written in options.get("missing", ()):
        name, sign, values = written.rpartition("=")
        missing[name] = (*missing.get(name, ()), *_names(values if sign else written))
    columns = options["columns"]
    without = [name for names in options["without"] for name in _names(names)]
    probabilities = _names(options["label_probabilities"] or "")
    return ReadOptions(
        None if columns is None else _names(columns),
        options["label"],
        probabilities,
        without,
        kinds,
        bool(options.get("keep_repeats")),
        missing,
        options.get("language") or "en",
    )


def _names(listed: str) -> list[str]:
    return next(csv.reader([listed], skipinitialspace=True), [])


def fit_file(answers: Path, out: Path, options: Options) -> str:
    """Write the bank and `OUT.columns.yaml`, and return a summary. Raises ValueError with every problem; then nothing is written."""
    bank_id = options.bank_id or re.sub(r"[^a-z0-9_-]+", "-", out.stem.lower()).strip("-_")
    if not SLUG.fullmatch(bank_id):
        raise ValueError(f'--bank-id: "{bank_id}" is not an id: {SLUG_TODO}')
    dataset = read_dataset(read_cells(answers, options.sheet), answers.name, options.columns)
    with _process_pool(dataset, options) as parallel_map:
        personas, compared = _choose_persona_number(dataset, options, parallel_map)
        fit = fit_dataset(dataset, personas, options.seed, _print_step, parallel_map, styles=options.styles)
    silent = tuple(dataset.columns[q].question.id for q in sorted(fit.silence))
    columns = dataset.column_map(persona_ids(dataset), silent, keep_repeats=options.columns.keep_repeats)
    bank = fitted_bank(dataset, fit, bank_id, options.columns.language)
    summary = _write_files(out, bank, fit_notes(dataset, fit), columns, len(fit.membership))
    if options.styles:
        compared.append(_styles_summary(fit))
    if choice := forest_choice(fit):
        compared.append(f"dependences: {choice}")
    compared += [line for line in (question_weights_choice(fit), all_answers_summary(fit)) if line]
    warnings = [*dataset.warnings, *sparse_columns(dataset, fit), *([warning] if (warning := unreached_confidence(fit)) else [])]
    return "\n".join([*dataset.notes, *compared, *(f"warning: {warning}" for warning in warnings), *summary])


def _styles_summary(fit: Fit) -> str:
    if fit.styles is None:
        return "styles: none, because one table per persona predicts held-out personas as well"
    numbers = np.bincount(fit.styles.persona_of)
    return f"styles: {', '.join(map(str, numbers))} of the personas in their order; they predict held-out personas clearly better"


def refit_file(answers: Path, out: Path, before: Bank, names: ColumnMap, options: Options) -> str:
    """Refit a bank as `fit_file` does: its personas, ids and texts are kept, its tables count as earlier answers."""
    column_map = replace(
        names, ignore=names.ignore | set(options.columns.without), keep_repeats=names.keep_repeats or options.columns.keep_repeats
    )
    cells = read_cells(answers, options.sheet)
    table = read_answers(cells, before, answers.name, column_map, options.columns.label)
    with progress("refitting", len(STRENGTHS)) as watch:
        refitted = refit_bank(before, rows_of(table), table.labels, options.seed, watch)
    silent = frozenset(question.id for question in refitted.bank.questions if question.no_answer is not None) & table.asked
    ignored = column_map.ignore if options.columns.label is None else column_map.ignore | {options.columns.label}
    respondents = refitted.update.counts.respondents
    summary = _write_files(out, refitted.bank, refitted.notes, replace(column_map, silent=silent, ignore=ignored), respondents)
    notes = [*cells.notes, _shares_summary(before, refitted.bank)]
    if warning := drift_warning(refitted.update):
        notes.append(f"warning: {warning}: name the column with their persona by --label, or keep {before.id} as it is")
    return "\n".join([*notes, *summary])


def _shares_summary(before: Bank, after: Bank) -> str:
    total = sum(persona.prior for persona in before.personas)
    pairs = zip(before.personas, after.personas, strict=True)
    return f"shares: {', '.join(f'{old.id} {old.prior / total:.1%}, now {new.prior:.1%}' for old, new in pairs)}"


def _write_files(out: Path, bank: Bank, notes: Mapping[str, str], columns: ColumnMap, respondents: int) -> list[str]:
    """Write both files and return warnings and a summary. Raises ValueError for an invalid bank and for files that cannot be written."""
    text = write_bank(bank, notes)
    report = check_bank(text.encode(), out.name)
    if report.errors:
        raise ValueError("\n".join(["these answers do not make a bank:", *map(str, report.errors)]))
    try:
        out.write_text(text, encoding="utf-8")
        out.with_suffix(".columns.yaml").write_text(columns.written(), encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--out: {wrong.filename} cannot be written: {wrong.strerror}") from None
    dependences = sum(bool(question.likelihood_given) for question in bank.questions)
    summary = (
        f"{out.name}: {count_of(respondents, 'respondent')}, {count_of(len(bank.personas), 'persona')}, "
        f"{count_of(len(bank.questions), 'question')}, {count_of(dependences, 'dependence')}, evidence weight {bank.evidence_weight:g}"
    )
    if bank.answer_correlation:
        summary += f", answer correlation {bank.answer_correlation:g}"
    return [*(f"warning: {warning}" for warning in report.warnings), summary]


def _choose_persona_number(dataset: Dataset, options: Options, parallel_map: ParallelMap) -> tuple[int | None, list[str]]:
    """Return the requested or chosen number of personas, and the lines of a table of the numbers compared."""
    if options.personas is None:
        return None, []
    first, last = options.personas
    if first == last:
        return first, []
    numbers = range(first, last + 1)
    with progress("comparing", len(numbers) * (FOLDS + 1)) as step:
        compared = compare_persona_numbers(dataset, numbers, options.seed, lambda _: step(1), parallel_map)
    best = best_class_number(compared)
    lines = [f"{'personas':>8}{'log-likelihood':>16}{'parameters':>12}{'BIC':>12}{'held-out score':>16}{'+-':>8}{'smallest':>10}"]
    lines += [
        f"{candidate.classes:>8}{candidate.log_likelihood:>16.1f}{candidate.parameters:>12}{candidate.bic:>12.1f}{candidate.score:>16.3f}{candidate.error:>8.3f}{candidate.smallest:>10.1%}"
        for candidate in compared
    ]
    lines.append(f"{best.classes} personas: the fewest within one standard error of the best held-out score, compared per respondent")
    by_bic = min(compared, key=lambda candidate: candidate.bic)
    if by_bic is not best:
        lines.append(f"BIC alone would choose {by_bic.classes}")
    if best.classes == last:
        lines.append(f"warning: the largest number that was tried was chosen: try more than {last}")
    return best.classes, lines


@contextmanager
def _process_pool(dataset: Dataset, options: Options) -> Iterator[ParallelMap]:
    """Yield the `map` of a process pool where there is enough work for one, else `map`; the results are the same."""
    several = options.personas is not None and (
        options.personas[0] < options.personas[1] or len(dataset.codes) * sum(dataset.levels) > PARALLEL_FROM
    )
    if options.jobs == 1 or not several:
        yield map
        return
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        yield pool.map


def _print_step(step: str) -> None:
    """Print the step that begins, on a terminal only."""
    if sys.stderr.isatty():
        click.echo(f"{step} ...", err=True)
