"""An answer given faster than it can be read counts less; a filled trap makes it count as nothing. No respondent is refused."""

import numpy as np
import pytest
from sqlmodel import select

from adaptive import believe
from question_bank.compile import ObservedAnswer
from survey_service.belief.evidence import least_reading_seconds
from survey_service.store.tables.core import Answer
from tests.question_bank.test_unconfirmed_answers import TREE
from tests.survey_service.email_links.mailbox import Mail
from tests.survey_service.service import BANK, a_service
from tests.survey_service.web.test_hostile_clients import form_of

LEAST = 0.3 + 0.1 * 3  # "Avez-vous une voiture ?" is shorter than the English text


@pytest.fixture
def service(database_url):
    """The service with a survey that begins with the question about the car."""
    made = a_service(database_url, BANK + "  - {id: cars, title: Cars, first: [owns], stop: {at_most: 5}}\n")
    yield made
    made.parts.store.close()


def log_of(service, session_id: str) -> list[dict]:
    return service.call("GET", f"/api/v1/sessions/{session_id}").json["log"]


def stored(service) -> list[Answer]:
    with service.parts.store.reading() as session:
        return list(session.exec(select(Answer).order_by(Answer.id)))


@pytest.mark.parametrize(("claimed", "waited", "weight"), [(0.15, 9, 0.25), (0.3, 0, 0.5), (9, 9, 1), (9, 0, 1), (None, 0, 1)])
def test_a_client_can_only_lower_its_weight(service, claimed, waited, weight):
    """Too few seconds make an answer hasty; enough seconds or none leave its weight at one, whenever the session began."""
    someone = service.start()
    service.clock.forward(seconds=waited)
    someone.answer("owns", "yes", **({} if claimed is None else {"seconds": claimed}))

    insight = someone.insight()
    assert insight["log"][0]["weight"] == pytest.approx(weight)
    assert insight["explanation"][0]["weight"] == pytest.approx(weight)
    ratio = (0.9 / 0.4) ** weight
    assert someone.belief()["driver"] == pytest.approx(ratio / (ratio + 1))
    odds = np.log2(someone.belief()["driver"] / someone.belief()["family"])
    assert insight["explanation"][0]["bits"]["driver"] == pytest.approx(odds)


def test_answers_sent_after_an_outage_are_not_hasty(service):
    """Three answers of a phone that was offline arrive at once with weight one."""
    someone = service.start()
    for question, value, seconds in (("owns", "no", 20), ("happy", 4, 15), ("km", 9000, 25)):
        someone.answer(question, value, seconds=seconds)
    assert [entry["weight"] for entry in someone.insight()["log"]] == [1, 1, 1]


def test_a_question_that_was_read_before_going_back_is_known(service):
    """The second answer is immediate and keeps its full weight."""
    someone = service.start()
    service.clock.forward(seconds=5)
    someone.answer("owns", "yes", seconds=4)
    someone.back()
    someone.answer("owns", "no", seconds=0.1)
    assert [entry["weight"] for entry in someone.insight()["log"]] == [1, 1]
    assert someone.insight()["log"][1]["measured_seconds"] == pytest.approx(4.1)


def test_the_hosted_page_measures_for_itself(service):
    """The time runs from the creation of the form to its submission; an immediate submission gets almost no weight."""
    for waited, weight in ((0, 0), (6, 1)):
        form = form_of(service.client.get("/s/cars"))
        service.clock.forward(seconds=waited)
        address = service.client.post("/s/cars", data={**form, "act": "answer", "value": "yes"}).headers["Location"]
        second = form_of(service.client.get(address))
        service.client.post(address, data={**second, "act": "skip"})
        session_id = stored(service)[-1].session_id
        assert [entry["weight"] for entry in log_of(service, session_id)] == [weight, 0]


def test_a_filled_trap_gets_a_normal_response_and_counts_as_nothing(service):
    """On the page and in the API the answer is stored, the belief stays the prior, and the next question is asked."""
    form = form_of(service.client.get("/s/cars"))
    service.clock.forward(seconds=9)
    reply = service.client.post("/s/cars", data={**form, "act": "answer", "value": "yes", "website": "http://spam-of-a-bot.example"})
    assert reply.status_code == 303
    assert "<legend>" in service.client.get(reply.headers["Location"]).text
    bot = service.start()
    service.clock.forward(seconds=9)
    assert bot.answer("owns", "yes", website="x", seconds=8).status_code == 200
    for session_id in (stored(service)[0].session_id, bot.session):
        insight = service.call("GET", f"/api/v1/sessions/{session_id}").json
        assert insight["log"][0] | {"trapped": True, "weight": 0.0, "value": "yes"} == insight["log"][0]
        assert insight["belief"]["probabilities"] == pytest.approx({"driver": 0.5, "family": 0.5})
        assert insight["explanation"][0]["log_likelihood_ratio_bits"] == 0
        assert "spam-of-a-bot" not in str(insight)
    person = service.start()
    assert person.answer("owns", "yes", website="").status_code == 200
    assert person.insight()["log"][0]["weight"] == 1


