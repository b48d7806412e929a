"""The analysis commands: fit, simulate, replay, refit."""

import json
import os
import re
from pathlib import Path
from typing import Any

import click

from survey_service.cli.terminal import READABLE, REPORT, WRITABLE, bank_of, refuse, settings_of_environment, store_of


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
        if low > high:
            self.fail(f"{value} runs backwards: write {high}..{low}", param, ctx)
        if not self.least <= low <= high <= self.most:
            self.fail(f"{value} is not in the range {self.least}..{self.most}", param, ctx)
        return low, high


FROM_THE_BANK = ("columns", "types", "styles", "missing", "language")
SHEET = click.option("--sheet", metavar="NAME", help="The sheet of a workbook, by name or number; default the only one with a table.")


def language_code(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return a language tag in the form that banks use. Raises BadParameter."""
    from question_bank.files.schema import LANGUAGE

    if value is not None and not re.fullmatch(LANGUAGE, value):
        raise click.BadParameter(f"{value!r} is not a language code, such as en, fr or pt-BR")
    return value


@click.command()
@click.argument("answers", type=READABLE)
@click.option("--personas", type=Span(2, 50), help="Find so many personas in the answers; 2..8 chooses how many.")
@click.option("--label", metavar="COLUMN", help="Or learn the personas that this column names.")
@click.option("--label-probabilities", metavar="NAMES", help="Or learn them from these columns of P(persona).")
@click.option(
    "--from",
    "before",
    type=READABLE,
    help="Update this bank: its tables count as earlier answers.",
)
@click.option("--columns", metavar="NAMES", help="Only these columns are questions, separated by commas; default all.")
@click.option("--without", metavar="NAMES", multiple=True, help="These columns are not questions.")
@click.option("--type", "types", metavar="COLUMN=KIND", multiple=True, help="single, multiple, scale, number or ignore; repeatable.")
@click.option("--keep-repeats", is_flag=True, help="Equal lines are different respondents.")
@click.option(
    "--missing",
    metavar="COLUMN=VALUES",
    multiple=True,
    help="These cells mean no answer: 8,9 in one column, or VALUES alone in all; COLUMN= means none does; repeatable.",
)
@SHEET
@click.option("--language", metavar="CODE", callback=language_code, help="The language of the file, for the texts of the bank; default en.")
@click.option("--out", required=True, type=WRITABLE, help="The bank to write; OUT.columns.yaml is written beside it.")
@click.option("--styles", is_flag=True, help="Give a persona several styles where that predicts held-out respondents better.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option("--bank-id", metavar="SLUG", help="Default the name of the file.")
@click.option("--jobs", default=lambda: os.cpu_count() or 1, show_default="one a processor", type=click.IntRange(1, 64), help="Processes.")
@REPORT
def fit(answers: Path, out: Path, before: Path | None, personas: tuple[int, int] | None, report: Path | None, **more: Any) -> None:
    """Make a bank from a file of answers: an export of a survey tool, a sheet, an SPSS or Stata file, CSV or Parquet."""
    from question_bank.datasets.column_map import ColumnMap, read_column_map
    from survey_service.analysis.fit import Options, fit_file, read_options, refit_file

    given = sum(given is not None for given in (personas, more["label"], more["label_probabilities"]))
    if before is None and given != 1:
        raise click.UsageError("give one of --personas, --label and --label-probabilities")
    if before is not None and (given > (more["label"] is not None) or any(more[name] for name in FROM_THE_BANK)):
        raise click.UsageError(
            "--from takes personas, styles, columns, types, codes and language from the bank: give at most --label and --without"
        )
    try:
        options = Options(personas, more["bank_id"], more["seed"], read_options(more), more["jobs"], more["styles"], more["sheet"])
        if before is None:
            click.echo(fit_file(answers, out, options), err=True)
        else:
            names = before.with_suffix(".columns.yaml")
            known = read_column_map(names.read_text(encoding="utf-8"), names.name) if names.exists() else ColumnMap()
            click.echo(refit_file(answers, out, bank_of(before), known, options), err=True)
        if report is not None:
            from survey_service.analysis.reports.fitted import report_fitted_file

            report_fitted_file(bank_of(out), answers, out.with_suffix(".columns.yaml"), more["label"], report, more["seed"], more["sheet"])
            click.echo(f"report: {report}", err=True)
    except ValueError as wrong:
        refuse(str(wrong))


@click.command()
@click.argument("bank", type=READABLE)
@click.option("--survey", help="Survey of the bank; may be omitted where there is only one.")
@click.option("--respondents", default=2000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option(
    "--skip",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1, max_open=True),
    help="Chance that a question without no_answer is skipped.",
)
@click.option(
    "--drop-out",
    type=click.FloatRange(0, 1, max_open=True),
    help="Chance of leaving before each further question; default as the survey's drop_out says, else nobody leaves.",
)
@REPORT
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def simulate(bank: Path, report: Path | None, as_json: bool, **options: Any) -> None:
    """Simulate a survey with respondents drawn from its bank: how many questions, how often the right persona?"""
    from survey_service.analysis.simulate import Options, figures, simulate_survey, summary

    try:
        done = simulate_survey(bank_of(bank), Options(**options))
        if report is not None:
            from survey_service.analysis.reports.simulated import report_simulation

            report_simulation(done, report)
            click.echo(f"report: {report}", err=True)
    except ValueError as wrong:
        refuse(str(wrong))
    found = figures(done)
    click.echo(json.dumps(found) if as_json else summary(found))


@click.command()
@click.argument("bank", type=READABLE)
@click.option("--answers", required=True, type=READABLE, help="Real answers: a file of any kind that fit reads.")
@SHEET
@click.option("--columns", type=READABLE, help="Column map; default BANK.columns.yaml.")
@click.option("--survey", help="Questions of this survey only; default the whole bank.")
@click.option("--label", metavar="COLUMN", help="Column with the true persona; default the belief after all answers.")
@click.option("--orders", default="adaptive,fixed,random", show_default=True)
@click.option("--steps", default="1,2,3,4,5,6,8,10", show_default=True, help="Measure after so many questions.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@click.option(
    "--stop",
    metavar="CONFIDENCE",
    type=click.FloatRange(0, 1, min_open=True),
    help="Stop at this confidence, not as the survey says.",
)
@click.option(
    "--language",
    metavar="CODE",
    callback=language_code,
    help="Write the report in this language; its own sentences are in English or French. Default the bank's first.",
)
@REPORT
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def replay(bank: Path, answers: Path, columns: Path | None, report: Path | None, as_json: bool, **options: Any) -> None:
    """Replay real respondents from a file and measure agreement and calibration after each number of questions."""
    from survey_service.analysis.replay import Options, figures, replay_file, summary

    beside = bank.with_suffix(".columns.yaml")
    lists = {name: tuple(options[name].split(",")) for name in ("orders", "steps")}
    try:
        done = replay_file(bank_of(bank), answers, columns or (beside if beside.exists() else None), Options(**options | lists))
        if report is not None:
            from survey_service.analysis.reports.replayed import report_replay

            report_replay(done, answers.name, report)
    except ValueError as wrong:
        refuse(str(wrong))
    for note in done.notes:
        click.echo(note, err=True)
    if report is not None:
        click.echo(f"report: {report}", err=True)
    found = figures(done)
    click.echo(json.dumps(found) if as_json else summary(found))


@click.command()
@click.argument("survey")
@click.option("--out", type=WRITABLE, help="The draft; default BANK.draft.yaml.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0))
@REPORT
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def refit(survey: str, out: Path | None, seed: int, report: Path | None, as_json: bool) -> None:
    """Refit the published bank of a survey to the stored answers; writes a draft, publishes nothing."""
    from survey_service.analysis.refit import comparison, refit_survey, summary, write_draft
    from survey_service.store.banks import Banks

    with store_of(settings_of_environment()) as store, store.reading() as session:
        try:
            done = refit_survey(session, Banks(), survey, seed)
            out = out or Path(f"{done.published.bank.id}.draft.yaml")
            write_draft(done, out)
            found = comparison(done)
            if report is not None:
                from survey_service.analysis.reports.refitted import report_refit

                report_refit(done, found, report)
                click.echo(f"report: {report}", err=True)
        except ValueError as wrong:
            refuse(str(wrong))
    click.echo(json.dumps(found) if as_json else summary(found, out))


@click.command("import")
@click.argument("file", type=READABLE)
@click.option("-o", "--out", required=True, type=WRITABLE, help="The bank to write.")
@click.option("--language", metavar="CODE", default="en", show_default=True, callback=language_code, help="The language of a workbook.")
def import_bank(file: Path, out: Path, language: str) -> None:
    """Make a bank of a workbook, or of a form of Typeform, Google Forms or LimeSurvey; says what could not be carried over."""
    from survey_service.analysis.bank_imports import import_bank as imported_bank

    try:
        done = imported_bank(file.name, file.read_bytes(), language)
        out.write_text(done.text, encoding="utf-8")
    except ValueError as wrong:
        refuse(str(wrong))
    except OSError as wrong_place:
        refuse(f"--out: {wrong_place.filename} cannot be written: {wrong_place.strerror}")
    for note in done.notes:
        click.echo(note, err=True)
    click.echo(f"{out}: write your personas and what tells them apart, then run discern check {out}", err=True)
