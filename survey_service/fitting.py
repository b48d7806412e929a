"""What `discern fit` does: a file of answers, and a bank with its column map written beside it."""

import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from question_bank.fields import SLUG, SLUG_TODO
from question_bank.fitting import fit_sheet, fitted_bank, notes_of
from question_bank.loading import check_bank
from question_bank.recognising import read_sheet
from question_bank.writing import write_bank


@dataclass(frozen=True)
class Wish:
    """What to fit, as the command line gives it: a number of personas or a label, all columns or some."""

    personas: int | None
    label: str | None
    columns: str | None
    bank_id: str | None
    seed: int


def fit_file(answers: Path, out: Path, wish: Wish) -> str:
    """Write the bank and `OUT.columns.yaml`, and tell what was found. Raises ValueError with every problem; then nothing is written."""
    bank_id = wish.bank_id or re.sub(r"[^a-z0-9_-]+", "-", out.stem.lower()).strip("-_")
    if not SLUG.fullmatch(bank_id):
        raise ValueError(f'--bank-id: "{bank_id}" is not an id: {SLUG_TODO}')
    wanted = None if wish.columns is None else next(csv.reader([wish.columns], skipinitialspace=True), [])
    sheet = read_sheet(_text(answers), answers.name, wanted, wish.label)
    fit = fit_sheet(sheet, wish.personas, wish.seed, _told)
    bank = fitted_bank(sheet, fit, bank_id)
    text = write_bank(bank, notes_of(sheet, fit))
    report = check_bank(text.encode(), out.name)
    if report.errors:
        raise ValueError("\n".join(["these answers do not make a bank:", *map(str, report.errors)]))
    try:
        out.write_text(text, encoding="utf-8")
        out.with_suffix(".columns.yaml").write_text(sheet.column_map(), encoding="utf-8")
    except OSError as wrong:
        raise ValueError(f"--out: {wrong.filename} cannot be written: {wrong.strerror}") from None
    lines = [f"warning: {one}" for one in report.warnings]
    lines.append(
        f"{out.name}: {len(fit.membership)} respondents, {len(bank.personas)} personas, {len(bank.questions)} questions, "
        f"{len(fit.dependences.parents)} dependences, evidence weight {fit.evidence_weight:g}"
    )
    return "\n".join(lines)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise ValueError(f"{path.name}: is not UTF-8 text (byte {wrong.start}): save it as UTF-8") from None


def _told(step: str) -> None:
    """The step that begins, on a terminal; silence elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"{step} ...", err=True)