def test_a_machine_that_acts_on_an_email_confirms_nothing(service):
    """A scanner opens the link and submits the form at once with the trap filled: the click is stored, and neither counts."""
    mail = Mail.to(service)
    page = mail.open("yes")
    asked = page.split('name="question" value="')[1].split('"')[0]
    mail.send("yes", act="answer", value={"km": "9000", "happy": "3"}[asked], website="filled")
    assert [answer[0] for answer in mail.answers()] == ["owns", asked]
    assert mail.probabilities() == pytest.approx({"driver": 0.5, "family": 0.5})
    funnel = service.call("GET", "/api/v1/surveys/all/links").json
    assert funnel["trapped"] == 2


def test_loading_a_page_with_its_scripts_confirms_nothing(service):
    """A scanner with a browser loads the page and the widget and does nothing else."""
    mail = Mail.to(service)
    mail.open("yes")
    started = service.start(link=mail.path("yes").removeprefix("/l/"))
    assert mail.answers() == []
    assert started.view["claimed"]["value"] == "yes"
    assert service.call("GET", "/api/v1/contacts/zoe").json["beliefs"] == {}


def test_the_weight_is_an_exponent_wherever_the_bank_reads_it(service):
    """The weight applies to choices, multiple choices, scales, numbers and skips, whatever the table."""
    with service.parts.store.reading() as session:
        bank = service.parts.banks.current(session, "all")[0]
    for question, value in (("owns", "yes"), ("reasons", ("power",)), ("happy", 5), ("km", 9000.0), ("km", None)):
        full = believe(bank.tables, bank.evidence([ObservedAnswer(question, value)]))[0]
        half = believe(bank.tables, bank.evidence([ObservedAnswer(question, value, weight=0.5)]))[0]
        prior = bank.tables.prior
        assert np.log(half / prior)[0] - np.log(half / prior)[1] == pytest.approx((np.log(full / prior)[0] - np.log(full / prior)[1]) / 2)
        none = believe(bank.tables, bank.evidence([ObservedAnswer(question, value, weight=0.0)]))[0]
        assert none == pytest.approx(prior)


def test_hasty_answers_that_depend_on_each_other_are_explained_to_the_last_bit(database_url):
    """Per persona the explanation adds up to the change of its log odds, also within a tree."""
    service = a_service(database_url, TREE)
    someone = service.start("s")
    service.clock.forward(seconds=1)
    someone.answer("one", "yes", seconds=0.2)
    someone.answer("point", 3, seconds=0.1)
    insight = someone.insight()
    assert [entry["weight"] for entry in insight["log"]] == pytest.approx([0.5, 0.25])
    belief, prior = insight["belief"]["probabilities"], {"a": 0.6, "b": 0.4}
    for persona, other in (("a", "b"), ("b", "a")):
        moved = np.log2(belief[persona] / belief[other]) - np.log2(prior[persona] / prior[other])
        assert sum(entry["bits"][persona] for entry in insight["explanation"]) == pytest.approx(moved, abs=1e-9)
    service.parts.store.close()


def test_reading_takes_time_by_the_word(service):
    """The minimum is 0.1 s a word of the shortest language, and 0.3 s to act."""
    with service.parts.store.reading() as session:
        bank = service.parts.banks.current(session, "all")[0].bank
    assert least_reading_seconds(bank.question("owns")) == pytest.approx(LEAST)
    assert least_reading_seconds(bank.question("happy")) == pytest.approx(0.4)


def test_response_manner_is_recorded_and_changes_no_weight(database_url):
    """Straight-lining is the same point on three scales; pace is the median of measured time over minimum time."""
    scales = "".join(
        f"  - {{id: s{n}, type: scale, text: Happy?, min: 1, max: 5, likelihood: {{a: {{mean: 4, sd: 1}}, b: {{mean: 2, sd: 1}}}}}}\n"
        for n in range(4)
    )
    bank = f"bank: x\npersonas: [{{id: a}}, {{id: b}}]\nquestions:\n{scales}surveys: [{{id: s, title: S, stop: {{gain_below: 0}}}}]\n"
    service = a_service(database_url, bank)
    someone = service.start("s")
    service.clock.forward(seconds=60)
    manners = []
    for n, seconds in ((0, 0.4), (1, 0.8), (2, 1.2), (3, None)):
        someone.answer(f"s{n}", 5 if n == 3 else 3, **({} if seconds is None else {"seconds": seconds}))
        manners.append(someone.insight()["manner"])
    assert [manner["straight_lining"] for manner in manners] == [False, False, True, False]
    assert [manner["pace"] for manner in manners] == pytest.approx([1, 1.5, 2, 2])
    assert [entry["weight"] for entry in someone.insight()["log"]] == [1, 1, 1, 1]
    service.parts.store.close()
