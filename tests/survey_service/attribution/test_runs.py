"""A run fits the attributes of those who answered and gives every contact a probability, and a persona where its error is known."""

import csv
import io
from math import log2

import pyarrow.parquet as pq
import pytest
from sqlmodel import select

from survey_service.attribution import results, runs
from survey_service.attribution.runs import RunWork
from survey_service.store.tables.attribution import Attribution, AttributionRun
from tests.survey_service.attribution.conftest import ANSWERED, CONTACTS

pytestmark = pytest.mark.slow


def test_a_run_scores_every_contact_and_assigns_those_that_are_certain(base):
    """It is queued, done by a worker, and then says how many it has scored and assigned."""
    queued = base.start()
    assert (queued["state"], queued["progress"]) == ("queued", 0)
    base.work()
    run = base.read(queued["id"])

    assert (run["state"], run["contacts"], run["scored"], run["progress"]) == ("done", CONTACTS, CONTACTS, 1)
    assert 0.3 * CONTACTS < run["assigned"] < CONTACTS
    assert (run["model"]["labels"], run["model"]["personas"]) == (ANSWERED, ["driver", "family"])
    items = base.beliefs(run["id"])
    assert len(items) == CONTACTS
    assert all(sum(item["vector"].values()) == pytest.approx(1) for item in items)
    wrong = [item for item in items if item["is_assigned"] and item["assigned_to"] != ("driver", "family")[int(item["id"][3:]) % 2]]
    assert len(wrong) < 0.3 * run["assigned"]


def test_a_contact_explains_itself_in_bits_that_add_up(base):
    """Per persona the bits of all attributes are its log odds minus those of the bank's prior, to 1e-9."""
    run = base.run()
    found = base.attribution("c300")

    assert (found["run"], found["top"]) == (run["id"], max(found["vector"], key=found["vector"].get))
    assert [item["attribute"] for item in found["why"]] == [None, "city", "children", "since", "job"]
    for persona, p in found["vector"].items():
        assert sum(item["bits"][persona] for item in found["why"]) == pytest.approx(log2(p / (1 - p)), abs=1e-9)  # the prior is .5
    shared = found["neighbours"]
    assert shared
    assert all(item["respondents"] >= 11 and 1 <= item["neighbours"] <= 5 for item in shared)


def test_those_who_taught_the_fit_get_vectors_that_they_did_not_teach(base):
    """Their explanation says so, and adds up as well."""
    base.run()
    found = base.attribution("c0")

    assert found["why"][-1]["reason"] == "the contact's own answers taught the tables, and are left out"
    for persona, p in found["vector"].items():
        assert sum(item["bits"][persona] for item in found["why"]) == pytest.approx(log2(p / (1 - p)), abs=1e-9)


def test_a_belief_from_before_a_run_is_explained_without_it(base):
    """The run changes the belief with the next answer only: until then the bits add up to the belief that is stored."""
    person = base.service.start(identity=base.service.call("POST", "/api/v1/contacts/c399/identity").json["identity"])
    person.answer("happy", 5)
    base.run()

    belief = base.service.call("GET", "/api/v1/contacts/c399").json["beliefs"]["cars"]

    for persona, p in belief["probabilities"].items():
        assert sum(item["bits"][persona] for item in belief["explanation"]) == pytest.approx(log2(p / (1 - p)), abs=1e-9)  # the prior is .5


def test_signals_labels_and_other_priors_teach_nothing(base):
    """What a fit learns comes from answers alone."""
    before = base.run()["model"]
    for number in range(200, 230):
        base.service.call("PUT", f"/api/v1/contacts/c{number}/label", {"bank": "cars", "persona": "driver"})
        shares = {"driver": 0.9, "family": 0.1}
        base.service.call("PUT", f"/api/v1/contacts/c{number}", {"prior": {"bank": "cars", "probabilities": shares}})
    after = base.run()["model"]

    assert (after["labels"], after["log_loss"], after["gains"]) == (before["labels"], before["log_loss"], before["gains"])


