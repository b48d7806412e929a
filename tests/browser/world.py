"""The service and a shop of another origin, both listening on ports, and a page in a browser that records events."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flask import Flask, Response
from playwright.sync_api import Locator, Page, expect
from sqlmodel import SQLModel, func, select
from werkzeug.serving import make_server

from question_bank.files.load import read_bank
from survey_service.app import create_app
from survey_service.banks.publishing import publish
from survey_service.contacts.directory import find_or_create
from survey_service.contacts.identity import sign_identity
from survey_service.email_links.create import LIFETIME, Recipient, create_links, prepare_mailing
from survey_service.email_links.rendering import Drafts
from survey_service.links.tokens import LinkTokens
from survey_service.settings import Settings
from survey_service.store.migrate import migrate
from survey_service.store.tables.core import Answer, SurveySession
from survey_service.web.context import Parts, utc_now

SURVEY = (Path(__file__).parent / "a_survey.yaml").read_text()
MORE = (Path(__file__).parent / "more_surveys.yaml").read_text()
BRANCHING = (Path(__file__).parent / "a_branching_survey.yaml").read_text()
CAR_BUYERS = (Path(__file__).parents[2] / "question_bank" / "examples" / "car-buyers.yaml").read_text()
QUESTIONS = ("Which colour?", "How is your mood?", "Which extras?", "How old are you?", "Anything else?")
HOOK = {"ticked": ["hook"], "seen": ["roof", "hook", "seat"]}
"""How the answer is stored that "Tow bar" alone is ticked."""
EVENTS = ("surveystart", "surveyquestion", "surveyanswer", "surveycomplete", "surveyerror")
LISTENER = (
    f"const types = {list(EVENTS)};"
    + """
