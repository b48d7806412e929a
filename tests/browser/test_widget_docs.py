"""The examples of docs/embed.md, run as they stand."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

DOCUMENT = (Path(__file__).parents[2] / "docs" / "embed.md").read_text()
HOST = "https://surveys.example.com"


def example(title: str, world) -> str:
    """The block after a title, talking to the service of the tests, about the survey that their shop may embed."""
    found = re.search(rf"{re.escape(title)}.*?```html\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found, f"docs/embed.md has no example after {title}"
    return found[1].replace(HOST, world.service).replace("post-purchase", "website")


def test_the_plain_page_works(visitor, world):
    """Two tags, in the language of the attribute; the link is what people see until then."""
    visitor.page.goto(world.put(example("<!-- plain page -->", world)))
    expect(visitor.survey.get_by_role("button", name="Continuer")).to_be_visible()
    expect(visitor.page.get_by_role("link")).to_have_count(0)


def test_the_tag_manager_example_works(visitor, world):
    """A classic script in a page that knows nothing of the survey; what the page is told goes into the data layer."""
    visitor.page.goto(world.put("<h1>Thank you</h1>" + example("<!-- tag manager -->", world)))
    visitor.button("No thanks").click()
    visitor.page.wait_for_function("window.dataLayer?.length")
    assert visitor.page.evaluate("dataLayer") == [{"event": "survey_complete", "survey_status": "finished"}]
    assert visitor.console == []


@pytest.mark.parametrize("fits", [True, False])
def test_the_pinned_tag_loads_these_bytes_and_no_others(visitor, world, fits):
    """The browser checks them."""
    tag = example("### Pinned", world)
    if not fits:
        tag = re.sub(r"sha384-.{6}", "sha384-AAAAAA", tag)
    visitor.page.goto(world.put(tag + world.element().partition("</script>")[2]))
    if fits:
        visitor.expect_question("Which colour?")
    else:
        expect(visitor.page.get_by_role("link", name="Answer here")).to_be_visible()
        visitor.page.wait_for_load_state("networkidle")
        assert any("integrity" in line for line in visitor.console)


def test_the_words_in_the_table_are_the_words_that_are_said():
    """Every attribute with its text in English."""
    from survey_service.respondent.translations import words_of_widget

    said = {key: text for key, text in words_of_widget("en").items() if key != "dir"}
    assert dict(re.findall(r"^\| `label-([a-z-]+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)) == said
