"""One answer from end to end with nothing replaced: gunicorn, a worker process, a database, and a CRM that verifies signatures."""

import json
from pathlib import Path

import pytest

from adaptive import believe
from question_bank.compile import ObservedAnswer, compile_bank
from question_bank.files.load import read_bank
from tests.processes import discern, process, receiver, until, web_server

BANK = Path(__file__).parent.parent / "question_bank" / "examples" / "car-buyers.yaml"


def test_one_answer_goes_from_a_page_to_the_crm(database_url):
    """The answer is acknowledged, changes the belief, and is sent once, signed, with the engine's numbers."""
    published = discern("publish", str(BANK), database_url=database_url)
    assert published.stdout == "car-buyers version 1\n", published.stderr
    key = json.loads(discern("key", "create", "--scope", "admin", "--json", database_url=database_url).stdout)["key"]

    with receiver() as inbox, web_server(database_url) as (web, _), process("worker", database_url=database_url):
        status, endpoint = web.call("POST", "/api/v1/endpoints", {"url": inbox.url, "when": "every_answer"}, key)
        assert status == 201
        inbox.secret = endpoint["secret"]

        # 1. The page starts a session and posts an answer.
        status, view = web.call("POST", "/api/v1/surveys/website/sessions", {"language": "fr"})
        assert (status, view["status"], view["language"]) == (201, "open", "fr")
        question = view["question"]
        assert question["type"] == "multiple"
        ticked = [option["id"] for option in question["options"][:2]]
        answer = {"answer_id": "walk-1", "question": question["id"], "kind": "answer", "value": ticked, "seconds": 4.2}
        status, after = web.call("POST", f"/api/v1/sessions/{view['session']}/answers", {**answer, "token": view["token"]})

        # 2. The reply has the next question, or the end; after a lost reply the same request may be sent again.
        assert status == 200
        assert after["progress"]["answered"] == 1
        assert web.call("POST", f"/api/v1/sessions/{view['session']}/answers", {**answer, "token": view["token"]}) == (200, after)

        # 3. The belief is Bayes' rule on the bank's table.
        bank = compile_bank(read_bank(BANK.read_text()))
        expected = dict(zip(bank.personas, believe(bank.tables, bank.evidence([ObservedAnswer(question["id"], ticked)]))[0], strict=True))
        _, insight = web.call("GET", f"/api/v1/sessions/{view['session']}", token=key)
        assert insight["belief"]["probabilities"] == pytest.approx(expected, abs=1e-12)

        # 4. The CRM has it, verified by the public library, with the same numbers to four decimals.
        message = until(lambda: inbox.of_type("contact.persona.updated"), "the webhook arrives")[0]
        assert message["data"]["probabilities"] == pytest.approx(expected, abs=1e-4)
        assert round(sum(message["data"]["probabilities"].values()), 10) == 1
        assert message["id"] == inbox.ids[0]
        assert message["data"]["sequence"] == insight["belief"]["sequence"]
        assert message["data"]["explanation"][0]["question"] == question["id"]

        # 5. The log of deliveries has it too, and no message was repeated or refused.
        def delivered():
            items = web.call("GET", f"/api/v1/deliveries?endpoint={endpoint['id']}", token=key)[1]["items"]
            return items if all(item["state"] == "delivered" for item in items) else None

        items = until(delivered, "every delivery is recorded")
        assert [attempt["outcome"] for item in items for attempt in item["attempts"]] == ["delivered"] * len(items)
        assert len(inbox.ids) == len(set(inbox.ids)) == len(items)
        assert inbox.refused == []
