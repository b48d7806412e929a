"""The JSON Schema (2020-12) of every message: one per event type and form. Within a version fields are only added."""

from typing import Any

from survey_service.outbox import events
from survey_service.outbox.events import FLAT, FORMATS, FULL

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TRUTH: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
MOMENT: Schema = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"}
ANYTHING: Schema = {}


def or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def a_list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def a_map(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of}


def an_object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """Return a schema that allows further fields: any release may add some, and a receiver ignores what it does not know."""
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


EXTERNAL_IDS = a_list(an_object({"system": TEXT, "id": TEXT}, {"type": TEXT}))
CONTACT = an_object(
    {"id": TEXT, "external_ids": EXTERNAL_IDS, "email_sha256": or_null(TEXT), "merged_from": a_list(TEXT)}, {"email": or_null(TEXT)}
)
FORMER = an_object({"id": TEXT, "external_ids": EXTERNAL_IDS})
PERSONA_SET = an_object({"id": TEXT, "version": {"type": "integer", "minimum": 1}, "personas": a_list(TEXT)})
MODEL = an_object({"id": TEXT, "version": TEXT, "calibrated_at": or_null(TEXT)})
KIND = one_of("answered", "attributed", "behavioural", "external", "inferred", "labelled", "prior")
CONSENT = an_object({"profiling": or_null(TRUTH), "version": or_null(TEXT)})
HEADING: dict[str, Schema] = {"schema": TEXT, "reason": TEXT, "occurred_at": MOMENT}
ABOUT: dict[str, Schema] = {**HEADING, "sequence": {"type": "integer", "minimum": 1}}

PERSONA = an_object(
    {
        **ABOUT,
        "contact": CONTACT,
        "persona_set": PERSONA_SET,
        "model": MODEL,
        "assignment": an_object(
            {
                "persona": TEXT,
                "kind": KIND,
                "confidence": SHARE,
                "margin": SHARE,
                "entropy_bits": {**NUMBER, "minimum": 0},
                "is_decided": TRUTH,
            }
        ),
        "probabilities": a_map(SHARE),
        "previous": or_null(an_object({"sequence": COUNT, "persona": TEXT, "confidence": SHARE, "probabilities": a_map(SHARE)})),
        "coalesced": an_object({"updates": {"type": "integer", "minimum": 1}, "first_sequence": COUNT}),
        "evidence": an_object({"answers": COUNT, "skipped": COUNT, "signals": COUNT, "total": COUNT, "last_at": MOMENT}),
        "explanation": {
            **a_list(
                an_object(
                    {"kind": TEXT, "log_likelihood_ratio_bits": NUMBER},
                    {"question": TEXT, "value": ANYTHING, "signal": TEXT, "event": TEXT, "favours": or_null(TEXT)},
                )
            ),
            "maxItems": events.MOST_EXPLANATIONS,
        },
        "consent": CONSENT,
    }
)
RESPONSE = an_object(
    {
        **ABOUT,
        "contact": CONTACT,
        "persona_set": PERSONA_SET,
        "response": an_object(
            {
                **{"session": TEXT, "survey": TEXT, "status": TEXT, "stopped_because": or_null(TEXT), "reason": or_null(TEXT)},
                **{"language": TEXT, "channel": TEXT, "hidden": a_map(ANYTHING), "started_at": MOMENT, "ended_at": or_null(MOMENT)},
            }
        ),
        "questions": a_list(an_object({"question": TEXT, "type": TEXT, "state": TEXT}, {"value": ANYTHING, "withheld": TRUTH})),
        "consent": CONSENT,
    }
)
ENDPOINT = an_object(
    {
        **HEADING,
        "endpoint": an_object({"id": TEXT, "description": TEXT, "state": TEXT}),
        "failing_since": or_null(MOMENT),
        "percent": or_null({"type": "integer", "minimum": 1, "maximum": 100}),
    }
)
PUBLISHED = an_object(
    {
        **HEADING,
        "persona_set": PERSONA_SET,
        "personas": a_list(an_object({"id": TEXT, "name": a_map(TEXT)})),
        "model": MODEL,
        "changed": a_list(one_of("personas", "names", "version")),
    }
)

