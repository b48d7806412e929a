"""The main path over the API: a session, its answers, and their effect on the belief."""

import numpy as np
import pytest

from adaptive import believe
from question_bank.compile import ObservedAnswer, compile_bank
from question_bank.files.load import read_bank
from tests.survey_service.service import BANK


def expected_belief(**given):
    """Return the belief after these answers, computed from the bank alone."""
    bank = compile_bank(read_bank(BANK))
    evidence = bank.evidence([ObservedAnswer(question, value) for question, value in given.items()])
    return dict(zip(bank.personas, believe(bank.tables, evidence)[0], strict=True))


def test_a_session_begins_with_the_first_question_and_its_progress(service):
    """The first view has the fields of the contract, section 3, in the requested language."""
    view = service.start(language="fr-CA").view

    assert view["status"] == "open"
    assert view["language"] == "fr"
    assert view["bank_version"] == 1
    assert view["progress"] == {"answered": 0, "at_most": 4}
    question = view["question"]
    assert question["can_go_back"] is False
    assert question["given"] is None
    assert set(view["ahead"]) >= {"skip"}
    assert set(view["next_questions"]) == set(view["ahead"].values()) - {None}


def test_an_answer_moves_the_belief_by_what_the_bank_says(service):
    """The stored belief equals the engine's belief for exactly these answers."""
    someone = service.start()
    someone.answer("owns", "yes")
    someone.answer("reasons", ["power"])
    someone.answer("km", {"from": 20000})

    expected = expected_belief(owns="yes", reasons=["power"], km={"from": 20000.0})
    assert someone.belief() == pytest.approx(expected, abs=1e-12)


def test_ahead_names_the_question_that_really_follows(service):
    """For every possible outcome `ahead` has the question that the server then asks, so a client may show it at once."""
    for start in range(3):
        for answers in ([], ["happy"], ["owns"]):
            someone = service.start("all")
            for question in answers:
                someone.answer(question, {"happy": 1 + start, "owns": "yes"}[question])
            asked, ahead = someone.view["question"], someone.view["ahead"]
            outcomes = {"single": [option["id"] for option in asked.get("options", [])], "scale": list(range(1, 6))}.get(asked["type"], [])
            assert set(ahead) == {str(outcome) for outcome in outcomes} | {"skip"}
            for outcome in outcomes[start : start + 1]:
                someone.answer(asked["id"], outcome)
                follows = someone.view["question"] and someone.view["question"]["id"]
                assert ahead[str(outcome)] == follows


@pytest.mark.parametrize("kind", ["skip", "dont_know", "refuse"])
def test_no_answer_is_evidence_where_the_bank_says_so(service, kind):
    """Skipping the distance is evidence for a family; skipping the ownership of a car is no evidence."""
    someone = service.start()
    someone.silent("km", kind)
    assert someone.belief() == pytest.approx({"driver": 0.1 / 0.5, "family": 0.4 / 0.5})

    someone.silent("owns", kind)
    assert someone.belief() == pytest.approx({"driver": 0.1 / 0.5, "family": 0.4 / 0.5})
    assert [entry["kind"] for entry in someone.insight()["log"]] == [kind, kind]


def test_a_repeated_answer_id_changes_nothing(service):
    """A retry after a lost reply gets the view, and the log has one answer."""
    someone = service.start()
    first = someone.answer("owns", "yes", answer_id="once").json
    sequence = someone.insight()["belief"]["sequence"]

    again = someone.answer("owns", "yes", answer_id="once")

    assert again.status_code == 200
    assert again.json == first
    assert len(someone.insight()["log"]) == 1
    assert someone.insight()["belief"]["sequence"] == sequence


def test_a_retry_of_the_last_answer_after_the_survey_ended_still_gets_its_view(service):
    """The reply to the last answer can get lost too."""
    someone = service.start("short")
    someone.answer("happy", 4)
    someone.answer("km", 60000, answer_id="last")
    assert someone.view["status"] == "complete"

    assert someone.answer("km", 60000, answer_id="last").status_code == 200
    assert someone.answer("owns", "no").status_code == 409


@pytest.mark.parametrize(("question", "value"), [("happy", 3), ("owns", "no")])
def test_an_answer_id_stands_for_one_answer_only(service, question, value):
    """A client that reuses an id gets an error instead of losing an answer."""
    someone = service.start()
    someone.answer("owns", "yes", answer_id="once")

    refused = someone.answer(question, value, answer_id="once")

    assert refused.status_code == 409
    assert refused.json["code"] == "answer_id_reused"
    assert refused.json["errors"][0]["path"] == "answer_id"


