"""The widget with gunicorn, including slow responses and a restart in the middle of a survey."""

import signal

import pytest
from playwright.sync_api import expect

from question_bank.files.load import read_bank
from survey_service.banks.publishing import publish
from survey_service.store.migrate import migrate
from survey_service.store.session import Store
from survey_service.web.context import utc_now
from tests.browser.world import SURVEY, WATCH, Visitor, World
from tests.processes import end, free_port, web_server

SLOW = 2.0
"""Seconds that the server takes for every answer."""


@pytest.fixture(scope="module")
def real(tmp_path_factory, world) -> tuple[str, int, Store]:
    """A database with the survey that several servers use in turn. The shop is that of the other tests."""
    url = f"sqlite:///{tmp_path_factory.mktemp('real')}/discern.db"
    store = Store(url)
    migrate(store.engine)
    with store.writing() as session:
        publish(session, read_bank(SURVEY.replace("SHOP", world.shop)), utc_now())
    yield url, free_port(), store
    store.close()


def seen_from(world: World, port: int, store: Store) -> World:
    """Return the same shop with the real server."""
    parts = type(world.parts)(**{**vars(world.parts), "store": store})
    return World(f"http://127.0.0.1:{port}", world.shop, parts, world.pages)


def test_no_answer_is_lost_when_the_server_restarts(real, world, new_page):
    """The server is killed between two answers and the person continues; the log has every answer once."""
    url, port, store = real
    visitor = Visitor(seen_from(world, port, store), new_page())
    with web_server(url, port) as (_, running):
        visitor.visit()
        visitor.choose("Red")
        visitor.button("Continue").click()
        visitor.expect_question("How is your mood?")
        visitor.world.wait_for_count(visitor.session, 1)
        end(running, signal.SIGKILL)
        visitor.survey.get_by_role("radio", name="7", exact=True).check()
        with visitor.page.expect_event("requestfailed"):
            visitor.button("Continue").click()
    with web_server(url, port):
        visitor.page.evaluate("dispatchEvent(new Event('online'))")
        visitor.expect_question("Which extras?")
        visitor.choose("Tow bar")
        visitor.button("Continue").click()
        visitor.expect_question("How old are you?")
        session = visitor.session
    answers = visitor.world.answers(session)
    assert [question for question, _, _ in answers] == ["colour", "mood", "extras"]
    assert answers[:2] == [("colour", "answer", "red"), ("mood", "answer", 7)]
    assert visitor.events("surveyerror") == []


def test_a_slow_server_does_not_delay_the_next_question(visitor, world):
    """After a choice, a scale point and a skip the next question is shown long before the server responds.

    `benchmarks/widget_speed.py` measures how long it takes.
    """
    visitor.page.route("**/answers", lambda route: (visitor.page.wait_for_timeout(SLOW * 1000), route.continue_()))
    visitor.visit()
    visitor.expect_question("Which colour?")
    visitor.page.evaluate(WATCH)
    visitor.choose("Blue")
    with visitor.page.expect_response("**/answers"):
        visitor.button("Continue").click()
    visitor.survey.get_by_role("radio", name="3", exact=True).check()
    with visitor.page.expect_response("**/answers"):
        visitor.button("Continue").click()
    visitor.expect_question("Which extras?")
    with visitor.page.expect_response("**/answers"):
        visitor.button("Skip").click()
    visitor.expect_question("How old are you?")

    waits = visitor.page.evaluate("steps.map((step) => step.shown - step.clicked)")
    assert len(waits) == 3
    assert max(waits) < SLOW * 1000 / 4


def test_a_started_question_is_never_replaced(visitor, world):
    """The server chose another question, but the started one stays, is accepted, and then the server's choice is shown."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    held = []
    visitor.page.route("**/answers", lambda route: held.append(route) if not held else route.continue_())
    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    visitor.survey.get_by_role("radio", name="4", exact=True).check()
    reply = held[0].fetch()
    view = reply.json()
    view["question"] = {"id": "story", "type": "text", "text": "Anything else?", "given": None, "can_go_back": True}
    with visitor.page.expect_response("**/answers"):
        held[0].fulfill(response=reply, json=view)
    visitor.expect_question("How is your mood?")
    expect(visitor.survey.get_by_role("radio", name="4", exact=True)).to_be_checked()
    visitor.button("Continue").click()
    visitor.expect_question("Which extras?")
    world.wait_for_answers(visitor.session, [("colour", "answer", "red"), ("mood", "answer", 4)])


def test_addresses_contain_no_personal_data(visitor, world, request):
    """No email address, persona, answer or token is in a URL or a referrer, whatever the page's address contains."""
    requests = []
    visitor.page.on("request", lambda request: requests.append((request.url, request.headers.get("referer", ""))))
    token = world.link("zoe@example.com", "every-type", "colour", "blue")
    address = world.put(world.element('link hidden-mail="zoe@example.com"'))
    visitor.page.goto(f"{address}?mail=zoe@example.com#discern={token}")
    visitor.expect_question("How is your mood?")
    for _ in range(3):
        before = visitor.survey.locator("legend").inner_text()
        visitor.button("Skip").click()
        expect(visitor.survey.locator("legend")).not_to_have_text(before)
    visitor.survey.get_by_role("textbox").fill("My secret story")
    visitor.button("Continue").click()
    expect(visitor.survey.get_by_text("That was everything.")).to_be_visible()

    ours = [(url, referrer) for url, referrer in requests if url.startswith(world.service)]
    assert len(ours) >= 6
    for secret in ("zoe", "mail", "blue", "secret", "sun", "moon", token):
        assert not any(secret in url or secret in referrer for url, referrer in ours), secret
