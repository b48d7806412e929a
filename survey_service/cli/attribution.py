"""The commands of attribution: a persona for every contact, from its attributes."""

import json
from pathlib import Path
from typing import Any

import click

from survey_service.cli.terminal import READABLE, REPORT, WRITABLE, bank_of, refuse

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
CONTACTS = click.option(
    "--contacts", required=True, type=READABLE, metavar="FILE", help="CSV, Parquet or Excel: a line a contact, a column an attribute."
)
ID_COLUMN = click.option("--id-column", metavar="COLUMN", help="The ids of the contacts; default external_id.")


@click.group()
def attribute() -> None:
    """Attribute a persona to every contact, from what the CRM knows of it."""


def _fit_options(command: Any) -> Any:
    """Add what `fit` and `forecast` share."""
    for option in reversed(
        (
            click.argument("bank", required=False, type=READABLE),
            CONTACTS,
            click.option("--label", metavar="COLUMN", help="This column names the persona of those who answered."),
            click.option("--label-probabilities", metavar="NAMES", help="Or these columns hold P(persona)."),
            click.option("--columns", metavar="NAMES", help="Only these columns are attributes, separated by commas; default all."),
            click.option("--without", metavar="NAMES", multiple=True, help="These columns are not attributes."),
            click.option(
                "--type", "types", metavar="COLUMN=KIND", multiple=True, help="number, date, category, text or ignore; repeatable."
            ),
            click.option("--allow", metavar="ATTRIBUTE", multiple=True, help="This attribute may explain nearly all of the label."),
            click.option("--target", default=0.8, show_default=True, type=click.FloatRange(0.5, 1, max_open=True), help="Wanted accuracy."),
            click.option("--hysteresis", default=0.05, show_default=True, type=click.FloatRange(0, 0.5), help="Of an assignment."),
            click.option("--seed", default=1, show_default=True, type=click.IntRange(0)),
            ID_COLUMN,
            REPORT,
            AS_JSON,
        )
    ):
        command = option(command)
    return command


@attribute.command()
@_fit_options
@click.option("--out", required=True, type=WRITABLE, metavar="MODEL.json", help="The fitted model.")
def fit(out: Path, report: Path | None, as_json: bool, **options: Any) -> None:
    """Fit the personas to the contacts that have a label; the personas of BANK, or those that the label names."""
    from survey_service.analysis.attribution_apply import write_model
    from survey_service.analysis.attribution_summary import fit_figures, fit_summary

    done = _fitted(options, report)
    try:
        write_model(done.fit.model, out)
    except ValueError as wrong:
        refuse(str(wrong))
    click.echo(json.dumps(fit_figures(done), ensure_ascii=False) if as_json else fit_summary(done, out))


@attribute.command()
@_fit_options
def forecast(report: Path | None, as_json: bool, **options: Any) -> None:
    """Say how many contacts could be assigned at which accuracy, before anything is fitted for good."""
    from survey_service.analysis.attribution_summary import forecast_figures, forecast_summary

    done = _fitted(options, report)
    click.echo(json.dumps(forecast_figures(done), ensure_ascii=False) if as_json else forecast_summary(done))


def _fitted(options: dict[str, Any], report: Path | None) -> Any:
    """Return the fit to the file of the options, with its report written."""
    from survey_service.analysis.attribution_fit import KINDS, Options, fit_file
    from survey_service.analysis.fit import read_options

    if (options["label"] is None) == (options["label_probabilities"] is None):
        raise click.UsageError("give one of --label and --label-probabilities")
    try:
        done = fit_file(
            options["contacts"],
            Options(
                read_options(options, KINDS),
                options["id_column"],
                options["allow"],
                options["target"],
                options["hysteresis"],
                options["seed"],
                bank_of(options["bank"]) if options["bank"] is not None else None,
            ),
        )
        if report is not None:
            from survey_service.analysis.reports.attributed import report_attribution

            report_attribution(done, report)
    except ValueError as wrong:
        refuse(str(wrong))
    return done


@attribute.command()
@click.argument("model", type=READABLE)
@CONTACTS
@ID_COLUMN
@click.option("--out", required=True, type=WRITABLE, metavar="FILE", help="CSV, or Parquet by its suffix; in the order of the input.")
@AS_JSON
def apply(model: Path, contacts: Path, id_column: str | None, out: Path, as_json: bool) -> None:
    """Score every contact of a file with a fitted MODEL."""
    from survey_service.analysis.attribution_apply import ID_COLUMN as DEFAULT
    from survey_service.analysis.attribution_apply import apply_file, read_model
    from survey_service.analysis.attribution_summary import apply_figures, apply_summary

    try:
        done = apply_file(read_model(model), contacts, out, id_column or DEFAULT)
    except ValueError as wrong:
        refuse(str(wrong))
    click.echo(json.dumps(apply_figures(done), ensure_ascii=False) if as_json else apply_summary(done, out))


@attribute.command()
@click.argument("model", type=READABLE)
@click.option("--dialect", type=click.Choice(["duckdb", "bigquery", "snowflake"]), default="duckdb", show_default=True)
@click.option("--table", default="contacts", show_default=True, metavar="NAME", help="The table of contacts, a column an attribute.")
@ID_COLUMN
def sql(model: Path, dialect: str, table: str, id_column: str | None) -> None:
    """Print a fitted MODEL as a statement that scores the contacts of a data warehouse."""
    from survey_service.analysis.attribution_apply import ID_COLUMN as DEFAULT
    from survey_service.analysis.attribution_apply import read_model
    from survey_service.analysis.attribution_sql import statement

    try:
        click.echo(statement(read_model(model), dialect, table, id_column or DEFAULT))
    except ValueError as wrong:
        refuse(str(wrong))
