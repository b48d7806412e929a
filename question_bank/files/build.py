"""Build the definitions of a bank from a checked draft."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adaptive.dropout import Hazard
from adaptive.stopping import StopRule
from question_bank.definitions import (
    DEFAULT_STOP,
    SECONDS_BY_TYPE,
    Attribution,
    Bank,
    Brand,
    Consent,
    Option,
    Persona,
    Question,
    Result,
    Row,
    Signal,
    Style,
    Survey,
    Text,
)
from question_bank.files.draft import Draft, outcomes_of
from question_bank.files.likelihood_rows import read_row
from question_bank.files.survey_rules import selected_questions
from question_bank.journeys import SHIPPED_STAGES, Barometer, Journey, Play, Stage
from question_bank.probabilities import normalised

Fields = Mapping[str, Any]


def build(draft: Draft) -> Bank:
    """Return the bank of a checked draft, with every default filled in."""
    data = draft.data
    title = _text(data.get("title", data["bank"]), draft)
    return Bank(
        id=data["bank"],
        title=title,
        languages=tuple(data.get("languages") or (draft.language,)),
        personas=_personas(draft),
        questions=tuple(_question(fields, draft) for _, fields in draft.items("questions")),
        signals=tuple(_signal(fields) for _, fields in draft.items("signals")),
        surveys=tuple(_survey(fields, title, draft) for _, fields in draft.items("surveys")),
        attribution=Attribution(**data["attribution"]) if "attribution" in data else None,
        journeys=tuple(_journey(fields, draft) for fields in data.get("journeys", ())),
        barometers=tuple(_barometer(fields, draft) for fields in data.get("barometers", ())),
        plays=tuple(_play(fields, draft) for fields in data.get("plays", ())),
        brand=_brand(data.get("brand", {}), draft),
        **_written_fields(data, "evidence_weight", "repeat_weight", "answer_correlation", "lapse", "outliers", "half_life_days"),
    )


def _journey(fields: Fields, draft: Draft) -> Journey:
    title = _text(fields.get("title", fields["id"]), draft)
    stages = tuple(_stage(stage, draft) for stage in fields["stages"])
    return Journey(fields["id"], title, stages, **_written_fields(fields, "within_days", "order"))


def _stage(fields: Fields, draft: Draft) -> Stage:
    given = {
        **SHIPPED_STAGES.get(fields.get("stage", ""), {}),
        **_written_fields(fields, "match", "answer", "attribute", "unless", "after_hours"),
    }
    return Stage(fields["id"], _text(fields.get("title", fields["id"]), draft), **given)


def _barometer(fields: Fields, draft: Draft) -> Barometer:
    title = _text(fields.get("title", fields["id"]), draft)
    more = _written_fields(fields, "delay_hours", "every_days")
    return Barometer(fields["id"], title, fields["question"], fields["kind"], fields["after"], **more)


def _play(fields: Fields, draft: Draft) -> Play:
    content, agent, bot = (_text_or_none(fields.get(name), draft) for name in ("content", "agent", "bot"))
    return Play(fields.get("persona"), fields.get("stage"), fields.get("channel"), content, agent, bot)


def _brand(fields: Fields, draft: Draft) -> Brand:
    return Brand(_text_or_none(fields.get("name"), draft), **_written_fields(fields, "logo", "accent", "radius", "font"))


def _personas(draft: Draft) -> tuple[Persona, ...]:
    personas = [fields for _, fields in draft.items("personas")]
    priors = normalised([fields.get("prior", 1 / len(personas)) for fields in personas])
    return tuple(
        Persona(
            id=fields["id"],
            name=_text(fields.get("name", fields["id"]), draft),
            prior=prior,
            description=_text_or_none(fields.get("description"), draft),
            needs=_text_or_none(fields.get("needs"), draft),
            styles=_styles(fields.get("styles", ())),
            **_written_fields(fields, "value", "expectations", "channels", "image"),
        )
        for fields, prior in zip(personas, priors, strict=True)
    )


def _styles(styles: Sequence[Fields]) -> tuple[Style, ...]:
    shares = normalised([fields.get("share", 1 / len(styles)) for fields in styles])
    return tuple(Style(fields["id"], share) for fields, share in zip(styles, shares, strict=True))


def _question(fields: Fields, draft: Draft) -> Question:
    tables: dict[str, Any] = {}
    if "likelihood" in fields and not fields.get("pilot"):
        tables = _tables(fields, outcomes_of(fields) or ())
    if "no_answer" in fields:
        tables["no_answer"] = _no_answer(fields["no_answer"], tuple(draft.by_id("personas")))
    return Question(
        text=_text(fields["text"], draft),
        help=_text_or_none(fields.get("help"), draft),
        seconds=fields.get("seconds", SECONDS_BY_TYPE[fields["type"]]),
        options=tuple(Option(option["id"], _text(option["text"], draft)) for option in fields.get("options", ())),
        minimum=fields.get("min"),
        maximum=fields.get("max"),
        labels={int(point): _text(label, draft) for point, label in fields.get("labels", {}).items()},
        **tables,
        **_written_fields(fields, "id", "type", "topic", "parent", "pilot", "unit", "ask_if", "required", "evidence_weight"),
    )


def _tables(fields: Fields, outcomes: Sequence[str]) -> dict[str, Any]:
    def rows(table: Fields) -> dict[str, Row]:
        return {name: read_row(row, fields["type"], outcomes) for name, row in table.items()}

    if "parent" in fields:
        return {"likelihood_given": {persona: rows(given) for persona, given in fields["likelihood"].items()}}
    return {"likelihood": rows(fields["likelihood"])}


def _no_answer(given: Fields | float, personas: Sequence[str]) -> dict[str, float]:
    if isinstance(given, Mapping):
        return {persona: float(value) for persona, value in given.items()}
    return dict.fromkeys(personas, float(given))


def _signal(fields: Fields) -> Signal:
    likelihood = {persona: float(value) for persona, value in fields["likelihood"].items()}
    more = _written_fields(fields, "id", "half_life_days", "at_most")
    match = fields["match"]
    if "words" in match:
        return Signal(match={}, likelihood=likelihood, **more, **match)
    return Signal(match=match, likelihood=likelihood, **more)


def _survey(fields: Fields, title: Text, draft: Draft) -> Survey:
    consent = fields.get("consent")
    survey = Survey(
        title=_text(fields["title"], draft) if "title" in fields else title,
        questions=selected_questions(draft, fields),
        actions={name: {key: float(worth) for key, worth in worths.items()} for name, worths in fields.get("actions", {}).items()},
        stop=StopRule(**fields["stop"]) if "stop" in fields else DEFAULT_STOP,
        drop_out=Hazard(**fields["drop_out"]) if "drop_out" in fields else None,
        consent=Consent(_text(consent["text"], draft), **_written_fields(consent, "required")) if consent else None,
        origins=tuple(_origin(origin) for origin in fields.get("origins", ())),
        result={name: _result(result, draft) for name, result in fields.get("result", {}).items()},
        **_written_fields(fields, "id", "objective", "effort", "explore", "first", "reveal"),
    )
    if "endgame" in fields.get("stop", {}):
        return survey
    return replace(survey, stop=replace(survey.stop, endgame="accuracy" if survey.has_known_length else "none"))


def _origin(written: str) -> str:
    """Return an origin as browsers send it: in lower case, without the default port."""
    origin = written.lower()
    usual = ":443" if origin.startswith("https:") else ":80"
    return origin.removesuffix(usual)


def _result(fields: Fields, draft: Draft) -> Result:
    return Result(_text_or_none(fields.get("text"), draft), fields.get("redirect"))


def _written_fields(fields: Fields, *names: str) -> dict[str, Any]:
    """Return the fields that are written; the others keep the defaults of their definition."""
    return {name: fields[name] for name in names if name in fields}


def _text(words: str | Text, draft: Draft) -> Text:
    return {draft.language: words} if isinstance(words, str) else words


def _text_or_none(words: str | Text | None, draft: Draft) -> Text | None:
    return None if words is None else _text(words, draft)
