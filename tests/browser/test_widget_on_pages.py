"""The widget on other sites' pages: hostile styles, strict policies, small screens, other scripts."""

import pytest
from playwright.sync_api import expect

from tests.browser.world import QUESTIONS, Visitor

HOSTILE = """<style>
* { all: unset !important; display: none; color: red !important; font: 3px cursive !important; visibility: hidden !important; }
body, html { display: block !important; visibility: visible !important; }
legend, label, button, input { display: none !important; position: fixed !important; z-index: 2147483647 !important; }
</style>"""
POLICY = (
    "default-src 'none'; script-src 'self' {service}; connect-src {service}; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def test_hostile_styles_of_the_page_have_no_effect(visitor, world):
    """The page's styles do not reach inside, and the element stays visible."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    before = [visitor.survey.locator(part).first.bounding_box() for part in ("legend", "label", "[value=continue]")]
    visitor.visit(head=HOSTILE)
    visitor.expect_question("Which colour?")
    after = [visitor.survey.locator(part).first.bounding_box() for part in ("legend", "label", "[value=continue]")]

    assert [box["height"] for box in after] == [box["height"] for box in before]
    assert visitor.survey.locator("legend").evaluate("(node) => getComputedStyle(node).color") == "rgb(22, 25, 29)"
    visitor.answer_everything()


def test_nothing_of_the_page_covers_an_invitation(visitor, world):
    """The corner is in the top layer, also after a framework has moved the element."""
    cover = "<div style='position:fixed;inset:0;z-index:2147483647;background:#fff'></div>"
    visitor.page.goto(world.put(cover + world.element('mode="corner"') + cover))
    visitor.expect_question("Which colour?")
    on_top = """() => {
      const box = document.querySelector("persona-survey").shadowRoot.querySelector("section").getBoundingClientRect();
      return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.localName;
    }"""
    assert visitor.page.evaluate(on_top) == "persona-survey"
    visitor.page.evaluate("document.body.prepend(document.querySelector('persona-survey'))")
    visitor.expect_question("Which colour?")
    assert visitor.page.evaluate(on_top) == "persona-survey"


def test_a_strict_policy_is_not_violated(visitor, world):
    """Two entries for our host are enough, with Trusted Types enforced."""
    visitor.visit(headers={"Content-Security-Policy": POLICY.format(service=world.service)})
    visitor.answer_everything()

    assert visitor.page.evaluate("violations") == []
    assert visitor.console == []
    assert visitor.survey.locator("section").evaluate("(node) => getComputedStyle(node).backgroundColor") == "rgb(255, 255, 255)"


def test_an_existing_element_of_the_same_name_is_not_replaced(visitor, world):
    """The console shows a message, and the page's link stays."""
    visitor.visit(head="<script>customElements.define('persona-survey', class extends HTMLElement {})</script>")
    with visitor.page.expect_console_message(lambda message: message.type == "error" and "already defined" in message.text):
        visitor.page.reload()
    expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()


def test_the_class_may_be_defined_under_another_name(visitor, world):
    """The module exports the class and `define` separately."""
    own = f"<script type='module'>import {{ PersonaSurvey }} from '{world.service}/embed/v1/widget.js';"
    own += "customElements.define('my-survey', class extends PersonaSurvey {})</script><my-survey survey='every-type'></my-survey>"
    visitor.page.goto(world.put(own))
    expect(visitor.page.locator("my-survey").get_by_role("group", name="Which colour?")).to_be_visible()


def test_the_element_has_no_own_properties(visitor, world):
    """Its fields are not on the element, which has only the methods that browsers call."""
    visitor.visit()
    visitor.expect_question("Which colour?")
    own = visitor.page.locator("persona-survey").evaluate(
        "(element) => [Object.getOwnPropertyNames(element), Object.getOwnPropertyNames(Object.getPrototypeOf(element)).sort()]"
    )
    assert own == [[], ["connectedCallback", "constructor", "disconnectedCallback", "handleEvent"]]


def test_the_widget_does_not_change_the_page(visitor, world):
    """It adds no global, patches no function, and adds no element outside itself and no history entry."""
    page = world.put(world.element(), head="<script>before = [Object.keys(window).length, fetch, history.pushState]</script>")
    visitor.page.goto(page)
    visitor.answer_everything()
    assert visitor.page.evaluate("[before[1] === fetch, before[2] === history.pushState, history.length]") == [True, True, 2]
    assert visitor.page.evaluate("Object.keys(window).length - before[0]") == 1, "only `before` itself is new"
    assert visitor.page.evaluate("document.body.querySelectorAll('*').length") == 2, "the element and its link"


@pytest.mark.parametrize("language", ["en", "fr", "de", "es", "pt", "it", "nl", "ar"])
def test_the_widget_fits_a_small_phone(world, new_page, language):
    """At 320 pixels no question scrolls sideways, and no part sticks out."""
    visitor = Visitor(world, new_page(viewport={"width": 320, "height": 640}))
    visitor.visit(f'lang="{language}"')
    for number in range(len(QUESTIONS)):
        expect(visitor.survey.locator("[part=progress]")).to_contain_text(str(number + 1))
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 320
        boxes = [element.bounding_box() for element in visitor.survey.locator("label, button, .n, textarea, small").all()]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= 320 for box in boxes if box)
        visitor.survey.locator("[value=skip]").click()


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(("mode", "survey"), [("corner", "every-type"), ("modal", "every-type"), ("inline", "asks")])
def test_every_mode_fits_a_small_phone(world, new_page, mode, survey, language):
    """The invitation, the dialog and the consent page do not exceed the screen."""
    visitor = Visitor(world, new_page(viewport={"width": 320, "height": 640}))
    visitor.visit(f'lang="{language}" mode="{mode}"', survey=survey)
    if mode == "modal":
        visitor.page.get_by_role("link", name="Answer here").click()
    expect(visitor.survey.get_by_role("button").first).to_be_visible()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 320
    boxes = [element.bounding_box() for element in visitor.survey.locator("section, label, button").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 320 for box in boxes if box)


