"""What contacts do, told in the shapes of the Segment spec, moves the same belief as answers do."""

import gzip
import json
from threading import Barrier, Thread

import pytest

from survey_service.web.api_keys import create_key
from tests.survey_service.contacts.people import belief_of, contact, everything, respondent


def test_a_signal_moves_the_belief_as_its_table_says_and_is_explained(shop):
    """Bayes' rule: prior .5/.5, seen with probability .1 and .4."""
    assert shop.track(messageId="m1").json == {"success": True}

    told = belief_of(shop, "zoe")
    assert told["probabilities"] == pytest.approx({"driver": 0.2, "family": 0.8})
    assert (told["kind"], told["evidence"]) == ("behavioural", {"answers": 0, "skipped": 0, "signals": 1})
    [item] = told["explanation"]
    assert (item["kind"], item["signal"], item["event"], item["favours"]) == ("signal", "brochure", "Brochure Downloaded", "family")
    assert item["log_likelihood_ratio_bits"] == pytest.approx(2)


def test_the_next_question_and_the_belief_of_a_survey_know_what_was_seen(shop):
    """One belief for what people say and do, whatever comes first."""
    shop.track(messageId="m1")
    first = respondent(shop, "zoe", owns="yes")
    respondent(shop, "max", owns="yes")
    shop.send("track", {"userId": "max", "event": "Brochure Downloaded", "messageId": "m2"})

    assert first.belief() == pytest.approx(belief_of(shop, "max")["probabilities"], abs=1e-12)
    weights = [item["bits"]["family"] for item in belief_of(shop, "max")["explanation"]]
    odds = first.belief()["family"] / first.belief()["driver"]
    assert 2 ** sum(weights) == pytest.approx(odds)


def test_a_signal_counts_at_most_so_often_and_fades(shop):
    """Three downloads count as two; after a half-life each counts half."""
    for number in range(3):
        shop.track(messageId=f"m{number}")
    fresh = belief_of(shop, "zoe")
    assert fresh["probabilities"]["family"] == pytest.approx(16 / 17)

    shop.clock.forward(days=60)
    shop.send("page", {"userId": "zoe", "messageId": "p", "properties": {"url": "https://shop.example/safety/airbags?mail=x@y.z"}})

    faded = belief_of(shop, "zoe")
    assert faded["probabilities"]["family"] == pytest.approx(10 / 11)  # 4 for both downloads, 2.5 for the page
    assert "x@y.z" not in everything(shop)


def test_the_same_message_again_is_no_evidence(shop):
    """Alone, twice in one batch, or many times at once."""
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
def test_a_browser_that_turns_out_to_be_a_customers_brings_what_it_did(shop, order):
    """Alias before, between and after the events: the same belief, each event once."""
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


def test_two_customers_at_one_computer_stay_two(shop):
    """The browser belongs to who came first; what a known user does is the known user's."""
    for user in ("zoe", "max"):
        shop.send("identify", {"userId": user, "anonymousId": "family-laptop"})
    shop.send("track", {"userId": "max", "anonymousId": "family-laptop", "event": "Brochure Downloaded", "messageId": "m"})

    assert contact(shop, "zoe")["id"] != contact(shop, "max")["id"]
    assert belief_of(shop, "max")["evidence"]["signals"] == 1
    assert contact(shop, "zoe")["beliefs"] == {}
    refused = shop.send("alias", {"userId": "zoe", "previousId": "max", "messageId": "n"})
    assert refused.json == {"success": True}  # the library would send it again and again
    assert contact(shop, "zoe")["id"] != contact(shop, "max")["id"]


def test_traits_fill_what_nobody_has_said_and_overwrite_nothing(shop):
    """The key of a browser is public."""
    shop.call("PUT", "/api/v1/contacts/zoe", {"attributes": {"plan": "gold"}})
    shop.send("identify", {"userId": "zoe", "context": {"traits": {"email": "zoe@example.com", "plan": "free", "age": 40, "deep": {}}}})
    shop.send("identify", {"userId": "zoe", "traits": {"email": "attacker@example.com"}})

    told = contact(shop, "zoe")
    assert (told["email"], told["attributes"]) == ("zoe@example.com", {"plan": "gold", "age": 40})


def test_the_clock_of_a_client_that_is_wrong_is_corrected(shop):
    """By as much as its sentAt is off; never into the future."""
    hour_fast = {"timestamp": "2026-01-05T10:30:00Z", "sentAt": "2026-01-05T11:00:00Z"}
    shop.send("track", {"userId": "zoe", "event": "Brochure Downloaded", "messageId": "m", **hour_fast})
    shop.send("track", {"userId": "max", "event": "Brochure Downloaded", "messageId": "n", "timestamp": "2027-01-05T10:30:00Z"})

    assert belief_of(shop, "zoe")["explanation"][0]["at"] == "2026-01-05T09:30:00+00:00"
    assert belief_of(shop, "max")["explanation"][0]["at"] == "2026-01-05T10:00:00+00:00"


def test_an_agents_note_is_a_signal_by_channel_and_topic(shop):
    """Whatever the event is called."""
    properties = {"channel": "Agent", "topic": "noise", "text": "is never kept"}
    shop.send("track", {"userId": "zoe", "event": "Call Ended", "messageId": "m", "properties": properties})

    assert belief_of(shop, "zoe")["probabilities"]["family"] == pytest.approx(0.8)
    assert "is never kept" not in everything(shop)


def test_who_was_erased_or_wants_no_profile_is_left_out_and_the_others_are_not(shop):
    """The library hears success: it must not send it again."""
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
def test_what_cannot_be_taken_is_refused_in_the_shape_that_libraries_read(shop, path, body, status, code):
    """`code` and `message`, no problem+json: one of them fails on that."""
    response = shop.send(path, body)

    assert (response.status_code, response.json["code"]) == (status, code)
    assert response.json["message"]


def test_a_packed_body_is_unpacked_up_to_a_limit(shop):
    """A bomb of 200 MB, half an archive, and something else that calls itself gzip."""

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
def test_only_a_key_that_may_tell_gets_in(shop, key):
    """A read key tells nothing, and the intake key reads nothing."""
    if key == "read":
        with shop.parts.store.writing() as session:
            key = create_key(session, shop.parts.keys, "read", "r", shop.clock())
    refused = shop.send("track", {"userId": "zoe", "event": "x"}, key=key or "-")

    assert refused.status_code in (401, 403)
    assert set(refused.json) == {"code", "message"}
    assert shop.call("GET", "/api/v1/contacts/zoe", key=shop.write_key).status_code == 403


def test_a_key_in_the_body_is_a_key(shop):
    """So the library for browsers does it."""
    body = {"userId": "zoe", "event": "Brochure Downloaded", "writeKey": shop.write_key, "messageId": "m"}

    response = shop.client.post("/v1/t/", data=json.dumps(body), headers={"Content-Type": "text/plain"})

    assert response.json == {"success": True}
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert belief_of(shop, "zoe")["evidence"]["signals"] == 1


def test_one_line_of_a_contact_in_the_export(shop):
    """What was kept of what they did."""
    shop.track(messageId="m")

    [event] = shop.call("GET", "/api/v1/contacts/zoe/export").json["events"]

    assert (event["kind"], event["name"], event["message_id"]) == ("track", "Brochure Downloaded", "m")
