"""No email address, persona or answer appears in a URL, in a log line, or in a referrer that another site gets."""

import logging
import re
from urllib.parse import unquote

from survey_service.preview.tokens import preview_token
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import BANK, a_service
from tests.survey_service.web.test_hostile_clients import form_of

MARKED = (
    BANK.replace("id: yes", "id: secretyes")
    .replace("owns: [yes]", "owns: [secretyes]")
    .replace("driver", "secretdriver")
    .replace("text: {en: Yes, fr: Oui}", "text: SecretYes")
)
SECRETS = re.compile("secret|lemaire|@|98765|by hand", re.I)  # so long that no random token has them


class Walker:
    """Follow pages as a browser does and record every URL that is requested or shown."""

    def __init__(self, service) -> None:
        self.client, self.addresses, self.policies = service.client, [], []
        self.clock = service.clock

    def see(self, page):
        self.addresses += [page.request.full_path, page.headers.get("Location", ""), page.headers.get("Refresh", "")]
        self.addresses += re.findall(r'(?:href|action|src)="([^"]*)"', page.text)
        self.policies.append(page.headers.get("Referrer-Policy"))
        return page

    def get(self, path):
        return self.see(self.client.get(path))

    def post(self, path, page, **form):
        self.clock.forward(seconds=7)
        return self.see(self.client.post(path, data={**form_of(page), **form}))


def walk(walker: Walker, path: str, values: dict[str, str]) -> str:
    """Answer every question of the pages from `path` on. Return the URL of the last page."""
    page = walker.get(path)
    while 'name="question"' in page.text:
        asked = form_of(page)["question"]
        sent = walker.post(path, page, act="answer", value=values[asked])
        path = sent.headers.get("Location", path)
        page = walker.get(path) if sent.status_code == 303 else sent
    return path


def test_no_personal_data_appears_in_urls_or_logs(database_url, caplog):
    """Covers the hosted page, erasure, email link, preview and errors: every URL, log line and referrer policy."""
    caplog.set_level(logging.DEBUG)
    service = a_service(database_url, MARKED)
    values = {"owns": "secretyes", "reasons": "power", "happy": "5", "km": "98765", "why": "by hand"}
    service.call("PUT", "/api/v1/contacts/lemaire", {"email": "lemaire@example.com"})
    walker = Walker(service)

    end = walk(walker, "/s/all?lang=en", values)
    walker.post(f"{end}/erase", walker.get(f"{end}/erase"))
    walker.get("/s/all/not-a-ticket")
    mail = Mail.to(service, "lemaire")
    walk(walker, mail.path("secretyes"), values)
    walker.get(mail.path("secretyes"))
    walker.get(mail.leave)
    token = preview_token(service.parts.keys, "all")
    for path in ("", "/widget", "/email"):
        walker.get(f"/preview/all{path}?t={token}")
    walk(walker, f"/preview/all/page?t={token}", values)
    service.parts.store.close()

    assert len(walker.addresses) > 60
    assert [address for address in walker.addresses if SECRETS.search(unquote(address))] == []
    lines = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    assert [line for line in lines if SECRETS.search(unquote(line))] == []
    assert set(walker.policies) == {"no-referrer"}