window.recorded = [];
for (const type of types) document.addEventListener(type, (event) => recorded.push([type, event.detail]));
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
"""
)


WATCH = """
window.steps = [];
new MutationObserver(() => {
  const legend = document.querySelector("persona-survey").shadowRoot.querySelector("legend")?.textContent;
  const step = steps.at(-1);
  if (step && step.shown === undefined && legend !== step.from) step.shown = performance.now();
}).observe(document.querySelector("persona-survey").shadowRoot, { childList: true, subtree: true });
document.addEventListener("click", (event) => {
  const button = event.composedPath()[0];
  if (button.type !== "submit") return;
  steps.push({ from: button.getRootNode().querySelector("legend").textContent, clicked: performance.now() });
}, { capture: true });
"""
"""Records when a button was clicked, and when another question was shown."""


@dataclass
class World:
    """The service and the shop. `put` writes a page of the shop."""

    service: str
    shop: str
    parts: Parts
    pages: dict[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)

    def put(self, body: str, headers: Mapping[str, str] | None = None, head: str = "") -> str:
        """Add a page to the shop and return its address."""
        name = f"page-{len(self.pages)}"
        listener = '<script src="/listener.js"></script>'
        meta = '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Shop</title>'
        self.pages[name] = (f'<!doctype html><html lang="en"><meta charset="utf-8">{meta}{listener}{head}{body}', headers or {})
        return f"{self.shop}/{name}"

    def element(self, attributes: str = "", survey: str = "every-type") -> str:
        """Return the two tags of the documentation."""
        return (
            f'<script type="module" src="{self.service}/embed/v1/widget.js"></script>'
            f'<persona-survey survey="{survey}" {attributes}><a href="{self.service}/s/{survey}">Answer here</a></persona-survey>'
        )

    def answers(self, session_id: str) -> list[tuple[str, str, Any]]:
        """Return the current answers of a session, the oldest first."""
        with self.parts.store.reading() as session:
            rows = session.exec(select(Answer).where(Answer.session_id == session_id, Answer.state == "current"))
            return [(row.question, row.kind, row.value) for row in sorted(rows, key=lambda row: row.id or 0)]

    def status(self, session_id: str) -> str:
        with self.parts.store.reading() as session:
            row = session.get(SurveySession, session_id)
            assert row is not None
            return row.status

    def count(self, table: type[SQLModel]) -> int:
        """Return the number of rows of a table."""
        with self.parts.store.reading() as session:
            return int(session.exec(select(func.count()).select_from(table)).one())

    def link(self, contact: str, survey: str, question: str, option: str | None) -> str:
        """Return the token of an email link to an option, or to the question."""
        with self.parts.store.writing() as session:
            mailing = prepare_mailing(session, self.parts.banks, survey, question, LIFETIME)
            (created,) = create_links(session, self.parts.keys, mailing, [Recipient(contact, "en")], utc_now())
        draft = Drafts(LinkTokens(self.parts.keys), self.service, mailing.bank).of(created)
        url = draft.url if option is None else next(linked.url for linked in draft.options if linked.id == option)
        return url.rpartition("/")[2]

    def identity(self, contact: str, seconds_ago: float = 0) -> str:
        """Return the signed identity of a contact, as a server of the shop got it so many seconds ago."""
        with self.parts.store.writing() as session:
            found, _ = find_or_create(session, self.parts.keys, contact, utc_now())
            contact_id = found.id
        with signing_clock(utc_now().timestamp() - seconds_ago):
            return sign_identity(self.parts.keys, contact_id)

    def wait_for_answers(self, session_id: str, wanted: list[tuple[str, str, Any]]) -> None:
        """Wait until the session has exactly these answers: the widget shows the next question before they arrive."""
        until = time.monotonic() + 10
        while (answers := self.answers(session_id)) != wanted:
            assert time.monotonic() < until, f"{answers} was stored, not {wanted}"
            threading.Event().wait(0.02)

    def wait_for_count(self, session_id: str, wanted: int) -> list[tuple[str, str, Any]]:
        """Wait until the session has at least `wanted` answers, and return them."""
        until = time.monotonic() + 10
        while len(answers := self.answers(session_id)) < wanted:
            assert time.monotonic() < until, f"only {answers} was stored"
            threading.Event().wait(0.02)
        return answers


@contextmanager
def signing_clock(timestamp: float) -> Iterator[None]:
    """Sign tokens as at this time, in seconds since 1970."""
    with patch("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _: int(timestamp)):
        yield


@dataclass
class Visitor:
    """A person on a page with the widget."""

    world: World
    page: Page
    console: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))

    def visit(self, attributes: str = "", survey: str = "every-type", **more: Any) -> "Visitor":
        self.page.goto(self.world.put(self.world.element(attributes, survey), **more))
        return self

    @property
    def survey(self) -> Locator:
        return self.page.locator("persona-survey")

    @property
    def status(self) -> Locator:
        return self.survey.get_by_role("status")

    def button(self, name: str) -> Locator:
        return self.survey.get_by_role("button", name=name, exact=True)

    def expect_question(self, question: str) -> None:
        expect(self.survey.get_by_role("group", name=question)).to_be_visible()

    def choose(self, option: str) -> None:
        self.survey.get_by_label(option, exact=True).check()

    def events(self, kind: str) -> list[dict[str, Any]]:
        everything: list[Any] = self.page.evaluate("recorded")
        return [detail for event, detail in everything if event == kind]

    @property
    def session(self) -> str:
        return str(self.events("surveystart")[-1]["session"])

    def answer_everything(self) -> None:
        """Answer each of the five questions."""
        acts: tuple[Callable[[], None], ...] = (
            lambda: self.choose("Blue"),
            lambda: self.survey.get_by_role("radio", name="7", exact=True).check(),
            lambda: self.choose("Tow bar"),
            lambda: self.survey.get_by_role("textbox").fill("42"),
            lambda: self.survey.get_by_role("textbox").fill("No, thank you"),
        )
        for question, act in zip(QUESTIONS, acts, strict=True):
            self.expect_question(question)
            act()
            self.button("Continue").click()
        expect(self.survey.get_by_text("That was everything.")).to_be_visible()


@contextmanager
def run_world(folder: Path) -> Iterator[World]:
    """Run a service with its banks and a shop that may embed them, until the block ends."""
    pages: dict[str, tuple[str, Mapping[str, str]]] = {}
    with _listening(_shop(pages)) as shop:
        app = create_app(Settings(f"sqlite:///{folder}/discern.db", ("a key for tests that is long enough",)))
        parts: Parts = app.extensions["discern"]
        migrate(parts.store.engine)
        with parts.store.writing() as session:
            publish(session, read_bank(SURVEY.replace("SHOP", shop)), utc_now())
            publish(session, read_bank(MORE.replace("SHOP", shop)), utc_now())
            publish(session, read_bank(BRANCHING), utc_now())
            publish(session, read_bank(CAR_BUYERS.replace("https://shop.example", shop)), utc_now())
        with _listening(app) as service:
            yield World(service, shop, parts, pages)
        parts.store.close()


def _shop(pages: Mapping[str, tuple[str, Mapping[str, str]]]) -> Flask:
    shop = Flask("shop")

    @shop.get("/listener.js")
    def listener() -> Response:
        return Response(LISTENER, content_type="text/javascript")

    @shop.get("/favicon.ico")
    def icon() -> tuple[str, int]:
        return "", 204

    @shop.get("/<string:name>")
    def page(name: str) -> Response | tuple[str, int]:
        if name not in pages:
            return "", 404
        return Response(pages[name][0], headers=dict(pages[name][1]), content_type="text/html; charset=utf-8")

    return shop


@contextmanager
def _listening(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
