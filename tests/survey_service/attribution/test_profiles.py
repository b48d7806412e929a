"""Who is scored, and when: consent, changes, erasure, merging and export."""

from random import Random

import pytest
from sqlmodel import select

from question_bank.files.load import read_bank
from survey_service.attribution.probes import draw_probes
from survey_service.banks.publishing import publish
from survey_service.belief.priors import HELD_OUT
from survey_service.outbox import pending_work
from survey_service.store.tables.core import SurveySession
from tests.survey_service.attribution.base import bank
from tests.survey_service.attribution.conftest import CONTACTS
from tests.survey_service.contacts.people import everything, respondent
from tests.survey_service.service import BANK

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("consent", "scored"), [("required", [True, False, False]), ("objection", [True, True, False])])
def test_consent_decides_who_is_scored(make_base, consent, scored):
    """Under `required` only those who agreed, under `objection` all but those who refused."""
    base = make_base(consent)
    base.add(100)
    base.answer(80)
    base.add(1, start=200, consent={"profiling": True})
    base.add(1, start=201, consent={})
    base.add(1, start=202, consent={"profiling": False})
    base.run()

    assert [base.attribution(name) is not None for name in ("c200", "c201", "c202")] == scored


def test_an_attribute_that_must_never_be_used_is_not(base):
    """Neither is one that the bank does not name."""
    base.run()
    names = {item["attribute"] for item in base.attribution("c300")["why"]}
    assert names == {None, "city", "children", "since", "job"}


def test_a_contact_that_changes_is_scored_again(base):
    """The worker does it some seconds later, with the same tables."""
    run = base.run()
    before = base.attribution("c300")["vector"]
    base.service.clock.forward(minutes=1)
    other = {"city": "Nantes", "children": 2, "job": "school teacher"}
    base.service.call("PUT", "/api/v1/contacts/c300", {"attributes": other})
    base.service.call("PUT", "/api/v1/contacts/new", {"attributes": other, "consent": {"profiling": True}})
    assert base.attribution("c300")["why"][-1]["reason"] == "attributes changed since"
    base.service.clock.forward(seconds=6)
    base.maintain()

    after = base.attribution("c300")
    assert after["vector"]["family"] > before["family"]
    assert after["run"] == run["id"]
    assert base.attribution("new")["vector"]["family"] > 0.5


def test_the_worker_looks_for_contacts_that_changed(base):
    """It starts its maintenance for them, also for a bank that has no attribution any more, and is done after one look."""
    base.run()
    base.maintain()
    store, clock = base.service.parts.store, base.service.clock
    assert not pending_work.is_any(store, clock())
    clock.forward(minutes=1)
    base.service.call("PUT", "/api/v1/contacts/c300", {"attributes": {"city": "Nantes"}})
    clock.forward(seconds=6)
    assert pending_work.is_any(store, clock())

    with store.writing() as session:
        publish(session, read_bank(BANK), clock())
    base.maintain()
    assert not pending_work.is_any(store, clock())


def publish_text(base, text: str) -> None:
    with base.service.parts.store.writing() as session:
        publish(session, read_bank(text), base.service.clock())


def test_a_bank_that_requires_consent_now_uses_no_earlier_result_without_it(make_base):
    """Its next run deletes such results; until then no survey starts from them."""
    base = make_base("objection")
    base.add(100)
    base.answer(80)
    base.add(1, start=201, consent={})
    base.run()
    assert base.attribution("c201") is not None
    publish_text(base, bank("required"))
    person = respondent(base.service, "c201", owns="yes")

    assert person.belief()["driver"] == pytest.approx(0.9 / 1.3)


SEGMENT = {"prior": {"bank": "cars", "probabilities": {"driver": 0.9, "family": 0.1}}}
REFUSAL = {"consent": {"profiling": False}}


def refuse_by_the_crm(base) -> None:
    base.service.call("PUT", "/api/v1/contacts/c300", REFUSAL)


def refuse_by_a_link(base) -> None:
    link = base.service.call("POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": "c300"}]}).json["items"][0]
    page = link["leave"].removeprefix("http://127.0.0.1:8000")
    assert base.service.client.post(page, data={"act": "no_profile"}).status_code == 200


def refuse_by_a_merge(base) -> None:
    base.service.call("PUT", "/api/v1/contacts/c301", REFUSAL)
    body = {"from": {"external_id": "c301"}, "into": {"external_id": "c300"}}
    assert base.service.call("POST", "/api/v1/contacts/merge", body).status_code == 200


