"""Keyboard and screen reader: native controls, and a focus that follows the questions."""

import re

from playwright.sync_api import expect

from tests.browser.world import QUESTIONS


def test_every_type_can_be_answered_with_the_keyboard_alone(visitor, world):
    """Tab, arrows, Space, Enter: no mouse and no shortcut to learn. Choosing sends nothing: only Enter or Continue does."""
    visitor.visit()
    press = visitor.page.keyboard.press
    visitor.expect_question("Which colour?")
    press("Tab")
    press("Space")
    press("ArrowDown")
    expect(visitor.survey.get_by_label("Blue")).to_be_checked()
    assert visitor.events("surveyanswer") == []
    press("Enter")

    visitor.expect_question("How is your mood?")
    press("Tab")
    press("Space")
    press("ArrowRight")
    press("Enter")

    visitor.expect_question("Which extras?")
    press("Tab")
    press("Tab")
    press("Space")
    press("Enter")

    visitor.expect_question("How old are you?")
    press("Tab")
    visitor.page.keyboard.type("33")
    press("Enter")

    visitor.expect_question("Anything else?")
    press("Tab")
    visitor.page.keyboard.type("By hand")
    press("Tab")
    expect(visitor.button("Continue")).to_be_focused()
    press("Enter")

    expect(visitor.survey.get_by_text("That was everything.")).to_be_visible()
    given = [value for _, _, value in world.answers(visitor.session)]
    assert given[:2] == ["blue", 1]
    assert given[3:] == [33, "By hand"]


def test_the_focus_moves_only_after_an_action(visitor):
    """At the start the page keeps it; then it moves to each new question, and to the end."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    assert visitor.page.evaluate("document.activeElement === document.body")

    for question in QUESTIONS[1:]:
        visitor.button("Skip").click()
        visitor.expect_question(question)
        expect(visitor.survey.locator("legend")).to_be_focused()
    visitor.button("Skip").click()
    expect(visitor.survey.locator("legend")).to_have_text("Thank you")
    expect(visitor.survey.get_by_text("That was everything.")).to_be_visible()
    expect(visitor.survey.locator("legend")).to_be_focused()


def test_a_late_response_does_not_move_the_focus(visitor, world):
    """A person who has moved on to another field keeps the focus there."""
    visitor.page.goto(world.put(world.element() + "<input aria-label='Search'>"))
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    visitor.button("Skip").click()
    visitor.expect_question("Which extras?")
    held = []
    visitor.page.route("**/answers", lambda route: held.insert(0, route))
    visitor.choose("Tow bar")
    with visitor.page.expect_request(re.compile("/answers$")):
        visitor.button("Continue").click()
    search = visitor.page.get_by_label("Search")
    search.click()
    held[0].continue_()

    visitor.expect_question("How old are you?")
    expect(search).to_be_focused()


def test_a_screen_reader_gets_names_roles_and_one_live_region(visitor):
    """The question names its group, scale labels are part of the options, and the live region exists before its text."""
    visitor.visit()
    expect(visitor.survey).to_match_aria_snapshot(
        """
        - paragraph: Question 1 of at most 5
        - group "Which colour?":
          - radio "Red"
          - radio "Blue"
        - status
        - button "Continue"
        - button "I don't know"
        - button "Skip"
        """
    )
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    radios = visitor.survey.get_by_role("radio")
    expect(radios).to_have_count(11)
    expect(visitor.survey.get_by_role("radio", name="0 Terrible")).to_be_visible()
    expect(visitor.survey.get_by_role("radio", name="10 Wonderful")).to_be_visible()
    assert not any(radios.nth(number).is_checked() for number in range(11))
    visitor.button("Skip").click()
    expect(visitor.survey.get_by_role("group", name="Which extras?")).to_have_accessible_description("Tick all that apply.")
    expect(visitor.survey.get_by_role("status")).to_have_count(1)


def test_targets_are_large_enough(visitor):
    """Every option and every button is at least 44 pixels high."""
    visitor.visit()
    for question in QUESTIONS:
        visitor.expect_question(question)
        boxes = [element.bounding_box() for element in visitor.survey.locator("label, button:visible, .n, textarea").all()]
        assert all(box and box["height"] >= 44 and box["width"] >= 44 for box in boxes), question
        visitor.button("Skip").click()


def test_an_invitation_in_the_corner_never_takes_the_focus(visitor, world):
    """It can be dismissed with one press, and given answers count."""
    visitor.page.goto(world.put("<input aria-label='Search' autofocus>" + world.element('mode="corner"')))
    visitor.expect_question("Which colour?")
    expect(visitor.page.get_by_label("Search")).to_be_focused()
    expect(visitor.survey.get_by_role("region", name="Which colour?")).to_be_visible()
    visitor.choose("Red")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    visitor.button("No thanks").click()
    expect(visitor.survey.get_by_role("group")).to_have_count(0)
    visitor.page.wait_for_function("recorded.some(([type]) => type == 'surveycomplete')")
    expect(visitor.survey.get_by_role("group")).to_have_count(0)
    assert world.status(visitor.session) == "finished"
    world.wait_for_answers(visitor.session, [("colour", "answer", "red")])


def test_a_dialog_opens_on_its_link_and_gives_the_focus_back(visitor, world):
    """Nothing starts before the click; Escape closes the dialog and keeps the answers."""
    visitor.visit('mode="modal"')
    link = visitor.page.get_by_role("link", name="Answer here")
    expect(link).to_be_visible()
    assert visitor.events("surveystart") == []
    link.click()
    expect(visitor.survey.get_by_role("dialog", name="Which colour?")).to_be_visible()
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    visitor.page.keyboard.press("Escape")
    expect(visitor.survey.get_by_role("dialog")).to_have_count(0)
    expect(link).to_be_focused()

    link.click()
    visitor.expect_question("How is your mood?")
    visitor.button("No thanks").click()
    expect(visitor.survey.get_by_role("dialog")).to_have_count(0)
    visitor.page.wait_for_function("recorded.some(([type]) => type == 'surveycomplete')")
    assert world.status(visitor.session) == "finished"


def test_digits_choose_and_never_send(visitor, world):
    """The point of a scale, else the option at that place; only inside the question, and never in a field."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    visitor.page.keyboard.press("2")
    expect(visitor.survey.get_by_role("radio", checked=True)).to_have_count(0)
    visitor.survey.get_by_label("Red").focus()
    visitor.page.keyboard.press("2")
    expect(visitor.survey.get_by_label("Blue")).to_be_checked()
    visitor.page.keyboard.press("7")
    visitor.expect_question("Which colour?")
    visitor.button("Continue").click()
    visitor.expect_question("How is your mood?")
    visitor.page.keyboard.press("0")
    expect(visitor.survey.get_by_role("radio", name="0 Terrible")).to_be_checked()
    visitor.button("Continue").click()
    visitor.expect_question("Which extras?")
    for digit in "121":
        visitor.page.keyboard.press(digit)
    expect(visitor.survey.get_by_role("checkbox", checked=True)).to_have_count(1)
    visitor.button("Continue").click()
    visitor.expect_question("How old are you?")
    visitor.survey.get_by_role("textbox").press_sequentially("42")
    expect(visitor.survey.get_by_role("textbox")).to_have_value("42")
