"""Killed processes lose nothing: every acknowledged answer and event is stored once, its consequences follow, and nothing is sent about
somebody who was erased. A short run of `benchmarks/chaos.py`.
"""

import pytest

from tests.chaos import ENOUGH_ANSWERS, ENOUGH_CONTACTS, ENOUGH_EVENTS, ENOUGH_KILLS, PENDING, Chaos, Findings
from tests.fleet import UPDATED
from tests.survey_service.databases import clone, sqlite_copy
from tests.world.witness import ERASED, GRACE_SECONDS, MERGED, Arrival, Witness


def is_well(findings: Findings) -> None:
    assert findings.refused == []
    assert (findings.lost, findings.doubled) == ([], [])
    assert findings.untrue == []  # the stored belief equals the one replayed from answers and events
    assert findings.behind == []  # the receiver and the CRMs have the last state of every contact
    assert findings.after_the_end == []  # nothing arrives about a contact behind its erasure, or after its acknowledgement
    assert findings.left_on_gone == []
    assert findings.disordered == []
    assert findings.stuck == []
    assert findings.answers > ENOUGH_ANSWERS
    assert findings.contacts > ENOUGH_CONTACTS
    assert findings.events > ENOUGH_EVENTS


def test_sqlite_survives_the_death_of_web_servers_and_workers(sqlite_template, tmp_path):
    """Two servers, two workers and six respondents on one file."""
    chaos = Chaos(sqlite_copy(sqlite_template, tmp_path), respondents=6, seconds=6, kill_every=1.2)
    is_well(chaos.run())
    assert chaos.kills.total() >= ENOUGH_KILLS


def test_postgresql_survives_its_own_death(private_postgres):
    """The database server is killed and restarted too; no other process is restarted for that."""
    with clone(private_postgres) as url:
        chaos = Chaos(url, respondents=6, seconds=7, kill_every=1.2, server=private_postgres)
        is_well(chaos.run())
    assert chaos.kills["postgresql"] >= 1


BEFORE, END = Arrival("webhooks", UPDATED, "ct_1", 1, 1.0, True), Arrival("webhooks", ERASED, "ct_1", 2, 2.0, True, names=("zoe",))
MERGE = Arrival("webhooks", MERGED, "ct_2", 3, 2.0, True, gone="ct_1")


@pytest.mark.parametrize(
    ("arrivals", "found"),
    [
        ([BEFORE, END, END], 0),
        ([END, BEFORE._replace(at=3.0)], 1),
        ([END, BEFORE._replace(at=3.0, was_taken=False)], 1),
        ([MERGE, BEFORE._replace(at=3.0)], 1),
        ([MERGE, BEFORE._replace(at=3.0, contact="ct_2")], 0),
        ([END, BEFORE._replace(at=3.0, receiver="http")], 0),  # the CRM gets its own erasure, and this was under way
        ([END, BEFORE._replace(at=3.0 + GRACE_SECONDS, receiver="http")], 1),
    ],
)
def test_the_checker_finds_what_arrives_about_a_contact_that_is_gone(arrivals, found):
    assert len(Witness(0.0, arrivals=arrivals).after_the_end({"zoe": 2.5})) == found


def test_the_checker_finds_a_receiver_that_is_behind():
    """The last update that was taken counts, in the order of arrival."""
    witness = Witness(0.0, arrivals=[BEFORE, BEFORE._replace(sequence=2, at=2.0, was_taken=False)])

    assert not witness.behind("webhooks", "ct_1", 1)
    assert witness.behind("webhooks", "ct_1", 2)
    assert witness.behind("hubspot", "ct_1", 1)


def test_the_checker_waits_for_everything_that_the_service_has_to_do():
    states = {"waiting": 1, "in_flight": 2, "no_identity": 8, "dead": 16}
    figures = [f'discern_outbox_messages{{state="{state}"}} {count}.0' for state, count in states.items()]
    figures += ["discern_intake_waiting 4.0", "discern_intake_oldest_waiting_seconds 32.0"]

    assert sum(map(float, PENDING.findall("\n".join(figures)))) == 7
