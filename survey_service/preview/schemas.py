"""Request and response bodies of the preview."""

from collections.abc import Sequence
from dataclasses import dataclass

from marshmallow import EXCLUDE, fields, validate

from survey_service.respondent.schemas import MOST_ANSWERS, AnswerSchema
from survey_service.respondent.state import GivenAnswer
from survey_service.web.api import StrictSchema
from survey_service.web.strict_json import Truth


@dataclass(frozen=True)
class RehearsalRequest:
    """What a respondent has done in the preview of the widget."""

    answers: Sequence[GivenAnswer]
    back: bool = False
    stopped: bool = False
    consent: bool | None = None
    language: str | None = None


class RehearsalSchema(StrictSchema):
    request = RehearsalRequest

    answers = fields.List(fields.Nested(AnswerSchema(unknown=EXCLUDE)), required=True, validate=validate.Length(max=MOST_ANSWERS))
    back = Truth(load_default=False)
    stopped = Truth(load_default=False)
    consent = Truth(load_default=None, allow_none=True)
    language = fields.String(validate=validate.Length(max=35), allow_none=True)


class PreviewLinkSchema(StrictSchema):
    url = fields.String(required=True, metadata={"description": "Open it in a browser"})
    expires_at = fields.String(required=True)
