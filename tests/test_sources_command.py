"""`discern sources`: add, list and remove sources."""

import json

import pytest
from click.testing import CliRunner

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.cli.main import main
from survey_service.clock import utc_now
from survey_service.store.session import Store
from tests.survey_service.service import BANK, SECRET

SHOP = "shpss_not-for-lists"


@pytest.fixture
def run(database_url, tmp_path):
    store = Store(database_url)
    with store.writing() as session:
        publish(session, read_bank(BANK), utc_now())
    store.close()
    place = {"DISCERN_DATABASE_URL": database_url, "DISCERN_SECRET_KEYS": SECRET, "DISCERN_BASE_URL": "https://surveys.example"}

    def called(*arguments, given=None):
        if given is not None:
            (tmp_path / "source.json").write_text(given if isinstance(given, str) else json.dumps(given))
            arguments = (*arguments, str(tmp_path / "source.json"))
        return CliRunner().invoke(main, ["sources", *arguments], env=place)

    return called


def test_sources_are_added_listed_and_removed(run):
    """A generated secret is shown once, and a given secret never."""
    own = json.loads(run("add", "--json", given={"kind": "signed"}).stdout)
    assert own["url"] == f"https://surveys.example/in/{own['id']}"
    assert own["secret"].startswith("whsec_")
    shop = run("add", given={"kind": "shopify", "secret": SHOP, "survey": "all"})
    assert shop.exit_code == 0, shop.stderr
    shop_id, shop_url = shop.stdout.split()

    # Made in the same millisecond, either may be the first.
    assert sorted(run("list").stdout.splitlines()) == sorted([f"{own['id']} signed {own['url']}", f"{shop_id} shopify {shop_url}"])
    listed = run("list", "--json").stdout
    assert sorted(source["kind"] for source in json.loads(listed)["items"]) == ["shopify", "signed"]
    assert SHOP not in listed
    assert own["secret"] not in listed
    assert run("remove", own["id"]).exit_code == 0
    assert run("list").stdout == f"{shop_id} shopify {shop_url}\n"
    assert run("remove", own["id"]).exit_code == 1


def test_an_invalid_source_is_refused(run):
    """The command exits with 1 and writes nothing to stdout."""
    for given, message in (
        ("{", "is not readable JSON"),
        ("[" * 100_000, "is not readable JSON"),
        ({"kind": "fax", "secrets": "x"}, "secrets"),
        ({"kind": "shopify"}, "secret: is missing"),
        ({"kind": "shopify", "secret": SHOP, "survey": "nothing"}, "nothing"),
        ({"kind": "signed", "secret": "x", "survey": "all"}, "survey: is not for a source"),
    ):
        refused = run("add", given=given)
        assert (refused.exit_code, refused.stdout) == (1, ""), given
        assert message in refused.stderr
    assert run("list").stdout == ""
