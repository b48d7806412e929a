"""Contacts by the id that a CRM gives them."""

from threading import Barrier, Thread

from survey_service.contacts.directory import email_hash


def test_a_contact_is_made_and_then_merged_into(service):
    """201 the first time, 200 after; what is not named stays, null removes."""
    made = service.call("PUT", "/api/v1/contacts/zoe", {"email": "Zoe@Example.com", "attributes": {"city": "Lyon", "cars": 2}})
    assert made.status_code == 201

    changed = service.call(
        "PUT", "/api/v1/contacts/zoe", {"attributes": {"cars": None, "plan": "gold"}, "consent": {"profiling": True, "version": "3"}}
    )

    assert changed.status_code == 200
    contact = service.call("GET", "/api/v1/contacts/zoe").json
    assert contact["email"] == "Zoe@Example.com"
    assert contact["attributes"] == {"city": "Lyon", "plan": "gold"}
    assert contact["consent"]["profiling"] is True
    assert contact["external_ids"] == [{"system": "crm", "type": "id", "id": "zoe"}]
    assert contact["beliefs"] == {}
    assert contact["sequence"] == 0


def test_ids_with_odd_characters_are_ids_like_others(service):
    """CRMs number their contacts as they please."""
    for name in ("a b", "ünïcødé", "x%y", "😀", "'; DROP TABLE contact; --"):
        assert service.call("PUT", f"/api/v1/contacts/{name}", {}).status_code == 201
        assert service.call("GET", f"/api/v1/contacts/{name}").json["external_ids"][0]["id"] == name


def test_the_hash_of_an_address_ignores_case_and_blanks():
    """As other systems hash it."""
    assert email_hash(" Zoe@Example.com ") == email_hash("zoe@example.com")


def test_two_requests_that_make_the_same_contact_make_one(service):
    """Whoever comes second updates or is told to try again; there are never two."""
    barrier, codes = Barrier(8), []

    def put():
        barrier.wait()
        codes.append(service.call("PUT", "/api/v1/contacts/race", {"attributes": {"n": 1}}).status_code)

    threads = [Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes.count(201) == 1
    assert set(codes) <= {200, 201, 409}


def test_answers_given_at_the_same_moment_are_all_believed(service):
    """Eight tabs of one contact answer at once: each answer is kept, the sequence has no gap, the belief is that of all of them."""
    identity = service.call("POST", "/api/v1/contacts/busy/identity").json["identity"]
    people = [service.start("all", identity=identity) for _ in range(4)]
    questions = [("owns", "yes"), ("happy", 4), ("km", 9000), ("why", "because")]
    barrier, codes = Barrier(4), []

    def answer(someone, question, value):
        barrier.wait()
        codes.append(someone.answer(question, value).status_code)

    threads = [Thread(target=answer, args=(someone, *what)) for someone, what in zip(people, questions, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes == [200] * 4
    alone = service.start("all")
    for question, value in questions:
        alone.answer(question, value)
    belief = service.call("GET", "/api/v1/contacts/busy").json["beliefs"]["cars"]
    assert belief["evidence"]["answers"] == 4
    assert belief["sequence"] == 4
    for persona, p in alone.belief().items():
        assert abs(belief["probabilities"][persona] - p) < 1e-12