LINK = an_object(
    {
        **dict.fromkeys(("survey", "question", "language", "expires_at", "url", "leave", "html", "text"), TEXT),
        "options": a_map(TEXT),
        "because": a_map(TEXT),
    }
)
PLAY: dict[str, Schema] = {
    **dict.fromkeys(("journey", "stage"), TEXT),
    "reached_at": MOMENT,
    **dict.fromkeys(("persona", "channel", "content", "agent", "bot"), or_null(TEXT)),
    "confidence": or_null(SHARE),
}
READINESS: dict[str, Schema] = {
    **dict.fromkeys(("journey", "stage", "next_stage"), TEXT),
    **dict.fromkeys(("probability", "probability_low", "probability_high"), SHARE),
    **dict.fromkeys(("value", "priority", "priority_low", "priority_high"), NUMBER),
    "currency": or_null(TEXT),
}
ALTERNATIVE = an_object(dict.fromkeys(("persona", "channel", "content", "agent", "bot"), or_null(TEXT)))
CROSSING = an_object(
    {
        **ABOUT,
        "contact": CONTACT,
        "persona_set": PERSONA_SET,
        "attribution": an_object({"run": TEXT, "persona": or_null(TEXT), "was": or_null(TEXT), "confidence": or_null(SHARE)}),
        "probabilities": a_map(SHARE),
        "consent": CONSENT,
    }
)
RUN: dict[str, Schema] = {"id": TEXT, "contacts": COUNT, "scored": COUNT, "assigned": COUNT, "beliefs": TEXT}
FLAT_CROSSING: dict[str, Schema] = {
    **{"attribution_run": TEXT, "attribution_persona": or_null(TEXT), "attribution_was": or_null(TEXT)},
    "attribution_confidence": or_null(SHARE),
}
FLAT_LINK: dict[str, Schema] = {
    f"link_{name}": TEXT for name in ("survey", "question", "language", "expires_at", "url", "leave", "html", "text")
}
FLAT_CONTACT: dict[str, Schema] = {"contact_id": TEXT}
FLAT_NAMES: dict[str, Schema] = {"email_sha256": or_null(TEXT), "email": or_null(TEXT)}
FLAT_SET: dict[str, Schema] = {"persona_set_id": TEXT, "persona_set_version": COUNT}
FLAT_PERSONA: dict[str, Schema] = {
    **{"persona_top": TEXT, "persona_confidence": SHARE, "persona_margin": SHARE, "persona_kind": KIND, "persona_is_decided": TRUTH},
    **{"persona_evidence": COUNT, "persona_seq": COUNT, "persona_updated_at": MOMENT, "persona_model": TEXT},
}
FLAT_RESPONSE: dict[str, Schema] = {
    f"response_{name}": TEXT for name in ("session", "survey", "status", "language", "channel", "started_at")
}
FLAT_REST: dict[str, Schema] = {f"response_{name}": or_null(TEXT) for name in ("stopped_because", "reason", "ended_at")}

