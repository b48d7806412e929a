"""What `discern fit` does: a file of answers, and a bank with its column map written beside it."""

import csv
import re
import sys
from collections.abc import Iterator, Mapping
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
from question_bank.datasets.answer_table import ColumnMap, read_answers
from question_bank.datasets.dataset import Dataset
from question_bank.datasets.fit import compare_persona_numbers, fit_dataset, fit_notes, fitted_bank, persona_ids
from question_bank.datasets.infer import ReadOptions, read_dataset
from question_bank.datasets.refit import refit_bank, rows_of
from question_bank.definitions import Bank
from question_bank.files.fields import SLUG, SLUG_TODO
from question_bank.files.load import check_bank
from question_bank.files.write import write_bank
from survey_service.analysis.answer_files import read_cells
from survey_service.analysis.progress import progress

PARALLEL_FROM = 1_000_000
"""Cells of one-hot answers from which the starts of one search are worth processes of their own."""


@dataclass(frozen=True)
class Options:
    """What to fit, as the command line gives it: how many personas, where labels give none, and what to make of the columns."""

    personas: tuple[int, int] | None
    bank_id: str | None
    seed: int
    columns: ReadOptions = field(default_factory=ReadOptions)
    jobs: int = 1
    styles: bool = False


def read_options(options: Mapping[str, Any]) -> ReadOptions:
    """The options of the command line that speak of columns. Raises ValueError for a --type without a kind."""
    kinds = {}
    for told in options["types"]:
        name, sign, kind = told.rpartition("=")
        if not sign or not name:
            raise ValueError(f'--type: "{told}" has no kind: write COLUMN=single, multiple, scale, number or ignore')
        kinds[name] = kind
    columns = options["columns"]
    without = [name for names in options["without"] for name in _names(names)]
    probabilities = _names(options["label_probabilities"] or "")
    return ReadOptions(
        None if columns is None else _names(columns), options["label"], probabilities, without, kinds, options["keep_repeats"]
    )


def _names(listed: str) -> list[str]:
    return next(csv.reader([listed], skipinitialspace=True), [])


def fit_file(answers: Path, out: Path, wish: Options) -> str:
    """Write the bank and `OUT.columns.yaml`, and tell what was found. Raises ValueError with every problem; then nothing is written."""
    bank_id = wish.bank_id or re.sub(r"[^a-z0-9_-]+", "-", out.stem.lower()).strip("-_")
    if not SLUG.fullmatch(bank_id):
        raise ValueError(f'--bank-id: "{bank_id}" is not an id: {SLUG_TODO}')
    sheet = read_dataset(read_cells(answers), answers.name, wish.columns)
    with _process_pool(sheet, wish) as spread:
        personas, compared = _choose_persona_number(sheet, wish, spread)
        fit = fit_dataset(sheet, personas, wish.seed, _print_step, spread, styles=wish.styles)
    silent = tuple(sheet.columns[q].question.id for q in sorted(fit.silence))
    columns = sheet.column_map(persona_ids(sheet), silent, keep_repeats=wish.columns.keep_repeats)
    told = _write_files(out, fitted_bank(sheet, fit, bank_id), fit_notes(sheet, fit), columns, fit)
    if wish.styles:
        compared.append(_styles_summary(fit))
    return "\n".join([*compared, *(f"warning: {warning}" for warning in sheet.warnings), *told])


def _styles_summary(fit: Fit) -> str:
    if fit.styles is None:
        return "styles: none, because one table a persona foretells held-out personas as well"
    numbers = np.bincount(fit.styles.persona_of)
    return f"styles: {', '.join(map(str, numbers))} of the personas in their order; they foretell held-out personas clearly better"


def refit_file(answers: Path, out: Path, before: Bank, names: ColumnMap, wish: Options) -> str:
    """Like `fit_file`, from the bank there was before: its personas, ids and words are kept, its tables count as earlier answers."""
    known = replace(names, ignore=names.ignore | set(wish.columns.without), keep_repeats=names.keep_repeats or wish.columns.keep_repeats)
    table = read_answers(read_cells(answers), before, answers.name, known, wish.columns.label)
    learnt = refit_bank(before, rows_of(table), table.labels, wish.seed, _print_step)
    silent = frozenset(question.id for question in learnt.bank.questions if question.no_answer is not None) & table.asked
    ignored = known.ignore if wish.columns.label is None else known.ignore | {wish.columns.label}
    told = _write_files(out, learnt.bank, learnt.notes, replace(known, silent=silent, ignore=ignored), learnt.fit)
    return "\n".join(told)


def _write_files(out: Path, bank: Bank, notes: Mapping[str, str], columns: ColumnMap, fit: Fit) -> list[str]:
    """Write both files; warnings and a summary. Raises ValueError when it is no sound bank, or cannot be written."""
    text = write_bank(bank, notes)
    report = check_bank(text.encode(), out.name)
    if report.errors:
        raise ValueError("\n".join(["these answers do not make a bank:", *map(str, report.errors)]))
    try:
        out.write_text(text, encoding="utf-8")
        out.with_suffix(".columns.yaml").write_text(columns.written(), encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--out: {wrong.filename} cannot be written: {wrong.strerror}") from None
    summary = (
        f"{out.name}: {len(fit.membership)} respondents, {len(bank.personas)} personas, {len(bank.questions)} questions, "
        f"{len(fit.dependences.parents)} dependences, evidence weight {fit.evidence_weight:g}"
    )
    return [*(f"warning: {warning}" for warning in report.warnings), summary]


def _choose_persona_number(sheet: Dataset, wish: Options, spread: ParallelMap) -> tuple[int | None, list[str]]:
    """The number of personas that was asked for or is chosen, and a table of what was compared."""
    if wish.personas is None:
        return None, []
    first, last = wish.personas
    if first == last:
        return first, []
    numbers = range(first, last + 1)
    with progress("comparing", len(numbers) * (FOLDS + 1)) as step:
        compared = compare_persona_numbers(sheet, numbers, wish.seed, lambda _: step(1), spread)
    best = best_class_number(compared)
    lines = [f"{'personas':>8}{'log-likelihood':>16}{'parameters':>12}{'BIC':>12}{'held-out score':>16}{'+-':>8}{'smallest':>10}"]
    lines += [
        f"{item.classes:>8}{item.log_likelihood:>16.1f}{item.parameters:>12}{item.bic:>12.1f}{item.score:>16.3f}{item.error:>8.3f}{item.smallest:>10.1%}"
        for item in compared
    ]
    lines.append(f"{best.classes} personas: the fewest within one standard error of the best held-out score, respondent by respondent")
    by_bic = min(compared, key=lambda item: item.bic)
    if by_bic is not best:
        lines.append(f"BIC alone would choose {by_bic.classes}")
    if best.classes == last:
        lines.append(f"warning: the largest number that was tried was chosen: try more than {last}")
    return best.classes, lines


@contextmanager
def _process_pool(sheet: Dataset, wish: Options) -> Iterator[ParallelMap]:
    """`map` over processes where there is work for them: the results are the same."""
    several = wish.personas is not None and (wish.personas[0] < wish.personas[1] or len(sheet.codes) * sum(sheet.levels) > PARALLEL_FROM)
    if wish.jobs == 1 or not several:
        yield map
        return
    with ProcessPoolExecutor(wish.jobs, mp_context=get_context("spawn")) as pool:
        yield pool.map


def _print_step(step: str) -> None:
    """The step that begins, on a terminal; silence elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"{step} ...", err=True)
