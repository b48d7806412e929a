"""The core journeys in Firefox and WebKit. The other tests of this folder run in Chromium."""

from collections.abc import Iterator

import pytest
from sqlmodel import col, select

from survey_service.store.tables.core import SurveySession
from tests.browser.engines import Engine, eventually, firefox, webkit
from tests.browser.test_demo import running_demo
from tests.browser.world import HOOK, World

LEGEND = 'all("legend")[0]?.textContent.trim()'
BUTTON = 'all("button").find((one) => one.textContent.replace("‹", "").trim() == "{}")'
ENDED = 'all("h1").length == 1 && !all("legend").length'
TICKED = 'all("input:checked").map((one) => one.value)'
OPTION = 'all("label").find((one) => one.textContent.trim().startsWith("{}"))'


@pytest.fixture(scope="module", params=[firefox, webkit], ids=["firefox", "webkit"])
def engine(request) -> Iterator[Engine]:
    with request.param() as running:
        yield running


def press(engine: Engine, label: str) -> None:
    engine.click(eventually_found(engine, BUTTON.format(label)))


def choose(engine: Engine, label: str) -> None:
    engine.click(eventually_found(engine, OPTION.format(label)))


def eventually_found(engine: Engine, script: str) -> str:
    eventually(engine, f"!!{script}")
    return script


def expect_question(engine: Engine, text: str) -> None:
    eventually(engine, LEGEND, lambda shown: shown == text)


def session(engine: Engine) -> str:
    return str(eventually(engine, 'recorded.find(([type]) => type == "surveystart")?.[1].session'))


def test_the_widget_asks_to_the_end(engine, world: World):
    """Every type of question, with real clicks and keys; the answers arrive, and the page gets its events."""
    engine.open(world.put(world.element()))
    expect_question(engine, "Which colour?")
    choose(engine, "Blue")
    press(engine, "Continue")
    expect_question(engine, "How is your mood?")
    choose(engine, "7")
    press(engine, "Continue")
    expect_question(engine, "Which extras?")
    choose(engine, "Tow bar")
    press(engine, "Continue")
    expect_question(engine, "How old are you?")
    engine.type('all("input")[0]', "42")
    press(engine, "Continue")
    expect_question(engine, "Anything else?")
    engine.type('all("textarea")[0]', "yes and/or no")
    press(engine, "Continue")
    expect_question(engine, "Thank you")
    answers = [("colour", "answer", "blue"), ("mood", "answer", 7), ("extras", "answer", HOOK), ("age", "answer", 42)]
    world.wait_for_answers(session(engine), [*answers, ("story", "answer", "yes and/or no")])
    assert engine.run('recorded.filter(([type]) => type == "surveycomplete").length') == 1


def test_the_widget_goes_back_and_resumes(engine, world: World):
    """Back shows the answer of before, and a reload continues the same session."""
    engine.open(world.put(world.element("remember")))
    choose(engine, "Red")
    press(engine, "Continue")
    expect_question(engine, "How is your mood?")
    press(engine, "Back")
    expect_question(engine, "Which colour?")
    assert engine.run('all("input:checked").map((one) => one.value)') == ["red"]
    press(engine, "Skip")
    expect_question(engine, "How is your mood?")
    begun = session(engine)
    world.wait_for_answers(begun, [("colour", "skip", None)])
    engine.reload()
    expect_question(engine, "How is your mood?")
    press(engine, "Skip")
    expect_question(engine, "Which extras?")
    world.wait_for_answers(begun, [("colour", "skip", None), ("mood", "skip", None)])


@pytest.mark.parametrize("mode", ["corner", "modal"])
def test_the_widget_floats(engine, world: World, mode):
    """The corner appears by itself, the dialog when its button is pressed, and both close."""
    engine.open(world.put(world.element(f'mode="{mode}"')))
    if mode == "modal":
        eventually(engine, 'customElements.get("persona-survey") && true')
        engine.click('all("persona-survey a")[0]')
    expect_question(engine, "Which colour?")
    press(engine, "No thanks")
    eventually(engine, 'all("legend").length', lambda shown: shown == 0)


def test_the_hosted_page_asks_and_goes_back(engine, world: World):
    """Each question has its own address, and the button Back shows the first answer. The browser's Back shows the question with what is
    stored, also where it keeps pages in memory, and its form corrects the answer.
    """
    engine.open(f"{world.service}/s/every-type")
    choose(engine, "Blue")
    press(engine, "Continue")
    expect_question(engine, "How is your mood?")
    press(engine, "Back")
    expect_question(engine, "Which colour?")
    assert engine.run('all("input:checked").map((one) => one.value)') == ["blue"]
    press(engine, "Continue")
    expect_question(engine, "How is your mood?")
    choose(engine, "7")
    press(engine, "Continue")
    expect_question(engine, "Which extras?")
    engine.back()
    expect_question(engine, "How is your mood?")
    eventually(engine, TICKED, lambda ticked: ticked == ["7"])
    choose(engine, "3")
    press(engine, "Continue")
    expect_question(engine, "Which extras?")
    with world.parts.store.reading() as session_:
        newest = session_.exec(select(SurveySession).order_by(col(SurveySession.started_at).desc())).first()
    assert newest is not None
    world.wait_for_answers(newest.id, [("colour", "answer", "blue"), ("mood", "answer", 3)])


def test_the_next_person_at_a_kiosk_sees_and_changes_no_answer_of_the_one_before(engine, world: World):
    """Back from the end shows the first page without ticks. Its form belongs to the session that has ended: it changes nothing there, and
    the page that says so leads to a new session.
    """
    before = world.count(SurveySession)
    engine.open(f"{world.service}/s/one")
    choose(engine, "Yes")
    press(engine, "Continue")
    eventually(engine, ENDED)
    engine.back()
    expect_question(engine, "Do you own a car?")
    eventually(engine, TICKED, lambda ticked: ticked == [])
    choose(engine, "No")
    press(engine, "Continue")
    eventually(engine, 'all("[role=status]")[0]?.textContent', lambda shown: shown == "This survey has ended. What you answered is kept.")
    assert world.count(SurveySession) == before + 1
    engine.click('all("a").find((one) => one.textContent == "Start again")')
    expect_question(engine, "Do you own a car?")
    choose(engine, "No")
    press(engine, "Continue")
    eventually(engine, ENDED)
    with world.parts.store.reading() as session_:
        newest = session_.exec(select(SurveySession.id).order_by(col(SurveySession.started_at).desc()).limit(2)).all()
    assert [world.answers(id) for id in newest] == [[("owns", "answer", "no")], [("owns", "answer", "yes")]]


def test_the_demo_shows_an_answer_and_the_belief(engine, world: World, tmp_path):
    """The belief is there before the first answer, and the answer beside it afterwards."""
    with running_demo(tmp_path) as address:
        engine.open(f"{address}?lang=en")
        eventually(engine, 'all("#belief b").map((bar) => bar.textContent)', lambda bars: bars == ["40%", "28%", "26%", "6%"])
        press(engine, "Skip")
        eventually(engine, 'all("#answers li").length', lambda answers: answers == 1)
