"""The content of a message as flat values, for systems whose fields hold one number or one word each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from survey_service.crm.adapters.protocol import ConnectionConfig, Identity, Record
from survey_service.outbox.events import flat as full_flat
from survey_service.outbox.events import slug
from survey_service.store.tables.core import MERGED, OWN_SYSTEM

PERSONA = "persona_p_"
STATE = (
    "persona_top",
    "persona_confidence",
    "persona_margin",
    "persona_kind",
    "persona_is_decided",
    "persona_evidence",
    "persona_seq",
    "persona_updated_at",
    "persona_model",
)
ATTRIBUTED = "attributed_"
ATTRIBUTED_PERSONA = f"{ATTRIBUTED}p_"
ATTRIBUTED_STATE = ("attributed_persona", "attributed_confidence", "attributed_updated_at")
"""What attributes say. These values come in messages of their own, when an assignment begins or ends, and only a mapping can name them."""
NUMBERS = ("attributed_confidence", "persona_confidence", "persona_margin", "persona_evidence", "persona_seq")
NAMES = ("contact_id", "record_id", "external_id", "email", "email_sha256")
IDENTITIES = ("record_id", "external_id", "email")
ATTRIBUTE = "attribute."
"""How the name of a contact's attribute begins where a template refers to it."""
SCALARS = (str, int, float, bool)


def names(personas: Sequence[str]) -> tuple[str, ...]:
    """Return every value of ours that a field or a template can refer to."""
    return (*STATE, *(field_of(persona) for persona in personas), *NAMES)


def mapped_names(personas: Sequence[str]) -> tuple[str, ...]:
    """Return every value of ours that a mapping can refer to."""
    return (*names(personas), *ATTRIBUTED_STATE, *(ATTRIBUTED_PERSONA + slug(persona) for persona in personas))


def maps_attributed(mapping: Mapping[str, Any]) -> bool:
    """Whether a mapping names a value that comes from attributes."""
    return any(isinstance(ours, str) and ours.startswith(ATTRIBUTED) for ours in mapping.values())


def field_of(persona: str) -> str:
    """Return the name of a persona's probability."""
    return PERSONA + slug(persona)


def flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a contact's state: numbers, words, booleans, and times in ISO 8601."""
    selected = {name: value for name, value in full_flat(facts).items() if name in STATE or name.startswith(PERSONA)}
    return {**selected, "persona_updated_at": _milliseconds(facts["occurred_at"])}


def attributed_flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an assignment that began or ended."""
    shares = {ATTRIBUTED_PERSONA + slug(persona): p for persona, p in facts["probabilities"].items()}
    attribution = facts["attribution"]
    return {
        **shares,
        "attributed_persona": attribution["persona"],
        "attributed_confidence": attribution["confidence"],
        "attributed_updated_at": _milliseconds(facts["occurred_at"]),
    }


def is_name(ours: str, personas: Sequence[str]) -> bool:
    """Whether a field or a template can refer to this value: one of ours, or an attribute of the contact."""
    return ours in names(personas) or (ours.startswith(ATTRIBUTE) and ours != ATTRIBUTE)


def kind_of_value(ours: str) -> str:
    """Return what a field must be able to hold: "number", "boolean", "time" or "text"."""
    if ours in NUMBERS or ours.startswith((PERSONA, ATTRIBUTED_PERSONA)):
        return "number"
    return {"persona_is_decided": "boolean", "persona_updated_at": "time", "attributed_updated_at": "time"}.get(ours, "text")


def record_of(kind: str, config: ConnectionConfig, trace: str, facts: Mapping[str, Any]) -> Record | None:
    """Return the fields that a message sets, None when the CRM cannot find the contact.

    For an erased contact every field is emptied, and none is created.
    """
    contact = facts["contact"]
    found = {
        "record_id": _named(contact, kind),
        "external_id": _named(contact, config.external_id.get("system", OWN_SYSTEM)),
        "email": (contact.get("email") or "").strip().lower() or None,
    }
    by = next((item for item in config.identity if found[item]), None)
    if by is None:
        return None
    ours = {"contact_id": contact["id"], "email_sha256": contact.get("email_sha256"), **found}
    ours |= {ATTRIBUTE + name: value for name, value in contact.get("attributes", {}).items() if isinstance(value, SCALARS)}
    is_known, is_crossing = "assignment" in facts, "attribution" in facts
    if is_known:
        ours |= flat(facts)
    elif is_crossing:
        ours |= attributed_flat(facts)
    set_here = {theirs: mine for theirs, mine in config.ours.items() if _is_part_of(mine, is_known=is_known, is_crossing=is_crossing)}
    may_create = config.create_contacts and is_known and by != "record_id"
    return Record(
        trace,
        Identity(by, str(found[by]), config.external_id.get("field", "") if by == "external_id" else ""),
        {theirs: _translated(config, theirs, ours.get(mine)) for theirs, mine in set_here.items()},
        ours,
        may_create=may_create,
        when_created={theirs: _given(source, ours) for theirs, source in config.when_created.items()} if may_create else {},
        of_mapping=frozenset(theirs for theirs, mine in set_here.items() if mine not in NAMES),
    )


def _is_part_of(ours: str, *, is_known: bool, is_crossing: bool) -> bool:
    """Whether a message sets this value: beliefs and assignments come in messages of their own, and an erasure empties both."""
    if ours.startswith(ATTRIBUTED):
        return not is_known
    return not is_crossing or ours in NAMES


def _given(source: Mapping[str, Any], ours: Mapping[str, Any]) -> Any:
    """Return what a new record gets: the attribute, or the constant where the contact has none."""
    value = ours.get(ATTRIBUTE + source.get("attribute", ""))
    return source.get("constant") if value in (None, "") else value


def _translated(config: ConnectionConfig, theirs: str, value: Any) -> Any:
    words = config.options.get(theirs)
    return value if words is None or value is None else words.get(str(value))


def _named(contact: Mapping[str, Any], system: str) -> str | None:
    """Return the contact's id in a system. The ids of records that were merged into another come last."""
    found = [name for name in contact["external_ids"] if name["system"] == system]
    return min(found, key=lambda name: name.get("type") == MERGED)["id"] if found else None


def _milliseconds(stamp: str) -> str:
    """Return a time in milliseconds: CRMs store no microseconds, and some refuse them."""
    moment = datetime.fromisoformat(stamp).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
