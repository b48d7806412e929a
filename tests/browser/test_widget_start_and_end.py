"""How a survey begins and ends in the widget: consent, an email's click, an invitation, a result."""

import pytest
from playwright.sync_api import expect

from survey_service.store.tables.core import SurveySession


def test_nothing_is_stored_before_the_person_agrees(visitor, world):
    """The text comes first, by itself; "I agree" starts, and the focus goes to the first question."""
    before = world.count(SurveySession)
    visitor.visit(survey="asks")
    visitor.expect_question("Before we begin")
    expect(visitor.survey.get_by_text("We keep your answers for one year.")).to_be_visible()
    assert visitor.survey.get_by_role("button").all_inner_texts() == ["I agree", "No thanks"]
    assert world.count(SurveySession) == before
    assert visitor.events("surveystart") == []

    visitor.button("I agree").click()
    visitor.expect_question("Do you own a car?")
    expect(visitor.survey.locator("legend")).to_be_focused()
    expect(visitor.survey.get_by_text("We keep your answers")).to_have_count(0)
    assert world.count(SurveySession) == before + 1


@pytest.mark.parametrize("mode", ["inline", "corner", "modal"])
def test_who_does_not_agree_leaves_no_trace(visitor, world, mode):
    """Neither there nor here: no session, no storage. The page hears it."""
    before = world.count(SurveySession)
    visitor.visit(f'mode="{mode}"', survey="asks")
    if mode == "modal":
        visitor.page.get_by_role("link", name="Answer here").click()
    visitor.button("No thanks").click()

    if mode == "inline":
        expect(visitor.survey.get_by_text("That is fine. Nothing was stored.")).to_be_visible()
    expect(visitor.survey.get_by_role("button")).to_have_count(0)
    assert [event["status"] for event in visitor.events("surveycomplete")] == ["declined"]
    assert world.count(SurveySession) == before
    assert visitor.page.evaluate("localStorage.length") == 0


def test_a_no_is_remembered_only_where_the_author_asked_for_that(visitor):
    """With `remember` this browser is not asked again; the link stays for who changes their mind."""
    visitor.visit("remember", survey="asks")
    visitor.button("No thanks").click()
    expect(visitor.survey.get_by_role("button")).to_have_count(0)
    visitor.page.reload()
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.survey.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("remember", ["", "remember"])
def test_an_invitation_sent_away_stays_away(visitor, world, remember):
    """For as long as the page is open, even where a framework makes the element anew; on the next page only with `remember`."""
    asked = []
    visitor.page.on("request", lambda item: asked.append(item.url) if "/sessions" in item.url else None)
    visitor.visit(f'mode="corner" {remember}')
    with visitor.page.expect_response("**/finish"):
        visitor.button("No thanks").click()
    expect(visitor.survey.get_by_role("group")).to_have_count(0)
    before = len(asked)
    anew = "document.body.append(document.querySelector('persona-survey').cloneNode(true))"
    visitor.page.evaluate(f"{anew}; new Promise((done) => setTimeout(done))")
    assert len(asked) == before == 2, "the start and the end"

    visitor.page.reload()
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.survey.get_by_role("group")).to_have_count(0 if remember else 1)


def test_a_notice_holds_nobody_up(visitor):
    """Consent that is not required stands beside the first question, and goes with it."""
    visitor.visit(survey="tells")
    visitor.expect_question("Do you own a car?")
    expect(visitor.survey.get_by_text("We keep your answers for one year.")).to_be_visible()
    visitor.button("Skip").click()
    visitor.expect_question("How satisfied are you?")
    expect(visitor.survey.get_by_text("We keep your answers for one year.")).to_have_count(0)


@pytest.mark.parametrize("where", ["attribute", "address"])
def test_a_click_in_an_email_is_told_and_can_be_changed(visitor, world, where, request):
    """It is never a radio that is chosen beforehand; the next act keeps it, or another answer takes its place."""
    token = world.link(request.node.name, "branch", "owns", "yes")
    page = world.put(world.element(f'link="{token}"' if where == "attribute" else "link", "branch"))
    visitor.page.goto(page if where == "attribute" else f"{page}#discern={token}")
    visitor.expect_question("Which kinds have you had?")
    expect(visitor.survey.get_by_text("You chose Yes.")).to_be_visible()
    expect(visitor.survey.get_by_text("Question 2 of at most 3")).to_be_visible()
    assert world.answers(visitor.session) == []

    visitor.button("Change").click()
    visitor.expect_question("Do you own a car?")
    expect(visitor.survey.get_by_role("radio", checked=True)).to_have_count(0)
    expect(visitor.survey.locator("legend")).to_be_focused()
    visitor.choose("No")
    visitor.button("Continue").click()
    visitor.expect_question("How satisfied are you?")
    expect(visitor.survey.get_by_text("You chose")).to_have_count(0)
    world.wait_for_answers(visitor.session, [("owns", "answer", "no")])


def test_the_act_after_a_click_keeps_both(visitor, world, request):
    """Enter presses Continue, not Change."""
    visitor.visit(f'link="{world.link(request.node.name, "branch", "owns", "yes")}"', survey="branch")
    visitor.survey.get_by_label("A van").focus()
    visitor.page.keyboard.press("Space")
    visitor.page.keyboard.press("Enter")
    visitor.expect_question("How satisfied are you?")
    assert [item[0] for item in world.wait_for_count(visitor.session, 2)] == ["owns", "which"]


def test_a_click_that_is_the_whole_survey_is_confirmed_with_one_press(visitor, world, request):
    """And the end is that of the persona who was recognised."""
    visitor.visit(f'link="{world.link(request.node.name, "one", "owns", "yes")}"', survey="one")
    visitor.expect_question("You chose Yes.")
    assert world.answers(visitor.session) == []
    visitor.button("That's right").click()
    expect(visitor.survey.get_by_text("You are a sun.")).to_be_visible()
    world.wait_for_answers(visitor.session, [("owns", "answer", "yes")])


def test_each_persona_has_its_own_end(visitor):
    """Text and the way on come from the bank; the page hears them, and hears nothing of probabilities."""
    visitor.page.clock.install()
    visitor.visit(survey="one")
    visitor.choose("No")
    visitor.page.clock.fast_forward(5000)  # time to read: an answer that comes at once tells nothing of the persona
    visitor.button("Continue").click()
    expect(visitor.survey.get_by_text("You are a moon.")).to_be_visible()
    expect(visitor.survey.get_by_role("link", name="Continue")).to_have_attribute("href", "https://shop.example/moon")
    ended = {"status": "complete", "result": {"text": "You are a moon.", "redirect": "https://shop.example/moon"}}
    assert visitor.events("surveycomplete") == [ended]


def test_a_refusal_can_be_offered(visitor, world):
    """With the attribute `refuse` there is a fifth button, and it is a kind of silence of its own."""
    visitor.visit("refuse")
    visitor.button("I'd rather not say").click()
    visitor.expect_question("How is your mood?")
    assert world.wait_for_count(visitor.session, 1) == [("colour", "refuse", None)]


def test_a_signed_identity_is_passed_on(visitor, world):
    """A wrong one is refused, and the link stays."""
    with visitor.page.expect_request("**/sessions") as started:
        visitor.visit('identity="forged"')
    assert started.value.post_data_json["identity"] == "forged"
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
    visitor.page.wait_for_function("heard.length")
    assert [event["status"] for event in visitor.events("surveyerror")] in ([401], [422])