def test_the_results_can_be_read_as_csv_and_parquet(base):
    """Each has one line for each contact, by the id of the CRM."""
    run = base.run()
    path = f"/api/v1/attribution/cars/runs/{run['id']}/beliefs"
    text = base.service.call("GET", path, headers={"Accept": "text/csv"})
    table = base.service.call("GET", path, headers={"Accept": "application/vnd.apache.parquet"})

    lines = list(csv.DictReader(io.StringIO(text.text)))
    rows = pq.read_table(io.BytesIO(table.data)).to_pylist()
    assert text.content_type == "text/csv; charset=utf-8"
    assert list(lines[0]) == ["external_id", "p_driver", "p_family", "top", "confidence", "is_assigned"] == list(rows[0])
    assert [line["external_id"] for line in lines] == [row["external_id"] for row in rows] == [f"c{number}" for number in range(CONTACTS)]
    assert float(lines[7]["p_driver"]) == pytest.approx(rows[7]["p_driver"], abs=1e-5)


def test_one_run_of_a_bank_at_a_time(base):
    """A second request is refused until the first is done or cancelled."""
    first = base.start()
    second = base.service.call("POST", "/api/v1/attribution/cars/runs", {})
    assert (second.status_code, second.json["code"]) == (409, "run_unfinished")

    cancelled = base.service.call("POST", f"/api/v1/attribution/cars/runs/{first['id']}/cancel")
    assert (cancelled.status_code, cancelled.json["state"]) == (202, "cancelled")
    assert base.run()["state"] == "done"


def test_a_run_that_is_cancelled_in_the_middle_keeps_what_it_has_stored(base, monkeypatch):
    """It ends at its next step."""
    monkeypatch.setattr(runs, "BATCH", {"sqlite": 50, "postgresql": 50})
    run = base.start()
    score = results.score_contacts

    def score_and_cancel(*given):
        counts = score(*given)
        with base.service.parts.store.reading() as session:
            is_first = session.get_one(AttributionRun, run["id"]).scored == 0
        if is_first:
            cancel.append(run["id"])
        return counts

    cancel: list[str] = []
    monkeypatch.setattr(results, "score_contacts", score_and_cancel)
    work = RunWork(base.service.parts.store, base.service.parts.banks, base.service.clock)
    monkeypatch.setattr(
        runs.time, "sleep", lambda _: cancel and base.service.call("POST", f"/api/v1/attribution/cars/runs/{cancel.pop()}/cancel")
    )
    monkeypatch.setattr(runs, "PAUSE", {"sqlite": 1.0, "postgresql": 1.0})
    work.step_run()

    found = base.read(run["id"])
    assert (found["state"], found["is_cancelled"], found["scored"]) == ("cancelled", True, 50)


def act_while_it_is_fitted(base, monkeypatch, act) -> None:
    """Call `act` between a fit and the transaction that stores it."""
    fit = runs.fit_respondents

    def fit_and_act(*given):
        fitted = fit(*given)
        act()
        return fitted

    monkeypatch.setattr(runs, "fit_respondents", fit_and_act)


def stored_contacts(base) -> set[str]:
    with base.service.parts.store.reading() as session:
        return set(session.exec(select(Attribution.contact_id)))


def test_a_run_that_is_cancelled_while_it_is_fitted_stores_nothing(base, monkeypatch):
    """It has nothing yet that could stay."""
    run = base.start()
    path = f"/api/v1/attribution/cars/runs/{run['id']}/cancel"
    act_while_it_is_fitted(base, monkeypatch, lambda: base.service.call("POST", path))
    base.work()

    assert (base.read(run["id"])["state"], base.read(run["id"])["model"]) == ("cancelled", None)
    assert stored_contacts(base) == set()


def test_a_respondent_who_refuses_while_it_is_fitted_gets_no_result(base, monkeypatch):
    """Not even until the run comes to score the contact: a worker that ends after the fit leaves nothing about it."""
    refusal = {"consent": {"profiling": False}}
    act_while_it_is_fitted(base, monkeypatch, lambda: base.service.call("PUT", "/api/v1/contacts/c0", refusal))
    base.start()
    RunWork(base.service.parts.store, base.service.parts.banks, base.service.clock, enough=lambda: True).step_run()

    assert stored_contacts(base) == {f"ct_{number:06}" for number in range(1, ANSWERED)}


