"""Data older than the retention period is deleted."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select, update

from survey_service.clock import utc_now
from survey_service.contacts.retention import PruneCounts, prune
from survey_service.store.session import Store
from survey_service.store.tables.core import Contact, SurveySession
from survey_service.store.tables.webhooks import Delivery
from survey_service.web.api_keys import create_key
from survey_service.worker.process import Worker
from tests.processes import discern, until
from tests.survey_service.contacts.people import belief_of, contact, everything, respondent
from tests.survey_service.inbound.conftest import WITH_SIGNALS
from tests.survey_service.service import a_service

DAYS = 100


@pytest.fixture
def shop(database_url):
    service = a_service(database_url, WITH_SIGNALS)
    yield service
    service.parts.store.close()


def prune_shop(shop):
    return prune(shop.parts.store, shop.parts.banks, DAYS, shop.clock)


def rows(shop, table):
    with shop.parts.store.reading() as session:
        return len(session.exec(select(table)).all())


def test_pruning_deletes_old_data_and_recomputes_the_belief(shop):
    """Newer answers stay and the belief is that of the newer answers; pruning again deletes nothing."""
    with shop.parts.store.writing() as session:
        key = create_key(session, shop.parts.keys, "intake", "shop", shop.clock())
    old = respondent(shop, "zoe", owns="yes", why="my secret reason")
    old.post("finish", {})
    shop.client.post("/v1/track", json={"userId": "zoe", "event": "Brochure Downloaded", "messageId": "m"}, auth=(key, ""))
    shop.clock.forward(days=60)
    respondent(shop, "zoe", km=40_000).post("finish", {})
    shop.clock.forward(days=60)

    counts = prune_shop(shop)

    assert (counts.sessions, counts.events) == (1, 1)
    assert "my secret reason" not in everything(shop)
    belief = belief_of(shop, "zoe")
    assert belief["evidence"] == {"answers": 1, "skipped": 0, "signals": 0}
    assert belief["probabilities"] == pytest.approx(respondent(shop, None, km=40_000).belief())
    assert prune_shop(shop) == PruneCounts()


def test_pruning_deletes_anonymous_contacts_without_data(shop):
    """Contacts with an external id stay; old links and settled messages are deleted."""
    shop.call("POST", "/api/v1/endpoints", {"url": "https://crm.example.com/hook", "when": "every_answer"})
    respondent(shop, None, owns="yes").post("finish", {})
    respondent(shop, "zoe", owns="no").post("finish", {})
    shop.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": "zoe"}]})
    with shop.parts.store.writing() as session:
        for row in session.exec(select(Delivery)):
            row.state, row.settled_at, row.lease_until = "delivered", shop.clock(), None
    shop.clock.forward(days=200)

    first = prune_shop(shop)

    assert (first.sessions, first.links) == (2, 1)
    assert first.messages >= 2
    assert contact(shop, "zoe")["beliefs"]["cars"]["probabilities"] == {"driver": 0.5, "family": 0.5}
    with shop.parts.store.writing() as session:  # the messages about the pruning are delivered, and old later
        for row in session.exec(select(Delivery)):
            row.state, row.settled_at, row.lease_until = "delivered", shop.clock(), None
    shop.clock.forward(days=101)
    assert prune_shop(shop).contacts == 1
    assert rows(shop, Contact) == 1


def test_open_sessions_are_not_pruned(shop):
    """An open session stays, however long ago it began."""
    respondent(shop, "zoe", owns="yes")
    shop.clock.forward(days=200)

    assert prune_shop(shop).sessions == 0


def test_the_prune_and_export_commands(shop, database_url):
    """`prune` requires a number of days; `export` writes a line for every contact, or for the given contact."""
    respondent(shop, "zoe", owns="yes")
    respondent(shop, None, owns="no")

    assert discern("prune", database_url=database_url).returncode == 1
    assert (
        discern("prune", "--days", "30", database_url=database_url).stdout
        == "0 sessions, 0 events, 0 links, 0 messages, 0 inbound, 0 looks, 0 contacts\n"
    )
    export = discern("export", database_url=database_url)
    assert [len(json.loads(line)["answers"]) for line in export.stdout.splitlines()] == [1, 1]
    [zoe] = discern("export", "--contact", "zoe", database_url=database_url).stdout.splitlines()
    assert json.loads(zoe)["contact"]["external_ids"][0]["id"] == "zoe"
    assert discern("export", "--contact", "nobody", database_url=database_url).returncode == 1


def test_a_worker_prunes_where_a_retention_is_set(shop):
    """The worker deletes sessions older than `retention_days`."""
    respondent(shop, "zoe", owns="yes").post("finish", {})
    with shop.parts.store.writing() as session:
        session.exec(update(SurveySession).values(last_at=utc_now() - timedelta(days=200)))
    settings = replace(shop.parts.settings, retention_days=DAYS)
    with closing(Store(settings.database_url)) as store:
        worker = Worker(settings, store)
        worker.start()
        try:
            until(lambda: rows(shop, SurveySession) == 0, "the worker has prune_shop")
        finally:
            worker.stop()
            worker.join()

    assert rows(shop, Contact) == 1
