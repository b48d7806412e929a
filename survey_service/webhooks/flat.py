"""The flat form of a message, for a CRM that maps only scalars to its fields: one level, no lists but those of names."""

from collections.abc import Mapping
from typing import Any

FULL, FLAT = FORMATS = ("full", "flat")


def flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a flat message. Fields are named after ids, with `_` for what is no letter or digit."""
    told = {name: facts[name] for name in ("sequence", "reason", "occurred_at") if name in facts}
    told = {"schema": facts["schema"].replace("/", ".flat/"), **told}
    if "contact" in facts:
        told |= _contact(facts["contact"])
    if "merged" in facts:
        told["merged_id"] = facts["merged"]["id"]
    if "assignment" in facts:
        told |= _persona(facts)
    for group in ("persona_set", "response", "link", "endpoint"):
        told |= {f"{group}_{name}": value for name, value in facts.get(group, {}).items() if not isinstance(value, list | dict)}
    return told | {f"answer_{slug(one['question'])}": _scalar(one.get("value")) for one in facts.get("questions", ())}


def _contact(contact: Mapping[str, Any]) -> dict[str, Any]:
    names = {f"external_id_{slug(one['system'])}": one["id"] for one in contact["external_ids"]}
    return {"contact_id": contact["id"], **names} | {name: contact[name] for name in ("email_sha256", "email") if name in contact}


def _persona(facts: Mapping[str, Any]) -> dict[str, Any]:
    assignment = facts["assignment"]
    return {
        "persona_top": assignment["persona"],
        "persona_confidence": assignment["confidence"],
        "persona_margin": assignment["margin"],
        "persona_kind": assignment["kind"],
        "persona_is_decided": assignment["is_decided"],
        "persona_evidence": facts["evidence"]["total"],
        "persona_seq": facts["sequence"],
        "persona_updated_at": facts["evidence"]["last_at"],
        "persona_model": f"{facts['model']['id']}/{facts['model']['version']}",
        **{f"persona_p_{slug(persona)}": p for persona, p in facts["probabilities"].items()},
    }


def slug(name: str) -> str:
    """A name as part of the name of a field."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower())


def _scalar(value: Any) -> Any:
    return ";".join(str(one) for one in value) if isinstance(value, list) else value
