"""The content of messages: pure functions from what happened to the data of an event, and from the data to the signed bytes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from survey_service.store.tables.core import Answer, Belief, Contact, SurveySession
from survey_service.store.tables.webhooks import Endpoint

if TYPE_CHECKING:  # a worker that only delivers must load neither this nor the numerical libraries behind it
    from question_bank.compile import CompiledBank
    from question_bank.definitions import Bank, Question
    from survey_service.belief.belief import BeliefChange


class Receiver(Protocol):
    """An endpoint as far as a message depends on it: its row, or what `subscribers` reads of it."""

    @property
    def id(self) -> str: ...
    @property
    def events(self) -> list[str]: ...
    @property
    def include_pii(self) -> bool: ...


class ExternalName(NamedTuple):
    """The id of a contact in another system."""

    system: str
    type: str
    value: str


@dataclass(frozen=True)
class EndpointEvent:
    """What happened to an endpoint, for the other endpoints."""

    event_type: str
    reason: str
    percent: int | None = None


@dataclass(frozen=True)
class Crossing:
    """An assignment of a contact that began, or changed, or ended (`persona` None). `was` is the persona before."""

    bank: str
    version: int
    run: str
    persona: str | None
    was: str | None
    probabilities: Mapping[str, float]
    reason: str = "attribution"


FULL, FLAT = FORMATS = ("full", "flat")


def flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a flat message. Fields are named after ids, with `_` for every character that is no letter or digit."""
    data = {name: facts[name] for name in ("sequence", "reason", "occurred_at") if name in facts}
    data = {"schema": facts["schema"].replace("/", ".flat/"), **data}
    if "contact" in facts:
        data |= _contact_flat(facts["contact"])
    if "merged" in facts:
        data["merged_id"] = facts["merged"]["id"]
    if "assignment" in facts:
        data |= _persona(facts)
    for group in ("persona_set", "attribution", "run", "response", "link", "play", "readiness", "endpoint"):
        data |= {f"{group}_{name}": value for name, value in facts.get(group, {}).items() if not isinstance(value, list | dict)}
    return data | {f"answer_{slug(question['question'])}": _scalar(question.get("value")) for question in facts.get("questions", ())}


