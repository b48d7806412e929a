"""The intake accepts many messages in one statement; the worker evaluates them in slices, and loses none of them."""

import re
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
from sqlalchemy import event

from survey_service.contacts.directory import ContactErased
from survey_service.inbound import intake_queue
from survey_service.inbound.intake_queue import LEAST_A_SLICE, SECONDS_A_SLICE, Pace
from survey_service.settings import Limit
from survey_service.store.pauses import PAUSE
from survey_service.web.api_keys import create_key
from survey_service.web.rate_limit import Limits
from tests.survey_service.contacts.people import belief_of, everything
from tests.survey_service.inbound.test_one_bad_message import left_out

MANY = 150
"""More messages than are evaluated in their request."""


def tracks(many: int, people: int = MANY, event_name: str = "Brochure Downloaded") -> list[dict[str, str]]:
    return [{"type": "track", "userId": f"u{n % people}", "event": event_name, "messageId": f"m{n}"} for n in range(many)]


def stored(shop) -> int:
    return sum(item["events"] for item in shop.call("GET", "/api/v1/events").json["items"])


@pytest.mark.slow
def test_many_messages_are_appended_in_one_statement_and_evaluated_by_the_worker(shop):
    """The request inserts and commits once, whatever the number of messages and contacts."""
    commits, inserts = [], []
    event.listen(shop.parts.store.engine, "commit", commits.append)
    event.listen(shop.parts.store.engine, "before_cursor_execute", lambda *call: inserts.append(call[2]) if "INSERT" in call[2] else None)

    assert shop.send("batch", {"batch": tracks(2500)}).status_code == 200

    assert (len(commits), len(inserts), shop.waiting(), stored(shop)) == (1, 1, 2500, 0)
    shop.evaluate()
    assert (shop.waiting(), stored(shop)) == (0, 2500)
    assert belief_of(shop, "u7")["probabilities"]["family"] == pytest.approx(16 / 17)  # the signal counts twice at most


def test_a_few_messages_have_their_effect_before_the_response(shop):
    """A page may ask for the belief right after it has sent an event."""
    shop.send("batch", {"batch": tracks(20, people=1)})

    assert shop.waiting() == 0
    assert belief_of(shop, "u0")["probabilities"]["family"] == pytest.approx(16 / 17)


def test_a_key_that_sends_a_lot_leaves_all_of_it_to_the_worker(shop):
    """A hundred messages at once and ten a second are evaluated in their requests; another key has its own hundred."""
    for number in range(105):
        shop.track(messageId=f"m{number}")
    assert shop.waiting() == 5

    shop.clock.forward(seconds=1)
    shop.track(messageId="later")
    assert shop.waiting() == 5


def test_what_was_left_out_is_counted_last(shop):
    """All transactions count in the same rows: whoever locked them before contacts could wait for somebody who waits for them."""
    with shop.parts.store.writing() as session:
        other = create_key(session, shop.parts.keys, "intake", "other", shop.clock())
    shop.track(messageId="m0")
    shop.call("DELETE", "/api/v1/contacts/zoe")
    transactions: list[list[str]] = [[]]
    event.listen(shop.parts.store.engine, "before_cursor_execute", lambda *call: transactions[-1].append(call[2]))
    event.listen(shop.parts.store.engine, "commit", lambda _: transactions.append([]))
    unusable, erased = {"type": "nothing"}, {"type": "track", "userId": "zoe", "event": "Brochure Downloaded", "messageId": "m1"}

    shop.send("batch", {"batch": [unusable, erased, *tracks(10)]})
    for key in (shop.write_key, other):
        shop.send("batch", {"batch": [unusable, erased, *tracks(MANY)]}, key)
    shop.evaluate()

    counting = [written for written in transactions if any("INTO intake_left_out" in statement for statement in written)]
    assert len(counting) >= 4
    for written in counting:
        first = next(number for number, statement in enumerate(written) if "INTO intake_left_out" in statement)
        assert all("INTO intake_left_out" in statement for statement in written[first:])
    assert left_out(shop) == {"unusable": 3, "contact_erased": 3}


def test_repeated_messages_count_once_whoever_evaluates_them(shop):
    """A client that got no response sends its batch again."""
    for _ in range(2):
        shop.send("batch", {"batch": tracks(MANY)})
    shop.evaluate()
    shop.send("batch", {"batch": tracks(20)})

    assert stored(shop) == MANY


def test_a_worker_that_ends_in_the_middle_loses_and_doubles_nothing(shop, monkeypatch):
    """A slice and the removal of its messages are one transaction."""
    shop.send("batch", {"batch": tracks(MANY)})
    delete = intake_queue._delete

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(intake_queue, "_delete", fail)
    with pytest.raises(KeyboardInterrupt):
        shop.evaluate()
    assert (shop.waiting(), stored(shop)) == (MANY, 0)
    monkeypatch.setattr(intake_queue, "_delete", delete)
    shop.evaluate()

    assert (shop.waiting(), stored(shop)) == (0, MANY)


