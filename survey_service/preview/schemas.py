"""The bodies of the preview."""

from marshmallow import EXCLUDE, fields, validate

from survey_service.respondent.schemas import MOST_ANSWERS, AnswerSchema
from survey_service.web.api import StrictSchema
from survey_service.web.strict_json import Truth


class RehearsalSchema(StrictSchema):
    answers = fields.List(fields.Nested(AnswerSchema(unknown=EXCLUDE)), required=True, validate=validate.Length(max=MOST_ANSWERS))
    back = Truth(load_default=False)
    stopped = Truth(load_default=False)
    consent = Truth(load_default=None, allow_none=True)
    language = fields.String(validate=validate.Length(max=35), allow_none=True)


class PreviewLinkSchema(StrictSchema):
    url = fields.String(required=True, metadata={"description": "Open it in a browser"})
    expires_at = fields.String(required=True)