def test_a_second_answer_replaces_the_first_and_both_stay_in_the_log(service):
    """A corrected answer has no effect on the belief and stays in the log."""
    someone = service.start()
    someone.answer("owns", "yes")
    someone.answer("owns", "no")

    assert someone.belief() == pytest.approx(expected_belief(owns="no"))
    assert [(entry["value"], entry["state"]) for entry in someone.insight()["log"]] == [("yes", "replaced"), ("no", "current")]


def test_several_answers_at_once_are_one_act(service):
    """A form may send all its answers at once; a condition may depend on another answer of the same form."""
    someone = service.start()
    answers = [
        {"answer_id": "1", "question": "reasons", "kind": "answer", "value": {"ticked": ["power"], "seen": ["power", "safety"]}},
        {"answer_id": "2", "question": "owns", "kind": "answer", "value": "yes"},
        {"answer_id": "3", "question": "why", "kind": "answer", "value": "  just so  "},
    ]

    assert someone.post("answers", {"answers": answers}).status_code == 200

    partial = {"ticked": ["power"], "seen": ["safety", "power"]}
    assert someone.belief() == pytest.approx(expected_belief(owns="yes", reasons=partial))
    assert someone.view["progress"]["answered"] == 3
    assert someone.insight()["log"][2]["value"] == "just so"


def test_going_back_withdraws_the_evidence_and_shows_what_was_given(service):
    """The previous question is shown with its answer, after a reload too; the log keeps the withdrawn answer."""
    someone = service.start()
    someone.answer("owns", "yes")
    someone.answer("happy", 2)

    view = someone.back().json

    assert view["question"]["id"] == "happy"
    assert view["question"]["given"] == 2
    assert someone.belief() == pytest.approx(expected_belief(owns="yes"))
    headers = {"Authorization": f"Bearer {someone.token}"}
    assert service.client.get(f"/api/v1/sessions/{someone.session}", headers=headers).json == view
    assert [entry["kind"] for entry in someone.insight()["log"]] == ["answer", "withdrawn"]

    someone.answer("happy", 5)
    assert someone.belief() == pytest.approx(expected_belief(owns="yes", happy=5))
    assert someone.view["question"]["given"] is None


def test_going_back_twice_with_one_id_goes_back_once(service):
    """A double tap on Back is one step."""
    someone = service.start()
    someone.answer("owns", "yes")
    someone.answer("happy", 2)

    first, second = (someone.post("back", {"answer_id": "b"}).json for _ in range(2))

    assert first == second
    assert [entry["state"] for entry in someone.insight()["log"]] == ["current", "withdrawn"]


def test_there_is_nothing_to_go_back_to_at_the_beginning(service):
    """The response is an error with an explanation, not a crash."""
    assert service.start().back().status_code == 409


def test_finishing_keeps_what_was_answered(service):
    """A session that is finished early counts with the answers it has."""
    someone = service.start()
    someone.answer("owns", "yes")

    view = someone.post("finish", {"reason": "no time"}).json

    assert (view["status"], view["stopped_because"], view["question"]) == ("finished", "respondent", None)
    assert view["result"] == {"text": "Thanks", "redirect": None} or view["result"]["text"] == "Vroom"
    assert someone.belief() == pytest.approx(expected_belief(owns="yes"))
    assert someone.post("finish", {}).json == view
    refused = someone.answer("happy", 1)
    assert (refused.status_code, refused.json["code"]) == (409, "session_closed")


def test_the_survey_stops_when_it_is_sure_enough_and_says_so(service):
    """The short survey's `confidence` is .8, and its `first` questions are asked before it applies."""
    someone = service.start("short")
    assert someone.view["question"]["id"] == "happy"
    someone.answer("happy", 4)
    someone.answer("km", 30000)

    assert (someone.view["status"], someone.view["stopped_because"]) == ("complete", "confidence")
    assert someone.view["progress"] == {"answered": 2, "at_most": 0}


def test_the_upper_bound_of_questions_only_falls(service):
    """`answered` + `at_most` never grows, whatever is answered, withdrawn or corrected."""
    someone = service.start()
    shown = [someone.view["progress"]]
    for act in (lambda: someone.answer("owns", "no"), lambda: someone.answer("owns", "yes"), lambda: someone.silent("happy"), someone.back):
        assert act().status_code == 200
        shown.append(someone.view["progress"])

    most = [progress["answered"] + progress["at_most"] for progress in shown]
    assert most == sorted(most, reverse=True)


