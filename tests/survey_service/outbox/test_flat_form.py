"""The flat form has the same content as the full form, in scalars."""

from survey_service.outbox.events import flat


def test_a_flat_update_says_what_the_full_one_says(world):
    world.endpoint(format="flat", url="http://127.0.0.1:9/flat")
    world.endpoint()
    world.store_belief(world.contact(), 0.62)
    bodies = {sent.url.endswith("/flat"): sent.data for sent in world.deliver_due()}

    full, flattened = bodies[False], bodies[True]
    assert flattened == flat(full) | {"schema": "contact.persona.updated.flat/1"}
    assert {name: flattened[name] for name in flattened if name.startswith(("persona_", "external_", "contact"))} == {
        "contact_id": "ct_crm-42",
        "external_id_crm": "crm-42",
        "persona_set_id": "cars",
        "persona_set_version": 1,
        "persona_top": "driver",
        "persona_confidence": 0.62,
        "persona_margin": 0.24,
        "persona_kind": full["assignment"]["kind"],
        "persona_is_decided": False,
        "persona_evidence": 0,
        "persona_seq": full["sequence"],
        "persona_updated_at": full["evidence"]["last_at"],
        "persona_model": "naive-bayes-eig/1",
        "persona_p_driver": 0.62,
        "persona_p_family": 0.38,
    }


def test_the_next_full_message_knows_what_a_flat_one_has_sent(world, call, made):
    """`previous` is the state that the endpoint acknowledged, in whichever form it was sent."""
    call("patch", f"/endpoints/{made['id']}", {"format": "flat", "when": "every_answer"})
    world.store_belief(world.contact(), 0.4)
    world.deliver_due()
    call("patch", f"/endpoints/{made['id']}", {"format": "full"})
    world.store_belief("ct_crm-42", 0.6)
    [sent] = world.deliver_due()

    assert sent.data["previous"]["probabilities"]["driver"] == 0.4
