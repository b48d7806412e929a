"""No answer is lost or counted twice when the network or the server fails."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.world import Visitor


def test_no_answer_is_lost_while_offline(visitor, world):
    """The next question is shown offline, and both answers arrive in order when the connection is back."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    visitor.page.context.set_offline(True)
    visitor.choose("Blue")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    visitor.survey.get_by_role("radio", name="3", exact=True).check()
    visitor.button("Continue").click()
    expect(visitor.status).to_have_text("No connection. Your answers are kept here, and sent as soon as it is back.", timeout=10_000)
    assert world.answers(visitor.session) == []

    visitor.page.context.set_offline(False)
    visitor.expect_question("Which extras?")
    world.wait_for_answers(visitor.session, [("colour", "answer", "blue"), ("mood", "answer", 3)])
    expect(visitor.status).to_be_empty()


def test_a_started_answer_stays_when_the_connection_returns(visitor):
    """The server's response does not replace a question that is being answered."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    visitor.page.context.set_offline(True)
    visitor.choose("Blue")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    visitor.survey.get_by_role("radio", name="3", exact=True).check()
    visitor.page.context.set_offline(False)

    with visitor.page.expect_response(re.compile("/answers$")):
        pass
    expect(visitor.survey.get_by_role("radio", name="3", exact=True)).to_be_checked()
    visitor.expect_question("How is your mood?")


def test_a_double_click_sends_one_answer(visitor, world):
    """The second click does not answer the next question."""
    visitor.visit()
    visitor.choose("Red")
    visitor.button("Continue").dblclick()
    visitor.expect_question("How is your mood?")
    expect(visitor.status).to_be_empty()
    visitor.button("Skip").dblclick()
    visitor.expect_question("Which extras?")
    visitor.button("Continue").dblclick()
    expect(visitor.status).to_have_text("None of these? Then press Continue again.")
    visitor.button("Continue").dblclick()
    visitor.expect_question("How old are you?")

    given = world.answers(visitor.session)
    assert [question for question, _, _ in given] == ["colour", "mood", "extras"]
    assert len(visitor.events("surveyanswer")) == 3


@pytest.mark.parametrize("status", [500, 503, 429])
def test_failed_requests_are_retried_with_the_same_id(visitor, world, status):
    """An answer that did arrive is not counted twice."""
    visitor.visit()
    sent = []

    def fail_first_request(route):
        sent.append(route.request.post_data_json)
        if len(sent) == 1:
            route.fulfill(status=status, headers={"Access-Control-Allow-Origin": "*"}, body="{}")
        else:
            route.continue_()

    visitor.page.route("**/answers", fail_first_request)
    visitor.choose("Red")
    with visitor.page.expect_response(lambda response: response.ok and response.url.endswith("/answers")):
        visitor.button("Continue").click()

    world.wait_for_answers(visitor.session, [("colour", "answer", "red")])
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert 0 <= sent[0]["seconds"] < 60


def test_a_permanent_error_shows_the_current_state(visitor, world):
    """The session was ended elsewhere: the answer is refused, the page gets an event, and the end is shown."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    with visitor.page.expect_request(re.compile("/sessions$")) as started:
        visitor.page.reload()
    visitor.expect_question("Which colour?")
    token = started.value.response().json()["token"]
    ended = visitor.page.request.post(f"{world.service}/api/v1/sessions/{visitor.session}/finish", data={"token": token})
    assert ended.ok

    visitor.choose("Red")
    visitor.button("Continue").click()
    expect(visitor.survey.get_by_text("That was everything.")).to_be_visible()
    assert [event["code"] for event in visitor.events("surveyerror")] == ["session_closed"]
    assert [event["status"] for event in visitor.events("surveycomplete")] == ["finished"]


def test_leaving_the_page_sends_queued_answers(visitor, world):
    """A queued answer arrives after the page was closed."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    session = visitor.session
    visitor.page.route("**/answers", lambda route: route.abort(), times=1)
    visitor.choose("Red")
    with visitor.page.expect_event("requestfailed"):
        visitor.button("Continue").click()
    visitor.page.goto(world.put("<p>Elsewhere</p>"))

    assert world.wait_for_count(session, 1) == [("colour", "answer", "red")]


def test_the_link_stays_if_the_survey_cannot_start(visitor, world):
    """Without survey, network or permission the page keeps its link and gets an event with the reason."""
    visitor.page.goto(world.put(world.element(survey="nowhere")))
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
    visitor.page.wait_for_function("recorded.length")
    assert [event["status"] for event in visitor.events("surveyerror")] == [404]
    expect(visitor.survey.get_by_role("button")).to_have_count(0)


def test_the_link_stays_if_the_script_is_blocked(world, new_page):
    """The element then shows only its content."""
    visitor = Visitor(world, new_page())
    visitor.page.route("**/widget.js", lambda route: route.abort())
    visitor.visit()
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()


def test_nothing_is_stored_in_the_browser_by_default(visitor):
    """There is no cookie and no storage of any kind."""
    visitor.visit()
    visitor.answer_everything()
    assert visitor.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie.length]") == [0, 0, 0]
    assert visitor.page.context.cookies() == []


def test_with_remember_a_reload_resumes_the_session(visitor):
    """After the end nobody is asked again."""
    visitor.visit("remember")
    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    session = visitor.session
    with visitor.page.expect_response("**/sessions") as resumed:
        visitor.page.reload()
    visitor.expect_question("How is your mood?")
    assert resumed.value.json()["session"] == session
    assert visitor.events("surveystart") == []

    for question in ("How is your mood?", "Which extras?", "How old are you?", "Anything else?"):
        visitor.expect_question(question)
        visitor.button("Skip").click()
    expect(visitor.survey.get_by_text("That was everything.")).to_be_visible()
    visitor.page.reload()
    expect(visitor.survey.get_by_text("That was everything.")).to_be_visible()
