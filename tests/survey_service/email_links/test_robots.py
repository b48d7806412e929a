"""Openings by mail filters, previews and prefetching browsers are counted and change nothing else."""

import pytest
from sqlmodel import select

from adaptive import believe
from question_bank.compile import ObservedAnswer
from survey_service.links.unconfirmed import TRUST
from survey_service.store.tables.links import Link
from tests.survey_service.email_links.mailbox import Mail, links, opens, rows

PREFETCH = ({"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"})


def is_robot(service) -> list[bool]:
    with service.parts.store.reading() as session:
        return [link.robot_at is not None for link in session.exec(select(Link))]


def test_openings_by_machines_are_only_counted(service):
    """A thousand HEAD, GET and prefetch requests of every URL store no answer, belief, message or contact."""
    mail = Mail.to(service)
    service.start(identity=service.call("POST", "/api/v1/contacts/zoe/identity").json["identity"]).answer("happy", 5)
    before, believed = rows(service), mail.probabilities()
    requests = [("GET", {}), ("HEAD", {}), *[("GET", headers) for headers in PREFETCH]]
    paths = [mail.path(), mail.path("yes"), mail.path("no"), mail.trap, mail.leave]

    visits = 0
    while visits < 1000:
        for path in paths:
            for method, headers in requests:
                assert service.client.open(path, method=method, headers=headers).status_code == 200
                visits += 1

    assert rows(service) == before
    assert mail.probabilities() == believed
    funnel = service.call("GET", "/api/v1/surveys/all/links").json
    assert (funnel["sent"], funnel["opens"], funnel["opened"], funnel["confirmed"], funnel["answers"]) == (1, 1000, 1, 0, 0)
    assert opens(service) == 1000


def test_a_person_can_answer_after_machines_opened_the_link(service):
    """Both answers of the person are stored, and the funnel counts one confirmed link."""
    mail = Mail.to(service)
    for option in ("yes", "no"):
        mail.open(option)
    service.client.get(mail.trap)
    service.clock.forward(hours=2)
    mail.open("no")
    asked = mail.page.split('name="question" value="')[1].split('"')[0]
    mail.send("no", act="answer", value={"happy": "4", "km": "12000"}[asked])

    assert [answer[:2] for answer in mail.answers()] == [("owns", "answer"), (asked, "answer")]
    funnel = service.call("GET", "/api/v1/surveys/all/links").json
    assert (funnel["opens"], funnel["robots"], funnel["confirmed"], funnel["answered"], funnel["answers"]) == (4, 1, 1, 1, 2)


@pytest.mark.parametrize(
    ("second", "seconds", "robot"),
    [("no", 1, True), ("no", 45, True), ("no", 46, False), ("yes", 1, False)],
)
def test_two_options_opened_within_45_seconds_mark_the_link_as_opened_by_a_robot(service, second, seconds, robot):
    """Opening the same option again does not."""
    mail = Mail.to(service)
    mail.open("yes")
    service.clock.forward(seconds=seconds)
    mail.open(second)
    assert is_robot(service) == [robot]


def test_following_the_hidden_link_marks_the_link_as_opened_by_a_robot(service):
    """The hidden link returns 200, and the other URLs still work."""
    mail = Mail.to(service)
    assert service.client.get(mail.trap).status_code == 200
    assert is_robot(service) == [True]
    assert service.client.get(mail.path("yes")).status_code == 200


@pytest.mark.parametrize("question", ["owns", "happy"])
def test_an_unconfirmed_click_has_a_mixture_likelihood(service, question):
    """The likelihood is h P(a | k) + (1 - h) / A, computed term by term for several values of h."""
    with service.parts.store.reading() as session:
        bank = service.parts.banks.current(session, "all")[0]
    value = {"owns": "yes", "happy": 5}[question]
    asked = bank.bank.question(question)
    table = bank.tables.questions[bank.index[question]].table[:, asked.outcomes.index(str(value))]
    for trust in (0.0, TRUST, 1.0):
        evidence = bank.evidence([ObservedAnswer(question, value, trust)])
        mixed = bank.tables.prior * (trust * table + (1 - trust) / len(asked.outcomes))
        assert believe(bank.tables, evidence)[0] == pytest.approx(mixed / mixed.sum())


def test_each_contact_gets_the_most_informative_linkable_question(service):
    """A contact who answered the best question gets the next best; one without open questions gets no link."""
    assert [link["question"] for link in links(service, "zoe", "ben")] == ["owns", "owns"]
    identity = service.call("POST", "/api/v1/contacts/zoe/identity").json["identity"]
    zoe = service.start(identity=identity)
    zoe.answer("owns", "no")
    assert [link["question"] for link in links(service, "zoe", "ben")] == ["happy", "owns"]
    zoe.answer("happy", 4)
    assert links(service, "zoe") == [{"external_id": "zoe", "refused": "nothing_to_ask"}]
