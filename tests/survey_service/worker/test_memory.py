"""A worker that only delivers stays small: maintenance runs in a process of its own, which ends with it."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import update

from survey_service.clock import utc_now
from survey_service.store.tables.core import SurveySession
from survey_service.worker import maintenance_process
from survey_service.worker.process import Worker
from tests.processes import environment, process, until
from tests.survey_service.crm.connected import Connected
from tests.survey_service.crm.fake_crm import crm, hubspot
from tests.survey_service.egress.hostile_receiver import Receiver, answers
from tests.survey_service.service import a_service

HEAVY = {"numpy", "scipy", "flask", "marshmallow", "yaml", "alembic", "matplotlib", "question_bank.definitions", "adaptive"}

DELIVERS = """
import sys
from click.testing import CliRunner
from survey_service.cli.main import main
done = CliRunner().invoke(main, ["worker", "--once"], catch_exceptions=False)
print(*sorted(sys.modules))
sys.exit(done.exit_code)
"""


def test_a_delivering_worker_loads_no_numerical_libraries_and_no_web_server(world):
    """Runs the real command until a message has arrived."""
    with Receiver(answers()) as target:
        world.endpoint(url=target.url())
        world.store_belief(world.contact(), 0.5)
        known = environment(world.settings.database_url) | {"DISCERN_SECRET_KEYS": world.settings.secret_keys[0]}
        done = subprocess.run([sys.executable, "-c", DELIVERS], env=known, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert world.states == ["delivered"]
    assert HEAVY.intersection(done.stdout.split()) == set()


def test_a_worker_with_a_connection_loads_no_numerical_libraries_either(world):
    """marshmallow reads the answers of the CRM, and is loaded for that alone."""
    world.publish()
    with crm(hubspot) as there:
        Connected(world, there).connect()
        world.store_belief(world.contact(), 0.5)
        known = environment(world.settings.database_url) | {
            "DISCERN_SECRET_KEYS": world.settings.secret_keys[0],
            "DISCERN_ALLOW_PRIVATE_TARGETS": "127.0.0.0/8",
        }
        done = subprocess.run([sys.executable, "-c", DELIVERS], env=known, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert world.states == ["delivered"]
    assert HEAVY.intersection(done.stdout.split()) == {"marshmallow"}


def test_maintenance_runs_in_a_process_that_ends_with_the_worker(database_url):
    """The abandonment of a session is published although the worker's own process loads no bank."""
    service = a_service(database_url)
    service.start().answer("owns", "yes")
    with service.parts.store.writing() as session:
        session.exec(update(SurveySession).values(last_at=utc_now() - timedelta(days=2)))
    worker = Worker(service.parts.settings, service.parts.store)
    worker.start()
    try:
        until(lambda: _abandoned(service), "the survey is closed")
    finally:
        worker.stop()
        worker.join()
        service.parts.store.close()


def test_maintenance_ends_when_the_worker_is_killed(database_url):
    """No process is left behind."""
    service = a_service(database_url)
    service.start().answer("owns", "yes")
    with service.parts.store.writing() as session:
        session.exec(update(SurveySession).values(last_at=utc_now() - timedelta(days=2)))
    service.parts.store.close()
    with process("worker", database_url=database_url) as running:
        helper = until(lambda: _children(running.pid), "the maintenance process has begun")[0]
        running.kill()
        running.wait()
        until(lambda: not Path(f"/proc/{helper}").exists(), "the maintenance process has ended too")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (75, maintenance_process.MaintenanceInterrupted),
        (1, maintenance_process.MaintenanceFailed),
        (-9, maintenance_process.MaintenanceFailed),
    ],
)
def test_the_exit_of_maintenance_is_known(monkeypatch, world, code, problem):
    """An unreachable database is waited for; any other exit ends the worker, and its supervisor restarts it."""
    ends = f"import os, sys; os.kill(os.getpid(), {-code}) if {code} < 0 else sys.exit({code})"
    monkeypatch.setattr(maintenance_process, "COMMAND", (sys.executable, "-c", ends))
    with pytest.raises(problem):
        maintenance_process.run_maintenance(world.settings, lambda _seconds: False)


@pytest.mark.parametrize("signal", [15, 2])
def test_maintenance_ended_by_a_signal_is_no_failure(monkeypatch, world, signal):
    """A signal to the process group ends both processes without an error."""
    ends = f"import os, signal; signal.signal({signal}, signal.SIG_DFL); os.kill(os.getpid(), {signal})"
    monkeypatch.setattr(maintenance_process, "COMMAND", (sys.executable, "-c", ends))
    maintenance_process.run_maintenance(world.settings, lambda _seconds: False)


def _abandoned(service):
    with service.parts.store.reading() as session:
        return session.get_one(SurveySession, session.exec(SurveySession.__table__.select()).one().id).abandoned_at


def _children(pid):
    """Return the child processes of every thread."""
    return [child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]