DATA: dict[str, dict[str, Schema]] = {
    FULL: {
        events.UPDATED: PERSONA,
        events.DECIDED: PERSONA,
        **dict.fromkeys(events.CROSSINGS, CROSSING),
        events.ATTRIBUTION_COMPLETED: an_object({**HEADING, "persona_set": PERSONA_SET, "run": an_object(RUN)}),
        events.MERGED: an_object({**ABOUT, "contact": CONTACT, "merged": FORMER, "consent": CONSENT}),
        events.ERASED: an_object({**ABOUT, "contact": FORMER, "consent": CONSENT}),
        events.COMPLETED: RESPONSE,
        events.ABANDONED: RESPONSE,
        events.LINK: an_object({**ABOUT, "contact": CONTACT, "link": LINK, "consent": CONSENT}),
        events.READY: an_object(
            {**ABOUT, "contact": CONTACT, "persona_set": PERSONA_SET, "readiness": an_object(READINESS), "consent": CONSENT}
        ),
        events.PLAY: an_object(
            {
                **{**ABOUT, "contact": CONTACT, "persona_set": PERSONA_SET, "consent": CONSENT},
                "play": an_object({**PLAY, "others": a_list(ALTERNATIVE)}),
            }
        ),
        events.PUBLISHED: PUBLISHED,
        events.PING: an_object({"schema": TEXT, "occurred_at": MOMENT, "endpoint": an_object({"id": TEXT})}),
        **dict.fromkeys((events.DEGRADED, events.DISABLED, events.RECOVERED), ENDPOINT),
    },
    FLAT: {
        **dict.fromkeys((events.UPDATED, events.DECIDED), an_object({**ABOUT, **FLAT_CONTACT, **FLAT_SET, **FLAT_PERSONA}, FLAT_NAMES)),
        **dict.fromkeys(events.CROSSINGS, an_object({**ABOUT, **FLAT_CONTACT, **FLAT_SET, **FLAT_CROSSING}, FLAT_NAMES)),
        events.ATTRIBUTION_COMPLETED: an_object({**HEADING, **FLAT_SET, **{f"run_{name}": kind for name, kind in RUN.items()}}),
        events.MERGED: an_object({**ABOUT, **FLAT_CONTACT, "merged_id": TEXT}, FLAT_NAMES),
        events.ERASED: an_object({**ABOUT, **FLAT_CONTACT}),
        **dict.fromkeys(
            (events.COMPLETED, events.ABANDONED),
            an_object({**ABOUT, **FLAT_CONTACT, **FLAT_SET, **FLAT_RESPONSE, **FLAT_REST}, FLAT_NAMES),
        ),
        events.LINK: an_object({**ABOUT, **FLAT_CONTACT, **FLAT_LINK}, FLAT_NAMES),
        events.READY: an_object(
            {**ABOUT, **FLAT_CONTACT, **FLAT_SET, **{f"readiness_{name}": kind for name, kind in READINESS.items()}}, FLAT_NAMES
        ),
        events.PLAY: an_object({**ABOUT, **FLAT_CONTACT, **FLAT_SET, **{f"play_{name}": kind for name, kind in PLAY.items()}}, FLAT_NAMES),
        events.PUBLISHED: an_object({**HEADING, **FLAT_SET}),
        events.PING: an_object({"schema": TEXT, "occurred_at": MOMENT, "endpoint_id": TEXT}),
        **dict.fromkeys(
            (events.DEGRADED, events.DISABLED, events.RECOVERED),
            an_object({**HEADING, "endpoint_id": TEXT, "endpoint_description": TEXT, "endpoint_state": TEXT}),
        ),
    },
}

NAMED_AFTER_IDS: dict[str, Schema] = {"^persona_p_": SHARE, "^external_id_": TEXT, "^answer_": ANYTHING}


def schema_of(event_type: str, form: str = FULL) -> Schema:
    """Return the schema of a whole message. Raises KeyError for an unknown event type or form."""
    data = DATA[form][event_type]
    name = f"{event_type}/1" if form == FULL else f"{event_type}.flat/1"
    data = {**data, "properties": {**data["properties"], "schema": {"const": name}}}
    if form == FLAT:
        data["patternProperties"] = NAMED_AFTER_IDS
    whole = {"type": {"const": event_type}, "timestamp": MOMENT, "id": {"type": "string", "pattern": "^evt_[A-Za-z0-9_-]+$"}, "data": data}
    return {"$schema": DIALECT, "title": name, **an_object(whole)}


def all_schemas() -> list[dict[str, str]]:
    """Return the event types and forms that have a schema."""
    return [{"type": event_type, "format": form} for event_type in events.EVENT_TYPES for form in FORMATS]