def test_a_session_expires_and_keeps_what_it_has(service):
    """After a day the session refuses answers with a reason, and its data is kept."""
    someone = service.start()
    someone.answer("owns", "yes")
    service.clock.forward(hours=25)

    refused = someone.answer("happy", 1)

    assert (refused.status_code, refused.json["code"]) == (409, "session_expired")
    view = service.client.get(f"/api/v1/sessions/{someone.session}", headers={"Authorization": f"Bearer {someone.token}"}).json
    assert (view["status"], view["question"]) == ("expired", None)
    assert len(someone.insight()["log"]) == 1


def test_a_second_survey_starts_from_the_belief_and_does_not_ask_again_what_is_known(service):
    """A contact has one belief across the surveys of a bank."""
    identity = service.call("POST", "/api/v1/contacts/crm-1/identity").json["identity"]
    first = service.start("short", identity=identity)
    first.answer("happy", 4)
    first.silent("km", "dont_know")

    second = service.start("all", identity=identity)

    asked = set()
    while second.view["status"] == "open":
        question = second.view["question"]
        asked.add(question["id"])
        second.answer(question["id"], {"owns": "yes", "reasons": ["price"], "why": "x"}[question["id"]])
    assert asked == {"owns", "reasons"}
    assert second.belief() == pytest.approx(expected_belief(happy=4, km=None, owns="yes", reasons=["price"]))
    contact = service.call("GET", "/api/v1/contacts/crm-1").json
    assert contact["beliefs"]["cars"]["probabilities"] == pytest.approx(second.belief())
    assert contact["beliefs"]["cars"]["evidence"] == {"answers": 3, "skipped": 1, "signals": 0}


def test_a_session_keeps_its_version_while_the_bank_moves_on(service):
    """A new version does not affect running sessions; answers that still exist count under the new version."""
    identity = service.call("POST", "/api/v1/contacts/crm-1/identity").json["identity"]
    before = service.start(identity=identity)
    changed = (
        BANK.replace("[0.9, 0.1]", "[0.6, 0.4]")
        .replace("  - id: happy", "  - id: content")
        .replace("questions: [owns, happy, km]", "questions: [owns, km]")
    )
    changed = changed.replace("first: [happy]", "first: [owns]")
    assert service.call("POST", "/api/v1/banks", headers={"Content-Type": "application/yaml"}, data=changed).json["version"] == 2

    assert before.answer("happy", 4).status_code == 200
    before.answer("owns", "yes")
    assert before.view["bank_version"] == 1
    assert before.belief() == pytest.approx(expected_belief(happy=4, owns="yes"))

    after = service.start(identity=identity)
    assert after.view["bank_version"] == 2
    after.silent("content", "refuse")
    assert after.belief() == pytest.approx({"driver": 0.6 / 1.0, "family": 0.4 / 1.0})


def test_the_explanation_adds_up(service):
    """Per persona the weights of evidence add up to the change of its log odds."""
    someone = service.start()
    someone.answer("owns", "yes")
    someone.answer("happy", 5)
    someone.silent("km")

    insight = someone.insight()

    for persona, p in insight["belief"]["probabilities"].items():
        explained = sum(item["bits"][persona] for item in insight["explanation"])
        assert explained == pytest.approx(np.log2(p / (1 - p)) - np.log2(0.5 / 0.5), abs=1e-9)


def test_only_listed_origins_may_call_the_survey(service):
    """CORS allows the origins of the survey; a simple request from another origin is refused, and its script can read why."""
    start = "/api/v1/surveys/all/sessions"
    welcome = service.client.post(start, data="{}", content_type="text/plain", headers={"Origin": "https://shop.example"})
    assert welcome.status_code == 201
    assert welcome.headers["Access-Control-Allow-Origin"] == "https://shop.example"

    stranger = service.client.post(start, data="{}", content_type="text/plain", headers={"Origin": "https://evil.example"})
    assert (stranger.status_code, stranger.json["code"]) == (403, "origin_not_allowed")
    assert stranger.headers["Access-Control-Allow-Origin"] == "https://evil.example"

    session = f"/api/v1/sessions/{welcome.json['session']}"
    preflight = service.client.options(
        session, headers={"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization"}
    )
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"
    assert service.client.options(session, headers={"Origin": "https://evil.example"}).status_code == 204
    refused = service.client.get(session, headers={"Origin": "https://evil.example", "Authorization": f"Bearer {welcome.json['token']}"})
    assert (refused.status_code, refused.json["code"]) == (403, "origin_not_allowed")


def test_the_browser_gets_no_probability_and_no_persona(service):
    """A survey may reveal them explicitly."""
    someone = service.start()
    text = someone.answer("owns", "yes").text
    assert "driver" not in text
    assert "belief" not in text
