"""The examples of docs/embed.md work."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

DOCUMENT = (Path(__file__).parents[2] / "docs" / "embed.md").read_text()
HOST = "https://surveys.example.com"


def example(title: str, world) -> str:
    """Return the code block after a title, changed to the service and the survey of the tests."""
    match = re.search(rf"{re.escape(title)}.*?```html\n(.*?)```", DOCUMENT, re.DOTALL)
    assert match, f"docs/embed.md has no example after {title}"
    return match[1].replace(HOST, world.service).replace("post-purchase", "website")


def test_the_plain_example_works(visitor, world):
    """Two tags are enough, and the link is shown until the widget starts."""
    visitor.page.goto(world.put(example("<!-- plain page -->", world)))
    expect(visitor.survey.get_by_role("button", name="Continuer")).to_be_visible()
    expect(visitor.page.get_by_role("link")).to_have_count(0)


def test_the_tag_manager_example_works(visitor, world):
    """A classic script adds the survey to a page, and its events go into the data layer."""
    visitor.page.goto(world.put("<h1>Thank you</h1>" + example("<!-- tag manager -->", world)))
    visitor.button("No thanks").click()
    visitor.page.wait_for_function("window.dataLayer?.length")
    assert visitor.page.evaluate("dataLayer") == [{"event": "survey_complete", "survey_status": "finished"}]
    assert visitor.console == []


@pytest.mark.parametrize("matches", [True, False])
def test_the_pinned_tag_loads_only_the_matching_bytes(visitor, world, matches):
    """The browser checks the integrity value."""
    tag = example("### Pinned", world)
    if not matches:
        tag = re.sub(r"sha384-.{6}", "sha384-AAAAAA", tag)
    visitor.page.goto(world.put(tag + world.element().partition("</script>")[2]))
    if matches:
        visitor.expect_question("Which colour?")
    else:
        expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
        visitor.page.wait_for_load_state("networkidle")
        assert any("integrity" in line for line in visitor.console)


def test_the_documented_texts_are_the_texts_of_the_widget():
    """Every attribute is listed with its English text."""
    from survey_service.respondent.translations import words_of_widget

    texts = {key: text for key, text in words_of_widget("en").items() if key != "dir"}
    assert dict(re.findall(r"^\| `label-([a-z-]+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)) == texts
