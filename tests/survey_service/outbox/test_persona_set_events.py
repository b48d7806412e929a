"""A new version of a bank is published once to each subscribed endpoint, with its added, removed and renamed personas."""

import pytest

from survey_service.banks.publishing import publish
from tests.question_bank.a_bank import changed, report_of


@pytest.mark.parametrize(
    ("path", "value", "differs"),
    [
        ("questions.0.text", "Do you have one?", ["version"]),
        ("personas.0.name", "The racer", ["names", "version"]),
        ("personas.0.description", "Drives", ["version"]),
    ],
)
def test_changed_personas_are_published_once(world, path, value, differs):
    made, _ = world.endpoint(events=("persona_set.published",))
    world.endpoint(events=("contact.persona.updated",))
    with world.store.writing() as session:
        publish(session, report_of(changed("title.en", "Cars")).bank, world.now)
    with world.store.writing() as session:
        for _ in range(2):  # the second publication changes nothing
            publish(session, report_of(changed(path, value)).bank, world.now)
    first, second = (sent.data for sent in world.deliver_due())

    assert (first["persona_set"]["version"], first["changed"]) == (1, ["personas", "names", "version"])
    assert second["persona_set"] == {"id": "cars", "version": 2, "personas": ["driver", "family"]}
    assert second["changed"] == differs
    assert {row.endpoint_id for row in world.deliveries} == {made}


def test_a_failed_publication_publishes_no_event(world):
    world.endpoint(events=())
    with pytest.raises(ZeroDivisionError), world.store.writing() as session:
        publish(session, report_of(changed("title.en", "Cars")).bank, world.now)
        1 / 0  # noqa: B018

    assert world.deliveries == []
