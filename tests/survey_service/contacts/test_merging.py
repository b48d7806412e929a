"""Two contacts who turn out to be one."""

from threading import Barrier, Thread

import pytest

from tests.survey_service.contacts.people import belief_of, contact, everything, respondent


def merge(service, gone, kept):
    return service.call("POST", "/api/v1/contacts/merge", {"from": {"external_id": gone}, "into": {"external_id": kept}})


def test_evidence_of_both_counts_once_and_the_later_answer_to_one_question_wins(service):
    """As if one person had given all of it."""
    respondent(service, "laptop", owns="yes", happy=2)
    service.clock.forward(minutes=5)
    respondent(service, "phone", happy=5, km=40_000)
    item = respondent(service, "one", owns="yes", happy=5, km=40_000)

    assert merge(service, "phone", "laptop").status_code == 200

    together = belief_of(service, "laptop")
    assert together["probabilities"] == pytest.approx(item.belief(), abs=1e-12)
    assert together["evidence"]["answers"] == 3
    assert contact(service, "phone")["id"] == contact(service, "laptop")["id"]
    assert {name["id"] for name in contact(service, "laptop")["external_ids"]} == {"phone", "laptop"}


@pytest.mark.parametrize(("gone", "kept"), [("a", "b"), ("b", "a")])
def test_which_of_them_is_kept_does_not_matter(service, gone, kept):
    """Merging is commutative in everything but the id that remains."""
    service.call("PUT", "/api/v1/contacts/a", {"email": "a@example.com", "attributes": {"city": "Lyon", "plan": "old"}})
    respondent(service, "a", owns="no", km=9_000)
    service.clock.forward(minutes=1)
    service.call("PUT", "/api/v1/contacts/b", {"attributes": {"plan": "new"}, "consent": {"profiling": True, "asking": False}})
    respondent(service, "b", owns="yes")

    merge(service, gone, kept)

    both = contact(service, "a")
    assert both["attributes"] == {"city": "Lyon", "plan": "new"}
    assert both["email"] == "a@example.com"
    assert (both["consent"]["profiling"], both["consent"]["asking"]) == (True, False)
    [first, second] = sorted(both["beliefs"]["cars"]["explanation"], key=lambda item: item["question"])
    assert (first["question"], first["value"], second["question"], second["value"]) == ("km", 9000, "owns", "yes")


def test_merging_again_changes_nothing(service):
    """It is idempotent: no sequence is counted, nothing is told."""
    respondent(service, "a", owns="no")
    respondent(service, "b", km=9_000)
    merge(service, "a", "b")
    before = contact(service, "b")

    assert merge(service, "a", "b").json == before
    assert merge(service, "b", "a").json == before


def test_a_respondent_in_the_middle_of_a_survey_notices_nothing(service):
    """The session goes on as the other contact's."""
    person = respondent(service, None, owns="yes")
    respondent(service, "known", km=9_000)

    merged = service.call("POST", "/api/v1/contacts/merge", {"from": {"session": person.session}, "into": {"external_id": "known"}})

    assert merged.status_code == 200
    assert person.answer("happy", 3).status_code == 200
    assert belief_of(service, "known")["evidence"]["answers"] == 3


def test_old_references_lead_to_the_one_that_remains(service):
    """A signed identity that was made before the merge, and one of a contact that was merged twice."""
    identity = service.call("POST", "/api/v1/contacts/a/identity").json["identity"]
    for name in ("b", "c"):
        service.call("PUT", f"/api/v1/contacts/{name}", {})
    merge(service, "a", "b")
    merge(service, "b", "c")

    person = service.start("all", identity=identity)
    person.answer("owns", "no")

    assert belief_of(service, "c")["evidence"]["answers"] == 1


@pytest.mark.parametrize("reference", [{}, {"external_id": "a", "session": "s"}, {"external_id": "nobody"}, {"session": "ses_nobody"}])
def test_what_cannot_be_meant_is_refused_by_name(service, reference):
    """422, with the field."""
    service.call("PUT", "/api/v1/contacts/a", {})

    response = service.call("POST", "/api/v1/contacts/merge", {"from": reference, "into": {"external_id": "a"}})

    assert response.status_code == 422
    assert response.json["errors"][0]["path"].startswith("from")


def test_merging_while_answers_arrive_loses_none(service):
    """Sixteen answers of four sessions, and three merges, all at the same time."""
    people = [respondent(service, name) for name in ("a", "b", "c", "d")]
    barrier, codes = Barrier(len(people) + 1), []

    def answer(person):
        barrier.wait()
        for question, value in (("owns", "yes"), ("happy", 4), ("km", 9000), ("why", "because")):
            codes.append(person.answer(question, value).status_code)

    def merge_all():
        barrier.wait()
        codes.extend(merge(service, gone, "a").status_code for gone in ("b", "c", "d"))

    threads = [Thread(target=answer, args=(person,)) for person in people] + [Thread(target=merge_all)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(codes) <= {200, 409, 503}  # a question that the merged contact has answered already may have ended the session
    assert codes.count(503) <= 3
    assert everything(service).count("'current'") == 4
    assert contact(service, "a")["beliefs"]["cars"]["evidence"]["answers"] == 4
