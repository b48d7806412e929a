"""Behind PgBouncer everything works as on the database itself, in session mode and in transaction mode."""

import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from survey_service.store.session import Store
from survey_service.store.versions import is_usable
from tests.gateways import pgbouncer
from tests.processes import ROOT, discern, receiver, web_server
from tests.survey_service.databases import clone

BANK = ROOT / "question_bank" / "examples" / "car-buyers.yaml"
ONE_CONNECTION = {"default_pool_size = 20": "default_pool_size = 1"}


def name_of(url):
    return str(make_url(url).database)


@pytest.fixture
def empty(postgres_server):
    """The name of a database without tables."""
    with clone(postgres_server) as url:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        yield name_of(url)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_an_answer_reaches_the_crm_through_pgbouncer(postgres_server, empty, mode):
    """Two migrations at once, publishing, web server with two processes, answers of four respondents at once, and the worker."""
    with pgbouncer(postgres_server, empty, {"pool_mode = transaction": f"pool_mode = {mode}"}) as url, receiver() as crm:
        with ThreadPoolExecutor(2) as pool:
            migrations = list(pool.map(lambda _: discern("migrate", database_url=url), range(2)))
        assert [done.returncode for done in migrations] == [0, 0], migrations
        assert discern("publish", str(BANK), database_url=url).returncode == 0
        made = json.loads(discern("endpoint", "add", crm.url, "--when", "every_answer", "--json", database_url=url).stdout)
        crm.secret = made["secret"]

        with web_server(url) as (web, _), ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(lambda number: answer_all(web, number), range(4)))
        assert statuses == [{200}] * 4
        delivered = discern("worker", "--once", database_url=url)

        assert (delivered.returncode, crm.refused) == (0, []), delivered.stderr
        assert len(crm.of_type("survey.response.completed")) == 4
        doctor = discern("doctor", database_url=url)
        assert "ok   database" in doctor.stdout, doctor


def answer_all(web, number):
    """Answer a survey to its end. Return the statuses of the responses."""
    status, view = web.call("POST", "/api/v1/surveys/website/sessions", {})
    assert status == 201, view
    token, statuses = view["token"], set()
    while (question := view.get("question")) is not None:
        body = {"answer_id": f"{number}-{question['id']}", "question": question["id"], "kind": "skip"}
        status, view = web.call("POST", f"/api/v1/sessions/{view['session']}/answers", body, token=token)
        statuses.add(status)
    return statuses


def test_settings_of_a_connection_do_not_reach_other_clients(postgres_server):
    """Clients that share the one connection to the server keep their own time zone and their own durability."""
    with clone(postgres_server) as direct, pgbouncer(postgres_server, name_of(direct), ONE_CONNECTION) as url:
        store = Store(url)
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
            other.execute("SET TimeZone = 'Asia/Tokyo'")
            for _ in range(12):  # more often than psycopg waits before it prepares a statement
                with store.fast_connection() as fast:
                    assert shown(fast, "TimeZone") == "UTC"
                with store.writing_fast() as session:
                    assert shown(session.connection(), "synchronous_commit") == "off"
                assert other.execute("SHOW synchronous_commit").fetchone() == ("on",)
                assert other.execute("SHOW TimeZone").fetchone() == ("Asia/Tokyo",)
            other.execute("SET synchronous_commit = off")  # another program that does not know of the mode
            with store.writing() as session:
                assert shown(session.connection(), "synchronous_commit") == "on"
                assert shown(session.connection(), "TimeZone") == "UTC"
        store.close()


def test_connections_without_a_pooler_are_set_once(postgres_server):
    """Directly on the database the two engines are durable and fast, both in UTC, whatever the database says."""
    with clone(postgres_server) as url:
        postgres_server.execute(f"ALTER DATABASE {name_of(url)} SET synchronous_commit = off")
        postgres_server.execute(f"ALTER DATABASE {name_of(url)} SET TimeZone = 'Asia/Tokyo'")
        store = Store(url)
        with store.writing() as session, store.fast_connection() as fast:
            assert [shown(session.connection(), name) for name in ("synchronous_commit", "TimeZone")] == ["on", "UTC"]
            assert [shown(fast, name) for name in ("synchronous_commit", "TimeZone")] == ["off", "UTC"]
        store.close()


def test_statement_mode_is_refused_with_a_sentence(postgres_server, empty):
    """It has no transactions, without which nothing here is right."""
    with pgbouncer(postgres_server, empty, {"pool_mode = transaction": "pool_mode = statement"}) as url:
        refused = discern("migrate", database_url=url)

        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert "statement pooling" in refused.stderr


def test_a_full_pool_is_a_database_that_does_not_answer(postgres_server):
    """Whoever waits for a connection in vain gets the error of a database that is away: respondents get 503 and try again."""
    with clone(postgres_server) as direct:
        changes = {**ONE_CONNECTION, "query_wait_timeout = 10": "query_wait_timeout = 1"}
        with pgbouncer(postgres_server, name_of(direct), changes) as url, web_server(url) as (web, _):
            with psycopg.connect(url.replace("+psycopg", "")) as other:
                other.execute("SELECT 1")  # its transaction keeps the connection
                assert web.call("GET", "/readyz")[0] == 503
            assert web.call("GET", "/readyz")[0] == 200
        store = Store(direct)
        assert is_usable(store.engine)
        store.close()


def shown(connection, name):
    return connection.scalar(text(f"SHOW {name}"))
