"""Requests of hostile, unlucky or merely fast clients, and the responses to them."""

import json
import re
from datetime import timedelta
from io import BytesIO
from threading import Barrier, Thread

import numpy as np
import pytest
from sqlmodel import select

from survey_service.egress.addresses import Policy
from survey_service.egress.client import Delivered
from survey_service.store.tables.core import SurveySession
from survey_service.store.tables.webhooks import Delivery
from survey_service.webhooks.dispatch import Sender, step
from survey_service.webhooks.endpoints import add
from tests.survey_service.service import BANK

STRICT = """
bank: strict
personas: [{id: a, prior: 0.5}, {id: b, prior: 0.5}]
questions:
  - {id: x, type: single, text: X, options: [{id: yes, text: Y}, {id: no, text: N}], likelihood: {a: [0.9, 0.1], b: [0.4, 0.6]}}
  - {id: y, type: single, text: Y, options: [{id: yes, text: Y}, {id: no, text: N}], likelihood: {a: [0.8, 0.2], b: [0.3, 0.7]}}
  - {id: t, type: number, text: T, min: -50, max: 50, likelihood: {a: {mean: -10, sd: 9}, b: {mean: 10, sd: 9}}}
  - id: both
    type: single
    text: Both
    options: [{id: yes, text: Y}, {id: no, text: N}]
    likelihood: {a: [0.5, 0.5], b: [0.1, 0.9]}
    ask_if: {x: [yes], y: [yes]}
  - {id: must, type: text, text: Must, required: true}
surveys:
  - {id: strict, questions: [x, y, t, both], stop: {seconds: 20}}
  - {id: musty, questions: [x, must], stop: {at_most: 2}, result: {default: {text: D}, a: {text: A}}}
  - {id: sure, questions: [x, y], stop: {confidence: 0.99}, result: {default: {text: D}, a: {text: A}}}
"""


@pytest.fixture
def strict(service):
    assert service.call("POST", "/api/v1/banks", data=STRICT).status_code == 201
    return service


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400])
def test_infinity_is_refused_in_every_field(service, number):
    """Infinity would be stored on one database, fail on the other, and be invalid JSON in a message."""
    someone = service.start()
    for method, path, body in (
        ("POST", "/api/v1/surveys/all/sessions", f'{{"hidden": {{"a": {number}}}}}'),
        ("PUT", "/api/v1/contacts/x", f'{{"attributes": {{"a": {number}}}}}'),
        ("POST", f"/api/v1/sessions/{someone.session}/finish", f'{{"token": "t", "reason": {number}}}'),
    ):
        assert service.call(method, path, data=body).status_code == 400
    assert service.call("GET", "/api/v1/contacts/x").status_code == 404


def test_a_nul_is_refused_in_addresses_and_queries_and_in_every_encoding_of_a_body(service):
    """A text that contains the characters of an escape is accepted."""
    for path in ("/s/a%00b", "/api/v1/sessions/%00", "/api/v1/contacts/a%00b", "/api/v1/banks/%00", "/api/v1/endpoints/%00"):
        assert service.call("GET", path).status_code == 404
    for path in ("/api/v1/banks?after=%00", "/api/v1/endpoints?after=%00", "/api/v1/deliveries?contact=%00"):
        assert service.call("GET", path).status_code == 422
    assert service.call("POST", "/api/v1/surveys/a%00b/sessions", {}).status_code == 404
    someone = service.start()
    assert someone.answer("why", "path C:\\u0000x").status_code == 200
    assert someone.answer("why", "a\x00b").status_code == 400


@pytest.mark.parametrize("limit", ["0", "-1", "201", "9" * 30, "x"])
def test_a_page_has_between_one_and_two_hundred_items(service, limit):
    """This holds for every list."""
    for path in ("banks", "endpoints", "deliveries"):
        assert service.call("GET", f"/api/v1/{path}?limit={limit}").status_code == 422


def test_a_body_whose_length_was_not_announced_is_not_cut(service):
    """A chunked body that is too large is refused as a whole."""
    for path, size in (("/api/v1/surveys/all/sessions", 70_000), ("/api/v1/banks", 2**20 + 10)):
        body = BANK.encode() + b"#" * size if path.endswith("banks") else b'{"page": "' + b"x" * size + b'"}'
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        refused = service.client.post(
            path, input_stream=BytesIO(body), environ_overrides=chunked, headers={"Authorization": f"Bearer {service.key}"}
        )
        assert refused.status_code == 413


@pytest.mark.parametrize("width", [1e-300, 1e-318, 5e-324])
def test_the_narrowest_interval_is_still_an_interval(service, width):
    """Its probability is almost zero for every persona, and the belief must stay a number."""
    someone = service.start()
    assert someone.answer("km", {"from": 0, "to": width}).status_code == 200
    assert sum(someone.belief().values()) == pytest.approx(1)


def test_going_back_to_a_question_that_has_closed_asks_another_one(service):
    """The condition of the question was corrected in the meantime."""
    someone = service.start()
    someone.answer("owns", "yes")
    someone.answer("reasons", ["power"])
    someone.answer("owns", "no")
    assert someone.back().status_code == 200
    assert someone.back().status_code == 200

    asked = someone.view["question"]["id"]
    assert asked != "reasons"
    assert someone.silent(asked).status_code == 200


