"""The commands about API keys (key create, list, rotate, revoke), and the link that signs somebody in to the console (login)."""

import json
from datetime import timedelta
from typing import Any

import click

from survey_service.cli.terminal import refuse, settings_of_environment, store_of

DAYS = click.option("--days", type=click.IntRange(1, 3660), help="How long it is good for.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@click.group()
def key() -> None:
    """API keys."""


@key.command("create")
@click.option("--scope", type=click.Choice(["read", "write", "admin", "intake"]), required=True)
@click.option("--name", default="", help="What it is for.")
@DAYS
@AS_JSON
def create(scope: str, name: str, days: int | None, as_json: bool) -> None:
    """Create an API key and show it, for the only time. Without --days it is valid until it is revoked."""
    from survey_service.crypto import Keyring
    from survey_service.web.api_keys import create_key
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    with store_of(settings) as store, store.writing() as session:
        made = create_key(session, Keyring(settings.secret_keys), scope, name, utc_now(), _lifetime(days))
    click.echo(json.dumps({"key": made}) if as_json else made)


@key.command("list")
@AS_JSON
def list_keys(as_json: bool) -> None:
    """Show every API key by its first characters: its scope, its end, and when it was last used (to the hour)."""
    from survey_service.crypto import Keyring
    from survey_service.web.api_keys import all_keys, is_known, state_of
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    keys = Keyring(settings.secret_keys)
    with store_of(settings) as store, store.reading() as session:
        found = [_key_row(item, state_of(item, utc_now()), is_known(item, keys)) for item in all_keys(session)]
    if as_json:
        click.echo(json.dumps({"keys": found}, ensure_ascii=False))
        return
    for row in found:
        ends = f"until {row['expires_at'][:10]}" if row["expires_at"] else "for ever"
        used = f"last used {row['last_used_at'][:16]}" if row["last_used_at"] else "never used"
        foreign = ", made under a secret that is not in DISCERN_SECRET_KEYS" if row["known"] is False else ""
        click.echo(f"{row['id']} {row['prefix']}... {row['scope']} {row['state']} {ends}, {used}{foreign} {row['name']}".rstrip())


@key.command("rotate")
@click.argument("key_id")
@click.option("--overlap-hours", default=24, show_default=True, type=click.IntRange(0, 24 * 90), help="How long the old one still opens.")
@DAYS
@AS_JSON
def rotate(key_id: str, overlap_hours: int, days: int | None, as_json: bool) -> None:
    """Create a key with the same scope and show it; the old one ends after the overlap. Without --days the new one lives as long."""
    from survey_service.crypto import Keyring
    from survey_service.web.api_keys import rotate_key
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    with store_of(settings) as store, store.writing() as session:
        overlap = timedelta(hours=overlap_hours)
        made = rotate_key(session, Keyring(settings.secret_keys), key_id, utc_now(), overlap, _lifetime(days))
    if made is None:
        refuse(f"there is no active key {key_id}: see discern key list")
    click.echo(json.dumps({"key": made}) if as_json else made)


@key.command("revoke")
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a key."""
    from survey_service.web.api_keys import revoke_key
    from survey_service.web.context import utc_now

    with store_of(settings_of_environment()) as store, store.writing() as session:
        done = revoke_key(session, key_id, utc_now())
    if not done:
        refuse(f"there is no active key {key_id}: see discern key list")


@click.command("login")
@click.argument("email")
@click.option("--name", default="", help="What the console calls them; the address when left out.")
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), help="What somebody new may do; the first of all may publish.")
@click.option("--contacts/--no-contacts", default=None, help="May somebody new look at single contacts? The first of all may.")
@AS_JSON
def login(email: str, name: str, scope: str | None, contacts: bool | None, as_json: bool) -> None:
    """Print a link that signs somebody in to the console, once, within half an hour. Somebody new gets an account."""
    from survey_service.crypto import Keyring
    from survey_service.web.accounts import all_accounts, find_account, invite, make_link
    from survey_service.web.context import utc_now

    settings = settings_of_environment()
    with store_of(settings) as store, store.writing() as session:
        account = find_account(session, email)
        if account is None or scope is not None or contacts is not None or name:
            first = not all_accounts(session)
            scope = scope or (account.scope if account else "admin" if first else "read")
            sees_contacts = contacts if contacts is not None else account.sees_contacts if account else first
            account = invite(session, email, name, scope, utc_now(), sees_contacts=sees_contacts)
        token = make_link(session, Keyring(settings.secret_keys), account, utc_now())
    link = f"{settings.base_url}/console/sign-in/{token}"
    click.echo(json.dumps({"link": link, "scope": account.scope}) if as_json else link)


def _lifetime(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


def _key_row(item: Any, state: str, known: bool | None) -> dict[str, Any]:
    moments = {name: getattr(item, name) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    plain = {name: getattr(item, name) for name in ("id", "prefix", "scope", "name")}
    return {**plain, "state": state, "known": known, **{name: moment and moment.isoformat() for name, moment in moments.items()}}