def test_a_message_that_fails_by_a_fault_of_ours_holds_up_no_other(shop, monkeypatch, caplog):
    """It is tried three times, then left out and counted; the log has the traceback."""
    ingest = intake_queue.ingest

    def faulty(session, keys, banks, source, messages, now):
        if any(message.user == "u13" for message in messages):
            raise ZeroDivisionError("a fault of ours")
        return ingest(session, keys, banks, source, messages, now)

    monkeypatch.setattr(intake_queue, "ingest", faulty)
    shop.send("batch", {"batch": tracks(MANY)})
    shop.evaluate()
    assert (shop.waiting(), stored(shop)) == (1, MANY - 1)
    assert "ZeroDivisionError: a fault of ours" in caplog.text

    for _ in range(2):
        shop.clock.forward(minutes=2)
        shop.evaluate()
    assert (shop.waiting(), left_out(shop)) == (0, {"fault": 1})


def test_a_fault_in_a_request_leaves_the_messages_to_the_worker(shop, monkeypatch):
    """The client is not to blame and would only send the same again."""
    ingest = intake_queue.ingest

    def faulty(*_):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(intake_queue, "ingest", faulty)
    assert shop.track(messageId="m1").status_code == 200
    assert shop.waiting() == 1
    monkeypatch.setattr(intake_queue, "ingest", ingest)
    shop.evaluate()

    assert (shop.waiting(), stored(shop)) == (0, 1)


def test_an_erased_contact_leaves_no_waiting_message(shop):
    """What waits about the contact is deleted with it; what waits about others is kept."""
    shop.track(messageId="m0")
    body = [
        {"type": "identify", "userId": "zoe", "traits": {"email": "zoe@example.org"}, "messageId": "z1"},
        {"type": "alias", "userId": "max", "previousId": "zoe", "messageId": "z2"},
        *tracks(MANY),
    ]
    shop.send("batch", {"batch": body})
    assert "zoe@example.org" in everything(shop)

    assert shop.call("DELETE", "/api/v1/contacts/zoe").status_code == 204

    assert re.search(r"\bzoe\b", everything(shop)) is None  # as a word: random ids may contain it
    assert shop.waiting() == MANY
    shop.evaluate()
    assert stored(shop) == MANY
    assert shop.call("GET", "/api/v1/contacts/zoe").status_code == 404


def test_an_erasure_takes_no_message_of_others_from_the_queue(shop):
    """Another customer used the same browser, and one has the id of a user that the erased contact has in another system."""
    both = {"userId": "zoe", "anonymousId": "browser-of-both"}
    shop.track(messageId="m0", **both)
    shop.call("PUT", "/api/v1/contacts/zoe", {"external_ids": [{"system": "hubspot", "type": "vid", "id": "77"}]})
    of_others = [
        {"type": "track", "event": "Brochure Downloaded", "userId": "max", "anonymousId": "browser-of-both", "messageId": "x1"},
        {"type": "track", "event": "Brochure Downloaded", "userId": "77", "messageId": "x2"},
        {"type": "track", "event": "Brochure Downloaded", "anonymousId": "browser-of-both", "messageId": "x3"},
    ]
    shop.send("batch", {"batch": [*of_others, *tracks(MANY)]})

    assert shop.call("DELETE", "/api/v1/contacts/zoe").status_code == 204
    assert "browser-of-both" not in everything(shop)
    shop.evaluate()

    assert stored(shop) == MANY + 2
    for name in ("max", "77"):
        assert len(shop.call("GET", f"/api/v1/contacts/{name}/timeline").json["items"]) == 1
    assert left_out(shop) == {}


def test_a_message_is_stored_although_the_owner_of_its_browser_was_erased_meanwhile(shop, monkeypatch):
    """The other contact is erased while the worker waits for its lock."""
    shop.send("track", {"event": "Brochure Downloaded", "anonymousId": "browser", "messageId": "b1"})

    def erased(*_):
        raise ContactErased

    monkeypatch.setattr("survey_service.inbound.ingest.merge", erased)
    shop.send(
        "batch", {"batch": [{"type": "track", "event": "Brochure Downloaded", "userId": "max", "anonymousId": "browser"}, *tracks(MANY)]}
    )
    shop.evaluate()

    assert stored(shop) == MANY + 2
    assert left_out(shop) == {}


def test_what_comes_after_an_erasure_is_left_out_by_the_worker(shop):
    """The id stays refused, and the log and the metrics say how often."""
    shop.track(messageId="m0")
    shop.call("DELETE", "/api/v1/contacts/zoe")
    again = [{"type": "track", "userId": "zoe", "event": "Brochure Downloaded", "messageId": f"z{n}"} for n in range(3)]

    shop.send("batch", {"batch": [*again, *tracks(MANY)]})
    shop.evaluate()

    assert left_out(shop) == {"contact_erased": 3}
    assert shop.call("GET", "/api/v1/contacts/zoe").status_code == 404


