"""The start and the end of a survey in the widget: consent, a click in an email, an invitation, a result."""

import pytest
from playwright.sync_api import expect

from survey_service.store.tables.core import SurveySession


def test_nothing_is_stored_before_the_person_agrees(visitor, world):
    """The consent text comes first; "I agree" starts the session, and the focus moves to the first question."""
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
def test_declining_consent_stores_nothing(visitor, world, mode):
    """There is no session and no storage, and the page gets an event."""
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


def test_declined_consent_is_remembered_only_with_remember(visitor):
    """This browser is not asked again, and the link stays for people who change their mind."""
    visitor.visit("remember", survey="asks")
    visitor.button("No thanks").click()
    expect(visitor.survey.get_by_role("button")).to_have_count(0)
    visitor.page.reload()
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.survey.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("remember", ["", "remember"])
def test_a_dismissed_invitation_does_not_return(visitor, world, remember):
    """It stays away while the page is open, also for a new element; on the next page only with `remember`."""
    urls = []
    visitor.page.on("request", lambda request: urls.append(request.url) if "/sessions" in request.url else None)
    visitor.visit(f'mode="corner" {remember}')
    with visitor.page.expect_response("**/finish"):
        visitor.button("No thanks").click()
    expect(visitor.survey.get_by_role("group")).to_have_count(0)
    before = len(urls)
    clone = "document.body.append(document.querySelector('persona-survey').cloneNode(true))"
    visitor.page.evaluate(f"{clone}; new Promise((done) => setTimeout(done))")
    assert len(urls) == before == 2, "the start and the end"

    visitor.page.reload()
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.survey.get_by_role("group")).to_have_count(0 if remember else 1)


def test_an_optional_consent_is_shown_beside_the_first_question(visitor):
    """It disappears after the first question."""
    visitor.visit(survey="tells")
    visitor.expect_question("Do you own a car?")
    expect(visitor.survey.get_by_text("We keep your answers for one year.")).to_be_visible()
    visitor.button("Skip").click()
    visitor.expect_question("How satisfied are you?")
    expect(visitor.survey.get_by_text("We keep your answers for one year.")).to_have_count(0)


@pytest.mark.parametrize("where", ["attribute", "address"])
def test_the_click_in_an_email_is_shown_and_can_be_changed(visitor, world, where, request):
    """No radio is preselected; the next act confirms the click, or another answer replaces it."""
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


def test_the_act_after_a_click_stores_both(visitor, world, request):
    """Enter presses Continue and not Change."""
    visitor.visit(f'link="{world.link(request.node.name, "branch", "owns", "yes")}"', survey="branch")
    visitor.survey.get_by_label("A van").focus()
    visitor.page.keyboard.press("Space")
    visitor.page.keyboard.press("Enter")
    visitor.expect_question("How satisfied are you?")
    assert [answer[0] for answer in world.wait_for_count(visitor.session, 2)] == ["owns", "which"]


def test_the_click_of_a_one_question_survey_is_confirmed_with_one_press(visitor, world, request):
    """The end is that of the most probable persona."""
    visitor.visit(f'link="{world.link(request.node.name, "one", "owns", "yes")}"', survey="one")
    visitor.expect_question("You chose Yes.")
    assert world.answers(visitor.session) == []
    visitor.button("That's right").click()
    expect(visitor.survey.get_by_text("You are a sun.")).to_be_visible()
    world.wait_for_answers(visitor.session, [("owns", "answer", "yes")])


def test_each_persona_has_its_own_end(visitor):
    """The text and the redirect come from the bank; the event contains no probabilities."""
    visitor.page.clock.install()
    visitor.visit(survey="one")
    visitor.choose("No")
    visitor.page.clock.fast_forward(5000)  # an immediate answer would have no weight
    visitor.button("Continue").click()
    expect(visitor.survey.get_by_text("You are a moon.")).to_be_visible()
    expect(visitor.survey.get_by_role("link", name="Continue")).to_have_attribute("href", "https://shop.example/moon")
    ended = {"status": "complete", "result": {"text": "You are a moon.", "redirect": "https://shop.example/moon"}}
    assert visitor.events("surveycomplete") == [ended]


def test_the_refuse_attribute_adds_a_button(visitor, world):
    """A refusal is a kind of its own."""
    visitor.visit("refuse")
    visitor.button("I'd rather not say").click()
    visitor.expect_question("How is your mood?")
    assert world.wait_for_count(visitor.session, 1) == [("colour", "refuse", None)]


def test_a_signed_identity_is_sent(visitor, world):
    """An invalid identity is refused, and the link stays."""
    with visitor.page.expect_request("**/sessions") as started:
        visitor.visit('identity="forged"')
    assert started.value.post_data_json["identity"] == "forged"
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
    visitor.page.wait_for_function("recorded.length")
    assert [event["status"] for event in visitor.events("surveyerror")] in ([401], [422])
