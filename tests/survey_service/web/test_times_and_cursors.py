"""Times at the ends of the calendar and names with odd characters: every route that takes a time or a cursor reads them or names them."""

from urllib.parse import quote

import pytest

from survey_service.web.pagination import cursor
from tests.survey_service.contacts.people import respondent
from tests.survey_service.inbound.conftest import shop  # noqa: F401  # a fixture

FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
BEFORE_FIRST, AFTER_LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
METHODS = ("get", "post", "put", "patch", "delete")


def is_moment(schema):
    return schema.get("format") == "date-time"


def queries(document):
    """Yield the path and the name of each query parameter that is a time."""
    for path, item in document["paths"].items():
        for method in set(METHODS) & set(item):
            for given in item[method].get("parameters", ()):
                if given.get("in") == "query" and is_moment(given["schema"]):
                    yield path, given["name"]


def bodies(document):
    """Yield the path and the name of each time in a body."""
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        for method in set(METHODS) & set(item):
            media = item[method].get("requestBody", {}).get("content", {}).get("application/json", {})
            shape = schemas.get(media.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
            for name, schema in shape.get("properties", {}).items():
                if is_moment(schema):
                    yield path, name


def test_every_time_of_the_api_is_read_to_the_ends_of_the_calendar_or_named(service):
    """The first and the last moment are times like others; one that its zone moves out of the calendar is named in a 422."""
    document = service.client.get("/api/v1/openapi.json").json
    respondent(service, "crm-1", owns="yes")
    endpoint = service.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook"}).json["id"]
    times_in_queries, times_in_bodies = sorted(queries(document)), sorted(bodies(document))
    assert {name for _, name in times_in_queries} == {"updated_since"}
    assert {name for _, name in times_in_bodies} == {"since", "from", "to"}

    for time, status in ((FIRST, 200), (LAST, 200), (BEFORE_FIRST, 422), (AFTER_LAST, 422)):
        for path, name in times_in_queries:
            found = service.call("GET", f"{path.replace('{external_id}', 'crm-1')}?{name}={quote(time)}")
            assert (found.status_code, path) == (status, path), found.text
            assert status == 200 or [error["path"] for error in found.json["errors"]] == [name]
        for path, name in times_in_bodies:
            body = {name: time} | ({"endpoint": endpoint} if name != "since" else {})
            done = service.call("POST", path.replace("{endpoint}", endpoint), body)
            assert (done.status_code in (200, 202), path) == (status == 200, path), done.text
            assert status == 200 or [error["path"] for error in done.json["errors"]] == [name]


@pytest.mark.parametrize("moment", [BEFORE_FIRST, AFTER_LAST, "yesterday"])
def test_a_cursor_whose_time_is_none_is_refused(service, moment):
    """Cursors are plain text in disguise, so a caller can write any."""
    respondent(service, "crm-1")
    for path, after in (
        ("contacts", cursor(moment, "con_x", "cars")),
        ("contacts/crm-1/timeline", cursor(moment, "answer", "1")),
        ("contacts/crm-1/timeline", quote(f"{moment}:")),
    ):
        refused = service.call("GET", f"/api/v1/{path}?after={after}")
        assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "after"), path


@pytest.mark.parametrize("place", [("answers", "1"), ("answer", "x"), ("answer", "9" * 30), ("link_opened", "lnk_1"), ("answer",)])
def test_a_cursor_of_the_timeline_that_names_no_entry_is_refused(service, place):
    respondent(service, "crm-1")

    refused = service.call("GET", f"/api/v1/contacts/crm-1/timeline?after={cursor(FIRST, *place)}")

    assert (refused.status_code, refused.json["errors"][0]["path"]) == (422, "after")


def test_the_timeline_still_takes_a_time_as_its_cursor(service):
    """A client may hold one from before, and what is older than it comes next."""
    respondent(service, "crm-1", owns="yes")
    path = "/api/v1/contacts/crm-1/timeline?after="

    assert service.call("GET", path + quote(service.clock().isoformat())).json["items"] == []
    assert len(service.call("GET", path + quote(LAST)).json["items"]) == 2


def test_a_cursor_with_a_nul_character_is_refused(service):
    """PostgreSQL does not store it, and SQLite would compare with it."""
    refused = service.call("GET", f"/api/v1/events?after={cursor('track', 'x' + chr(0))}")

    assert refused.status_code == 422
    assert refused.json["errors"][0]["path"] == "after"


def test_events_of_any_name_are_listed_page_by_page(shop):  # noqa: F811
    """A line feed, a backslash or an emoji in a name does not end the list."""
    names = {"a\nb", "a\n", "\n", "a\n\nc", "a\\nb", "tab\t", "\N{AUTOMOBILE}", "plain"}
    for name in names:
        shop.track(name, userId="zoe")

    found, after = [], ""
    while after is not None:
        page = shop.call("GET", f"/api/v1/events?limit=1{f'&after={after}' if after else ''}")
        assert page.status_code == 200, page.text
        found += [entry["label"] for entry in page.json["items"]]
        after = page.json["next"]

    assert len(found) == len(names)
    assert set(found) == names