def test_metrics_say_how_much_waits_and_for_how_long(shop):
    """Both are 0 when everything is evaluated."""
    shop.send("batch", {"batch": tracks(MANY)})
    shop.clock.forward(seconds=30)
    text = shop.client.get("/metrics").text
    assert "discern_intake_waiting 150.0" in text
    assert "discern_intake_oldest_waiting_seconds 30.0" in text

    shop.evaluate()
    assert "discern_intake_waiting 0.0" in shop.client.get("/metrics").text


def limited(shop, **limits):
    """Serve the shop with other limits."""
    parts = shop.parts
    settings = replace(parts.settings, **limits)
    shop.app.extensions["discern"] = replace(parts, settings=settings, limits=Limits(parts.store, settings.limits))


def test_a_key_has_a_limit_of_messages_and_is_asked_to_come_back(shop):
    """A refusal has the format of the libraries, which keep the messages and send them again after Retry-After."""
    limited(shop, limit_intake_per_key=Limit(400, 10))
    first, second = shop.send("batch", {"batch": tracks(401)}), shop.send("batch", {"batch": tracks(300)})
    assert (first.status_code, second.status_code) == (200, 429)
    assert second.json["code"] == "too_many_requests"

    shop.clock.forward(seconds=int(second.headers["Retry-After"]))
    assert shop.send("batch", {"batch": tracks(300)}).status_code == 200


def test_an_address_has_a_limit_of_its_own(shop):
    """A request counts as twenty messages at least, because an empty one costs time too."""
    limited(shop, limit_intake_per_address=Limit(100, 1))

    def status(address: str) -> int:
        body = {"userId": "zoe", "event": "x", "messageId": address}
        auth, environment = (shop.write_key, ""), {"REMOTE_ADDR": address}
        return shop.client.post("/v1/track", json=body, auth=auth, environ_overrides=environment).status_code

    assert [status("192.0.2.1") for _ in range(6)] == [200] * 5 + [429]
    assert status("192.0.2.2") == 200


def test_the_size_of_a_slice_follows_its_processor_time():
    """It grows at most twofold, and shrinks as far as needed."""
    pace = Pace(50)
    pace.adapt("postgresql", 50, 0.001)
    assert pace.number == 100
    pace.adapt("sqlite", 100, 2 * SECONDS_A_SLICE["sqlite"])
    assert pace.number == 50
    pace.adapt("sqlite", 50, 3.0)
    assert pace.number == LEAST_A_SLICE


def evaluate_some(shop, pace, sleep):
    """Evaluate as the worker does, with a pace and a `sleep` of the test."""
    parts = shop.parts
    intake_queue.evaluate_some(parts.store, parts.keys, parts.banks, shop.clock, pace, sleep=sleep)


def test_a_busy_machine_makes_slices_no_smaller(shop, monkeypatch):
    """Each slice waits for an hour and computes for a moment: smaller ones would only cost more for each message."""
    hours = count(step=3600)
    moments = count(step=0.001)
    clocks = SimpleNamespace(monotonic=lambda: 0.0, perf_counter=lambda: next(hours), thread_time=lambda: next(moments))
    monkeypatch.setattr(intake_queue, "time", clocks)
    shop.send("batch", {"batch": tracks(MANY)})
    pace = Pace()

    evaluate_some(shop, pace, lambda _: None)

    assert shop.waiting() == 0
    assert pace.number > Pace().number


def test_the_worker_pauses_after_a_slice_while_somebody_answers(shop, monkeypatch):
    """A survey that is not ended and had an act within the last seconds is being answered."""
    for dialect in ("sqlite", "postgresql"):
        monkeypatch.setitem(PAUSE, dialect, 0.0)
    pauses: list[float] = []

    def pauses_of_a_batch(number: int) -> list[float]:
        pauses.clear()
        shop.send("batch", {"batch": [{**item, "messageId": f"{number}-{item['messageId']}"} for item in tracks(MANY)]})
        evaluate_some(shop, Pace(), pauses.append)
        return pauses

    assert set(pauses_of_a_batch(1)) == {0.0}
    respondent = shop.start()
    assert min(pauses_of_a_batch(2)) > 0.0
    shop.clock.forward(seconds=10)
    assert set(pauses_of_a_batch(3)) == {0.0}
    respondent.silent(respondent.view["question"]["id"])
    assert min(pauses_of_a_batch(4)) > 0.0
    respondent.post("finish", {"reason": "enough"})
    assert set(pauses_of_a_batch(5)) == {0.0}
