"""Events of contacts, sent in the format of the Segment spec, update the same belief as answers."""

import gzip
import json
from threading import Barrier, Thread

import pytest

from survey_service.web.api_keys import create_key
from tests.survey_service.contacts.people import belief_of, contact, everything, respondent


def test_a_signal_updates_the_belief_and_is_explained(shop):
    """With prior .5/.5 and likelihoods .1 and .4, Bayes' rule gives .2/.8."""
    assert shop.track(messageId="m1").json == {"success": True}

    belief = belief_of(shop, "zoe")
    assert belief["probabilities"] == pytest.approx({"driver": 0.2, "family": 0.8})
    assert (belief["kind"], belief["evidence"]) == ("behavioural", {"answers": 0, "skipped": 0, "signals": 1})
    [entry] = belief["explanation"]
    assert (entry["kind"], entry["signal"], entry["event"], entry["favours"]) == ("signal", "brochure", "Brochure Downloaded", "family")
    assert entry["log_likelihood_ratio_bits"] == pytest.approx(2)


def test_signals_and_answers_update_one_belief(shop):
    """The belief is the same whichever came first."""
    shop.track(messageId="m1")
    first = respondent(shop, "zoe", owns="yes")
    respondent(shop, "max", owns="yes")
    shop.send("track", {"userId": "max", "event": "Brochure Downloaded", "messageId": "m2"})

    assert first.belief() == pytest.approx(belief_of(shop, "max")["probabilities"], abs=1e-12)
    weights = [entry["bits"]["family"] for entry in belief_of(shop, "max")["explanation"]]
    odds = first.belief()["family"] / first.belief()["driver"]
    assert 2 ** sum(weights) == pytest.approx(odds)


def test_a_signal_is_limited_and_ages(shop):
    """Three downloads count as two, and after a half-life each counts half."""
    for number in range(3):
        shop.track(messageId=f"m{number}")
    fresh = belief_of(shop, "zoe")
    assert fresh["probabilities"]["family"] == pytest.approx(16 / 17)

    shop.clock.forward(days=60)
    shop.send("page", {"userId": "zoe", "messageId": "p", "properties": {"url": "https://shop.example/safety/airbags?mail=x@y.z"}})

    faded = belief_of(shop, "zoe")
    assert faded["probabilities"]["family"] == pytest.approx(10 / 11)  # 4 for both downloads, 2.5 for the page
    assert "x@y.z" not in everything(shop)


