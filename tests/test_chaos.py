"""Killed processes lose nothing: every acknowledged answer and event is stored once, its consequences follow, and nothing is sent about
somebody who was erased. A short run of `benchmarks/chaos.py`.
"""

from tests.chaos import Chaos, Findings
from tests.survey_service.databases import clone, sqlite_copy


def is_well(findings: Findings) -> None:
    assert findings.refused == []
    assert (findings.lost, findings.doubled) == ([], [])
    assert findings.untrue == []  # the stored belief equals the one replayed from answers and events
    assert findings.behind == []  # the receiver and the CRM have the last state of every contact
    assert findings.after_the_end == []  # nothing arrives about a contact behind its erasure, or after its acknowledgement
    assert findings.left_on_gone == []
    assert findings.disordered == []
    assert findings.stuck == []
    assert findings.answers > 20
    assert findings.contacts > 5
    assert findings.events > 5


def test_sqlite_survives_the_death_of_web_servers_and_workers(sqlite_template, tmp_path):
    """Two servers, two workers and six respondents on one file."""
    chaos = Chaos(sqlite_copy(sqlite_template, tmp_path), respondents=6, seconds=8, kill_every=1.5)
    is_well(chaos.run())
    assert chaos.kills.total() >= 4


def test_postgresql_survives_its_own_death(private_postgres):
    """The database server is killed and restarted too; no other process is restarted for that."""
    with clone(private_postgres) as url:
        chaos = Chaos(url, respondents=6, seconds=10, kill_every=1.5, server=private_postgres)
        is_well(chaos.run())
    assert chaos.kills["postgresql"] >= 1