@pytest.mark.parametrize("refuse", [refuse_by_the_crm, refuse_by_a_link, refuse_by_a_merge])
def test_after_a_refusal_beliefs_rest_on_answers_alone(base, refuse):
    """The stored belief, and the next answer of a survey that began before, know nothing of attributes or of other systems."""
    base.run()
    base.service.clock.forward(minutes=1)
    base.service.call("PUT", "/api/v1/contacts/c300", SEGMENT)
    person = session_with_its_prior(base, "c300")
    assert person.belief()["driver"] == pytest.approx(0.9)
    base.service.clock.forward(minutes=1)
    refuse(base)

    contact = base.contact("c300")
    assert (contact["priors"], contact["attribution"]) == ({}, {})
    assert contact["beliefs"]["cars"]["probabilities"]["driver"] == pytest.approx(0.5)
    person.answer("owns", "yes")
    assert base.contact("c300")["beliefs"]["cars"]["probabilities"]["driver"] == pytest.approx(0.9 / 1.3)


def session_with_its_prior(base, name: str):
    """Return a respondent in a session that was not held out."""
    while True:
        person = respondent(base.service, name)
        with base.service.parts.store.reading() as session:
            if session.exec(select(SurveySession.prior).where(SurveySession.id == person.session)).one()["kind"] != HELD_OUT:
                return person


def test_a_refusal_ends_the_profile_at_once(base):
    """The next run leaves the contact out as well."""
    base.run()
    base.service.call("PUT", "/api/v1/contacts/c300", {"consent": {"profiling": False}})
    assert base.attribution("c300") is None
    base.service.clock.forward(minutes=1)
    base.maintain()
    base.run()
    assert base.attribution("c300") is None


def test_erasing_removes_it_everywhere(base):
    """No row and no list names the contact any more."""
    run = base.run()
    assert base.service.call("DELETE", "/api/v1/contacts/c300").status_code == 204

    assert "ct_000300" not in {item["id"] for item in base.beliefs(run["id"])}
    assert "c300'" not in everything(base.service)
    base.run()
    assert "ct_000300" not in {item["id"] for item in base.beliefs(run["id"])}


def test_merged_contacts_are_scored_as_one(base):
    """The contact that is gone has no result, and the one that is kept is scored with the attributes of both."""
    run = base.run()
    base.service.clock.forward(minutes=1)
    body = {"from": {"external_id": "c300"}, "into": {"external_id": "c301"}}
    assert base.service.call("POST", "/api/v1/contacts/merge", body).status_code == 200
    base.service.clock.forward(seconds=6)
    base.maintain()

    assert "ct_000300" not in {item["id"] for item in base.beliefs(run["id"])}
    assert base.attribution("c301") is not None


def test_the_export_has_the_result_its_reasons_and_the_run(base):
    """A request of access to personal data gets the logic that was applied."""
    run = base.run()
    export = base.service.call("GET", "/api/v1/contacts/c300/export").json
    assert export["contact"]["attribution"]["cars"]["run"] == run["id"]
    assert export["contact"]["attribution"]["cars"]["why"]


def test_the_export_says_whether_the_contact_was_drawn(base):
    """A draw is stored about the contact, with its chance."""
    parts = base.service.parts
    with parts.store.writing() as session:
        rules = parts.banks.latest(session, "cars")[0].bank.attribution
        wave = draw_probes(session, "cars", rules, 30, Random(1), base.service.clock())
    drawn, other = wave.external_ids[0], next(f"c{number}" for number in range(CONTACTS) if f"c{number}" not in wave.external_ids)

    [probe] = base.service.call("GET", f"/api/v1/contacts/{drawn}/export").json["probes"]
    assert (probe["bank"], probe["wave"], probe["chance"]) == ("cars", wave.id, wave.chance)
    assert base.service.call("GET", f"/api/v1/contacts/{other}/export").json["probes"] == []


def test_a_contact_objects_by_the_link_in_its_email(base):
    """The page to leave by has a button for it, in the language of the email."""
    base.run()
    body = {"survey": "all", "contacts": [{"external_id": "c300", "language": "fr"}]}
    link = base.service.call("POST", "/api/v1/links", body).json["items"][0]
    path = link["leave"].removeprefix("http://127.0.0.1:8000")
    page = base.service.client.get(path).text
    assert "Pas de profil de moi" in page

    done = base.service.client.post(path, data={"act": "no_profile"})

    assert "Nous ne déduisons plus rien de vous." in done.text
    assert base.attribution("c300") is None
    assert base.contact("c300")["consent"]["profiling"] is False