def test_a_repeated_message_counts_once(shop):
    """This holds for single messages, repetitions in one batch, and simultaneous requests."""
    for _ in range(2):
        shop.track(messageId="m1")
    message = {"type": "track", "userId": "zoe", "event": "Brochure Downloaded", "messageId": "m1"}
    shop.send("batch", {"batch": [message, message]})
    barrier = Barrier(4)

    def at_once():
        barrier.wait()
        shop.track(messageId="m2")

    threads = [Thread(target=at_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert belief_of(shop, "zoe")["evidence"]["signals"] == 2
    assert everything(shop).count("'Brochure Downloaded'") == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_an_alias_gives_anonymous_events_to_the_customer(shop, order):
    """The belief is the same whether the alias comes before, between or after the events."""
    messages = [
        {"type": "track", "anonymousId": "anon-7", "event": "Brochure Downloaded", "messageId": "a"},
        {"type": "alias", "previousId": "anon-7", "userId": "zoe", "messageId": "b"},
        {"type": "track", "userId": "zoe", "event": "Brochure Downloaded", "messageId": "c"},
    ]
    for number in order:
        assert shop.send("batch", {"batch": [messages[number]]}).json == {"success": True}
    shop.send("batch", {"batch": messages})

    assert belief_of(shop, "zoe")["evidence"]["signals"] == 2
    assert {name["system"]: name["id"] for name in contact(shop, "zoe")["external_ids"]} == {"anonymous": "anon-7", "crm": "zoe"}


def test_two_customers_with_one_browser_are_not_merged(shop):
    """The anonymous id belongs to the first customer, and events with a user id to that user."""
    for user in ("zoe", "max"):
        shop.send("identify", {"userId": user, "anonymousId": "family-laptop"})
    shop.send("track", {"userId": "max", "anonymousId": "family-laptop", "event": "Brochure Downloaded", "messageId": "m"})

    assert contact(shop, "zoe")["id"] != contact(shop, "max")["id"]
    assert belief_of(shop, "max")["evidence"]["signals"] == 1
    assert contact(shop, "zoe")["beliefs"] == {}
    refused = shop.send("alias", {"userId": "zoe", "previousId": "max", "messageId": "n"})
    assert refused.json == {"success": True}  # the library would send it again and again
    assert contact(shop, "zoe")["id"] != contact(shop, "max")["id"]


def test_traits_set_missing_attributes_only(shop):
    """The key of a browser is public, so traits must not overwrite data of the CRM."""
    shop.call("PUT", "/api/v1/contacts/zoe", {"attributes": {"plan": "gold"}})
    shop.send("identify", {"userId": "zoe", "context": {"traits": {"email": "zoe@example.com", "plan": "free", "age": 40, "deep": {}}}})
    shop.send("identify", {"userId": "zoe", "traits": {"email": "attacker@example.com"}})

    zoe = contact(shop, "zoe")
    assert (zoe["email"], zoe["attributes"]) == ("zoe@example.com", {"plan": "gold", "age": 40})


def test_timestamps_are_corrected_by_the_clients_clock_error(shop):
    """The error is that of `sentAt`, and an event is never in the future."""
    hour_fast = {"timestamp": "2026-01-05T10:30:00Z", "sentAt": "2026-01-05T11:00:00Z"}
    shop.send("track", {"userId": "zoe", "event": "Brochure Downloaded", "messageId": "m", **hour_fast})
    shop.send("track", {"userId": "max", "event": "Brochure Downloaded", "messageId": "n", "timestamp": "2027-01-05T10:30:00Z"})

    assert belief_of(shop, "zoe")["explanation"][0]["at"] == "2026-01-05T09:30:00+00:00"
    assert belief_of(shop, "max")["explanation"][0]["at"] == "2026-01-05T10:00:00+00:00"


def test_an_agents_note_is_a_signal_by_channel_and_topic(shop):
    """The signal matches whatever the event is called."""
    properties = {"channel": "Agent", "topic": "noise", "text": "is never kept"}
    shop.send("track", {"userId": "zoe", "event": "Call Ended", "messageId": "m", "properties": properties})

    assert belief_of(shop, "zoe")["probabilities"]["family"] == pytest.approx(0.8)
    assert "is never kept" not in everything(shop)


def test_events_of_erased_and_opted_out_contacts_are_skipped(shop):
    """The other messages of the batch are stored, and the response is success so that the library does not retry."""
    shop.call("PUT", "/api/v1/contacts/gone", {})
    shop.call("DELETE", "/api/v1/contacts/gone")
    shop.call("PUT", "/api/v1/contacts/no", {"consent": {"profiling": False}})
    event = {"type": "track", "event": "Brochure Downloaded"}
    batch = [{**event, "userId": name, "messageId": name} for name in ("gone", "no", "zoe")]

    assert shop.send("batch", {"batch": [*batch, {"type": "track"}, 7]}).json == {"success": True}

    assert everything(shop).count("'Brochure Downloaded'") == 1
    assert belief_of(shop, "zoe")["evidence"]["signals"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("track", {"userId": "zoe"}, 400, "invalid"),
        ("track", {"event": "x"}, 400, "invalid"),
        ("alias", {"userId": "zoe"}, 400, "invalid"),
        ("track", {"userId": "zoe", "event": "x" * 300}, 400, "invalid"),
        ("track", {"userId": "zoe", "event": "x", "properties": {"long": "x" * 33_000}}, 400, "invalid"),
        ("batch", {"batch": {}}, 400, "invalid"),
        ("batch", {"batch": [{}] * 2501}, 413, "body_too_large"),
        ("batch", {"batch": [], "x": "x" * 600_000}, 413, "body_too_large"),
        ("batch", [], 400, "malformed_body"),
    ],
)
def test_errors_have_the_format_that_the_libraries_read(shop, path, body, status, code):
    """Errors have `code` and `message` instead of problem+json, which one of the libraries cannot read."""
    response = shop.send(path, body)

    assert (response.status_code, response.json["code"]) == (status, code)
    assert response.json["message"]


def test_a_gzip_body_is_decompressed_up_to_a_limit(shop):
    """A bomb of 200 MB, a truncated body and a body that is no gzip are refused."""

    def packed(data):
        headers = {
            "Content-Encoding": "gzip",
            "Authorization": f"Bearer {shop.write_key}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return shop.client.post("/v1/batch", data=data, headers=headers)

    good = gzip.compress(
        json.dumps({"batch": [{"type": "track", "userId": "zoe", "event": "Brochure Downloaded", "messageId": "m"}]}).encode()
    )
    assert packed(good).json == {"success": True}
    assert belief_of(shop, "zoe")["evidence"]["signals"] == 1
    assert packed(gzip.compress(b" " * 200_000_000)).status_code == 413
    assert packed(good[:-10]).status_code == 400
    assert packed(b"plain").status_code == 400


@pytest.mark.parametrize("key", ["", "dk_nobody", "read"])
def test_events_need_a_key_with_scope_intake(shop, key):
    """A read key cannot send events, and the intake key cannot read contacts."""
    if key == "read":
        with shop.parts.store.writing() as session:
            key = create_key(session, shop.parts.keys, "read", "r", shop.clock())
    refused = shop.send("track", {"userId": "zoe", "event": "x"}, key=key or "-")

    assert refused.status_code in (401, 403)
    assert set(refused.json) == {"code", "message"}
    assert shop.call("GET", "/api/v1/contacts/zoe", key=shop.write_key).status_code == 403


def test_the_write_key_may_be_in_the_body(shop):
    """The browser library sends it there."""
    body = {"userId": "zoe", "event": "Brochure Downloaded", "writeKey": shop.write_key, "messageId": "m"}

    response = shop.client.post("/v1/t/", data=json.dumps(body), headers={"Content-Type": "text/plain"})

    assert response.json == {"success": True}
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert belief_of(shop, "zoe")["evidence"]["signals"] == 1


def test_the_export_contains_events(shop):
    """The export of a contact lists its stored events."""
    shop.track(messageId="m")

    [event] = shop.call("GET", "/api/v1/contacts/zoe/export").json["events"]

    assert (event["kind"], event["name"], event["message_id"]) == ("track", "Brochure Downloaded", "m")


def test_a_batch_of_known_contacts_costs_as_many_statements_as_one_message(shop):
    """Twenty contacts with a device each, who have sent events before."""
    from sqlalchemy import event

    def batch(purpose, contacts):
        body = [
            {"type": "track", "userId": f"u{n}", "anonymousId": f"d{n}", "event": "Opened", "messageId": f"{purpose}{n}"}
            for n in range(contacts)
        ]
        statements = []
        engine = shop.parts.store.engine
        listener = lambda *arguments: statements.append(arguments[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listener)
        assert shop.send("batch", {"batch": body}).status_code == 200
        event.remove(engine, "before_cursor_execute", listener)
        return len(statements)

    batch("first", 20)

    assert batch("twenty", 20) == batch("one", 1)
