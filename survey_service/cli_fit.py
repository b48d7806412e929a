"""The command that learns: fit."""

import os
from pathlib import Path
from typing import Any

import click

from survey_service.terminal import READABLE, REPORT, WRITABLE, bank_of, refuse


class Span(click.ParamType[tuple[int, int]]):
    """A whole number, or the first and last of several: 4 or 2..8."""

    name = "K or FROM..TO"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        first, _, last = str(value).partition("..")
        if not (first.isdecimal() and (last or first).isdecimal()):
            self.fail(f"{value!r} is not a whole number or a range such as 2..8", param, ctx)
        low, high = int(first), int(last or first)
        if not self.least <= low <= high <= self.most:
            self.fail(f"{value} is not in the range {self.least}..{self.most}", param, ctx)
        return low, high


@click.command()
@click.argument("answers", type=READABLE)
@click.option("--personas", type=Span(2, 50), help="Find so many personas in the answers; 2..8 chooses how many.")
@click.option("--label", metavar="COLUMN", help="Or learn the personas that this column names.")
@click.option("--label-probabilities", metavar="NAMES", help="Or learn them from these columns of P(persona).")
@click.option(
    "--from",
    "before",
    type=READABLE,
    help="Go on from this bank: its tables count as earlier answers.",
)
@click.option("--columns", metavar="NAMES", help="Only these columns are questions, with commas between; default all.")
@click.option("--without", metavar="NAMES", multiple=True, help="These columns are no questions.")
@click.option("--type", "types", metavar="COLUMN=KIND", multiple=True, help="single, multiple, scale, number or ignore; repeatable.")
@click.option("--keep-repeats", is_flag=True, help="Equal lines are different respondents.")
@click.option("--out", required=True, type=WRITABLE, help="The bank; OUT.columns.yaml goes beside it.")
@click.option("--styles", is_flag=True, help="Give a persona several styles where that foretells new respondents better.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option("--bank-id", metavar="SLUG", help="Default the name of the file.")
@click.option("--jobs", default=lambda: os.cpu_count() or 1, show_default="one a processor", type=click.IntRange(1, 64), help="Processes.")
@REPORT
def fit(answers: Path, out: Path, before: Path | None, personas: tuple[int, int] | None, report: Path | None, **more: Any) -> None:
    """Make a bank from a file of answers (CSV or Parquet), one column a question."""
    from question_bank.datasets.answer_table import ColumnMap, read_column_map
    from survey_service.fitting import Wish, columns_wanted, fit_file, refit_file

    given = sum(given is not None for given in (personas, more["label"], more["label_probabilities"]))
    if before is None and given != 1:
        raise click.UsageError("give one of --personas, --label and --label-probabilities")
    if before is not None and (given > (more["label"] is not None) or more["columns"] or more["types"] or more["styles"]):
        raise click.UsageError(
            "--from takes personas, styles, columns and types from the bank: of these options give at most --label and --without"
        )
    try:
        wish = Wish(personas, more["bank_id"], more["seed"], columns_wanted(more), more["jobs"], more["styles"])
        if before is None:
            click.echo(fit_file(answers, out, wish), err=True)
        else:
            names = before.with_suffix(".columns.yaml")
            known = read_column_map(names.read_text(encoding="utf-8"), names.name) if names.exists() else ColumnMap()
            click.echo(refit_file(answers, out, bank_of(before), known, wish), err=True)
        if report is not None:
            from survey_service.reports.fitted import report_fitted_file

            report_fitted_file(bank_of(out), answers, out.with_suffix(".columns.yaml"), more["label"], report, more["seed"])
    except ValueError as wrong:
        refuse(str(wrong))
