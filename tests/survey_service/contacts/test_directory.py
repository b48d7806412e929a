"""Creating and updating contacts by their external ids."""

from threading import Barrier, Thread

from survey_service.contacts.directory import email_hash


def test_put_creates_a_contact_and_then_updates_it(service):
    """The first PUT returns 201, later ones 200. Fields that are left out keep their values, and null removes an attribute."""
    created = service.call("PUT", "/api/v1/contacts/zoe", {"email": "Zoe@Example.com", "attributes": {"city": "Lyon", "cars": 2}})
    assert created.status_code == 201

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


def test_external_ids_may_have_any_characters(service):
    """A contact is created and found by an id with blanks, emoji, quotes or percent signs."""
    for name in ("a b", "ünïcødé", "x%y", "😀", "'; DROP TABLE contact; --"):
        assert service.call("PUT", f"/api/v1/contacts/{name}", {}).status_code == 201
        assert service.call("GET", f"/api/v1/contacts/{name}").json["external_ids"][0]["id"] == name


def test_the_email_hash_ignores_case_and_blanks():
    """The hash is that of the address in lower case without surrounding blanks."""
    assert email_hash(" Zoe@Example.com ") == email_hash("zoe@example.com")


def test_concurrent_puts_create_one_contact(service):
    """One of eight simultaneous requests creates the contact; the others update it or get 409."""
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


def test_simultaneous_answers_all_count(service):
    """Four sessions of one contact answer at once: every answer is stored, the sequence has no gap, and the belief uses all of them."""
    identity = service.call("POST", "/api/v1/contacts/busy/identity").json["identity"]
    respondents = [service.start("all", identity=identity) for _ in range(4)]
    questions = [("owns", "yes"), ("happy", 4), ("km", 9000), ("why", "because")]
    barrier, codes = Barrier(4), []

    def answer(respondent, question, value):
        barrier.wait()
        codes.append(respondent.answer(question, value).status_code)

    threads = [Thread(target=answer, args=(respondent, *answered)) for respondent, answered in zip(respondents, questions, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes == [200] * 4
    other = service.start("all")
    for question, value in questions:
        other.answer(question, value)
    belief = service.call("GET", "/api/v1/contacts/busy").json["beliefs"]["cars"]
    assert belief["evidence"]["answers"] == 4
    assert belief["sequence"] == 4
    for persona, p in other.belief().items():
        assert abs(belief["probabilities"][persona] - p) < 1e-12
