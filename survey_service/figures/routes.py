"""Routes of figures: the report of a survey."""

from typing import Any

from marshmallow import fields, validate

from survey_service.figures.survey_report import ReportQuery, survey_report
from survey_service.web.api import ApiBlueprint, StrictSchema
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

blueprint = ApiBlueprint("figures", __name__, url_prefix="/api/v1", description="Reports of surveys")

COUNTED = "Counts of days: this one and the one before are counted again every five minutes while people answer"


class ReportQuerySchema(StrictSchema):
    request = ReportQuery

    first = fields.Date(data_key="from", metadata={"description": "The first day (UTC) on which sessions started or links were made"})
    last = fields.Date(data_key="to", metadata={"description": "The last day, included"})
    version = fields.Integer(validate=validate.Range(1, 2**31 - 1), metadata={"description": "Only this version of the bank"})
    channel = fields.String(validate=validate.Length(1, 100))
    language = fields.String(validate=validate.Length(1, 35))


class FunnelCountsSchema(StrictSchema):
    eligible = fields.Integer(metadata={"description": "Contacts who got a link, and sessions that no link started"})
    shown = fields.Integer(metadata={"description": "Sessions: somebody saw the first question"})
    started = fields.Integer(metadata={"description": "Sessions with at least one answer or skip"})
    sure = fields.Integer(metadata={"description": "Sessions that ended with the confidence that the survey asks for"})
    pushed = fields.Integer(metadata={"description": "Sessions after which a message about the contact arrived at an endpoint"})


class AtLeastSchema(StrictSchema):
    answers = fields.Integer()
    sessions = fields.Integer(metadata={"description": "Sessions with at least so many answers"})


class FunnelReportSchema(FunnelCountsSchema):
    answered = fields.List(fields.Nested(AtLeastSchema))


class FunnelRowSchema(FunnelCountsSchema):
    value = fields.String()


class BreakdownSchema(StrictSchema):
    version = fields.List(fields.Nested(FunnelRowSchema))
    channel = fields.List(fields.Nested(FunnelRowSchema))
    language = fields.List(fields.Nested(FunnelRowSchema))
    day = fields.List(fields.Nested(FunnelRowSchema))


class StatusCountsSchema(StrictSchema):
    open = fields.Integer()
    complete = fields.Integer()
    finished = fields.Integer()
    expired = fields.Integer()


class QuestionReportSchema(StrictSchema):
    id = fields.String()
    asked = fields.Integer()
    answered = fields.Integer()
    skip = fields.Integer()
    dont_know = fields.Integer()
    refuse = fields.Integer()
    left = fields.Integer(metadata={"description": "Sessions that were left at this question"})
    seconds = fields.Float(allow_none=True, metadata={"description": "Mean time that an answer took"})
    bits = fields.Float(allow_none=True, metadata={"description": "Mean bits that an answer told about the persona"})
    bits_per_minute = fields.Float(allow_none=True)


class SurveyReportSchema(StrictSchema):
    survey = fields.String()
    bank = fields.String()
    first = fields.String(data_key="from", attribute="from", allow_none=True)
    to = fields.String(allow_none=True)
    counted_at = fields.String(allow_none=True, metadata={"description": COUNTED})
    funnel = fields.Nested(FunnelReportSchema)
    status = fields.Nested(StatusCountsSchema)
    left = fields.Integer(metadata={"description": "Sessions that were left before their end"})
    seconds = fields.Float(allow_none=True, metadata={"description": "Mean time of all answers of a session that was started"})
    by = fields.Nested(BreakdownSchema)
    questions = fields.List(fields.Nested(QuestionReportSchema))


@blueprint.get("/surveys/<string:survey>/report")
@requires("read")
@blueprint.arguments(ReportQuerySchema, location="query")
@blueprint.response(200, SurveyReportSchema)
def read_survey_report(query: ReportQuery, survey: str) -> dict[str, Any]:
    """Report who was asked, how many answered how much, who is known well enough, and what each question told and cost."""
    with parts().store.reading() as session:
        return survey_report(session, survey, query)
