"""What `discern fit` does: a file of answers, and a bank with its column map written beside it."""

import csv
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from question_bank.fields import SLUG, SLUG_TODO
from question_bank.fitting import fit_sheet, fitted_bank, notes_of, persona_ids
from question_bank.loading import check_bank
from question_bank.recognising import Wanted, read_sheet
from question_bank.writing import write_bank
from survey_service.answer_sources import read_cells


@dataclass(frozen=True)
class Wish:
    """What to fit, as the command line gives it: how many personas, where labels give none, and what to make of the columns."""

    personas: tuple[int, int] | None
    bank_id: str | None
    seed: int
    columns: Wanted = field(default_factory=Wanted)


def columns_wanted(options: Mapping[str, Any]) -> Wanted:
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
    return Wanted(None if columns is None else _names(columns), options["label"], probabilities, without, kinds, options["keep_repeats"])


def _names(listed: str) -> list[str]:
    return next(csv.reader([listed], skipinitialspace=True), [])


def fit_file(answers: Path, out: Path, wish: Wish) -> str:
    """Write the bank and `OUT.columns.yaml`, and tell what was found. Raises ValueError with every problem; then nothing is written."""
    bank_id = wish.bank_id or re.sub(r"[^a-z0-9_-]+", "-", out.stem.lower()).strip("-_")
    if not SLUG.fullmatch(bank_id):
        raise ValueError(f'--bank-id: "{bank_id}" is not an id: {SLUG_TODO}')
    sheet = read_sheet(read_cells(answers), answers.name, wish.columns)
    fit = fit_sheet(sheet, wish.personas[0] if wish.personas else None, wish.seed, _told)
    bank = fitted_bank(sheet, fit, bank_id)
    text = write_bank(bank, notes_of(sheet, fit))
    report = check_bank(text.encode(), out.name)
    if report.errors:
        raise ValueError("\n".join(["these answers do not make a bank:", *map(str, report.errors)]))
    silent = tuple(sheet.columns[q].question.id for q in sorted(fit.silence))
    try:
        out.write_text(text, encoding="utf-8")
        out.with_suffix(".columns.yaml").write_text(
            sheet.column_map(persona_ids(sheet), silent, keep_repeats=wish.columns.keep_repeats), encoding="utf-8"
        )
    except OSError as wrong:
        raise ValueError(f"--out: {wrong.filename} cannot be written: {wrong.strerror}") from None
    lines = [f"warning: {one}" for one in (*sheet.warnings, *report.warnings)]
    lines.append(
        f"{out.name}: {len(fit.membership)} respondents, {len(bank.personas)} personas, {len(bank.questions)} questions, "
        f"{len(fit.dependences.parents)} dependences, evidence weight {fit.evidence_weight:g}"
    )
    return "\n".join(lines)


def _told(step: str) -> None:
    """The step that begins, on a terminal; silence elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"{step} ...", err=True)
