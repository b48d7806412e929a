"""The database is full, read-only or down: respondents get a 503 with Retry-After, and nothing is lost."""

import resource
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import text

from survey_service.app import create_app
from survey_service.settings import Settings
from survey_service.store.session import open_engine
from tests.processes import discern, until, web_server
from tests.survey_service.databases import clone, sqlite_copy
from tests.survey_service.service import SECRET
from tests.test_one_answer_to_webhook import BANK


class Respondent:
    """A respondent with an open question, over real HTTP."""

    def __init__(self, web):
        self.web = web
        _, self.view = web.call("POST", "/api/v1/surveys/post-purchase/sessions", {})
        self.token, self.number = self.view["token"], 0

    def answers(self):
        """Send an answer to the open question, the same one until it is accepted. Return the status."""
        body = {"answer_id": f"a{self.number}", "question": self.view["question"]["id"], "kind": "skip", "token": self.token}
        status, answer = self.web.call("POST", f"/api/v1/sessions/{self.view['session']}/answers", body)
        if status == 200:
            self.view, self.number = answer, self.number + 1
        else:
            assert (status, answer["code"]) == (503, "unavailable")
        return status

    def stored(self, url):
        engine = open_engine(url)
        with engine.connect() as connection:
            found = connection.scalar(text("SELECT count(*) FROM answer WHERE session_id = :id"), {"id": self.view["session"]})
        engine.dispose()
        return found


@contextmanager
def full_disk(processes):
    """Let no file of these processes grow while the block lasts."""
    before = {process: resource.prlimit(process, resource.RLIMIT_FSIZE) for process in processes}
    for key, (_, hard) in before.items():
        resource.prlimit(key, resource.RLIMIT_FSIZE, (0, hard))
    yield
    for key, limits in before.items():
        resource.prlimit(key, resource.RLIMIT_FSIZE, limits)


def test_sqlite_recovers_from_a_full_disk(sqlite_template, tmp_path):
    """Answers get 503 while the disk is full and are accepted afterwards, by the same processes."""
    url = sqlite_copy(sqlite_template, tmp_path)
    assert discern("publish", str(BANK), database_url=url).returncode == 0
    with web_server(url) as (web, running):
        someone = Respondent(web)
        assert someone.answers() == 200
        children = [int(pid) for pid in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()]
        with full_disk(children):
            assert [someone.answers() for _ in range(3)] == [503] * 3
        assert [someone.answers() for _ in range(2)] == [200] * 2
        assert someone.stored(url) == 3


FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON answer EXECUTE FUNCTION full_disk()
"""


def test_the_service_recovers_when_postgresql_was_full_read_only_or_down(private_postgres):
    """One server process goes through all three faults without a restart."""
    with clone(private_postgres) as url:
        assert discern("publish", str(BANK), database_url=url).returncode == 0

        def operator(statement):
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(statement)

        with web_server(url) as (web, _):
            someone = Respondent(web)
            operator(FULL)
            assert [someone.answers() for _ in range(2)] == [503] * 2
            operator("DROP TRIGGER full_disk ON answer")
            assert someone.answers() == 200

            private_postgres.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            private_postgres.execute("SELECT pg_reload_conf()")
            until(lambda: someone.answers() == 503, "the database refuses writes")
            assert web.call("GET", f"/api/v1/sessions/{someone.view['session']}", token=someone.token)[0] == 200
            with psycopg.connect(
                host=str(private_postgres.folder), user="postgres", autocommit=True, options="-c default_transaction_read_only=off"
            ) as connection:
                connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
                connection.execute("SELECT pg_reload_conf()")
            until(lambda: someone.answers() == 200, "the database accepts answers again")

            private_postgres.kill()
            assert [someone.answers() for _ in range(3)] == [503] * 3
            assert web.call("GET", "/readyz")[0] == 503
            assert web.call("GET", "/healthz")[0] == 200
            private_postgres.start()
            until(lambda: someone.answers() == 200, "the database is found again")
            until(web.is_ready, "every process has found it")
            assert someone.stored(url) == someone.number


def test_a_read_only_database_is_reported_to_respondents(sqlite_template):
    """With SQLite on a read-only file system reading works, and writing gets a 503 with Retry-After."""
    url = f"sqlite:///file:{sqlite_template}?mode=ro&uri=true"
    app = create_app(Settings(database_url=url, secret_keys=(SECRET,)))
    response = app.test_client().post("/api/v1/surveys/post-purchase/sessions", json={})

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.json["code"] == "unavailable"
    app.extensions["discern"].store.close()
