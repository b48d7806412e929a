"""The commands of attribution: a persona for every contact, from its attributes."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from survey_service.cli.terminal import READABLE, REPORT, WRITABLE, bank_of, refuse, settings_of_environment, store_of

AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
CONTACTS = click.option(
    "--contacts",
    type=READABLE,
    metavar="FILE",
    help="CSV, Parquet, a workbook, SPSS or Stata: a line a contact, a column an attribute; default the contacts of the service.",
)
SHEET = click.option("--sheet", metavar="NAME", help="The sheet of a workbook; default the only one with a table.")
ID_COLUMN = click.option("--id-column", metavar="COLUMN", help="The ids of the contacts; default external_id.")


@click.group()
def attribute() -> None:
    """Attribute a persona to every contact, from what the CRM knows of it."""


def _fit_options(command: Any) -> Any:
    """Add what `fit` and `forecast` share."""
    for option in reversed(
        (
            click.argument("bank", required=False),
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
            SHEET,
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


def _fitted(options: dict[str, Any], report: Path | None, probes: Any = None) -> Any:
    """Return the fit to the file of the options, with its report written. `probes`, (n, K), is P(persona) of probes that answered."""
    from survey_service.analysis.attribution_fit import KINDS, Options, fit_file
    from survey_service.analysis.fit import read_options

    if options["contacts"] is None:
        return _fitted_base(options, report)
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
                bank_of(Path(options["bank"])) if options["bank"] is not None else None,
                options["sheet"],
            ),
        )
        if report is not None:
            from survey_service.analysis.reports.attributed import report_attribution

            report_attribution(done, report, probes)
            click.echo(f"report: {report}", err=True)
    except ValueError as wrong:
        refuse(str(wrong))
    return done


def _fitted_base(options: dict[str, Any], report: Path | None) -> Any:
    """Return the fit to the contacts of the service: the same as of a file that holds them."""
    from survey_service.attribution.base_file import base_file
    from survey_service.web.context import utc_now

    bank = options["bank"]
    if bank is None:
        raise click.UsageError("give --contacts FILE, or the id of a published bank for the contacts of the service")
    if options["label"] or options["label_probabilities"]:
        raise click.UsageError("--label is for a file: the contacts of the service have the beliefs from their answers")
    with store_of(settings_of_environment()) as store, base_file(store, bank, utc_now()) as base:
        kinds = [f"{name}={kind}" for name, kind in base.rules.attributes.items()]
        given = {"contacts": base.path, "bank": None, "label_probabilities": ",".join(base.labels), "types": (*kinds, *options["types"])}
        return _fitted({**options, **given, "target": base.rules.target, "hysteresis": base.rules.hysteresis}, report, base.probes)


@attribute.command()
@click.argument("model")
@CONTACTS
@ID_COLUMN
@SHEET
@click.option("--out", type=WRITABLE, metavar="FILE", help="CSV, or Parquet by its suffix; in the order of the input.")
@AS_JSON
def apply(model: str, contacts: Path | None, id_column: str | None, sheet: str | None, out: Path | None, as_json: bool) -> None:
    """Score every contact of a file with a fitted MODEL; without a file, those of the service, where MODEL is the id of a bank."""
    if contacts is None:
        _apply_to_base(model, out, as_json)
        return
    if out is None:
        raise click.UsageError("--out is missing: where the result goes, a .csv or .parquet file")
    if not Path(model).is_file():
        raise click.BadParameter(f"there is no file {model}", param_hint="MODEL")
    from survey_service.analysis.attribution_apply import ID_COLUMN as DEFAULT
    from survey_service.analysis.attribution_apply import apply_file, read_model
    from survey_service.analysis.attribution_summary import apply_figures, apply_summary

    try:
        done = apply_file(read_model(Path(model)), contacts, out, id_column or DEFAULT, sheet)
    except ValueError as wrong:
        refuse(str(wrong))
    click.echo(json.dumps(apply_figures(done), ensure_ascii=False) if as_json else apply_summary(done, out))


def _apply_to_base(bank: str, out: Path | None, as_json: bool) -> None:
    """Request a run, work on it here, and write what it found."""
    from survey_service.attribution.runs import RunWork, find_run, start_run
    from survey_service.attribution.views import csv_of, parquet_of, run_view
    from survey_service.store.banks import Banks, transact
    from survey_service.web.context import utc_now

    with store_of(settings_of_environment()) as store:
        banks = Banks()
        run_id = transact(store, banks, lambda session: start_run(session, banks, bank, (), utc_now()).id)
        RunWork(store, banks, utc_now).work_on(run_id)
        with store.reading() as session:
            run = find_run(session, bank, run_id)
            view = run_view(session, run, detailed=True)
        if run.state != "done":
            refuse(f"the run {run.id} is {run.state}: {run.problem or 'another process works on it'}")
        if out is not None and out.suffix == ".parquet":
            out.write_bytes(parquet_of(store, run))
        elif out is not None:
            with out.open("w", encoding="utf-8") as file:
                file.writelines(csv_of(store, run))
    click.echo(
        json.dumps(view, ensure_ascii=False) if as_json else f"{run.scored:,} contacts scored, {run.assigned:,} assigned to a persona"
    )


@attribute.command()
@click.argument("bank")
@click.option("--survey", required=True, metavar="ID", help="What they are asked.")
@click.option("--count", default=100, show_default=True, type=click.IntRange(1, 100_000), help="How many are drawn.")
@click.option("--seed", type=click.IntRange(0), help="Draw the same contacts again in a test; default by chance.")
@click.option("--expires-in-days", "days", default=30, show_default=True, type=click.IntRange(1, 366))
@click.option("--out", type=click.File("w", encoding="utf-8", lazy=True), default="-", help="The file of links; default stdout.")
def probe(bank: str, survey: str, count: int, seed: int | None, days: int, out: Any) -> None:
    """Draw contacts at random among those who never answered, and make a link for each. Their answers correct the next run."""
    import csv
    from random import Random, SystemRandom

    from survey_service.attribution.probes import draw_probes
    from survey_service.crypto import Keyring
    from survey_service.email_links.create import CreatedLink, Recipient, create_links, prepare_mailing
    from survey_service.email_links.rendering import Drafts
    from survey_service.links.tokens import LinkTokens
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    keys, banks, now = Keyring(settings.secret_keys), Banks(), utc_now()
    with store_of(settings) as store:
        with store.writing() as session:
            compiled, _ = banks.latest(session, bank)
            mailing = replace(prepare_mailing(session, banks, survey, None, timedelta(days=days)), channel="probe")
            if compiled.bank.attribution is None or mailing.bank.bank.id != bank:
                refuse(f'the bank "{bank}" has no attribution, or the survey "{survey}" is not its own')
            lots = SystemRandom() if seed is None else Random(seed)  # noqa: S311  (a seed is for tests)
            wave = draw_probes(session, bank, compiled.bank.attribution, count, lots, now)
            made = create_links(session, keys, mailing, [Recipient(name) for name in wave.external_ids], now)
        drafts = Drafts(LinkTokens(keys), settings.base_url, mailing.bank)
        writer = csv.writer(out)
        writer.writerow(["external_id", "url", "wave"])
        writer.writerows([link.external_id, drafts.of(link).url, wave.id] for link in made if isinstance(link, CreatedLink))
    click.echo(
        f"wave {wave.id}: {len(wave.external_ids)} of {wave.population} silent contacts drawn; {wave.unreachable} more cannot be asked",
        err=True,
    )


@attribute.command()
@click.argument("model")
@click.option("--dialect", type=click.Choice(["duckdb", "bigquery", "snowflake"]), default="duckdb", show_default=True)
@click.option("--table", default="contacts", show_default=True, metavar="NAME", help="The table of contacts, a column an attribute.")
@ID_COLUMN
def sql(model: str, dialect: str, table: str, id_column: str | None) -> None:
    """Print a fitted MODEL, a file or that of a bank's last run, as a statement that scores the contacts of a data warehouse."""
    from survey_service.analysis.attribution_apply import ID_COLUMN as DEFAULT
    from survey_service.analysis.attribution_apply import read_model
    from survey_service.analysis.attribution_sql import statement

    try:
        click.echo(
            statement(read_model(Path(model)) if Path(model).is_file() else _model_of_run(model), dialect, table, id_column or DEFAULT)
        )
    except ValueError as wrong:
        refuse(str(wrong))


def _model_of_run(bank: str) -> Any:
    from survey_service.attribution.models import model_of, newest_models

    with store_of(settings_of_environment()) as store, store.reading() as session:
        model_id = newest_models(session).get(bank)
        if model_id is None:
            refuse(f'"{bank}" is neither a file nor a bank with a finished run: start one with discern attribute apply {bank}')
        return model_of(session, model_id)