def test_a_question_that_closes_while_it_is_asked_is_replaced(service):
    """The same contact corrected the condition in another window."""
    identity = service.call("POST", "/api/v1/contacts/two/identity").json["identity"]
    first, second = service.start(identity=identity), service.start(identity=identity)
    first.answer("owns", "yes")
    while first.view["question"]["id"] != "reasons":
        first.silent(first.view["question"]["id"])
    second.answer("owns", "no")

    seen = service.client.get(f"/api/v1/sessions/{first.session}", headers={"Authorization": f"Bearer {first.token}"}).json
    assert seen["question"] is None or seen["question"]["id"] != "reasons"


def form_of(page):
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text.split('<form method="post"')[-1]))


def test_the_first_form_sent_twice_is_one_person(service):
    """A double tap on Continue creates one session, one contact and one answer."""
    form = form_of(service.client.get("/s/short"))
    first, second = (service.client.post("/s/short", data={**form, "act": "answer", "value": "4"}) for _ in range(2))

    assert first.status_code == second.status_code == 303
    with service.parts.store.reading() as session:
        (started,) = session.exec(select(SurveySession)).all()
    assert len(service.call("GET", f"/api/v1/sessions/{started.id}").json["log"]) == 1


@pytest.mark.parametrize(
    ("typed", "stored"), [("30000", 30000), ("30 000", 30000), ("12,5", 12.5), ("30,000", 30000), ("1.500", 1.5), ("٣٠٠٠٠", 30000)]
)
def test_a_number_is_read_as_people_write_it(service, typed, stored):
    """Spaces between thousands, a decimal comma, other digits, and what is usual in the language of the page."""
    someone = hosted(service, typed)
    assert [entry["value"] for entry in someone["log"] if entry["question"] == "km"] == [stored]


@pytest.mark.parametrize("typed", ["1,500,5", "1 5", "1_000", "1e4", "1 500 km", "inf", "nan", "", "-1"])
def test_a_number_that_could_mean_two_things_is_asked_again(service, typed):
    """Or nothing at all: the page does not guess, and asks again."""
    assert hosted(service, typed) is None


def hosted(service, typed):
    """Answer `km` on the hosted page of the short survey. Return the session's insight, or None if the page asks again."""
    form = form_of(service.client.get("/s/short"))
    address = service.client.post("/s/short", data={**form, "act": "answer", "value": "3"}).headers["Location"]
    page = service.client.get(address)
    while 'value="km"' not in page.text:
        address = service.client.post(address, data={**form_of(page), "act": "skip"}).headers["Location"]
        page = service.client.get(address)
    answer = service.client.post(address, data={**form_of(page), "act": "answer", "value": typed})
    if answer.status_code == 422:
        assert "Error" in answer.text
        return None
    with service.parts.store.reading() as session:
        return service.call("GET", f"/api/v1/sessions/{session.exec(select(SurveySession.id)).one()}").json


def test_the_ticket_of_one_survey_opens_no_other(service):
    """A forged ticket is refused too."""
    form = form_of(service.client.get("/s/short"))
    ticket = service.client.post("/s/short", data={**form, "act": "skip"}).headers["Location"].split("/")[3]

    assert service.client.get(f"/s/short/{ticket}", follow_redirects=True).status_code == 200
    assert service.client.get(f"/s/all/{ticket}").status_code == 404
    assert service.client.get(f"/s/short/{ticket}x").status_code == 404


def test_a_form_that_is_not_ours_starts_nothing(service):
    """A page of another site cannot answer for its visitors."""
    assert service.client.post("/s/short", data={"act": "answer", "value": "3", "question": "happy", "form": "forged"}).status_code == 422
    with service.parts.store.reading() as session:
        assert session.exec(select(SurveySession)).all() == []


def test_a_required_question_decides_between_complete_and_finished(strict):
    """If it is answered, the session is complete; if it is skipped, the survey finishes with the answers it has."""
    for act, status in (
        (lambda someone: someone.answer("must", "words"), "complete"),
        (lambda someone: someone.silent("must"), "finished"),
    ):
        someone = strict.start("musty")
        someone.answer("x", "yes")
        assert someone.view["question"]["id"] == "must"
        act(someone)
        assert someone.view["status"] == status


def test_the_result_of_a_persona_is_shown_only_when_the_survey_is_sure(strict):
    """Otherwise the default result is shown."""
    unsure = strict.start("sure")
    unsure.answer("x", "yes")
    unsure.answer("y", "yes")
    assert (unsure.view["stopped_because"], unsure.view["result"]["text"]) == ("exhausted", "D")


def test_every_condition_of_a_question_has_to_be_met(strict):
    """Both x and y are required, in any order."""
    for answers, refused in ((["x"], True), (["y"], True), (["x", "y"], False)):
        someone = strict.start("strict")
        for question in answers:
            someone.answer(question, "yes")
        assert (someone.answer("both", "no").status_code == 422) is refused


