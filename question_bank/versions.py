"""Bank versions: the fingerprint of a bank, and which answers to one version still count in the next."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from question_bank.definitions import (
    OUTLIERS,
    SECONDS_BY_TYPE,
    Attribution,
    Bank,
    Brand,
    Counts,
    LogNormal,
    Normal,
    Option,
    Persona,
    Question,
    Result,
    Row,
    Shares,
    Signal,
    Survey,
    Text,
    Words,
)
from question_bank.journeys import Barometer, Journey, Play, Stage

Plain = dict[str, Any]
Value = Any  # what a respondent answered: see `survives`


def fingerprint(bank: Bank) -> str:
    """Return the SHA-256 of the bank's content: formatting, order of keys and comments do not matter, everything else does."""
    canonical = json.dumps(to_plain(bank), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(canonical.encode()).hexdigest()


def survives(old: Question | None, new: Question | None, value: Value) -> bool:
    """Return whether an answer to the old question is still valid for the new one.

    Wording may change; the type and the unit may not, and every outcome the answer names must still exist. A value is
    an option id, a list of them or ``{"ticked": […], "seen": […]}``, a number, ``{"from": x, "to": y}`` with either end
    open, or a string.
    """
    if old is None or new is None or old.type != new.type or not _same_unit(old.unit, new.unit):
        return False
    return KEEPS_ANSWER[new.type](new, value)


def _same_unit(old: str | Text | None, new: str | Text | None) -> bool:
    """Whether two units are one: equal where both have a text, in one language at least. A plain string holds in every language."""
    if old is None or new is None:
        return old == new
    if isinstance(old, str) or isinstance(new, str):
        return bool(_unit_texts(old) & _unit_texts(new))
    shared = set(old) & set(new)
    return bool(shared) and all(old[language] == new[language] for language in shared)


def _unit_texts(unit: str | Text) -> set[str]:
    return {unit} if isinstance(unit, str) else set(unit.values())


def _keeps_option(new: Question, value: Value) -> bool:
    return value in new.outcomes


def _keeps_options(new: Question, value: Value) -> bool:
    named = [*value.get("ticked", ()), *value.get("seen", ())] if isinstance(value, Mapping) else value
    return isinstance(named, Sequence) and not isinstance(named, str) and set(named) <= set(new.outcomes)


def _keeps_point(new: Question, value: Value) -> bool:
    return _is_number(value) and value in new.points


def _keeps_number(new: Question, value: Value) -> bool:
    ends = [value.get("from"), value.get("to")] if isinstance(value, Mapping) else [value]
    given = [end for end in ends if end is not None]
    low = float("-inf") if new.minimum is None else new.minimum
    high = float("inf") if new.maximum is None else new.maximum
    return bool(given) and all(_is_number(end) and low <= end <= high for end in given)


def _keeps_text(_new: Question, value: Value) -> bool:
    return isinstance(value, str)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KEEPS_ANSWER: Mapping[str, Callable[[Question, Value], bool]] = {
    "single": _keeps_option,
    "multiple": _keeps_options,
    "scale": _keeps_point,
    "number": _keeps_number,
    "text": _keeps_text,
}


def to_plain(bank: Bank) -> Plain:
    """Return the bank as plain data in the structure of the file, ready for JSON; reading it gives an equal bank."""
    return _without_empty(
        bank=bank.id,
        title=dict(bank.title),
        languages=list(bank.languages),
        personas=[_persona(persona) for persona in bank.personas],
        questions=[_question(question) for question in bank.questions],
        signals=[_signal(signal) for signal in bank.signals],
        surveys=[_survey(survey) for survey in bank.surveys],
        evidence_weight=bank.evidence_weight,
        repeat_weight=bank.repeat_weight,
        answer_correlation=bank.answer_correlation or None,
        lapse=bank.lapse or None,
        outliers=bank.outliers if bank.has_numbers or bank.outliers != OUTLIERS else None,
        half_life_days=bank.half_life_days,
        attribution=bank.attribution and _attribution(bank.attribution),
        journeys=[_journey(journey) for journey in bank.journeys],
        barometers=[_barometer(barometer) for barometer in bank.barometers],
        plays=[_play(play) for play in bank.plays],
        brand=_brand(bank.brand),
    )


def _brand(brand: Brand) -> Plain:
    named = brand.name and dict(brand.name)
    return _without_empty(name=named, logo=brand.logo, accent=brand.accent, radius=brand.radius, font=brand.font)


def _without_empty(**fields: Any) -> Plain:
    """Return the fields that are not None, empty or false."""
    return {name: value for name, value in fields.items() if value is not None and value is not False and value not in ({}, [])}


def _persona(persona: Persona) -> Plain:
    return _without_empty(
        id=persona.id,
        name=dict(persona.name),
        prior=persona.prior,
        value=persona.value,
        description=persona.description and dict(persona.description),
        needs=persona.needs and dict(persona.needs),
        expectations=dict(persona.expectations),
        channels=dict(persona.channels),
        image=persona.image,
        styles=[{"id": style.id, "share": style.share} for style in persona.styles],
    )


def _question(question: Question) -> Plain:
    return _without_empty(
        id=question.id,
        type=question.type,
        text=dict(question.text),
        help=question.help and dict(question.help),
        topic=question.topic,
        parent=question.parent,
        pilot=question.pilot,
        seconds=None if question.seconds == SECONDS_BY_TYPE[question.type] else question.seconds,
        min=question.minimum,
        max=question.maximum,
        unit=dict(question.unit) if isinstance(question.unit, Mapping) else question.unit,
        labels={str(point): dict(text) for point, text in question.labels.items()},
        options=[_option(option) for option in question.options],
        likelihood=_likelihood(question),
        no_answer=None if question.no_answer is None else dict(question.no_answer),
        ask_if={name: list(values) for name, values in question.ask_if.items()},
        required=question.required,
        evidence_weight=None if question.evidence_weight == 1 else question.evidence_weight,
    )


def _option(option: Option) -> Plain:
    return {"id": option.id, "text": dict(option.text)}


def _likelihood(question: Question) -> Plain:
    if question.likelihood_given:
        return {
            persona: {outcome: _row(row, question) for outcome, row in rows.items()} for persona, rows in question.likelihood_given.items()
        }
    return {persona: _row(row, question) for persona, row in question.likelihood.items()}


def _row(row: Row, question: Question) -> Any:
    def aligned(values: Sequence[Any]) -> Any:
        return list(values) if question.type == "scale" else dict(zip(question.outcomes, values, strict=True))

    match row:
        case Shares(values) | Words(values):
            return aligned(values)
        case Counts(values, of):
            return _without_empty(counts=aligned(values), of=of)
        case Normal(mean, sd):
            return {"mean": mean, "sd": sd}
        case LogNormal(median, spread):
            return {"median": median, "spread": spread}


def _attribution(attribution: Attribution) -> Plain:
    return _without_empty(
        attributes=dict(attribution.attributes),
        never=list(attribution.never),
        target=attribution.target,
        hysteresis=attribution.hysteresis,
        consent=attribution.consent,
    )


def _journey(journey: Journey) -> Plain:
    return _without_empty(
        id=journey.id,
        title=dict(journey.title),
        within_days=journey.within_days,
        order=journey.order,
        stages=[_stage(stage) for stage in journey.stages],
    )


def _stage(stage: Stage) -> Plain:
    return _without_empty(
        id=stage.id,
        title=dict(stage.title),
        match=dict(stage.match),
        answer={name: list(options) for name, options in stage.answer.items()},
        attribute={name: list(values) for name, values in stage.attribute.items()},
        unless=dict(stage.unless),
        after_hours=stage.after_hours if stage.unless else None,
    )


def _barometer(barometer: Barometer) -> Plain:
    return {
        "id": barometer.id,
        "title": dict(barometer.title),
        "question": barometer.question,
        "kind": barometer.kind,
        "after": dict(barometer.after),
        "delay_hours": barometer.delay_hours,
        "every_days": barometer.every_days,
    }


def _play(play: Play) -> Plain:
    texts = {name: dict(text) for name, text in (("content", play.content), ("agent", play.agent), ("bot", play.bot)) if text}
    return _without_empty(persona=play.persona, stage=play.stage, channel=play.channel, **texts)


def _signal(signal: Signal) -> Plain:
    return _without_empty(
        id=signal.id,
        match=_without_empty(words=list(signal.words), question=signal.question) if signal.words else dict(signal.match),
        likelihood=dict(signal.likelihood),
        half_life_days=signal.half_life_days,
        at_most=signal.at_most,
    )


def _survey(survey: Survey) -> Plain:
    stop = survey.stop
    return _without_empty(
        id=survey.id,
        title=dict(survey.title),
        questions=list(survey.questions),
        objective=survey.objective,
        actions={name: dict(worth) for name, worth in survey.actions.items()},
        stop=_without_empty(
            confidence=stop.confidence,
            at_most=stop.at_most,
            at_least=stop.at_least,
            gain_below=stop.gain_below,
            seconds=stop.seconds,
            endgame=stop.endgame if survey.has_known_length else None,
        ),
        effort=survey.effort,
        explore=survey.explore,
        drop_out=survey.drop_out and asdict(survey.drop_out),
        first=list(survey.first),
        consent=survey.consent and {"text": dict(survey.consent.text), "required": survey.consent.required},
        origins=list(survey.origins),
        reveal=survey.reveal,
        result={name: _result(result) for name, result in survey.result.items()},
    )


def _result(result: Result) -> Plain:
    return _without_empty(text=result.text and dict(result.text), redirect=result.redirect)
