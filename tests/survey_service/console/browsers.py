"""Browsers in which somebody is signed in to the console, without a real browser."""

import re
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from survey_service.web.accounts import invite, make_link
from tests.survey_service.service import Service


@dataclass
class Browser:
    """A browser that keeps cookies and sends the forms of the page that it shows."""

    client: FlaskClient
    text: str = ""
    form: str = ""

    def get(self, path: str) -> TestResponse:
        response = self.client.get(path)
        self._show(response)
        return response

    def _show(self, response: TestResponse) -> None:
        self.text = response.text
        if found := re.search(r'name="csrf" value="(\w+)"', self.text):
            self.form = found[1]

    def post(self, path: str, **fields: Any) -> TestResponse:
        """Send a form as a page carries it: with the hidden token of this browser, and the ETag where the page that is shown has one."""
        if found := re.search(r'name="etag" value="([^"]*)"', self.text):
            fields.setdefault("etag", found[1])
        response = self.client.post(path, data={"csrf": self.form, **fields})
        self._show(response)
        return response


def link_for(service: Service, email: str = "claire@example.com", scope: str = "admin", *, contacts: bool = True) -> str:
    """Return the path of a link that signs somebody in."""
    p = service.parts
    with p.store.writing() as session:
        account = invite(session, email, email.partition("@")[0].title(), scope, p.now(), sees_contacts=contacts)
        return f"/console/sign-in/{make_link(session, p.keys, account, p.now())}"


def signed_in(service: Service, email: str = "claire@example.com", scope: str = "admin", *, contacts: bool = True) -> Browser:
    """Return a browser in which somebody is signed in."""
    browser = Browser(service.client)
    assert browser.client.post(link_for(service, email, scope, contacts=contacts)).status_code == 303
    browser.get("/console/settings")
    return browser
