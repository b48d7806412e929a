"""The widget asks questions, sends answers and emits events."""

import pytest
from playwright.sync_api import expect

from tests.browser.world import QUESTIONS, Visitor


def test_the_widget_asks_to_the_end_and_emits_events(visitor, world):
    """Events come in order, and every answer arrives as given, with the time it took."""
    visitor.visit()
    visitor.answer_everything()

    answers = world.answers(visitor.session)
    assert answers[:2] == [("colour", "answer", "blue"), ("mood", "answer", 7)]
    assert answers[2][2] in (["hook"], {"ticked": ["hook"], "seen": ["roof", "hook", "seat"]})
    assert answers[3:] == [("age", "answer", 42), ("story", "answer", "No, thank you")]
    assert [event["question"] for event in visitor.events("surveyquestion")] == ["colour", "mood", "extras", "age", "story"]
    assert visitor.events("surveyanswer")[0] == {"question": "colour", "kind": "answer", "value": "blue"}
    assert [event["status"] for event in visitor.events("surveycomplete")] == ["complete"]
    assert visitor.events("surveycomplete")[0]["result"]["text"] == "That was everything."
    assert visitor.events("surveyerror") == []
    assert visitor.console == []
    expect(visitor.survey.get_by_role("link", name="Continue")).to_have_attribute("href", "https://shop.example/next")


def test_the_next_question_is_shown_before_the_server_responds(visitor, world):
    """The view contains the next question for each answer."""
    visitor.visit()
    held, later = [], []
    visitor.page.route("**/answers", lambda route: route.continue_() if later else held.append(route))

    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    expect(visitor.survey.get_by_text("Question 2 of at most 5")).to_be_visible()
    visitor.button("Skip").click()
    expect(visitor.survey.get_by_role("group", name="How is your mood?")).to_be_visible()

    assert world.answers(visitor.session) == []
    assert len(held) == 1
    later.append("now")
    held[0].continue_()
    visitor.expect_question("Which extras?")
    world.wait_for_answers(visitor.session, [("colour", "answer", "red"), ("mood", "skip", None)])


def test_skip_and_dont_know_are_distinct(visitor, world):
    """Both have no value, and neither waits for the server."""
    visitor.visit()
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    visitor.button("I don't know").click()
    visitor.expect_question("Which extras?")

    assert world.wait_for_count(visitor.session, 2) == [("colour", "skip", None), ("mood", "dont_know", None)]


def test_going_back_shows_and_withdraws_the_answer(visitor, world):
    """The back button is there where it leads back: not on the first question."""
    visitor.visit()
    expect(visitor.button("Back")).to_be_hidden()
    visitor.choose("Blue")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    visitor.button("Back").click()
    visitor.expect_question("Which colour?")

    expect(visitor.survey.get_by_label("Blue")).to_be_checked()
    expect(visitor.button("Back")).to_be_hidden()
    assert world.answers(visitor.session) == []
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    assert world.wait_for_count(visitor.session, 1) == [("colour", "answer", "blue")]


def test_the_buttons_keep_their_order(visitor):
    """The way back stands first where there is one, then the same three buttons; the number of questions never grows."""
    visitor.visit()
    for number, question in enumerate(QUESTIONS, 1):
        visitor.expect_question(question)
        back = ["‹ Back"] if number > 1 else []
        assert visitor.survey.get_by_role("button").all_inner_texts() == [*back, "Continue", "I don't know", "Skip"]
        expect(visitor.survey.get_by_text(f"Question {number} of at most 5")).to_be_visible()
        visitor.button("Skip").click()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Enter a number, or skip"),
        ("seven", "Enter a number, or skip"),
        ("1e400", "Enter a number, or skip"),
        ("0x20", "Enter a number, or skip"),
        ("7", "from 18 to 120"),
        ("4 2,5", "digits only"),
    ],
)
def test_a_wrong_number_is_explained_beside_the_field(visitor, text, message):
    """The live region names the problem, the field has the focus, and the text stays."""
    visitor.visit()
    for question in QUESTIONS[:3]:
        visitor.expect_question(question)
        visitor.button("Skip").click()
    visitor.expect_question("How old are you?")
    field = visitor.survey.get_by_role("textbox", name="How old are you? years")
    field.fill(text)
    visitor.button("Continue").click()

    expect(visitor.status).to_contain_text(message)
    expect(field).to_be_focused()
    expect(field).to_have_value(text)
    assert len(visitor.events("surveyanswer")) == (4 if text else 3), "the service has read what was typed"
    field.fill("42")
    visitor.button("Continue").click()
    visitor.expect_question("Anything else?")