def test_the_time_a_respondent_takes_can_end_the_survey(strict):
    """The survey ends after twenty seconds, measured by the client."""
    someone = strict.start("strict")
    someone.answer("x", "no", seconds=19.5)
    assert someone.view["status"] == "open"
    someone.answer("y", "no", seconds=0.5)
    assert (someone.view["status"], someone.view["stopped_because"]) == ("complete", "seconds")


def test_an_interval_open_below_reaches_below_zero(strict):
    """An answer between minus fifty and zero favours persona a."""
    someone = strict.start("strict")
    someone.answer("t", {"to": 0})
    assert someone.belief()["a"] > 0.8


def test_a_session_expires_a_day_after_its_last_answer(service):
    """The session expires to the second."""
    someone = service.start()
    service.clock.forward(hours=23)
    assert someone.answer("owns", "no").status_code == 200
    service.clock.forward(hours=24, seconds=-1)
    assert someone.answer("happy", 3).status_code == 200
    service.clock.forward(hours=24)
    assert someone.answer("km", 3).json["code"] == "session_expired"


def test_an_answer_with_a_removed_option_is_stored_and_not_counted(service):
    """The new version of the bank ignores the answer; the log keeps it."""
    identity = service.call("POST", "/api/v1/contacts/old/identity").json["identity"]
    service.start(identity=identity).answer("owns", "yes")
    renamed = BANK.replace("{id: yes, text: {en: Yes", "{id: indeed, text: {en: Yes").replace(
        "ask_if: {owns: [yes]}", "ask_if: {owns: [indeed]}"
    )
    assert service.call("POST", "/api/v1/banks", data=renamed).status_code == 201

    after = service.start(identity=identity)
    after.answer("happy", 3)
    assert [item["question"] for item in after.insight()["explanation"]] == ["happy"]
    assert after.answer("owns", "indeed").status_code == 200


def test_belief_and_explanation_of_one_session_are_of_one_version(service):
    """The explanation adds up while the contact has sessions of two versions."""
    identity = service.call("POST", "/api/v1/contacts/both/identity").json["identity"]
    old = service.start(identity=identity)
    old.answer("owns", "yes")
    service.call("POST", "/api/v1/banks", data=BANK.replace("[0.9, 0.1]", "[0.6, 0.4]"))
    service.start(identity=identity).answer("happy", 3)

    insight = old.insight()
    for persona, p in insight["belief"]["probabilities"].items():
        assert sum(item["bits"][persona] for item in insight["explanation"]) == pytest.approx(np.log2(p / (1 - p)), abs=1e-9)


def test_one_id_cannot_mean_both_skip_and_refusal(service):
    """Skipping a question and refusing it are two acts, so they need two ids."""
    someone = service.start()
    assert someone.post("answers", {"answer_id": "s", "question": "km", "kind": "skip"}).status_code == 200
    assert someone.post("answers", {"answer_id": "s", "question": "km", "kind": "refuse"}).status_code == 409


def test_publishing_the_same_bank_from_everywhere_at_once_is_one_version(service):
    """The later publications find the version that the first one created."""
    changed, barrier, seen = BANK.replace("[0.9, 0.1]", "[0.7, 0.3]"), Barrier(6), []

    def publish():
        barrier.wait()
        response = service.call("POST", "/api/v1/banks", data=changed)
        seen.append((response.status_code, response.json["version"]))

    threads = [Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [(200, 2)] * 5 + [(201, 2)]


def test_a_message_that_cannot_be_written_is_dead_and_the_next_one_is_sent(service):
    """One bad row never stops the worker."""
    p, sent = service.parts, []
    with p.store.writing() as session:
        add(
            session,
            p.settings,
            url="https://crm.example/hook",
            events=["contact.persona.updated"],
            when="every_answer",
            now=service.clock(),
        )
    service.start().answer("owns", "yes")
    service.start().answer("owns", "no")
    with p.store.writing() as session:
        first = session.exec(select(Delivery).order_by(Delivery.id).limit(1)).one()
        first.facts, unwritable = {**first.facts, "deep": json.loads("[" * 300 + "]" * 300)}, first.event_id
        session.add(first)

    def deliver(_url, _headers, body, _policy):
        sent.append(json.loads(body)["id"])
        return Delivered(200, b"", timedelta(0))

    while step(Sender(p.store, p.keys, Policy(), service.clock, deliver)):
        pass

    assert len(sent) == 1
    with p.store.reading() as session:
        states = dict(session.exec(select(Delivery.event_id, Delivery.state)).all())
    assert states.pop(unwritable) == "dead"
    assert list(states.values()) == ["delivered"]


def test_a_key_can_be_listed_and_revoked(service):
    """A leaked key can be revoked."""
    from survey_service.web.api_keys import all_keys, revoke_key

    p = service.parts
    with p.store.writing() as session:
        (api_key,) = all_keys(session)
        assert revoke_key(session, api_key.id, service.clock())
        assert not revoke_key(session, api_key.id, service.clock())
    assert service.call("GET", "/api/v1/banks").status_code == 401
