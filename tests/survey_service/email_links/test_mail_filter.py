"""What a mail filter does never lowers what a person has confirmed. Both use real HTTP."""

import re
import threading
from html import unescape
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from sqlmodel import select
from werkzeug.serving import make_server

from survey_service.links.unconfirmed import TRUST, unconfirmed_answer
from survey_service.store.tables.core import Answer
from tests.survey_service.email_links.mailbox import Mail
from tests.world.mail_filter import LOOKS, MailFilter


@pytest.fixture
def server(service):
    """Return the address of the service, which listens until the test ends."""
    running = make_server("127.0.0.1", 0, service.app, threaded=True)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


def open_page(url):
    with urlopen(url, timeout=10) as response:
        return unescape(response.read().decode())


def submit(url, page, **form):
    """Submit the last form of a page."""
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.split('<form method="post"')[-1]))
    with urlopen(url, data=urlencode({**fields, **form}).encode(), timeout=10) as response:
        return unescape(response.read().decode())


def weights(service):
    """Return the weight and the measured seconds of each answer of the only session."""
    with service.parts.store.reading() as session:
        (session_id,) = {row.session_id for row in session.exec(select(Answer))}
    log = service.call("GET", f"/api/v1/sessions/{session_id}").json["log"]
    return {entry["question"]: (entry["weight"], entry["measured_seconds"]) for entry in log}


def test_a_filter_that_looks_just_before_the_person_acts_does_not_make_the_answer_hasty(service, server):
    """The time runs from the rendering of the person's own form."""
    mail, machine = Mail.to(service), MailFilter()
    url = server + mail.path("yes")
    page = open_page(url)
    service.clock.forward(seconds=20)
    machine.look(url, server + mail.path(), server + mail.trap)
    assert machine.looks == 3 * len(LOOKS)
    submit(url, page, act="answer", value="30000")
    assert weights(service) == {"owns": (1, None), "km": (1, 20)}


def test_a_session_that_a_script_began_meanwhile_does_not_make_the_answer_hasty(service, server):
    """A filter that runs the widget of a page starts a session, in which the person's form is then stored."""
    mail = Mail.to(service)
    url = server + mail.path("yes")
    page = open_page(url)
    service.clock.forward(seconds=20)
    assert service.call("POST", "/api/v1/surveys/all/sessions", {"link": mail.path("yes").removeprefix("/l/")}).status_code == 201
    submit(url, page, act="answer", value="30000")
    assert weights(service) == {"owns": (1, None), "km": (1, 20)}


def test_a_click_that_a_person_confirms_counts_fully_although_a_robot_opened_the_link(service, server):
    """Two options opened at once and the trap take the weight of the click until a person confirms it."""
    mail = Mail.to(service)
    MailFilter().look(server + mail.path("yes"), server + mail.path("no"), server + mail.trap)
    bank = service.parts.banks
    with service.parts.store.reading() as session:
        link = mail.row(session)
        assert unconfirmed_answer(bank.version(session, link.bank, link.bank_version), link, "yes").trust == 0 != TRUST
    url = server + mail.path("yes")
    submit(url, open_page(url), act="confirm")
    assert weights(service) == {"owns": (1, None)}
    assert mail.probabilities()["driver"] == pytest.approx(0.9 / 1.3, abs=1e-3)


def test_a_form_with_a_foreign_time_is_not_measured(service):
    """A form that was not rendered for this link, or longer ago than a day, says nothing about the time."""
    mail, other = Mail.to(service), Mail.to(service, "ben")
    other.open("yes")
    foreign = re.search(r'name="form" value="([^"]*)"', other.page)[1]
    mail.open("yes")
    mail.send("yes", act="answer", value="30000", form=foreign)
    assert weights(service) == {"owns": (1, None), "km": (1, None)}


def test_changing_the_language_of_the_landing_page_keeps_what_was_filled_in(service):
    """The language is a button of the same form, and the session continues in it."""
    mail = Mail.to(service)
    mail.open("yes")
    french = mail.send("yes", to="fr", value="30000")
    assert (french.status_code, mail.answers()) == (200, [])
    assert '<html lang="fr">' in french.text
    assert 'value="30000"' in french.text
    mail.page = unescape(french.text)
    after = mail.send("yes", act="answer", value="30000")
    assert '<html lang="fr">' in after.text
