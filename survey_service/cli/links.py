"""Commands for email links, for a survey's pages, and for posters of personas."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from survey_service.analysis.progress import progress
from survey_service.cli.terminal import WRITABLE, refuse, settings_of_environment, store_of

if TYPE_CHECKING:
    from question_bank.exports.table_files import Cells
    from survey_service.email_links.create import Mailing
    from survey_service.email_links.link_files import Dialect, Writer
    from survey_service.store.session import Store


SUFFIXES = (".svg", ".png")


@click.command()
@click.argument("survey")
def preview(survey: str) -> None:
    """Print a link to the preview of a survey, valid for an hour. Answers given there are not stored."""
    from survey_service.crypto import Keyring
    from survey_service.preview.tokens import preview_address

    settings = settings_of_environment()
    _must_exist(survey)
    click.echo(preview_address(settings.base_url, Keyring(settings.secret_keys), survey))


@click.command()
@click.argument("survey")
@click.option("--out", type=WRITABLE, required=True, metavar="FILE.svg|FILE.png", help="Where the picture goes.")
@click.option("--lang", metavar="CODE", help="Ask in this language; default the one of the phone.")
@click.option("--hidden", multiple=True, metavar="NAME=VALUE", help="Kept with every session, for example place=till-3.")
def qr(survey: str, out: Path, lang: str | None, hidden: tuple[str, ...]) -> None:
    """Draw the address of a survey's page as a QR code."""
    from survey_service.hosted.qr import qr_png, qr_svg, survey_url

    if out.suffix.lower() not in SUFFIXES:
        raise click.BadParameter("write a name that ends in .svg or .png", param_hint="--out")
    if wrong := [item for item in hidden if not item.partition("=")[0] or "=" not in item]:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", param_hint="--hidden")
    settings = settings_of_environment()
    _must_exist(survey)
    query = ({"lang": lang} if lang else {}) | {f"hidden-{name}": value for name, _, value in (item.partition("=") for item in hidden)}
    draw = qr_svg if out.suffix.lower() == ".svg" else qr_png
    try:
        out.write_bytes(draw(settings.base_url, survey, query))
    except (OSError, ValueError) as wrong_place:  # ValueError: more than a QR code can hold
        refuse(f"{out}: {wrong_place}")
    click.echo(survey_url(settings.base_url, survey, query))


@click.command()
@click.argument("bank")
@click.option("--persona", metavar="ID", help="Only this persona; default all of them in one file, a page each.")
@click.option("--size", type=click.Choice(["a3", "a4"]), help="Default A3 for one persona, A4 for all.")
@click.option("--language", type=click.Choice(["en", "fr"]), default="en", show_default=True)
@click.option("-o", "--out", type=WRITABLE, required=True, metavar="FILE.pdf")
def poster(bank: str, persona: str | None, size: str | None, language: str, out: Path) -> None:
    """Write the posters of a bank's personas as PDF, from what is measured of them now."""
    from survey_service.posters.paper import pdf_of, poster_html
    from survey_service.posters.sheets import sheets_of
    from survey_service.store.banks import Banks

    with store_of(settings_of_environment()) as store, store.reading() as session:
        sheets = sheets_of(session, Banks(), bank, language)
    made = pdf_of(poster_html(sheets, language, persona, size or ("a4" if persona is None else "a3"), is_pdf=True))
    try:
        out.write_bytes(made)
    except OSError as wrong_place:
        refuse(f"{out}: {wrong_place}")
    click.echo(f"{out.name}: {persona or f'{len(sheets.personas)} personas'}, version {sheets.version} of {bank}", err=True)


def _must_exist(survey: str) -> None:
    from survey_service.store.banks import Banks

    with store_of(settings_of_environment()) as store, store.reading() as session:
        Banks().current(session, survey)


SOURCE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
STANDARD = "-"


