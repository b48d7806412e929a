"""Acknowledged answers are durable: the web process is killed repeatedly while respondents answer."""

import json
import os
import signal
from pathlib import Path

from survey_service.outbox.events import rounded
from tests.processes import discern, end, process, receiver, until, web_server
from tests.respondents import Respondent, all_acknowledged, answering, count
from tests.test_one_answer_to_webhook import BANK

KILLS = 50


def test_every_acknowledged_answer_survives_fifty_kills_and_its_webhook_arrives(database_url):
    """Every answer that got a 200 is in the log, and the CRM gets the last belief of every contact."""
    assert discern("publish", str(BANK), database_url=database_url).returncode == 0
    key = json.loads(discern("key", "create", "--scope", "admin", "--json", database_url=database_url).stdout)["key"]

    with receiver() as inbox, process("worker", database_url=database_url):
        with web_server(database_url) as (web, running):
            status, endpoint = web.call("POST", "/api/v1/endpoints", {"url": inbox.url, "when": "every_answer"}, key)
            assert status == 201
            inbox.secret = endpoint["secret"]
            people = [Respondent([web], seed) for seed in range(4)]
            with answering(people):
                for kill in range(KILLS):
                    wanted = count(people) + 1
                    until(lambda wanted=wanted: count(people) >= wanted, f"an answer after kill {kill}")
                    kill_a_worker(running.pid)
                until(lambda: all(someone.acknowledged for someone in people), "everybody has answered")
            end(running, signal.SIGKILL)

        assert [broken for someone in people for broken in someone.broken] == []
        acknowledged = all_acknowledged(people)
        with web_server(database_url) as (web, _):
            last = {}
            for session, answers in acknowledged.items():
                _, insight = web.call("GET", f"/api/v1/sessions/{session}", token=key)
                log = {entry["answer_id"]: entry for entry in insight["log"]}
                assert len(log) == len(insight["log"])
                for answer in answers:
                    assert answer["answer_id"] in log, f"{answer} was acknowledged and is gone"
                    assert log[answer["answer_id"]]["kind"] == answer["kind"]
                last[session] = insight["belief"]

            def received():
                updates = [message["data"] for message in inbox.of_type("contact.persona.updated")]
                return {(update["sequence"], tuple(update["probabilities"].values())) for update in updates}

            expected = {(belief["sequence"], tuple(rounded(belief["probabilities"]).values())) for belief in last.values()}
            until(lambda: expected <= received(), "the CRM has the last belief of every contact")
        assert inbox.refused == []
    assert len(acknowledged) >= len(people)
    assert sum(map(len, acknowledged.values())) >= KILLS


def kill_a_worker(master: int) -> None:
    """Kill one of gunicorn's worker processes with SIGKILL; its master starts another."""
    children = [int(child) for child in Path(f"/proc/{master}/task/{master}/children").read_text().split()]
    if children:
        os.kill(children[0], signal.SIGKILL)