def _contact_flat(contact: Mapping[str, Any]) -> dict[str, Any]:
    names = {f"external_id_{slug(external_id['system'])}": external_id["id"] for external_id in contact["external_ids"]}
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
    """Return a name as part of a field's name."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower())


def _scalar(value: Any) -> Any:
    return ";".join(str(item) for item in value) if isinstance(value, list) else value


UPDATED = "contact.persona.updated"
DECIDED = "contact.persona.decided"
MERGED = "contact.merged"
ERASED = "contact.erased"
COMPLETED = "survey.response.completed"
ABANDONED = "survey.response.abandoned"
LINK = "link.planned"
PLAY = "contact.play.due"
READY = "contact.stage.ready"
ASSIGNED = "contact.persona.assigned"
UNASSIGNED = "contact.persona.unassigned"
CROSSINGS = (ASSIGNED, UNASSIGNED)
ATTRIBUTION_COMPLETED = "attribution.completed"
PUBLISHED = "persona_set.published"
PING = "endpoint.ping"
DEGRADED, DISABLED, RECOVERED = "endpoint.degraded", "endpoint.disabled", "endpoint.recovered"
EVENT_TYPES = (
    *(UPDATED, DECIDED, ASSIGNED, UNASSIGNED, MERGED, ERASED, COMPLETED, ABANDONED, LINK, PLAY, READY, PUBLISHED, ATTRIBUTION_COMPLETED),
    *(PING, DEGRADED, DISABLED, RECOVERED),
)

MODEL = {"id": "naive-bayes-eig", "version": "1", "calibrated_at": None}
"""The version of the arithmetic behind the probabilities. It changes when the same answers would give others."""

DECIMALS = 4
MOST_EXPLANATIONS = 5

_ORDER = ("schema", "sequence", "reason", "occurred_at", "contact", "persona_set", "model", "assignment", "probabilities", "previous")


def persona_facts(event_type: str, change: "BeliefChange", names: Iterable[ExternalName], sequence: int) -> dict[str, Any]:
    """Return the data of `contact.persona.updated` and `.decided` without `previous`, which is added when the body is written."""
    belief, probabilities = change.belief, rounded(change.belief.probabilities)
    confidence, second = sorted(probabilities.values(), reverse=True)[:2]
    return {
        **_heading(event_type, sequence, change.reason, change.occurred_at),
        "contact": _contact(change.contact, names),
        "persona_set": _persona_set(change.bank, belief.bank_version),
        "model": MODEL,
        "assignment": {
            "persona": belief.top,
            "kind": kind_of(belief, labelled=belief.bank in change.contact.labels),
            "confidence": confidence,
            "margin": round(confidence - second, DECIMALS),
            "entropy_bits": round(belief.entropy_bits, DECIMALS),
            "is_decided": belief.is_decided,
        },
        "probabilities": probabilities,
        "coalesced": {"updates": 1, "first_sequence": sequence},
        "evidence": {
            "answers": belief.answers,
            "skipped": belief.skipped,
            "signals": belief.signals,
            "total": belief.answers + belief.skipped + belief.signals,
            "last_at": stamp(belief.updated_at),
        },
        "explanation": _explained(change.explanation, change.bank),
        "consent": _consent(change.contact),
    }


def response_facts(
    event_type: str,
    row: SurveySession,
    contact: Contact,
    names: Iterable[ExternalName],
    bank: "CompiledBank",
    own: Iterable[Answer],
    sequence: int,
    now: datetime,
) -> dict[str, Any]:
    """Return the data of `survey.response.completed` and `.abandoned`: every question of the survey and its answer."""
    given = {answer.question: answer for answer in own}
    return {
        **_heading(event_type, sequence, row.stopped_because or event_type.rpartition(".")[2], now),
        "contact": _contact(contact, names),
        "persona_set": _persona_set(bank, row.bank_version),
        "response": {
            "session": row.id,
            "survey": row.survey,
            "status": row.status,
            "stopped_because": row.stopped_because,
            "reason": row.finish_reason,
            "language": row.language,
            "channel": row.channel,
            "hidden": row.hidden,
            "started_at": stamp(row.started_at),
            "ended_at": None if row.ended_at is None else stamp(row.ended_at),
        },
        "questions": [
            _became(bank.bank.question_by_id[question], given.get(question)) for question in bank.bank.survey_by_id[row.survey].questions
        ],
        "consent": _consent(contact),
    }


def contact_facts(event_type: str, contact: Contact, names: Iterable[ExternalName], sequence: int, now: datetime) -> dict[str, Any]:
    """Return the data of `contact.merged` and `contact.erased` without the merged contact or the names of the erased one."""
    reason = event_type.rpartition(".")[2]
    return {**_heading(event_type, sequence, reason, now), "contact": _contact(contact, names), "consent": _consent(contact)}


def crossing_facts(
    event_type: str, contact: Contact, names: Iterable[ExternalName], crossing: Crossing, sequence: int, now: datetime
) -> dict[str, Any]:
    """Return the data of `contact.persona.assigned` and `.unassigned`: a persona from attributes, and the one before."""
    persona = crossing.persona
    return {
        **_heading(event_type, sequence, crossing.reason, now),
        "contact": _contact(contact, names),
        "persona_set": {"id": crossing.bank, "version": crossing.version, "personas": list(crossing.probabilities)},
        "attribution": {
            "run": crossing.run,
            "persona": persona,
            "was": crossing.was,
            "confidence": None if persona is None else round(crossing.probabilities[persona], DECIMALS),
        },
        "probabilities": rounded(crossing.probabilities),
        "consent": _consent(contact),
    }


def completed_facts(run: Mapping[str, Any], bank: str, version: int, personas: Sequence[str], now: datetime) -> dict[str, Any]:
    """Return the data of `attribution.completed`: how many contacts a run has scored, and where the result is."""
    return {
        "schema": f"{ATTRIBUTION_COMPLETED}/1",
        "reason": "attribution",
        "occurred_at": stamp(now),
        "persona_set": {"id": bank, "version": version, "personas": list(personas)},
        "run": dict(run),
    }


def ping_facts(endpoint_id: str, now: datetime) -> dict[str, Any]:
    """Return the data of `endpoint.ping`."""
    return {"schema": f"{PING}/1", "occurred_at": stamp(now), "endpoint": {"id": endpoint_id}}


def endpoint_facts(event_type: str, endpoint: Endpoint, reason: str, percent: int | None, now: datetime) -> dict[str, Any]:
    """Return the data of `endpoint.degraded`, `.disabled` and `.recovered`. The URL is not in it, because it may hold a token."""
    return {
        "schema": f"{event_type}/1",
        "reason": reason,
        "occurred_at": stamp(now),
        "endpoint": {"id": endpoint.id, "description": endpoint.description, "state": endpoint.state},
        "failing_since": None if endpoint.failing_since is None else stamp(endpoint.failing_since),
        "percent": percent,
    }


def published_facts(bank: "Bank", version: int, changed: Sequence[str], now: datetime) -> dict[str, Any]:
    """Return the data of `persona_set.published`: the present personas and what differs from the version before."""
    personas = [{"id": persona.id, "name": dict(persona.name)} for persona in bank.personas]
    return {
        "schema": f"{PUBLISHED}/1",
        "reason": "published",
        "occurred_at": stamp(now),
        "persona_set": {"id": bank.id, "version": version, "personas": [persona.id for persona in bank.personas]},
        "personas": personas,
        "model": MODEL,
        "changed": list(changed),
    }


def is_wanted(endpoint: Receiver, event_type: str) -> bool:
    """Whether an endpoint subscribed to this event type. An endpoint without event types subscribes to all."""
    return not endpoint.events or event_type in endpoint.events


def coalesced(facts: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the `facts` of an update that supersedes `earlier` ones: the count adds up, and the first sequence is the lowest."""
    together = [item["coalesced"] for item in (facts, *earlier)]
    updates = sum(item["updates"] for item in together)
    return {**facts, "coalesced": {"updates": updates, "first_sequence": min(item["first_sequence"] for item in together)}}


