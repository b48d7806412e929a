"""Every list that is read page by page returns each of its entries once, whatever shares a moment and whatever comes in between."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlmodel import col, select, update

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.belief.priors import pack
from survey_service.store.tables.attribution import Attribution, AttributionModelRow, AttributionRun
from survey_service.store.tables.core import Contact
from survey_service.store.tables.links import Link, LinkOpen
from survey_service.store.tables.reviews import Review
from survey_service.store.tables.webhooks import Delivery
from tests.survey_service.contacts.people import respondent
from tests.survey_service.inbound.conftest import Shop, shop  # noqa: F401  # a fixture
from tests.survey_service.service import BANK

AT_ONCE = 2
MANY = 3 * AT_ONCE + 1
TIMELINE = "/api/v1/contacts/{external_id}/timeline"


def write_contact(service: Shop, number: int) -> None:
    respondent(service, f"c{number}", owns="yes")


def write_event(service: Shop, number: int) -> None:
    assert service.track(f"event {number}", userId="zoe").status_code == 200


def write_bank(service: Shop, number: int) -> None:
    source = BANK.replace("bank: cars", f"bank: cars{number}")
    for survey in ("all", "short"):
        source = source.replace(f"id: {survey}", f"id: {survey}{number}")
    with service.parts.store.writing() as session:
        publish(session, read_bank(source), service.clock())


def write_survey(service: Shop, number: int) -> None:
    source = BANK.replace("bank: cars", f"bank: cars{number}").replace("id: all", f"id: all{number}")
    with service.parts.store.writing() as session:
        publish(session, read_bank("".join(line for line in source.splitlines(keepends=True) if "id: short" not in line)), service.clock())


def write_version(service: Shop, number: int) -> None:
    with service.parts.store.writing() as session:
        publish(session, read_bank(BANK.replace("Everything", f"Everything {number}")), service.clock())


def write_endpoint(service: Shop, number: int) -> None:
    given = {"url": f"https://crm.example.com/{number}", "when": "every_answer"}
    assert service.call("POST", "/api/v1/endpoints", given).status_code == 201


def write_connection(service: Shop, number: int) -> None:
    given = {"kind": "hubspot", "bank": "cars", "url": f"https://crm{number}.example.com", "credentials": {"token": "x"}}
    assert service.call("POST", "/api/v1/connections", given).status_code == 201


def write_message(service: Shop, number: int) -> None:
    if number == 0:
        write_endpoint(service, 0)
    write_contact(service, number)


def write_history(service: Shop, number: int) -> None:
    """Add an entry of each kind to the timeline of one contact; between two pages an event, since an answer changes earlier ones."""
    if number == 0:
        write_endpoint(service, 0)
    write_event(service, number)
    if number == MANY:
        return
    service.call("POST", "/api/v1/links", {"survey": "short", "contacts": [{"external_id": "zoe"}]})
    respondent(service, "zoe", owns="yes").post("finish", {})
    now = service.clock()
    with service.parts.store.writing() as session:
        (link,) = session.exec(select(Link.id).where(col(Link.id).not_in(select(LinkOpen.link_id))))
        for option in ("yes", "no\nor so"):
            session.add(LinkOpen(link_id=link, kind="option", option=option, opens=number + 1, first_at=now, last_at=now))
        session.execute(update(Delivery).values(state="delivered", settled_at=now))


def write_run(service: Shop, number: int) -> None:
    with service.parts.store.writing() as session:
        session.add(AttributionRun(id=f"atr_{number}", bank="cars", state="done", created_at=service.clock(), ended_at=service.clock()))


def write_attribution(service: Shop, number: int) -> None:
    """Add a contact with a result of the run atr_1."""
    now = service.clock()
    with service.parts.store.writing() as session:
        if number == 0:
            facts = {"personas": ["driver", "family"], "fingerprint": "x", "created_at": now, "rescored_until": now}
            session.add(AttributionModelRow(id="atm_1", bank="cars", bank_version=1, **facts))
            session.flush()
            session.add(AttributionRun(id="atr_1", bank="cars", state="done", model_id="atm_1", created_at=now, ended_at=now))
        session.add(Contact(id=f"ct_{number}", created_at=now, updated_at=now))
        session.flush()
        result = {"vector": pack(np.array([[0.6, 0.4]]))[0], "top": "driver", "confidence": 0.6, "updated_at": now}
        session.add(Attribution(contact_id=f"ct_{number}", bank="cars", model_id="atm_1", run_id="atr_1", **result))


def write_quote(service: Shop, number: int) -> None:
    """Add a review of a contact who may be quoted."""
    if number == 0:
        service.call("PUT", "/api/v1/contacts/zoe", {"consent": {"profiling": True, "quoting": True}})
    with service.parts.store.writing() as session:
        zoe = session.exec(select(Contact.id)).one()
        session.add(
            Review(bank="cars", contact_id=zoe, text=f"Text {number}", day="2026-01-02", digest=f"{number}", imported_at=service.clock())
        )


LISTS: dict[str, Callable[[Shop, int], None]] = {
    "/api/v1/attribution/{bank}/runs": write_run,
    "/api/v1/attribution/{bank}/runs/{run}/beliefs": write_attribution,
    "/api/v1/banks": write_bank,
    "/api/v1/banks/{bank}/versions": write_version,
    "/api/v1/surveys": write_survey,
    "/api/v1/sessions": write_contact,
    "/api/v1/connections": write_connection,
    "/api/v1/contacts": write_contact,
    TIMELINE: write_history,
    "/api/v1/deliveries": write_message,
    "/api/v1/endpoints": write_endpoint,
    "/api/v1/events": write_event,
    "/api/v1/quotes": write_quote,
}
"""What writes an entry of each list. The clock stands still, so that all entries have the same moment."""


NEEDED = {"/api/v1/quotes": {"bank": "cars", "state": "pending"}}


def page_of(service: Shop, path: str, limit: int, after: str | None = None) -> tuple[list[str], str | None]:
    query = {"limit": limit, **({"after": after} if after else {}), **NEEDED.get(path, {})}
    place = path.format(external_id="zoe", bank="cars", run="atr_1")
    found = service.call("GET", place, query_string=query)
    assert found.status_code == 200, found.text
    assert len(found.json["items"]) <= limit
    return [json.dumps(item) for item in found.json["items"]], found.json["next"]


def test_every_list_with_a_cursor_is_tried(shop):  # noqa: F811
    document = shop.client.get("/api/v1/openapi.json").json
    paths = {path for path, item in document["paths"].items() for given in item.get("get", {}).get("parameters", ()) if is_cursor(given)}

    assert paths == set(LISTS)


def is_cursor(given: dict[str, Any]) -> bool:
    return given.get("name") == "after"


@pytest.mark.parametrize("path", LISTS)
def test_each_entry_of_one_moment_is_on_one_page(shop, path):  # noqa: F811
    """The cursor names the last entry of a page and not only its moment; what is written between two pages moves none of the others."""
    for number in range(MANY):
        LISTS[path](shop, number)
    entries, after = page_of(shop, path, 200)
    assert after is None
    assert len(entries) >= MANY

    seen, after = page_of(shop, path, AT_ONCE)
    LISTS[path](shop, MANY)
    while after is not None:
        items, after = page_of(shop, path, AT_ONCE, after)
        seen += items

    there, found = Counter(entries), Counter(seen)
    assert {entry: found[entry] for entry in there} == there
    assert (found - there).total() <= 1


def test_more_entries_of_one_moment_than_a_page_may_have_are_all_in_the_timeline(shop):  # noqa: F811
    """An import may give one time to everything that it brings."""
    names = {f"event {number}" for number in range(450)}
    shop.send("batch", {"batch": [{"type": "track", "userId": "zoe", "event": name} for name in names]})
    shop.evaluate()

    seen, after = page_of(shop, TIMELINE, 200)
    while after is not None:
        items, after = page_of(shop, TIMELINE, 200, after)
        seen += items

    assert len(seen) == len(names)
    assert {json.loads(entry)["name"] for entry in seen} == names
