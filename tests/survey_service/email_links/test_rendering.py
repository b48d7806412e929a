"""The HTML and the plain text of an email."""

import re
from html.parser import HTMLParser

import pytest

from survey_service.email_links.export import MAILERS
from survey_service.email_links.rendering import render_html
from survey_service.respondent import side_data
from survey_service.web.api import LogSampler
from tests.survey_service.email_links.mailbox import Mail, links

HOSTILE = """
bank: hostile
languages: [en, ar]
personas: [{id: a}, {id: b}]
questions:
  - id: x
    type: single
    text: {en: "<script>alert(1)</script> & you?", ar: "كيف؟"}
    options: [{id: secret_choice, text: "<img src=x onerror=alert(1)>"}, {id: other, text: "\\" onmouseover=\\"x"}]
    likelihood: {a: [0.9, 0.1], b: [0.2, 0.8]}
surveys: [{id: hostile, title: Hostile}]
"""


class Reader(HTMLParser):
    """Parses HTML: its tags, the texts of its links, and the tags that are still open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.links: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "a":
            self.links[self.tags_of("a")[-1]["href"]] = data

    def tags_of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def test_every_text_in_the_email_is_escaped(one_service):
    """Markup in a text of the bank appears as text."""
    assert one_service.call("POST", "/api/v1/banks", data=HOSTILE).status_code in (200, 201)
    created = links(one_service, "zoe", survey="hostile")[0]
    page = Reader(created["html"])
    assert page.open == []
    assert {tag for tag, _ in page.tags} == {"table", "tr", "td", "a", "div"}
    assert page.links[created["options"]["secret_choice"]] == "<img src=x onerror=alert(1)>"
    assert page.links[created["options"]["other"]] == '" onmouseover="x'
    assert (
        '<table role="presentation" lang="ar" dir="rtl"'
        in links(one_service, survey="hostile", contacts=[{"external_id": "ali", "language": "ar"}])[0]["html"]
    )


def test_the_email_markup_is_accessible(one_service):
    """Layout tables have the role presentation, cells are 44 pixels high, links have text, and the trap is hidden."""
    for question in ("owns", "happy"):
        mail = Mail.to(one_service, question=question)
        page = Reader(mail.created["html"])
        assert all(table["role"] == "presentation" for table in page.tags_of("table"))
        cells = [cell for cell in page.tags_of("td") if "border:" in (cell.get("style") or "")]
        assert [cell["height"] for cell in cells] == ["48"] * len(mail.created["options"])
        assert all("background-color:#eef2fd" in cell["style"] for cell in cells)
        assert all(page.links[url].strip() for url in mail.created["options"].values())
        hidden = [link for link in page.tags_of("a") if link.get("tabindex") == "-1"]
        assert [link["style"] for link in hidden] == ["display:none"]
        assert page.tags_of("div")[0]["aria-hidden"] == "true"
        assert mail.trap not in mail.created["text"]


def test_the_plain_text_part_lists_every_option(one_service):
    """Each option has its full URL, and labels of a scale stand beside their points."""
    created = Mail.to(one_service, question="happy").created
    for url in (*created["options"].values(), created["url"], created["leave"]):
        assert url in created["text"]
    assert "5 (Yes): " in created["text"]


def test_urls_contain_no_personal_data(one_service):
    """Neither the contact, an email address, a question, an answer nor a persona can be read from a URL."""
    body = [{"external_id": "zoe-4711", "email": "zoe@example.com"}]
    created = links(one_service, contacts=body, question="owns")[0]
    urls = set()
    for url in re.findall(r'https?://[^"\s]+', created["html"] + created["text"]):
        assert re.fullmatch(r"http://127\.0\.0\.1:8000/l/[\w-]{46}", url)
        urls.add(url)
    assert len(urls) == len(created["options"]) + 3
    assert len({url[-46:-40] for url in urls}) == len(urls)


def test_column_names_fit_each_email_system():
    """Mailchimp's have at most ten capitals, digits and underscores; Brevo's are capitals, HubSpot's lower case."""
    assert all(re.fullmatch(r"[A-Z0-9_]{1,10}", name) for name in MAILERS["mailchimp"].columns(21))
    assert all(re.fullmatch(r"[A-Z0-9_]+", name) for name in MAILERS["brevo"].columns(21))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in MAILERS["hubspot"].columns(21))


