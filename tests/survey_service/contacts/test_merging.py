"""Merging two contacts."""

from threading import Barrier, Thread

import pytest

from tests.survey_service.contacts.people import belief_of, contact, everything, respondent


def merge(service, gone, kept):
    return service.call("POST", "/api/v1/contacts/merge", {"from": {"external_id": gone}, "into": {"external_id": kept}})


def test_a_merge_combines_the_evidence_of_both_contacts(service):
    """The belief is that of a contact who gave all answers; of two answers to the same question the later one counts."""
    respondent(service, "laptop", owns="yes", happy=2)
    service.clock.forward(minutes=5)
    respondent(service, "phone", happy=5, km=40_000)
    reference = respondent(service, "one", owns="yes", happy=5, km=40_000)

    assert merge(service, "phone", "laptop").status_code == 200

    merged = belief_of(service, "laptop")
    assert merged["probabilities"] == pytest.approx(reference.belief(), abs=1e-12)
    assert merged["evidence"]["answers"] == 3
    assert contact(service, "phone")["id"] == contact(service, "laptop")["id"]
    assert {external["id"] for external in contact(service, "laptop")["external_ids"]} == {"phone", "laptop"}


@pytest.mark.parametrize(("gone", "kept"), [("a", "b"), ("b", "a")])
def test_a_merge_gives_the_same_result_in_either_direction(service, gone, kept):
    """Attributes, consent and evidence do not depend on which of the two contacts is kept."""
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
    [first, second] = sorted(both["beliefs"]["cars"]["explanation"], key=lambda entry: entry["question"])
    assert (first["question"], first["value"], second["question"], second["value"]) == ("km", 9000, "owns", "yes")


def test_merging_again_changes_nothing(service):
    """A repeated merge, in either direction, returns the same contact with the same sequence."""
    respondent(service, "a", owns="no")
    respondent(service, "b", km=9_000)
    merge(service, "a", "b")
    before = contact(service, "b")

    assert merge(service, "a", "b").json == before
    assert merge(service, "b", "a").json == before


def test_a_merge_does_not_interrupt_an_open_session(service):
    """The session continues and its answers count for the contact that is kept."""
    person = respondent(service, None, owns="yes")
    respondent(service, "known", km=9_000)

    merged = service.call("POST", "/api/v1/contacts/merge", {"from": {"session": person.session}, "into": {"external_id": "known"}})

    assert merged.status_code == 200
    assert person.answer("happy", 3).status_code == 200
    assert belief_of(service, "known")["evidence"]["answers"] == 3


def test_references_to_merged_contacts_resolve_to_the_kept_contact(service):
    """A signed identity made before two merges starts a session of the contact that was kept."""
    identity = service.call("POST", "/api/v1/contacts/a/identity").json["identity"]
    for name in ("b", "c"):
        service.call("PUT", f"/api/v1/contacts/{name}", {})
    merge(service, "a", "b")
    merge(service, "b", "c")

    person = service.start("all", identity=identity)
    person.answer("owns", "no")

    assert belief_of(service, "c")["evidence"]["answers"] == 1


@pytest.mark.parametrize("reference", [{}, {"external_id": "a", "session": "s"}, {"external_id": "nobody"}, {"session": "ses_nobody"}])
def test_an_invalid_merge_reference_is_refused(service, reference):
    """The response is 422 and names the field."""
    service.call("PUT", "/api/v1/contacts/a", {})

    response = service.call("POST", "/api/v1/contacts/merge", {"from": reference, "into": {"external_id": "a"}})

    assert response.status_code == 422
    assert response.json["errors"][0]["path"].startswith("from")


def test_no_answer_is_lost_by_a_simultaneous_merge(service):
    """Four sessions answer while their contacts are merged: each question has one current answer afterwards."""
    respondents = [respondent(service, name) for name in ("a", "b", "c", "d")]
    barrier, codes = Barrier(len(respondents) + 1), []

    def answer(person):
        barrier.wait()
        for question, value in (("owns", "yes"), ("happy", 4), ("km", 9000), ("why", "because")):
            codes.append(person.answer(question, value).status_code)

    def merge_all():
        barrier.wait()
        codes.extend(merge(service, gone, "a").status_code for gone in ("b", "c", "d"))

    threads = [Thread(target=answer, args=(person,)) for person in respondents] + [Thread(target=merge_all)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(codes) <= {200, 409, 503}  # a question that the merged contact has answered already may have ended the session
    assert codes.count(503) <= 3
    assert everything(service).count("'current'") == 4
    assert contact(service, "a")["beliefs"]["cars"]["evidence"]["answers"] == 4
