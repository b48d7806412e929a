"""Two writers about the same contacts: one of them is paused before each of its statements while the other runs.

Each race has contacts of its own. `violations` says what is wrong afterwards, in words.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Event, Thread, get_ident
from typing import Any

from flask import Flask
from sqlalchemy import event, text
from sqlmodel import Session

from survey_service.app import create_app
from survey_service.contacts.identity import sign_identity
from survey_service.store.session import Store
from survey_service.web.api_keys import create_key
from tests.processes import until
from tests.survey_service.service import Service

LONGEST_RACE = 60.0
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@dataclass
class Scene:
    """Two contacts of a race between two acts: `a` has a session with an answer, and whatever else the acts need."""

    service: Service
    write_key: str
    number: int
    acts: tuple[str, ...]

    def __post_init__(self) -> None:
        self.a, self.b, self.device = f"a{self.number}", f"b{self.number}", f"device{self.number}"
        self.ids = []
        for name in (self.a, self.b):
            put = {"email": f"{name}@example.com", "attributes": {"city": "Lyon"}, "external_ids": [{"system": "shop", "id": name}]}
            self.ids.append(self.service.call("PUT", f"/api/v1/contacts/{name}", put).json["id"])
        self.identity = sign_identity(self.service.parts.keys, self.ids[0])
        self.person = self.service.start("all", identity=self.identity)
        assert self.person.answer("owns", "yes").status_code == 200
        if "identify" in self.acts:
            self.stranger = self.service.start("all")
            assert self.stranger.answer("owns", "no").status_code == 200
        if "start by link" in self.acts:
            created = self.service.call("POST", "/api/v1/links", {"survey": "short", "contacts": [{"external_id": self.a}]}).json
            self.link = created["items"][0]["url"].rpartition("/")[2]

    def send(self, app: Flask, method: str, path: str, body: Any = None, **more: Any) -> int:
        headers = more.pop("headers", {"Authorization": f"Bearer {self.service.key}"})
        return app.test_client().open(path, method=method, json=body, headers=headers, **more).status_code


Act = Callable[[Scene, Flask], int]
"""What one writer does, through one of the two web servers. Returns the HTTP status."""


def _merge(gone: str, kept: str) -> Act:
    def act(scene: Scene, app: Flask) -> int:
        body = {"into": {"external_id": getattr(scene, kept)}, "from": {"external_id": getattr(scene, gone)}}
        return scene.send(app, "POST", "/api/v1/contacts/merge", body)

    return act


def _track(scene: Scene, app: Flask) -> int:
    body = {"userId": scene.a, "anonymousId": scene.device, "event": "Brochure Downloaded"}
    return scene.send(app, "POST", "/v1/track", body, headers={}, auth=(scene.write_key, ""))


def _answer(scene: Scene, app: Flask) -> int:
    body = {"answer_id": "raced", "question": "happy", "kind": "answer", "value": 3}
    of_session = {"Authorization": f"Bearer {scene.person.token}"}
    return scene.send(app, "POST", f"/api/v1/sessions/{scene.person.session}/answers", body, headers=of_session)


def _identify(scene: Scene, app: Flask) -> int:
    of_session = {"Authorization": f"Bearer {scene.stranger.token}"}
    path = f"/api/v1/sessions/{scene.stranger.session}/identity"
    return scene.send(app, "POST", path, {"identity": scene.identity}, headers=of_session)


def _put(**fields: Any) -> Act:
    def act(scene: Scene, app: Flask) -> int:
        body = {"email": "new@example.com", "attributes": {"plan": "pro"}, **fields}
        return scene.send(app, "PUT", f"/api/v1/contacts/{scene.a}", body)

    return act


ACTS: dict[str, Act] = {
    "put": _put(external_ids=[{"system": "till", "id": "t"}]),
    "put with consent": _put(consent={"profiling": True}),
    "delete": lambda scene, app: scene.send(app, "DELETE", f"/api/v1/contacts/{scene.a}"),
    "merge a into b": _merge("a", "b"),
    "merge b into a": _merge("b", "a"),
    "label": lambda scene, app: scene.send(app, "PUT", f"/api/v1/contacts/{scene.a}/label", {"bank": "cars", "persona": "driver"}),
    "track": _track,
    "answer": _answer,
    "start by identity": lambda scene, app: scene.send(app, "POST", "/api/v1/surveys/all/sessions", {"identity": scene.identity}),
    "start by link": lambda scene, app: scene.send(app, "POST", "/api/v1/surveys/short/sessions", {"link": scene.link}),
    "identify": _identify,
    "make a link": lambda scene, app: scene.send(app, "POST", "/api/v1/links", {"survey": "all", "contacts": [{"external_id": scene.a}]}),
}
ENDINGS = ("delete", "merge a into b", "merge b into a")
"""What makes a contact erased or part of another. Two acts without one of these only update the same contact."""
PAIRS_WITH_AN_ENDING = [(first, second) for first in ACTS for second in ACTS if first in ENDINGS or second in ENDINGS]


class Races:
    """Races on one database, between two web servers that share nothing else."""

    def __init__(self, service: Service) -> None:
        self.service, parts = service, service.parts
        self.apps = create_app(parts.settings, service.clock), create_app(parts.settings, service.clock)
        with parts.store.writing() as session:
            self.write_key = create_key(session, parts.keys, "intake", "races", service.clock())
        endpoint = {"url": "https://crm.example/hook", "when": "every_answer"}
        assert service.call("POST", "/api/v1/endpoints", endpoint).status_code in (201, 422)
        self._numbers = count()

    @property
    def is_sqlite(self) -> bool:
        return self.service.parts.store.engine.dialect.name == "sqlite"

    def close(self) -> None:
        for app in self.apps:
            app.extensions["discern"].store.close()

    def scene(self, *acts: str) -> Scene:
        return Scene(self.service, self.write_key, next(self._numbers), acts)

    def paused(self, first: str, second: str, step: int) -> list[str] | None:
        """Pause `first` before its statement number `step`, run `second`, and let `first` go on. Return what is wrong then.

        Returns None where `first` has no such statement. On SQLite the steps are its transactions, since a writer is alone from the first
        statement on. `second` runs until it ends or waits for a lock of `first`.
        """
        scene, statuses = self.scene(first, second), dict[str, int]()
        reached, go_on = Event(), Event()
        threads: set[int] = set()

        def run(name: str, app: Flask) -> Thread:
            def act() -> None:
                if app is self.apps[0]:
                    threads.add(get_ident())
                statuses[f"{name}, {'paused' if app is self.apps[0] else 'running'}"] = ACTS[name](scene, app)

            thread = Thread(target=act, daemon=True)
            thread.start()
            return thread

        with _pausing(self.apps[0].extensions["discern"].store, threads, step, reached, go_on):
            paused = run(first, self.apps[0])
            until(lambda: reached.is_set() or not paused.is_alive(), f"{first} reaches step {step}")
            other = run(second, self.apps[1]) if reached.is_set() else None
            if other is not None:
                until(lambda: not other.is_alive() or self._is_waiting(), f"{second} ends or waits")
            go_on.set()
            paused.join(LONGEST_RACE)
            if other is None:
                return None
            other.join(LONGEST_RACE)
        return self.violations(scene, statuses, alive=paused.is_alive() or other.is_alive())

    def natural(self, first: str, second: str) -> list[str]:
        """Let both run at once, and return what is wrong afterwards."""
        scene, statuses = self.scene(first, second), dict[str, int]()
        start = Event()

        def act(name: str, app: Flask, key: str) -> None:
            start.wait(LONGEST_RACE)
            statuses[key] = ACTS[name](scene, app)

        both = [
            Thread(target=act, args=(name, app, f"{name} {app is self.apps[0]}"), daemon=True)
            for name, app in zip((first, second), self.apps, strict=True)
        ]
        for thread in both:
            thread.start()
        start.set()
        for thread in both:
            thread.join(LONGEST_RACE)
        return self.violations(scene, statuses, alive=any(thread.is_alive() for thread in both))

    def _is_waiting(self) -> bool:
        with self.service.parts.store.reading() as session:
            return not self.is_sqlite and session.connection().execute(WAITING).scalar_one() > 0

    def violations(self, scene: Scene, statuses: dict[str, int], *, alive: bool) -> list[str]:
        """Return what no race may leave behind: each a sentence."""
        wrong = ["a writer does not end"] if alive else []
        wrong += [f"{name} got {status}" for name, status in statuses.items() if status >= 500]
        wrong += [] if alive or len(statuses) == 2 else ["a writer ended with an exception"]
        with self.service.parts.store.reading() as session:
            connection = session.connection()
            for contact_id in scene.ids:
                row = connection.execute(text("SELECT * FROM contact WHERE id = :id"), {"id": contact_id}).mappings().one()
                if row["erased_at"] is not None or row["merged_into"] is not None:
                    wrong += left_on(connection, row)
                if row["merged_into"] is not None:
                    kept = connection.execute(text("SELECT * FROM contact WHERE id = :id"), {"id": row["merged_into"]}).mappings().one()
                    wrong += [f"{contact_id} is merged into a merged contact"] if kept["merged_into"] is not None else []
                wrong += _after_erasure(connection, contact_id)
            wrong += _answers_apart(connection, scene)
        return wrong


@contextmanager
def _pausing(store: Store, threads: set[int], step: int, reached: Event, go_on: Event) -> Iterator[None]:
    """Pause the writer in `threads` before its statement number `step`, on SQLite before its transaction, until `go_on` is set."""
    numbers, begin = count(1), store.writing

    def pause(*_: Any) -> None:
        if get_ident() in threads and next(numbers) == step:
            reached.set()
            go_on.wait(LONGEST_RACE)

    def writing() -> AbstractContextManager[Session]:
        pause()
        return begin()

    if store.engine.dialect.name == "sqlite":
        store.writing = writing  # type: ignore[method-assign]
    else:
        event.listen(store.engine, "before_cursor_execute", pause)
    try:
        yield
    finally:
        if store.engine.dialect.name == "sqlite":
            store.writing = begin  # type: ignore[method-assign]
        else:
            event.remove(store.engine, "before_cursor_execute", pause)


def left_on(connection: Any, contact: Any) -> list[str]:
    """Return what is left on a contact that was erased or merged."""
    state = "erased" if contact["erased_at"] is not None else "merged"
    wrong = [
        f"the {state} contact has {name}"
        for name in ("email", "email_sha256", "attributes", "consent", "labels")
        if contact[name] not in (None, {}, "{}")
    ]
    for table in ("external_id", "survey_session", "answer", "contact_event", "belief"):
        found = connection.execute(text(f'SELECT count(*) FROM "{table}" WHERE contact_id = :id'), {"id": contact["id"]})
        wrong += [f"the {state} contact has rows in {table}"] if found.scalar_one() else []
    links = connection.execute(text("SELECT count(*) FROM link WHERE contact_id = :id AND revoked_at IS NULL"), {"id": contact["id"]})
    return wrong + ([f"the {state} contact has a link that works"] if links.scalar_one() else [])


def _answers_apart(connection: Any, scene: Scene) -> list[str]:
    """Return whether an answer of the scene belongs to another contact than its session."""
    people = [scene.person, *([scene.stranger] if "identify" in scene.acts else [])]
    apart = text(
        "SELECT count(*) FROM answer a JOIN survey_session s ON s.id = a.session_id WHERE s.id = :id AND a.contact_id <> s.contact_id"
    )
    found = sum(connection.execute(apart, {"id": person.session}).scalar_one() for person in people)
    return ["an answer and its session belong to different contacts"] if found else []


def _after_erasure(connection: Any, contact_id: str) -> list[str]:
    """Return what was written for subscribers about an erased contact beside its erasure."""
    mine = text("SELECT id, event_type, state, body FROM delivery WHERE contact_id = :id ORDER BY id")
    messages = connection.execute(mine, {"id": contact_id}).mappings().all()
    erased = [message["id"] for message in messages if message["event_type"] == "contact.erased"]
    if not erased:
        return []
    wrong = ["the erasure is published twice"] if len(erased) > 1 else []
    wrong += ["a message comes after the erasure"] if messages[-1]["id"] != erased[-1] else []
    pending = [message for message in messages if message["state"] == "pending" and message["id"] not in erased]
    return wrong + (["a message before the erasure is still pending"] if pending else [])