@pytest.mark.parametrize("typed", ["42,5", " 42.5 ", "٤٢٫٥", "４２．５", "+42,50"])
def test_local_decimal_formats_are_accepted(visitor, world, typed):
    """Numbers may have a comma or a point, and the digits of any script."""
    visitor.visit()
    for question in QUESTIONS[:3]:
        visitor.expect_question(question)
        visitor.button("Skip").click()
    visitor.expect_question("How old are you?")
    visitor.survey.get_by_role("textbox").fill(typed)
    visitor.button("Continue").click()
    visitor.expect_question("Anything else?")

    assert world.wait_for_count(visitor.session, 4)[-1] == ("age", "answer", 42.5)


def test_continue_without_a_choice_asks_for_one(visitor):
    """The focus moves to the options."""
    visitor.visit()
    visitor.button("Continue").click()

    expect(visitor.status).to_have_text("Choose an answer, or skip the question.")
    expect(visitor.survey.get_by_role("radio", name="Red")).to_be_focused()
    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    expect(visitor.status).to_be_empty()


def test_a_page_can_cancel_an_answer(visitor, world):
    """A cancelled `surveyanswer` is not sent, and the question stays."""
    visitor.visit()
    visitor.page.evaluate("addEventListener('surveyanswer', (event) => event.preventDefault(), {once: true})")
    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("Which colour?")
    assert world.answers(visitor.session) == []

    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    assert world.wait_for_count(visitor.session, 1) == [("colour", "answer", "red")]


def test_two_widgets_on_a_page_are_independent(world, new_page):
    """Each has its own session and its own options."""
    visitor = Visitor(world, new_page())
    visitor.page.goto(world.put(world.element() + '<persona-survey survey="every-type" lang="fr"></persona-survey>'))
    first, second = visitor.survey.nth(0), visitor.survey.nth(1)
    first.get_by_label("Red").check()
    second.get_by_label("Bleu").check()
    expect(first.get_by_label("Red")).to_be_checked()
    second.get_by_role("button", name="Continuer").click()

    expect(second.get_by_role("group", name="Comment ça va ?")).to_be_visible()
    expect(first.get_by_role("group", name="Which colour?")).to_be_visible()
    sessions = [event["session"] for event in visitor.events("surveystart")]
    assert len(set(sessions)) == 2
    first.get_by_role("button", name="Skip").click()
    assert sorted(world.wait_for_count(session, 1) for session in sessions) == [
        [("colour", "answer", "blue")],
        [("colour", "skip", None)],
    ]


def test_the_widget_sends_the_page_without_its_query(visitor, world):
    """Hidden fields and the page's address arrive; its query does not, since it may contain personal data."""
    requests = []
    visitor.page.on("request", lambda request: requests.insert(0, request))
    address = world.put(world.element('hidden-order="A-7" hidden-plan="gold" label-skip="Pass"'))
    visitor.page.goto(f"{address}?email=zoe@example.com#secret")
    expect(visitor.button("Pass")).to_be_visible()

    calls = [request for request in requests if request.url.endswith("/sessions")]
    assert [call.method for call in calls] == ["POST"]
    assert calls[0].headers["content-type"].startswith("text/plain")
    assert calls[0].post_data_json["hidden"] == {"order": "A-7", "plan": "gold"}
    assert calls[0].post_data_json["page"] == address


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_widget_uses_the_language_of_its_attribute(visitor, language):
    """Questions come from the bank, and texts of buttons from the service."""
    visitor.visit(f'lang="{language}"')
    visitor.expect_question({"en": "Which colour?", "fr": "Quelle couleur ?"}[language])
    expect(visitor.button({"en": "Continue", "fr": "Continuer"}[language])).to_be_visible()
