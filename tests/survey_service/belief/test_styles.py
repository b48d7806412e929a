"""A served bank with styles: styles sharpen the belief, and no response or message contains one."""

import json
import math

import pytest
from sqlmodel import select

from question_bank.compile import compile_bank
from question_bank.files.load import read_bank
from survey_service.analysis.refit import comparison, refit_survey, write_draft
from survey_service.analysis.reports import sections
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, Belief
from survey_service.store.tables.webhooks import Delivery
from tests.adaptive import reference
from tests.survey_service.service import BANK, a_service

STYLES = ("zen", "wild")
STYLED = (
    BANK.replace("prior: 0.5}\n  - {id: family", "prior: 0.5, styles: [{id: zen, share: 3}, {id: wild, share: 1}]}\n  - {id: family", 1)
    .replace("driver: [0.9, 0.1],", "driver/zen: [0.95, 0.05], driver/wild: [0.3, 0.7],")
    .replace("driver: {mean: 4, sd: 1}", "driver/zen: [0.05, 0.1, 0.15, 0.3, 0.4], driver/wild: [0.6, 0.2, 0.1, 0.05, 0.05]")
    .replace("family: {mean: 3, sd: 1}", "family: [0.1, 0.2, 0.4, 0.2, 0.1]")
    .replace("driver: {mean: 30000, sd: 8000}", "driver/zen: {mean: 20000, sd: 8000}, driver/wild: {mean: 50000, sd: 9000}")
    .replace("no_answer: {driver: 0.1,", "no_answer: {driver/zen: 0.02, driver/wild: 0.5,")
)


@pytest.fixture
def service(database_url):
    """The service with the bank of cars, whose drivers have two styles."""
    made = a_service(database_url, STYLED)
    yield made
    made.parts.store.close()


def test_the_belief_is_of_the_persona_and_no_style_leaves_the_service(service):
    """Respondent, insight, contact and webhook show personas only; the explanation adds up to the change of the persona's log odds."""
    endpoint = {"url": "https://crm.example/hook", "when": "every_answer"}
    assert service.call("POST", "/api/v1/endpoints", endpoint).status_code == 201
    identity = service.call("POST", "/api/v1/contacts/zoe/identity").json["identity"]
    someone = service.start("all", identity=identity)
    given = {"owns": "no", "happy": 2, "km": None}
    seen = [json.dumps(someone.view)]
    for question, value in given.items():
        response = someone.silent(question) if value is None else someone.answer(question, value)
        assert response.status_code == 200, response.text
        seen.append(response.text)
    insight = someone.insight()

    bank = read_bank(STYLED)
    expected = reference.belief(bank, given)
    assert insight["belief"]["probabilities"] == pytest.approx(expected, abs=1e-12)
    for persona, p in expected.items():
        bits = sum(entry["bits"][persona] for entry in insight["explanation"])
        assert bits == pytest.approx(math.log2(p / (1 - p)), abs=1e-9)  # the prior odds are even
    with service.parts.store.reading() as session:
        stored = [row.model_dump_json() for table in (Answer, Belief, Delivery) for row in session.exec(select(table))]
    assert any('"contact.persona.updated"' in row for row in stored)
    seen += [json.dumps(insight), service.call("GET", "/api/v1/contacts/zoe").text, service.call("GET", "/api/v1/deliveries").text]
    for text in [*seen, *stored]:
        assert not any(style in text for style in STYLES), text


def test_stored_answers_update_a_bank_with_styles(service, tmp_path):
    """The draft bank has the same styles with updated tables and shares, and passes the checks."""
    for n in range(48):
        calm = n % 4 != 0
        someone = service.start("all")
        someone.answer("owns", "yes" if calm else "no")
        someone.answer("happy", 5 if calm else 1)
    with service.parts.store.reading() as session:
        done = refit_survey(session, Banks(), "all", 1)

    write_draft(done, tmp_path / "draft.yaml")
    found = comparison(done)

    old, new = read_bank(STYLED), read_bank((tmp_path / "draft.yaml").read_text())
    assert new.keys == old.keys == ("driver/zen", "driver/wild", "family")
    assert new.question("happy").likelihood["driver/wild"].values[0] > new.question("happy").likelihood["driver/zen"].values[0] + 0.5
    assert new.question("reasons") == old.question("reasons")
    assert sum(persona.prior for persona in new.personas) == pytest.approx(1)
    assert [persona["persona"] for persona in found["personas"]] == ["driver", "family"]
    assert not any(style in json.dumps(found) for style in STYLES)


def test_a_report_shows_personas():
    """The report has the share of the persona, summed over its styles."""
    drivers, families = sections.personas_section(compile_bank(read_bank(STYLED))).tables

    assert drivers.caption == "The driver: 50% of the respondents"
    assert families.caption == "The family: 50% of the respondents"
    assert not any(style in str(drivers.rows) for style in STYLES)