@click.command()
@click.argument("survey")
@click.argument("contacts", type=SOURCE, default=STANDARD)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=STANDARD,
    metavar="FILE",
    help="The file of links, written as CONTACTS is, or a workbook by its suffix .xlsx; default stdout.",
)
@click.option("--id-column", metavar="COLUMN", help="The ids of the contacts in your CRM; default external_id.")
@click.option("--sheet", metavar="NAME", help="The sheet of a workbook; default the only one with a table.")
@click.option("--again", is_flag=True, help="Make new links for contacts who have one that they did not answer.")
@click.option("--question", metavar="ID", help="Ask everybody this one; default for each contact the one that tells most.")
@click.option("--expires-in-days", "days", default=60, show_default=True, type=click.IntRange(1, 366))
@click.option("--for", "mailer", type=click.Choice(["brevo", "mailchimp", "hubspot"]), help="Columns as this system imports them.")
@click.option("--campaign", metavar="NAME", help="Measure what this mailing changes: needs --hold-out.")
@click.option("--hold-out", type=click.FloatRange(0, 0.9, min_open=True), metavar="SHARE", help="Of the contacts, by lot, get no link.")
@click.option("--cost", type=click.FloatRange(0, min_open=True), help="Of one contact, for the return on investment.")
@click.option("--currency", metavar="EUR", help="Of the cost: three letters.")
@click.option("--template", type=WRITABLE, metavar="OUT.html", help="Write the email's HTML with merge tags; needs --for and --question.")
def links(
    survey: str,
    contacts: Path,
    out: Path,
    id_column: str | None,
    sheet: str | None,
    again: bool,
    question: str | None,
    days: int,
    mailer: str | None,
    campaign: str | None,
    hold_out: float | None,
    cost: float | None,
    currency: str | None,
    template: Path | None,
) -> None:
    """Create an email link for each contact of a file with a column of ids (and email, language where you have them)."""
    if template is not None and (mailer is None or question is None):
        raise click.UsageError("--template needs --for, whose tags it writes, and --question, since all contacts get the same message")
    if (campaign is None) != (hold_out is None) or (campaign is None and cost is not None) or (cost is None) != (currency is None):
        raise click.UsageError("--campaign and --hold-out belong together, --cost and --currency too, and a cost needs a campaign")
    from survey_service.crypto import Keyring
    from survey_service.email_links.create import prepare_mailing
    from survey_service.email_links.export import MAILERS, export_rows, header, read_contacts, summary
    from survey_service.email_links.link_files import Dialect
    from survey_service.email_links.rendering import Drafts, render_html
    from survey_service.links.tokens import LinkTokens
    from survey_service.store.banks import Banks
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    try:
        cells, dialect = _cells(contacts, sheet)
        given = read_contacts(cells, id_column)
    except ValueError as wrong:
        refuse(str(wrong))
    for note in cells.notes:
        click.echo(note, err=True)
    system = MAILERS[mailer] if mailer else None
    with store_of(settings) as store:
        with store.reading() as session:
            wanted = replace(prepare_mailing(session, Banks(), survey, question, timedelta(days=days)), reuses=not again)
        wanted = _in_campaign(store, wanted, campaign, hold_out, cost, currency)
        keys = Keyring(settings.secret_keys)
        drafts = Drafts(LinkTokens(keys), settings.base_url, wanted.bank)
        names = header(given, wanted, system)
        if template is not None and system is not None and question is not None:
            template.write_text(render_html(system.template(drafts.example(question))), encoding="utf-8")
        with _writer(out, dialect if system is None else Dialect()) as writer, progress("links", len(given.recipients)) as watch:
            writer.writerow(names)
            counts = _write_rows(writer, export_rows(store, keys, drafts, wanted, given, system, utc_now(), watch))
    if given.ignored:
        click.echo(f"not used: {', '.join(given.ignored)}", err=True)
    most = len(names) if system is None or system.most_columns is None else system.most_columns
    if len(names) > most:
        click.echo(f"{len(names)} columns: {mailer} keeps {most} fields on most plans; --question with fewer answers needs fewer", err=True)
    click.echo(summary(counts), err=True)


def _in_campaign(
    store: "Store", wanted: "Mailing", name: str | None, hold_out: float | None, cost: float | None, currency: str | None
) -> "Mailing":
    """Return a mailing as part of a campaign, which is begun here, or as it is where it belongs to none."""
    from survey_service.email_links.campaigns import start_campaign
    from survey_service.web.context import utc_now

    if name is None or hold_out is None:
        return wanted
    with store.writing() as session:
        started = start_campaign(session, name, wanted.bank.bank.id, wanted.survey, hold_out, utc_now(), cost, currency)
    return replace(wanted, campaign=started)


def _write_rows(writer: "Writer", rows: "Iterator[tuple[list[str], str]]") -> Counter[str]:
    """Write the lines of the contacts who get a link. Return how many contacts had each outcome."""
    counts = Counter[str]()
    for line, outcome in rows:
        counts[outcome] += 1
        if line:
            writer.writerow(line)
    return counts


def _cells(path: Path, sheet: str | None) -> "tuple[Cells, Dialect]":
    """Return the contacts of a file, and how it is written."""
    from question_bank.exports.table_files import decode, parse_csv
    from survey_service.analysis.answer_files import is_text_file, read_cells
    from survey_service.email_links.link_files import Dialect

    if str(path) != STANDARD:
        dialect = Dialect.of(path.read_bytes(), path.name) if is_text_file(path) else Dialect()
        return read_cells(path, sheet), dialect
    content = sys.stdin.buffer.read()
    return parse_csv(decode(content, "stdin"), "stdin"), Dialect.of(content, "stdin")


@contextmanager
def _writer(out: Path, dialect: "Dialect") -> "Iterator[Writer]":
    """Yield what writes rows to a file, which appears when all of them are there, or to stdout."""
    from survey_service.email_links.link_files import csv_writer, workbook_writer

    try:
        with click.open_file(str(out), "wb", lazy=True) as file:
            if out.suffix.lower() == ".xlsx":
                with workbook_writer(file) as writer:
                    yield writer
            else:
                with csv_writer(file, dialect) as writer:
                    yield writer
    except OSError as wrong:
        refuse(f"--out: {out} cannot be written: {wrong.strerror}")
