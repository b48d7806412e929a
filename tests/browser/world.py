"""The service and a shop of another origin, both really listening, and a browser's page that is told what it hears."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response
from playwright.sync_api import Locator, Page, expect
from sqlmodel import SQLModel, func, select
from werkzeug.serving import make_server

from question_bank.files.load import read_bank
from survey_service.app import create_app
from survey_service.banks.publishing import publish
from survey_service.email_links.create import LIFETIME, Recipient, prepare_mailing, create_links
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
EVENTS = ("surveystart", "surveyquestion", "surveyanswer", "surveycomplete", "surveyerror")
LISTENER = (
    f"const types = {list(EVENTS)};"
    + """
window.heard = [];
for (const type of types) document.addEventListener(type, (event) => heard.push([type, event.detail]));
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
"""Notes when a button was clicked, and when another question stood there."""


@dataclass
class World:
    """Where everything is. `put` writes a page of the shop."""

    service: str
    shop: str
    parts: Parts
    pages: dict[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)

    def put(self, body: str, headers: Mapping[str, str] | None = None, head: str = "") -> str:
        """The address of a new page of the shop."""
        name = f"page-{len(self.pages)}"
        listener = '<script src="/listener.js"></script>'
        meta = '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Shop</title>'
        self.pages[name] = (f'<!doctype html><html lang="en"><meta charset="utf-8">{meta}{listener}{head}{body}', headers or {})
        return f"{self.shop}/{name}"

    def element(self, attributes: str = "", survey: str = "every-type") -> str:
        """The two tags of the documentation."""
        return (
            f'<script type="module" src="{self.service}/embed/v1/widget.js"></script>'
            f'<persona-survey survey="{survey}" {attributes}><a href="{self.service}/s/{survey}">Answer here</a></persona-survey>'
        )

    def answers(self, session_id: str) -> list[tuple[str, str, Any]]:
        """What the service has kept of a session, oldest first."""
        with self.parts.store.reading() as session:
            rows = session.exec(select(Answer).where(Answer.session_id == session_id, Answer.state == "current"))
            return [(row.question, row.kind, row.value) for row in sorted(rows, key=lambda row: row.id or 0)]

    def status(self, session_id: str) -> str:
        with self.parts.store.reading() as session:
            row = session.get(SurveySession, session_id)
            assert row is not None
            return row.status

    def count(self, table: type[SQLModel]) -> int:
        """How many rows there are."""
        with self.parts.store.reading() as session:
            return int(session.exec(select(func.count()).select_from(table)).one())

    def link(self, contact: str, survey: str, question: str, option: str | None) -> str:
        """The token of an email link: to an answer, or to the question."""
        with self.parts.store.writing() as session:
            wanted = prepare_mailing(session, self.parts.banks, survey, question, LIFETIME)
            (made,) = create_links(session, self.parts.keys, wanted, [Recipient(contact, "en")], utc_now())
        draft = Drafts(LinkTokens(self.parts.keys), self.service, wanted.bank).of(made)
        url = draft.url if option is None else next(this_option.url for this_option in draft.options if this_option.id == option)
        return url.rpartition("/")[2]

    def wait_for_answers(self, session_id: str, wanted: list[tuple[str, str, Any]]) -> None:
        """The widget shows the next question before the service has the answer: these are kept as soon as it has."""
        until = time.monotonic() + 10
        while (found := self.answers(session_id)) != wanted:
            assert time.monotonic() < until, f"{found} was kept, not {wanted}"
            threading.Event().wait(0.02)

    def wait_for_count(self, session_id: str, wanted: int) -> list[tuple[str, str, Any]]:
        """Once at least so many have been kept."""
        until = time.monotonic() + 10
        while len(found := self.answers(session_id)) < wanted:
            assert time.monotonic() < until, f"only {found} was kept"
            threading.Event().wait(0.02)
        return found


@dataclass
class Visitor:
    """Somebody in front of a page with the widget."""

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
        everything: list[Any] = self.page.evaluate("heard")
        return [detail for event, detail in everything if event == kind]

    @property
    def session(self) -> str:
        return str(self.events("surveystart")[-1]["session"])

    def answer_everything(self) -> None:
        """A possible answer to each of the five questions."""
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
    """A service with three banks and a shop that may embed them; both end with the block."""
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
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
