"""Leaving and resuming a survey, going back, and two open tabs."""

from playwright.sync_api import expect

from tests.browser.world import Visitor

WINDOW = {"viewport": {"width": 500, "height": 260}}


def to_the_ticks(visitor: Visitor, attributes: str = "") -> None:
    visitor.visit(attributes, survey="branch")
    visitor.choose("Yes")
    visitor.button("Continue").click()
    visitor.expect_question("Which kinds have you had?")


def test_unconfirmed_ticks_are_sent_with_the_options_that_were_seen(world, new_page):
    """An option below the edge of the window was not seen, so it is missing and not "no"."""
    visitor = Visitor(world, new_page(**WINDOW))
    to_the_ticks(visitor)
    visitor.survey.locator("label").first.scroll_into_view_if_needed()
    visitor.page.evaluate("scrollTo(0, 0)")
    visitor.choose("A small one")
    session = visitor.session
    shown = visitor.survey.locator("label").evaluate_all(
        "(all) => all.filter((label) => label.getBoundingClientRect().top < innerHeight).length"
    )
    assert 1 <= shown < 6
    visitor.page.goto(world.put("<p>Elsewhere</p>"))

    draft = world.wait_for_count(session, 2)[1]
    assert draft[:2] == ("which", "answer")
    assert draft[2]["ticked"] == ["small"]
    assert 1 <= len(draft[2]["seen"]) <= shown


def test_a_resumed_session_shows_the_draft_and_counts_once(visitor, world):
    """The confirmed answer replaces the draft."""
    to_the_ticks(visitor, "remember")
    visitor.choose("A van")
    session = visitor.session
    elsewhere = world.put("<p>Elsewhere</p>")
    back = visitor.page.url
    visitor.page.goto(elsewhere)
    world.wait_for_count(session, 2)
    visitor.page.goto(back)
    visitor.expect_question("Which kinds have you had?")
    expect(visitor.survey.get_by_label("A van")).to_be_checked()
    expect(visitor.survey.get_by_text("Question 2 of at most 3")).to_be_visible()
    visitor.choose("An estate")
    visitor.button("Continue").click()
    visitor.expect_question("How satisfied are you?")

    answers = world.answers(session)
    assert [question for question, _, _ in answers] == ["owns", "which"]
    assert answers[1][2] in (
        ["estate", "van"],
        {"ticked": ["estate", "van"], "seen": ["small", "estate", "van", "sports", "electric", "vintage"]},
    )


def test_an_untouched_question_is_not_sent(visitor, world):
    """Viewing a question is not an answer to it."""
    to_the_ticks(visitor)
    world.wait_for_count(visitor.session, 1)
    sent = []
    visitor.page.on("request", lambda request: sent.append(request.url))
    session = visitor.session
    visitor.page.goto(world.put("<p>Elsewhere</p>"))
    assert not any("/answers" in url for url in sent)
    assert len(world.answers(session)) == 1


def test_going_back_across_a_branch_removes_its_question(visitor, world):
    """The question that followed from the first answer is not asked after another answer."""
    to_the_ticks(visitor)
    visitor.choose("A van")
    visitor.button("Continue").click()
    visitor.expect_question("How satisfied are you?")
    visitor.button("Back").click()
    visitor.expect_question("Which kinds have you had?")
    expect(visitor.survey.get_by_label("A van")).to_be_checked()
    visitor.button("Back").click()
    visitor.expect_question("Do you own a car?")
    expect(visitor.survey.get_by_label("Yes")).to_be_checked()
    visitor.choose("No")
    visitor.button("Continue").click()
    visitor.expect_question("How satisfied are you?")
    world.wait_for_answers(visitor.session, [("owns", "answer", "no")])


def test_two_tabs_of_one_session_never_count_an_answer_twice(visitor, world):
    """The second tab's answer replaces the first, and the tab continues at the current question."""
    visitor.visit("remember")
    visitor.expect_question("Which colour?")
    session = visitor.session
    other = Visitor(world, visitor.page.context.new_page())
    other.page.goto(visitor.page.url)
    other.expect_question("Which colour?")
    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    world.wait_for_count(session, 1)
    other.choose("Blue")
    with other.page.expect_response("**/answers"):
        other.button("Continue").click()
    other.expect_question("How is your mood?")
    world.wait_for_answers(session, [("colour", "answer", "blue")])
    visitor.button("Skip").click()
    visitor.expect_question("Which extras?")
    assert [question for question, _, _ in world.wait_for_count(session, 2)] == ["colour", "mood"]