def test_a_process_that_was_paused_cannot_fail_a_run_that_another_has_finished(base, monkeypatch):
    """The run stays done."""
    run = base.start()
    fit = runs.fit_respondents

    def pause_and_fail(*given):
        monkeypatch.setattr(runs, "fit_respondents", fit)
        base.service.clock.forward(minutes=1)
        base.work()
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(runs, "fit_respondents", pause_and_fail)
    base.work()

    assert (base.read(run["id"])["state"], base.read(run["id"])["problem"]) == ("done", None)


def test_a_run_goes_on_where_a_killed_process_left_it(base, monkeypatch):
    """The next process waits for the end of the lease, fits nothing again, and scores the rest once."""
    monkeypatch.setattr(runs, "BATCH", {"sqlite": 50, "postgresql": 50})
    run = base.start()
    score, calls = results.score_contacts, []

    def die_in_the_third_step(*given):
        calls.append(len(given[2]))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return score(*given)

    monkeypatch.setattr(results, "score_contacts", die_in_the_third_step)
    with pytest.raises(KeyboardInterrupt):
        base.work()
    left = base.read(run["id"])
    assert (left["state"], left["scored"]) == ("running", 100)
    base.work()
    assert base.read(run["id"])["scored"] == 100  # the lease has not passed

    base.service.clock.forward(minutes=1)
    monkeypatch.setattr(runs, "fit_respondents", None)
    base.work()
    done = base.read(run["id"])
    assert (done["state"], done["scored"], done["model"]["id"]) == ("done", CONTACTS, left["model"]["id"])


def test_a_second_run_changes_nothing_where_nothing_has_changed(base):
    """The same respondents give the same tables, and rows that stay the same are not written again."""
    base.run()
    with base.service.parts.store.reading() as session:
        first = {row.contact_id: (row.vector, row.assigned_to) for row in session.exec(select(Attribution))}
    base.service.clock.forward(days=1)
    base.run()
    with base.service.parts.store.reading() as session:
        second = {row.contact_id: (row.vector, row.assigned_to) for row in session.exec(select(Attribution))}
    assert first == second


def test_too_few_respondents_give_the_prior_and_the_number_that_is_missing(make_base):
    """Nobody is assigned by it."""
    base = make_base()
    base.add(60)
    base.answer(10)
    run = base.run()

    assert (run["state"], run["assigned"], run["model"]["needed"]["labels"]) == ("done", 0, 20)
    assert {tuple(item["vector"].values()) for item in base.beliefs(run["id"])} == {(0.5, 0.5)}


def test_an_attribute_that_comes_from_the_questionnaire_fails_the_run(base):
    """It names the attribute, and can be accepted."""
    for number in range(CONTACTS):
        segment = {"city": "driver" if number % 2 == 0 else "family"}
        base.service.call("PUT", f"/api/v1/contacts/c{number}", {"attributes": segment})
    refused = base.run()
    assert refused["state"] == "failed"
    assert 'Attribute "city" explains' in refused["problem"]
    assert "does it come from the questionnaire?" in refused["problem"]

    assert base.run(allow=["city"])["state"] == "done"


def test_a_bank_without_attribution_and_an_unknown_bank_are_refused(service):
    """Each with what to do."""
    without = service.call("POST", "/api/v1/attribution/cars/runs", {})
    assert (without.status_code, without.json["code"]) == (409, "no_attribution")
    assert service.call("POST", "/api/v1/attribution/none/runs", {}).status_code == 404
    assert service.call("GET", "/api/v1/attribution/cars/runs/none").status_code == 404
    assert service.call("GET", "/api/v1/attribution/none/runs").status_code == 404
    assert service.call("GET", "/api/v1/attribution/cars/runs").json == {"items": [], "next": None}


def test_without_the_extra_a_run_is_not_possible(base, monkeypatch):
    """The response names what is to be installed."""
    monkeypatch.setattr(runs, "find_spec", lambda _: None)
    refused = base.service.call("POST", "/api/v1/attribution/cars/runs", {})
    assert (refused.status_code, refused.json["code"]) == (501, "not_installed")
    assert "discern-survey[analysis]" in refused.json["detail"]