def without_pii(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts without e-mail addresses and free text, for an endpoint that did not ask for them."""
    kept = dict(facts)
    if "contact" in kept:
        kept["contact"] = {name: value for name, value in kept["contact"].items() if name != "email"}
    if "questions" in kept:
        kept["questions"] = [_withheld(question) for question in kept["questions"]]
    return kept


def acknowledged_state(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an endpoint knows about the contact once it has taken this message: the `previous` of its next one."""
    assignment = facts["assignment"]
    return {
        "sequence": facts["sequence"],
        "persona": assignment["persona"],
        "confidence": assignment["confidence"],
        "probabilities": facts["probabilities"],
    }


def body_of(event_type: str, event_id: str, facts: Mapping[str, Any], previous: Mapping[str, Any] | None, form: str = FULL) -> bytes:
    """Return the body of a message. It is made once, because receivers compare signatures over bytes. Raises orjson.JSONEncodeError."""
    full = {**facts, "previous": previous} if "assignment" in facts else dict(facts)
    data = flat(full) if form == FLAT else full
    ordered = {name: data.pop(name) for name in _ORDER if name in data} | data
    message = {"type": event_type, "timestamp": facts["occurred_at"], "id": event_id, "data": ordered}
    return orjson.dumps(message)


def rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Return the probabilities with four decimals that add up to exactly 1, by the largest remainder. The order stays the same.

    >>> rounded({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    {'a': 0.3334, 'b': 0.3333, 'c': 0.3333}
    """
    unit = 10**DECIMALS
    exact = {persona: p * unit for persona, p in probabilities.items()}
    whole = {persona: floor(p) for persona, p in exact.items()}
    by_remainder = sorted(exact, key=lambda persona: (whole[persona] - exact[persona], -probabilities[persona]))
    for persona in by_remainder[: unit - sum(whole.values())]:
        whole[persona] += 1
    return {persona: count / unit for persona, count in whole.items()}


def stamp(moment: datetime) -> str:
    """Return a time as every receiver reads it: UTC, microseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _heading(event_type: str, sequence: int, reason: str, occurred_at: datetime) -> dict[str, Any]:
    return {"schema": f"{event_type}/1", "sequence": sequence, "reason": reason, "occurred_at": stamp(occurred_at)}


def _contact(contact: Contact, names: Iterable[ExternalName]) -> dict[str, Any]:
    return {
        "id": contact.id,
        "external_ids": [{"system": name.system, "type": name.type, "id": name.value} for name in names],
        "email_sha256": contact.email_sha256,
        "email": contact.email,
        "merged_from": contact.merged_from,
    }


def _persona_set(bank: "CompiledBank", version: int) -> dict[str, Any]:
    return {"id": bank.bank.id, "version": version, "personas": list(bank.personas)}


def _consent(contact: Contact) -> dict[str, Any]:
    return {"profiling": contact.consent.get("profiling"), "version": contact.consent.get("version")}


def _explained(explanation: Sequence[Mapping[str, Any]], bank: "CompiledBank") -> list[dict[str, Any]]:
    """Return the pieces of evidence that weigh most, heaviest first. Free text has no weight and is never quoted here."""
    heaviest = sorted(explanation, key=lambda item: -abs(item["log_likelihood_ratio_bits"]))
    texts = {question.id for question in bank.bank.questions if question.type == "text"}
    return [_item(piece, texts) for piece in heaviest[:MOST_EXPLANATIONS]]


def _item(item: Mapping[str, Any], texts: set[str]) -> dict[str, Any]:
    data = {name: item[name] for name in ("kind", "question", "value", "signal", "event", "favours") if name in item}
    if item.get("question") in texts:
        data["value"] = None
    return {**data, "log_likelihood_ratio_bits": round(item["log_likelihood_ratio_bits"], DECIMALS)}


def _became(question: "Question", answer: Answer | None) -> dict[str, Any]:
    data: dict[str, Any] = {"question": question.id, "type": question.type, "state": "not_asked"}
    if answer is None:
        return data
    if answer.kind != "answer":
        return {**data, "state": answer.kind}
    return {**data, "state": "answered", "value": answer.value}


def _withheld(data: Mapping[str, Any]) -> dict[str, Any]:
    if data["type"] == "text" and data["state"] == "answered":
        return {**data, "value": None, "withheld": True}
    return dict(data)


def kind_of(belief: Belief, *, labelled: bool) -> str:
    """Return what the belief rests on: "labelled" by people, "answered", "behavioural", "external" or "attributed", or only the "prior"."""
    if labelled:
        return "labelled"
    return "answered" if belief.answers else "behavioural" if belief.signals else belief.prior_kind or "prior"