def test_a_template_has_a_tag_for_every_column_but_the_date(one_service):
    """The template contains merge tags and no URL of a contact."""
    with one_service.parts.store.reading() as session:
        bank = one_service.parts.banks.current(session, "all")[0]
    from survey_service.email_links.rendering import Drafts
    from survey_service.links.tokens import LinkTokens

    draft = Drafts(LinkTokens(one_service.parts.keys), "https://surveys.example", bank).example("owns")
    for mailer, tag in (("brevo", "{{ contact.%s }}"), ("hubspot", "{{ contact.%s }}"), ("mailchimp", "*|%s|*")):
        system = MAILERS[mailer]
        template = render_html(system.template(draft))
        assert "surveys.example" not in template
        for name in system.columns(2):
            assert (tag % name in template) == (name != system.names["expires"])


HALF_TRANSLATED = """
bank: half
languages: [en, ar]
personas: [{id: a}, {id: b}]
questions:
  - {id: mood, type: scale, text: How is your mood?, min: 1, max: 5, labels: {1: {en: Bad, ar: سيئ}, 5: Good},
     likelihood: {a: {mean: 2, sd: 1}, b: {mean: 4, sd: 1}}}
  - {id: colour, type: single, text: {en: Which colour?, ar: أي لون؟},
     options: [{id: red, text: {en: Red, ar: أحمر}}, {id: blue, text: Blue}], likelihood: {a: [0.9, 0.1], b: [0.2, 0.8]}}
surveys: [{id: half, title: Half}]
"""


def test_a_text_without_a_translation_carries_its_own_language(one_service):
    """The question, an option and the word of a point; what is translated, and the texts of a mailer's template, carry none."""
    assert one_service.call("POST", "/api/v1/banks", data=HALF_TRANSLATED).status_code == 201

    def marked(question: str, language: str) -> list[tuple[str, str]]:
        contact = {"external_id": f"{question}-{language}", "language": language}
        html = links(one_service, survey="half", question=question, contacts=[contact])[0]["html"]
        return re.findall(r'<\w+[^>]* lang="en" dir="ltr"[^>]*>(\w[^<]*)<', html)

    assert marked("mood", "ar") == ["How is your mood?", "5", "5 · Good"]
    assert marked("colour", "ar") == ["Blue"]
    assert marked("mood", "en") == marked("colour", "en") == []


@pytest.mark.parametrize("language", ["fr" + "-x" * 300, ""])
def test_a_language_that_cannot_be_used_is_left_out(one_service, caplog, monkeypatch, language):
    """The link is created in the contact's own language, and the log says so without the value."""
    monkeypatch.setattr(side_data, "_seldom_language", LogSampler())
    one_service.call("PUT", "/api/v1/contacts/ina", {"attributes": {"language": "fr"}})
    (created,) = links(one_service, contacts=[{"external_id": "ina", "language": language}])
    assert created["language"] == "fr"
    assert ("a language was left out" in caplog.text) == bool(language)
    assert "-x-x" not in caplog.text


def test_the_landing_page_reads_the_whole_list_of_languages(one_service):
    """A list is not cut within one of its languages; one that is too long is left out."""
    mail = Mail.to(one_service, "lea")
    listed = "da-DK;q=0.9,sv-SE;q=0.8,nb-NO;q=0.7,fr-CA;q=0.6"
    assert '<html lang="fr">' in mail.open(query=f"?lang={listed}")
    assert '<html lang="en">' in mail.open(query=f"?lang=fr,{'x' * 600}")
