"""The payload of a message, as pure functions: decimals add up, the explanation is short, the bytes are JSON."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from sqlalchemy.exc import StatementError

from survey_service.belief.belief import BeliefChange
from survey_service.outbox import events
from survey_service.store.tables.core import Belief, Contact, ExternalId
from survey_service.store.tables.webhooks import Delivery
from tests.survey_service.webhooks.world import BANK

NOW = datetime(2026, 1, 5, 10, 0, 0, 123456, UTC)
shares = some.lists(some.floats(1e-9, 1.0), min_size=2, max_size=50).map(lambda p: dict(enumerate(np.array(p) / sum(p))))


@given(shares)
@example(dict(enumerate(np.array([0.5, np.nextafter(1, 0), 1, 1, 0.5, 0.4375]) / 4.4375)))  # neighbours with the same remainder
def test_rounded_probabilities_add_up_to_one_as_decimals(probabilities):
    """Each rounded probability is within one unit of the exact one, and the order is kept."""
    rounded = events.rounded(probabilities)

    assert sum(Decimal(str(p)) for p in rounded.values()) == 1
    for key, p in probabilities.items():
        assert abs(rounded[key] - p) < 1e-4 + 1e-12
        assert all(rounded[key] <= rounded[other] for other, q in probabilities.items() if q > p)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused_in_a_message(world, wrong):
    """NaN and infinity are refused as a probability and in the stored facts."""
    endpoint_id, _ = world.endpoint()
    facts = {"occurred_at": "", "hidden": {"x": wrong}}
    with pytest.raises((StatementError, ValueError), match="JSON"), world.store.writing() as session:
        session.add(Delivery(endpoint_id=endpoint_id, event_id="evt_1", event_type=events.PING, facts=facts, due=NOW, created_at=NOW))
    with pytest.raises((ValueError, OverflowError)):
        events.rounded({"a": wrong, "b": 0.5})


def evidence(bits, question="owns", value="no"):
    return {"kind": "answer", "question": question, "value": value, "favours": None, "log_likelihood_ratio_bits": bits, "bits": {}}


def a_change(**more):
    contact = Contact(id="ct_1", email="zoe@example.com", email_sha256="5a", consent={"profiling": True, "version": "2026-01", "x": 1})
    belief = Belief(
        contact_id="ct_1",
        bank="cars",
        bank_version=3,
        probabilities={"driver": 0.62003, "family": 0.37997},
        top="driver",
        confidence=0.62003,
        margin=0.24006,
        entropy_bits=0.957991,
        is_decided=False,
        answers=4,
        skipped=1,
        signals=7,
        sequence=17,
        updated_at=NOW,
    )
    facts = {"explanation": [], "reason": "answer", **more}
    return BeliefChange(contact, belief, BANK, occurred_at=NOW, is_material=True, newly_decided=False, **facts)


def test_the_payload_has_exactly_this_shape():
    """The payload equals the one in the documentation, key order included."""
    names = [ExternalId(system="crm", value="crm-42", contact_id="ct_1"), ExternalId(system="hubspot", type="vid", value="51")]
    facts = events.without_pii(events.persona_facts(events.UPDATED, a_change(explanation=[evidence(1.32)]), names, 17))
    previous = {"sequence": 15, "persona": "family", "confidence": 0.7, "probabilities": {"driver": 0.3, "family": 0.7}}

    body = events.body_of(events.UPDATED, "evt_1", facts, previous)

    expected = {
        "type": "contact.persona.updated",
        "timestamp": "2026-01-05T10:00:00.123456Z",
        "id": "evt_1",
        "data": {
            "schema": "contact.persona.updated/1",
            "sequence": 17,
            "reason": "answer",
            "occurred_at": "2026-01-05T10:00:00.123456Z",
            "contact": {
                "id": "ct_1",
                "external_ids": [{"system": "crm", "type": "id", "id": "crm-42"}, {"system": "hubspot", "type": "vid", "id": "51"}],
                "email_sha256": "5a",
                "merged_from": [],
            },
            "persona_set": {"id": "cars", "version": 3, "personas": ["driver", "family"]},
            "model": {"id": "naive-bayes-eig", "version": "1", "calibrated_at": None},
            "assignment": {
                "persona": "driver",
                "kind": "answered",
                "confidence": 0.62,
                "margin": 0.24,
                "entropy_bits": 0.958,
                "is_decided": False,
            },
            "probabilities": {"driver": 0.62, "family": 0.38},
            "previous": previous,
            "coalesced": {"updates": 1, "first_sequence": 17},
            "evidence": {"answers": 4, "skipped": 1, "signals": 7, "total": 12, "last_at": "2026-01-05T10:00:00.123456Z"},
            "explanation": [{"kind": "answer", "question": "owns", "value": "no", "favours": None, "log_likelihood_ratio_bits": 1.32}],
            "consent": {"profiling": True, "version": "2026-01"},
        },
    }
    assert body == json.dumps(expected, separators=(",", ":")).encode()


def test_the_explanation_has_the_five_heaviest_first():
    """Evidence is ranked by its size, whether for or against the persona."""
    bits = [0.1, -3.0, 0.2, 2.0, -0.3, 1.0, 0.0]
    facts = events.persona_facts(events.UPDATED, a_change(explanation=[evidence(bit) for bit in bits]), [], 1)

    assert [entry["log_likelihood_ratio_bits"] for entry in facts["explanation"]] == [-3.0, 2.0, 1.0, -0.3, 0.2]


def test_free_text_is_never_part_of_an_explanation():
    facts = events.persona_facts(events.UPDATED, a_change(explanation=[evidence(0.0, "more", "Call me")]), [], 1)

    assert facts["explanation"][0]["value"] is None


def test_times_are_written_in_utc_whatever_the_zone():
    assert events.stamp(datetime(2026, 1, 5, 12, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-05T10:00:00.000000Z"


def test_a_message_about_fifty_personas_stays_under_twenty_kilobytes():
    """Receivers may refuse a larger body."""
    personas = {f"persona_with_a_long_name_{number:02}": 0.02 for number in range(50)}
    change = a_change()
    change.belief.probabilities, change.belief.top = personas, "persona_with_a_long_name_00"
    facts = events.persona_facts(events.UPDATED, change, [], 1)

    assert len(events.body_of(events.UPDATED, "evt_1", facts, events.acknowledged_state(facts))) < 20_000
