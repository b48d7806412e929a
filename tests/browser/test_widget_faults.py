"""The widget behind a proxy that loses, repeats, changes and invents replies: nothing is lost, counted twice, or taken for delivered."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from survey_service.store.tables.core import Contact, SurveySession
from tests.browser.world import Visitor
from tests.world.proxy import a_proxy, answer, change_body, lose_reply, lose_request, send_twice

PORTAL = "<!doctype html><title>Welcome to the hotel</title><p>Please accept our terms."
OFFLINE = "No connection. Your answers are kept here, and sent as soon as it is back."
FOREIGN = {
    "JSON of a service worker": answer(200, '{"ok": true}'),
    "JSON of another session": change_body(lambda body: body.replace(b'"session":"ses_', b'"session":"xes_')),
    "page of a captive portal": answer(200, PORTAL, "text/html"),
    "too early": answer(425, "", "text/plain"),
    "forbidden by a firewall": answer(403, '{"error": "blocked", "status": 403}'),
    "not found by a proxy": answer(404, "nginx", "text/html"),
    "too large for a proxy": answer(413, PORTAL, "text/html"),
    "empty": answer(200, ""),
    "null": answer(200, "null"),
}
ELSEWHERE = {
    **{name: fault for name, fault in FOREIGN.items() if "session" not in name},
    "JSON of another survey": change_body(lambda body: body.replace(b'"survey":"every-type"', b'"survey":"another"')),
}


@pytest.fixture(scope="module")
def proxy(world):
    with a_proxy(world.service) as running:
        yield running


@pytest.fixture
def visitor(world, proxy, new_page):
    """A person whose requests go through the proxy."""
    proxy.stripped.clear()
    yield Visitor(replace(world, service=proxy.address), new_page())
    assert proxy.waiting == [], "every fault has happened"


@pytest.mark.parametrize("fault", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_reply_to_an_answer_is_no_delivery(visitor, world, proxy, fault):
    """The answer is sent again until the service has it, and its later answer follows it."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    proxy.inject("/answers", fault, fault)
    visitor.choose("Blue")
    visitor.button("Continue").click()
    visitor.survey.get_by_role("radio", name="3", exact=True).check()
    visitor.button("Continue").click()
    visitor.expect_question("Which extras?")
    world.wait_for_answers(visitor.session, [("colour", "answer", "blue"), ("mood", "answer", 3)])
    assert visitor.events("surveyerror") == []


def test_the_person_reads_the_truth_while_replies_are_foreign(visitor, world, proxy):
    """After four foreign replies the answer still waits."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    proxy.inject("/answers", *[FOREIGN["JSON of a service worker"]] * 4)
    visitor.choose("Blue")
    visitor.button("Continue").click()
    expect(visitor.status).to_have_text(OFFLINE)
    assert world.answers(visitor.session) == []
    visitor.page.evaluate("dispatchEvent(new Event('online'))")
    world.wait_for_answers(visitor.session, [("colour", "answer", "blue")])
    expect(visitor.status).to_be_empty()


@pytest.mark.parametrize("fault", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_foreign_reply_starts_no_survey(visitor, world, proxy, fault):
    """The start is sent again, and makes one session."""
    before = world.count(SurveySession)
    proxy.inject("/sessions", fault)
    visitor.visit()
    visitor.expect_question("Which colour?")
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    world.wait_for_answers(visitor.session, [("colour", "skip", None)])
    assert world.count(SurveySession) == before + 1


def test_a_start_behind_a_portal_waits_for_the_connection(visitor, proxy):
    """Meanwhile the link of the page is there, and the event says that the server was not reached."""
    proxy.inject("/sessions", *[FOREIGN["forbidden by a firewall"]] * 4)
    visitor.visit()
    visitor.page.wait_for_function("recorded.length")
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
    assert visitor.events("surveyerror") == [{"code": "unreachable"}]
    visitor.page.evaluate("dispatchEvent(new Event('online'))")
    visitor.expect_question("Which colour?")


def test_two_lost_replies_to_the_start_make_one_session(visitor, world, proxy):
    """The page learns of the session with the third reply."""
    before = world.count(SurveySession), world.count(Contact)
    proxy.inject("/sessions", lose_reply, lose_reply)
    visitor.visit()
    visitor.expect_question("Which colour?")
    assert (world.count(SurveySession), world.count(Contact)) == (before[0] + 1, before[1] + 1)
    assert len(visitor.events("surveystart")) == 1


def test_lost_and_repeated_requests_count_once(visitor, world, proxy):
    """Each answer is stored once, in its order."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    proxy.inject("/answers", lose_request, lose_reply, send_twice)
    proxy.inject("/back", lose_reply)
    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    world.wait_for_answers(visitor.session, [("colour", "answer", "red")])
    visitor.button("Back").click()
    visitor.expect_question("Which colour?")
    world.wait_for_answers(visitor.session, [])
    visitor.choose("Blue")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    world.wait_for_answers(visitor.session, [("colour", "answer", "blue")])


def test_a_proxy_that_strips_authorization_does_not_start_the_survey_over(visitor, world, proxy):
    """The token travels in the body, so a reload resumes, and a refused answer is followed by the present state."""
    proxy.stripped.add("authorization")
    visitor.visit("remember")
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    session = visitor.session
    world.wait_for_count(session, 1)
    before = world.count(SurveySession)
    visitor.page.reload()
    visitor.expect_question("How is your mood?")
    assert visitor.events("surveystart") == []
    assert world.count(SurveySession) == before
