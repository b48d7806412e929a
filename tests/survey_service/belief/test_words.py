"""Words in answers and in searches are evidence, once, wherever beliefs are computed, on both databases."""

import pytest
from sqlmodel import select

from survey_service.store.tables.inbound import ContactEvent
from survey_service.web.api_keys import create_key
from tests.survey_service.inbound.conftest import Shop
from tests.survey_service.service import BANK, a_service

WORDS = """
signals:
  - {id: children, match: {words: [child seat, "enfant*"]}, likelihood: {driver: 0.1, family: 0.6}}
  - {id: track, match: {words: ["circuit*"], question: why}, likelihood: {driver: 0.6, family: 0.1}}
  - {id: brochure, match: {event: Brochure Downloaded}, likelihood: {driver: 0.2, family: 0.4}}
"""


@pytest.fixture
def shop(database_url):
    service = a_service(database_url, BANK + WORDS)
    with service.parts.store.writing() as session:
        key = create_key(session, service.parts.keys, "intake", "shop", service.clock())
    yield Shop(service.app, service.clock, service.key, write_key=key)
    service.parts.store.close()


def family(shop, name="zoe"):
    response = shop.call("GET", f"/api/v1/contacts/{name}")
    assert response.status_code == 200, response.text
    return response.json["beliefs"]["cars"]


def test_words_of_an_answer_count_once(shop):
    """In the belief after the answer, as after a recomputation, with the reason; another answer to the question replaces them."""
    identity = shop.call("POST", "/api/v1/contacts/zoe/identity").json["identity"]
    respondent = shop.start(identity=identity)
    respondent.answer("why", "Pour les ENFANTS, et deux child seats. Enfants !")
    once = respondent.belief()["family"]

    assert once == pytest.approx(0.6 / 0.7)
    assert family(shop)["probabilities"]["family"] == pytest.approx(once)
    [reason] = [item for item in family(shop)["explanation"] if item["kind"] == "signal"]
    assert (reason["signal"], reason["favours"]) == ("children", "family")
    assert family(shop)["evidence"]["signals"] == 1
    respondent.answer("why", "For the circuits")
    assert respondent.belief()["family"] == pytest.approx(0.1 / 0.7)
    shop.track("Brochure Downloaded")  # which recomputes it
    shop.evaluate()
    assert family(shop)["probabilities"]["family"] == pytest.approx(0.1 * 0.4 / (0.1 * 0.4 + 0.6 * 0.2))


def test_words_of_a_search_count_with_those_of_answers(shop):
    """A search that says what an answer has said adds nothing; words of a question do not count in searches; others leave no trace."""
    shop.track("Products Searched", properties={"query": "Siège enfant circuit"})
    shop.track("Products Searched", properties={"query": "red"})
    shop.evaluate()
    assert family(shop)["probabilities"]["family"] == pytest.approx(0.6 / 0.7)
    respondent = shop.start(identity=shop.call("POST", "/api/v1/contacts/zoe/identity").json["identity"])
    respondent.answer("why", "mes enfants")

    assert family(shop)["probabilities"]["family"] == pytest.approx(0.6 / 0.7)
    with shop.parts.store.reading() as session:
        assert sorted(session.exec(select(ContactEvent.terms))) == ["Siège enfant circuit", "red"]
