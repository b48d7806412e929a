"""The delay between a change and its message for each value of `when`, measured at the receiver with a fixed clock."""

from datetime import timedelta

import pytest

ALL: tuple[str, ...] = ()


def test_material_changes_are_debounced_by_ten_seconds(world):
    world.endpoint(when="material")
    contact = world.contact()
    world.store_belief(contact, 0.4)
    world.forward(seconds=9)
    world.store_belief(contact, 0.5)
    world.forward(seconds=9)
    assert world.deliver_due() == []

    world.forward(seconds=1)
    [sent] = world.deliver_due()

    assert sent.data["coalesced"]["updates"] == 2


def test_material_changes_wait_for_a_minute_at_most(world):
    """Further changes of a busy contact do not extend the minute."""
    world.endpoint(when="material")
    contact = world.contact()
    began = world.now
    sent = []
    for number in range(13):
        world.store_belief(contact, 0.4 + 0.03 * number)
        sent = world.deliver_due()
        if sent:
            break
        world.forward(seconds=5)

    assert world.now - began == timedelta(seconds=60)
    assert sent[0].data["coalesced"]["updates"] == 13


def test_an_immaterial_change_starts_no_message_but_brings_a_waiting_one_up_to_date(world):
    world.endpoint(when="material")
    contact = world.contact()
    world.store_belief(contact, 0.31)  # the prior is 0.30
    assert world.deliveries == []

    world.store_belief(contact, 0.4)
    world.store_belief(contact, 0.41)
    world.forward(seconds=10)
    [sent] = world.deliver_due()

    assert sent.data["probabilities"]["driver"] == 0.41


@pytest.mark.parametrize(("driver", "ended"), [(0.95, False), (0.31, True)])
def test_a_decision_and_the_end_of_the_survey_are_sent_at_once(world, driver, ended):
    """The end is sent at once even when the last answer changed almost nothing."""
    world.endpoint(when="material")
    contact = world.contact()
    world.store_belief(contact, driver, ended)

    [sent] = world.deliver_due()

    assert sent.data["assignment"]["is_decided"] is (driver > 0.9)


def test_a_decision_goes_out_behind_the_update_it_flushes(world):
    """The receiver gets rising sequences, and `decided` never waits for a debounce."""
    world.endpoint(when="idle", events=ALL)
    contact = world.contact()
    world.store_belief(contact, 0.5)
    world.store_belief(contact, 0.95)

    order = [(sent.message["type"].rpartition(".")[2], sent.data["sequence"]) for sent in world.deliver_due()]

    assert order == [("updated", 2), ("decided", 3)]


def test_idle_endpoints_get_a_message_half_an_hour_after_the_last_change(world):
    world.endpoint(when="idle")
    contact = world.contact()
    world.store_belief(contact, 0.4)
    world.forward(minutes=29)
    world.store_belief(contact, 0.5)
    world.forward(minutes=29)
    assert world.deliver_due() == []

    world.forward(minutes=1)

    assert [sent.data["coalesced"]["updates"] for sent in world.deliver_due()] == [2]


def test_final_endpoints_get_nothing_before_the_end(world):
    """At the end they get the last state and the decision that was made before."""
    world.endpoint(when="final", events=ALL)
    contact = world.contact()
    world.store_belief(contact, 0.95)
    world.forward(hours=1)
    assert world.deliver_due() == []

    world.store_belief(contact, 0.96, ended=True)

    assert [sent.message["type"].rpartition(".")[2] for sent in world.deliver_due()] == ["updated", "decided"]
    world.store_belief(contact, 0.97, ended=True)
    assert [sent.message["type"].rpartition(".")[2] for sent in world.deliver_due()] == ["updated"]
