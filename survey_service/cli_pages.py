"""The commands about a survey's pages: preview, qr."""

from pathlib import Path

import click

from survey_service.terminal import WRITABLE, refuse, settings_of_environment, store_of

SUFFIXES = (".svg", ".png")


@click.command()
@click.argument("survey")
def preview(survey: str) -> None:
    """Print a link to the preview of a survey, good for an hour. Nothing that is answered there is stored."""
    from survey_service.keyring import Keyring
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
    from survey_service.respondent.qr import address_of, qr_png, qr_svg

    if out.suffix.lower() not in SUFFIXES:
        raise click.BadParameter("write a name that ends in .svg or .png", param_hint="--out")
    if wrong := [one for one in hidden if not one.partition("=")[0] or "=" not in one]:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", param_hint="--hidden")
    settings = settings_of_environment()
    _must_exist(survey)
    query = ({"lang": lang} if lang else {}) | {f"hidden-{name}": value for name, _, value in (one.partition("=") for one in hidden)}
    draw = qr_svg if out.suffix.lower() == ".svg" else qr_png
    try:
        out.write_bytes(draw(settings.base_url, survey, query))
    except (OSError, ValueError) as wrong_place:  # ValueError: more than a QR code can hold
        refuse(f"{out}: {wrong_place}")
    click.echo(address_of(settings.base_url, survey, query))


def _must_exist(survey: str) -> None:
    from survey_service.store.banks import Banks

    with store_of(settings_of_environment()) as store, store.reading() as session:
        Banks().current(session, survey)
