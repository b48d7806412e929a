"""`discern refit`: the published bank is updated with the stored answers."""

import json

import numpy as np
import pytest
from sqlmodel import func, select

from question_bank.files.load import read_bank
from survey_service.analysis import refit
from survey_service.analysis.dropout import fit_survey_hazard, with_hazard
from survey_service.analysis.refit import NEEDED_PER_PERSONA, comparison, refit_survey
from survey_service.store.banks import Banks
from survey_service.store.tables.core import Answer, ApiKey, Contact
from survey_service.store.tables.inbound import ContactEvent
from tests.processes import discern
from tests.survey_service.service import a_service

BANK = """
bank: drinks
personas: [{id: tea, name: Tea, prior: 0.5}, {id: coffee, name: Coffee, prior: 0.5}]
questions:
  - {id: morning, type: single, text: In the morning?, options: [{id: pot, text: Pot}, {id: cup, text: Cup}],
     likelihood: {tea: [0.7, 0.3], coffee: [0.3, 0.7]}}
  - {id: noon, type: single, text: At noon?, options: [{id: pot, text: Pot}, {id: cup, text: Cup}],
     likelihood: {tea: [0.7, 0.3], coffee: [0.3, 0.7]}}
  - {id: night, type: scale, text: At night?, min: 1, max: 3, likelihood: {tea: [0.6, 0.3, 0.1], coffee: [0.1, 0.3, 0.6]}}
  - {id: never, type: single, text: Never asked, options: [{id: a, text: A}, {id: b, text: B}],
     likelihood: {tea: ["+", "0"], coffee: [0.5, 0.5]}}
  - {id: new, type: single, text: New?, pilot: true, options: [{id: a, text: A}, {id: b, text: B}]}
  - {id: rare, type: multiple, text: Rare?, pilot: true, options: [{id: a, text: A}, {id: b, text: B}]}
surveys: [{id: drinks, title: Drinks, stop: {at_least: 0}}]
"""


@pytest.fixture
def service(database_url):
    """With the small bank of drinks."""
    made = a_service(database_url, BANK)
    yield made
    made.parts.store.close()


def answered(service, people):
    """So many tea and coffee drinkers, clearer than the bank believes; they agree on what is new in their own way."""
    dice = np.random.default_rng(1)
    for n in range(people):
        tea = n % 2 == 0
        clear = ["pot", "cup"] if tea else ["cup", "pot"]
        gives = {name: clear[int(dice.random() < 0.05)] for name in ("morning", "noon")}
        gives["night"] = int(dice.choice([1, 2, 3], p=[0.9, 0.08, 0.02] if tea else [0.02, 0.08, 0.9]))
        gives["new"] = "a" if (dice.random() < 0.9) == tea else "b"
        if n < 10:
            gives["rare"] = ["a"]
        numbers = service.numbers
        answers = [{"answer_id": f"a{next(numbers)}", "question": q, "kind": "answer", "value": value} for q, value in gives.items()]
        assert service.start("drinks").post("answers", {"answers": answers}).status_code == 200


def refitted(service):
    with service.parts.store.reading() as session:
        return refit_survey(session, Banks(), "drinks", 1)


def test_a_draft_is_written_compared_and_not_published(service, database_url, tmp_path):
    """Clearer answers give clearer tables and fewer questions; texts, ids and rows without answers are kept; nothing is published."""
    answered(service, 60)
    out = tmp_path / "draft.yaml"

    done = discern("refit", "drinks", "--out", str(out), "--json", database_url=database_url)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["respondents"], found["version"]) == (60, 1)
    assert found["held_out_log_score"]["gain"] > 3 * found["held_out_log_score"]["standard_error"]
    assert found["simulated"]["after"]["accuracy"] > found["simulated"]["before"]["accuracy"] + 0.05
    assert found["other_persona"] < 0.05
    moved = {question["question"]: question["moved"] for question in found["questions"]}
    assert moved["never"] == 0
    assert min(moved[name] for name in ("morning", "noon", "night")) > 0.05
    assert found["pilots"] == [
        {"question": "new", "answers": 60, "needed": 40, "has_table": True},
        {"question": "rare", "answers": 10, "needed": 40, "has_table": False},
    ]
    before, draft = read_bank(BANK), read_bank(out.read_text())
    assert [question.text for question in draft.questions] == [question.text for question in before.questions]
    assert draft.surveys == before.surveys
    assert draft.question("never") == before.question("never")
    assert draft.question("rare").pilot
    new = draft.question("new")
    assert not new.pilot
    assert new.likelihood["tea"].values[0] > 0.7
    assert new.likelihood["coffee"].values[0] < 0.3
    with service.parts.store.reading() as session:
        assert Banks().current(session, "drinks")[1] == 1

    page = tmp_path / "report.html"
    table = discern("refit", "drinks", "--out", str(out), "--report", str(page), database_url=database_url).stdout
    assert all(
        f"<h2>{title}</h2>" in page.read_text() for title in ("What it is worth", "What moved", "Pilot questions", "Who the personas are")
    )
    for words in (
        "draft.yaml: a draft from drinks version 1",
        "60 respondents",
        "pilot rare: 10 answers, needs 30 more",
        "nothing is published",
    ):
        assert words in table
    assert discern("publish", str(out), database_url=database_url).stdout == "drinks version 2\n"


