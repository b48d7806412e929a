"""An email and its landing page in a browser without JavaScript."""

import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from sqlmodel import col, select

from survey_service.email_links.create import LIFETIME, Recipient, create_links, prepare_mailing
from survey_service.email_links.rendering import Draft, Drafts, render_html
from survey_service.links.tokens import LinkTokens
from survey_service.store.tables.core import Answer
from survey_service.web.context import utc_now
from tests.world.mail_filter import MailFilter


@pytest.fixture
def draft(world, request):
    """An email for each test, about the satisfaction with a car."""
    with world.parts.store.writing() as session:
        mailing = prepare_mailing(session, world.parts.banks, "post-purchase", "satisfaction", LIFETIME)
        (link,) = create_links(session, world.parts.keys, mailing, [Recipient(request.node.name, "en")], utc_now())
    return Drafts(LinkTokens(world.parts.keys), world.service, mailing.bank).of(link)


def mail(page, draft: Draft, dark: bool = False) -> None:
    colours = "background:#111;color:#eee" if dark else "background:#fff;color:#111"
    page.set_content(f'<body style="margin:0;{colours}">{render_html(draft)}</body>')


def test_one_click_in_the_email_and_one_on_the_page_are_two_answers(world, new_page, draft):
    """This works without JavaScript and cookies, and an answer can be changed on the way."""
    page = new_page(java_script_enabled=False)
    mail(page, draft)
    page.get_by_role("link", name="2", exact=True).click()
    expect(page.get_by_text("You chose 2.")).to_be_visible()
    page.get_by_role("link", name="Change").click()
    expect(page.locator("legend")).to_contain_text("satisfied")
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    page.go_back()
    second = page.locator("legend").inner_text()
    page.get_by_role("button", name="Skip").click()
    expect(page.locator("legend")).not_to_have_text(second)
    expect(page.get_by_text("Question 3 of at most")).to_be_visible()
    assert page.context.cookies() == []


def test_a_browser_that_only_looks_takes_no_time_from_the_person(world, browser, new_page, draft):
    """A filter that opens the link in a browser after the person did does not shorten the time that is measured."""
    url, page = draft.options[1].url, new_page(java_script_enabled=False)
    page.goto(url)
    opened = time.monotonic()
    MailFilter().look_with_browser(browser, url)
    waited = time.monotonic() - opened
    with page.expect_navigation():
        page.get_by_role("button", name="Skip").click()
    with world.parts.store.reading() as session:
        skipped = session.exec(select(Answer).where(Answer.kind == "skip").order_by(col(Answer.id).desc())).first()
    assert skipped.measured >= waited


@pytest.mark.parametrize("width", [320, 1100])
def test_email_and_page_fit_every_screen(new_page, draft, width):
    """Nothing scrolls sideways, every option is at least 44 pixels high and wide, and the trap is not visible."""
    page = new_page(viewport={"width": width, "height": 700})
    mail(page, draft)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for option in draft.options:
        box = page.locator(f'a[href="{option.url}"]').bounding_box()
        assert box
        assert box["width"] >= 44
        assert box["height"] >= 44
    expect(page.locator(f'a[href="{draft.trap}"]')).to_be_hidden()
    for url in (draft.options[0].url, draft.url, draft.leave):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_email_is_readable_on_a_dark_background(new_page, draft):
    """Elements with a background have their own text colour; others use that of the email around them."""
    page = new_page()
    mail(page, draft, dark=True)
    colour = "element => getComputedStyle(element).color"
    assert page.locator(f'a[href="{draft.leave}"]').evaluate(colour) == "rgb(238, 238, 238)"
    assert page.locator(f'a[href="{draft.options[0].url}"]').evaluate(colour) == "rgb(26, 63, 174)"
    ground = "element => getComputedStyle(element.parentElement).backgroundColor"
    assert page.locator(f'a[href="{draft.options[0].url}"]').evaluate(ground) == "rgb(238, 242, 253)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_landing_page_is_accessible_in_every_state(new_page, draft, scheme):
    """axe-core checks the click, an error, the change, the opt-outs, their confirmations, and a broken link."""
    page = new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})

    def clean() -> None:
        assert [(violation["id"], violation["nodes"][0]["html"]) for violation in Axe().run(page).response["violations"]] == []

    for address in (draft.options[0].url, f"{draft.url}x", draft.leave, draft.url, f"{draft.options[0].url}?change=1"):
        page.goto(address)
        clean()
    with page.expect_navigation():
        page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_be_visible()
    clean()
    page.goto(draft.leave)
    with page.expect_navigation():
        page.get_by_role("button", name="This is not me").click()
    clean()
    page.goto(draft.url)
    clean()