def test_the_widget_supports_right_to_left_languages(visitor):
    """In Arabic the first link below the button is on the right, and the author's labels replace ours."""
    visitor.visit('lang="ar" label-continue="متابعة" label-progress="السؤال {n} من {most}"')
    button, first, second = (visitor.survey.get_by_role("button").nth(number) for number in (0, 1, 2))
    expect(visitor.survey.get_by_role("group", name="أي لون؟")).to_be_visible()
    expect(button).to_have_text("متابعة")
    expect(visitor.survey.get_by_text("السؤال 1 من 5")).to_be_visible()
    assert first.bounding_box()["x"] > second.bounding_box()["x"]
    assert visitor.survey.get_by_label("أحمر").bounding_box()["x"] > 640
    assert visitor.survey.locator("section").evaluate("(node) => [node.lang, getComputedStyle(node).direction]") == ["ar", "rtl"]


def test_a_page_can_style_the_widget(visitor):
    """Custom properties and parts set its style from outside."""
    style = (
        "persona-survey { --discern-accent: rgb(0, 90, 60); --discern-radius: 0px } persona-survey::part(continue) { letter-spacing: 2px }"
    )
    visitor.visit(head=f"<style>{style}</style>")
    expect(visitor.button("Continue")).to_have_css("background-color", "rgb(0, 90, 60)")
    expect(visitor.button("Continue")).to_have_css("border-radius", "0px")
    expect(visitor.button("Continue")).to_have_css("letter-spacing", "2px")


def test_a_lazy_survey_starts_when_it_is_visible(visitor, world):
    """A visitor who does not scroll down causes no request."""
    visitor.page.goto(world.put("<div class='tall'></div>" + world.element("lazy"), head="<style>.tall { height: 4000px }</style>"))
    visitor.page.evaluate("customElements.whenDefined('persona-survey').then(() => true)")
    assert visitor.events("surveystart") == []
    visitor.survey.scroll_into_view_if_needed()
    visitor.expect_question("Which colour?")


def test_moving_the_element_does_not_restart_the_survey(visitor):
    """Frameworks move nodes, and the respondent must not notice."""
    visitor.visit()
    visitor.button("Skip").click()
    visitor.expect_question("How is your mood?")
    visitor.page.evaluate("document.body.prepend(document.querySelector('persona-survey'))")
    visitor.expect_question("How is your mood?")
    assert len(visitor.events("surveystart")) == 1