def test_the_same_answers_give_the_same_draft(service):
    """A withdrawn answer does not count."""
    answered(service, 45)
    first, again = refitted(service), refitted(service)
    assert first.draft.bank == again.draft.bank
    assert comparison(first) == comparison(again)

    taken = service.start("drinks")
    taken.answer("morning", "pot")
    taken.answer("noon", "cup")
    assert refitted(service).update.counts.respondents == 46
    taken.back()
    assert refitted(service).update.counts.respondents == 45


def test_too_few_answers_are_refused_with_the_number_needed(service, database_url, tmp_path):
    """Exit 1, no draft."""
    answered(service, 5)
    out = tmp_path / "draft.yaml"
    done = discern("refit", "drinks", "--out", str(out), database_url=database_url)

    assert done.returncode == 1
    assert "5 respondents have given two answers or more" in done.stderr
    assert f"a refit needs {2 * NEEDED_PER_PERSONA}" in done.stderr
    assert "wait for 35 more" in done.stderr
    assert done.stdout == ""
    assert not out.exists()


def test_a_survey_that_is_not_published_is_refused(service, database_url):
    """Exit 1."""
    done = discern("refit", "nothing", database_url=database_url)
    assert done.returncode == 1
    assert 'There is no survey "nothing".' in done.stderr


def test_the_hazard_is_fitted_to_where_respondents_left(service):
    """Three in ten leave at each further question; those who never began do not count, and too few dropouts give no hazard."""
    dice = np.random.default_rng(2)

    def learned():
        with service.parts.store.reading() as session:
            bank = Banks().current(session, "drinks")[0]
            return with_hazard(bank.bank, "drinks", fit_survey_hazard(session, bank, "drinks")).survey("drinks").drop_out

    for people in (10, 140):
        for _ in range(people):
            service.start("drinks")
            someone = service.start("drinks")
            while someone.view["question"] is not None:
                someone.silent(someone.view["question"]["id"])
                if someone.view["question"] is not None and dice.random() < 0.3:
                    someone.post("finish", {})
        assert (learned() is None) == (people == 10)

    leaving = [1 - learned().survival(np.array(taken), np.array(5.0), np.array(True)) for taken in (1, 2, 3)]
    assert leaving == pytest.approx([0.3] * 3, abs=0.12)


SIGNALS = """signals:
  - {id: kettle, match: {event: Kettle Bought}, likelihood: {tea: 0.4, coffee: 0.4}, at_most: 2, half_life_days: 30}
  - {id: mill, match: {event: Mill Bought}, likelihood: {tea: 0.1, coffee: 0.3}}
surveys:"""


@pytest.fixture
def shop(database_url):
    """With the same bank and two signals."""
    made = a_service(database_url, BANK.replace("surveys:", SIGNALS))
    yield made
    made.parts.store.close()


def contacts_in_order(session):
    """Contacts in the order in which they answered first."""
    return session.exec(select(Answer.contact_id).group_by(Answer.contact_id).order_by(func.min(Answer.id))).all()


def test_signals_get_tables_of_who_showed_them(shop):
    """Tea drinkers buy kettles, coffee drinkers do something else; a signal that nobody showed is kept, and so is its place in the file."""
    answered(shop, 80)
    with shop.parts.store.writing() as session:
        key = session.exec(select(ApiKey.id)).first()
        for n, contact in enumerate(contacts_in_order(session)):
            name = "Kettle Bought" if n % 2 == 0 else "Shop Visited"
            event = {"contact_id": contact, "source": key, "message_id": f"m{n}", "kind": "track", "name": name}
            session.add(ContactEvent(**event, at=shop.clock(), received_at=shop.clock()))

    draft = refitted(shop).draft.bank

    kettle, mill = draft.signals
    assert kettle.likelihood["tea"] > 0.6
    assert kettle.likelihood["coffee"] < 0.25
    assert mill.likelihood == {"tea": 0.1, "coffee": 0.3}


def test_pages_of_contacts_do_not_change_the_draft(shop, monkeypatch):
    """Contacts are read page by page; every respondent is in exactly one, and the draft is the same."""
    answered(shop, 45)
    whole = refitted(shop)
    monkeypatch.setattr(refit, "CHUNK", 7)
    with shop.parts.store.reading() as session:
        bank = Banks().current(session, "drinks")[0]
        sizes = [len(chunk) for chunk in refit.stored_answers(session, bank)]

    assert sizes == [7, 7, 7, 7, 7, 7, 3]
    assert refitted(shop).draft.bank == whole.draft.bank


def test_a_label_of_a_contact_is_evidence_of_its_persona(shop):
    """Somebody whose answers say nothing counts for the persona that a colleague gave, as far as the label is reliable."""
    answered(shop, 40)
    with shop.parts.store.writing() as session:
        contact = session.get(Contact, contacts_in_order(session)[0])
        contact.labels = {"drinks": {"persona": "coffee", "reliability": 0.9}}
    with shop.parts.store.reading() as session:
        bank = Banks().current(session, "drinks")[0]
        (chunk,) = refit.stored_answers(session, bank)

    labelled = chunk.evidence[chunk.evidence.any(axis=1)]
    assert labelled == pytest.approx(np.log([[0.1, 0.9]]))
