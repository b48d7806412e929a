"""Routes of figures: the report of a survey, and figures per persona."""

from typing import Any

from marshmallow import fields, validate

from survey_service.contacts.views import get_contact
from survey_service.figures.kpi import kpi_report
from survey_service.figures.next_step import NextQuery, next_step
from survey_service.figures.sums import KpiQuery, read_snapshot
from survey_service.figures.survey_report import ReportQuery, survey_report
from survey_service.reviews.quotes import APPROVED, STATES, QuotesQuery, approve, quotes_page, withdraw
from survey_service.web.api import ApiBlueprint, StrictSchema
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

blueprint = ApiBlueprint("figures", __name__, url_prefix="/api/v1", description="Reports of surveys, and figures per persona")

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
    sessions = fields.Integer()


class FunnelReportSchema(FunnelCountsSchema):
    answered = fields.List(fields.Nested(AtLeastSchema), metadata={"description": "Sessions with at least so many answers"})
    sure_after = fields.List(fields.Nested(AtLeastSchema), metadata={"description": "Sessions that were sure after so many or fewer"})


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
    bits = fields.Float(allow_none=True, metadata={"description": "Mean information that an answer gave about the persona, in bits"})
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
    """Report who was asked, how many answered how much, who is known well enough, and what each question gained and cost."""
    with parts().store.reading() as session:
        return survey_report(session, survey, query)


class KpiQuerySchema(StrictSchema):
    request = KpiQuery

    journey = fields.String(validate=validate.Length(1, 64), metadata={"description": "Only this journey"})
    first = fields.Date(data_key="from", metadata={"description": "A Monday: figures are of whole weeks (UTC)"})
    last = fields.Date(data_key="to", metadata={"description": "A Sunday, included"})
    channel = fields.String(validate=validate.Length(1, 100), metadata={"description": "One of `channels`"})


class FigureSchema(StrictSchema):
    persona = fields.String()
    value = fields.Float(allow_none=True, metadata={"description": "null where too few people are behind it"})
    low = fields.Float(allow_none=True, metadata={"description": "The 95 % interval reaches from `low` to `high`"})
    high = fields.Float(allow_none=True)
    n_eff = fields.Float(metadata={"description": "Effective number of people"})
    people = fields.Integer(metadata={"description": "People who answered and whose likeliest persona it is"})
    state = fields.String(metadata={"enum": ["shown", "uncertain", "too_few"]})
    population = fields.String(metadata={"enum": ["everyone", "respondents"], "description": "respondents: people like those who answered"})


class WeeksSchema(StrictSchema):
    first = fields.String()
    last = fields.String()


class ReadinessSchema(StrictSchema):
    state = fields.String(
        metadata={
            "enum": ["used", "no_gain", "too_few"],
            "description": "no_gain: the model does not beat the base rate on the latest contacts, and is switched off",
        }
    )
    contacts = fields.Integer(metadata={"description": "Contacts at the stage whose days are over"})
    reached = fields.Integer(metadata={"description": "How many of these reached the next stage"})
    log_loss = fields.Float(allow_none=True, metadata={"description": "On the latest contacts, which the model was not fitted to; in nats"})
    base_log_loss = fields.Float(allow_none=True, metadata={"description": "The same for the base rate"})


class StageFiguresSchema(StrictSchema):
    id = fields.String()
    from_first = fields.List(fields.Nested(FigureSchema), metadata={"description": "Share of those at the first stage who reach this one"})
    from_previous = fields.List(fields.Nested(FigureSchema))
    days = fields.List(fields.Nested(FigureSchema), metadata={"description": "Median days from the stage before"})
    value = fields.List(fields.Nested(FigureSchema), metadata={"description": "Mean value of those who reach it"})
    currency = fields.String(allow_none=True)
    problem = fields.String(allow_none=True)
    readiness = fields.Nested(ReadinessSchema, allow_none=True, metadata={"description": "How well the next stage is predicted"})


class JourneyFiguresSchema(StrictSchema):
    id = fields.String()
    order = fields.String(metadata={"enum": ["ordered", "any"]})
    within_days = fields.Float()
    stages = fields.List(fields.Nested(StageFiguresSchema))


class PlainRatesSchema(StrictSchema):
    bounce = fields.List(fields.Nested(FigureSchema), metadata={"description": "Visits of one page and nothing else"})
    purchase = fields.List(fields.Nested(FigureSchema), metadata={"description": "Visits with an Order Completed"})
    lead = fields.List(fields.Nested(FigureSchema), metadata={"description": "Contacts with a quote within 30 days of becoming known"})
    quote_won = fields.List(fields.Nested(FigureSchema), metadata={"description": "Quotes followed by an order with the same quote_id"})


class IntervalSchema(StrictSchema):
    low = fields.Float()
    high = fields.Float()


class TrendSchema(IntervalSchema):
    persona = fields.String()
    since = fields.String(metadata={"description": "The Monday on which the second half begins"})
    change = fields.Float()


class BarometerFiguresSchema(StrictSchema):
    id = fields.String()
    question = fields.String()
    kind = fields.String(metadata={"enum": ["nps", "mean"]})
    is_shrunk = fields.Boolean(
        metadata={"description": "Several moments of one question: each is shrunk towards what persona and moment expect"}
    )
    figures = fields.List(fields.Nested(FigureSchema))
    trends = fields.List(
        fields.Nested(TrendSchema), metadata={"description": "Changes whose 95 % interval excludes 0, between two halves of the weeks"}
    )


class ReachSchema(StrictSchema):
    contacts = fields.Integer(metadata={"description": "Contacts with an address for the channel who may be asked"})
    share = fields.Float(metadata={"description": "Their share of all contacts"})


class ChannelSchema(StrictSchema):
    channel = fields.String()
    figures = fields.List(
        fields.Nested(FigureSchema),
        metadata={"description": "Share of links that are answered within 14 days, among people who had answered a survey before"},
    )
    reachable = fields.Nested(ReachSchema, allow_none=True)


class EffectSchema(IntervalSchema):
    value = fields.Float(
        metadata={"description": "The share that reaches the stage among those who got the mailing, less that of those held out"}
    )
    contacted = fields.Integer(metadata={"description": "Contacts who got it and whose days are over"})
    held_out = fields.Integer()


class ReturnSchema(IntervalSchema):
    value = fields.Float(metadata={"description": "What a unit of cost brings back, less itself: 0 breaks even"})


class CampaignStageSchema(StrictSchema):
    stage = fields.String(metadata={"description": "journey/stage, reached within the journey's days after the lot"})
    effect = fields.Nested(EffectSchema, allow_none=True, metadata={"description": "null for fewer than 11 contacts in one arm"})
    personas = fields.List(
        fields.Nested(FigureSchema), metadata={"description": "The same per persona, by what was answered before the lot"}
    )
    return_on_investment = fields.Nested(
        ReturnSchema, allow_none=True, metadata={"description": "Of campaigns with a cost, in the currency of the stage"}
    )


class CampaignSchema(StrictSchema):
    id = fields.String()
    survey = fields.String()
    share = fields.Float(metadata={"description": "Share of the contacts who were held out by lot"})
    cost = fields.Float(allow_none=True)
    currency = fields.String(allow_none=True)
    stages = fields.List(fields.Nested(CampaignStageSchema))


class IrritantSchema(StrictSchema):
    question = fields.String()
    persona = fields.String()
    term = fields.String(metadata={"description": "A word, or two words that follow each other"})
    log_odds = fields.Float(metadata={"description": "How much more often this persona writes it than the others"})
    z = fields.Float()
    people = fields.Integer()


class AnswerFiguresSchema(StrictSchema):
    question = fields.String()
    option = fields.String(allow_none=True, metadata={"description": "null for the mean of a scale or number"})
    figures = fields.List(fields.Nested(FigureSchema))


class FindingSchema(IntervalSchema):
    subject = fields.String()
    measure = fields.String()
    persona = fields.String()
    value = fields.Float(metadata={"description": "The persona's rate minus that of all others"})
    p_value = fields.Float()


class KpiSchema(StrictSchema):
    bank = fields.String()
    snapshot = fields.String(allow_none=True, metadata={"description": "The day (UTC) of which the figures are; null before the first"})
    bank_version = fields.Integer(allow_none=True)
    contacts = fields.Integer()
    population = fields.String(metadata={"enum": ["everyone", "respondents"]})
    is_unsure = fields.Boolean(metadata={"description": "The answers say little about who the contacts are: read the intervals"})
    weeks = fields.Nested(WeeksSchema, allow_none=True)
    channels = fields.List(fields.String())
    first = fields.String(data_key="from", attribute="from", allow_none=True)
    to = fields.String(allow_none=True)
    channel = fields.String(allow_none=True)
    shares = fields.List(fields.Nested(FigureSchema), metadata={"description": "Share of each persona in all contacts"})
    journeys = fields.List(fields.Nested(JourneyFiguresSchema))
    findings = fields.List(fields.Nested(FindingSchema), metadata={"description": "Differences beyond chance (Benjamini-Hochberg, .05)"})
    rates = fields.Nested(PlainRatesSchema)
    barometers = fields.List(fields.Nested(BarometerFiguresSchema))
    campaigns = fields.List(fields.Nested(CampaignSchema), metadata={"description": "What mailings with a random hold-out change"})
    channel_affinity = fields.List(fields.Nested(ChannelSchema))
    answers = fields.List(fields.Nested(AnswerFiguresSchema), metadata={"description": "What each persona answers, of all weeks"})
    irritants = fields.List(fields.Nested(IrritantSchema), metadata={"description": "Of all weeks and channels"})


@blueprint.get("/kpi/<string:bank>")
@requires("read")
@blueprint.arguments(KpiQuerySchema, location="query")
@blueprint.response(200, KpiSchema)
def read_kpi(query: KpiQuery, bank: str) -> dict[str, Any]:
    """Return rates, times, values and scores per persona, with their intervals, as they were at the last snapshot."""
    p = parts()
    with p.store.reading() as session:
        return kpi_report(read_snapshot(session, p.banks, bank, query.journey), query)


class NextQuerySchema(StrictSchema):
    request = NextQuery

    bank = fields.String(required=True, validate=validate.Length(1, 64))
    channel = fields.String(validate=validate.Length(1, 100), metadata={"description": "Only plays of this channel, or of any"})
    language = fields.String(validate=validate.Length(1, 35))
    system = fields.String(load_default="crm", validate=validate.Length(1, 100), metadata={"description": "The system whose id it is"})


class PresentPersonaSchema(StrictSchema):
    top = fields.String()
    confidence = fields.Float()
    probabilities = fields.Dict(keys=fields.String(), values=fields.Float())
    is_decided = fields.Boolean()
    kind = fields.String(metadata={"enum": ["evidence", "attributed", "external", "prior"]})


class PresentStageSchema(StrictSchema):
    journey = fields.String()
    stage = fields.String(metadata={"description": "journey/stage: the last that the contact has reached"})
    at = fields.String()


class PlayViewSchema(StrictSchema):
    persona = fields.String(allow_none=True)
    stage = fields.String(allow_none=True)
    channel = fields.String(allow_none=True)
    probability = fields.Float(allow_none=True, metadata={"description": "That the contact is of this persona"})
    content = fields.String(allow_none=True)
    agent = fields.String(allow_none=True)
    bot = fields.String(allow_none=True)


class NextSchema(StrictSchema):
    bank = fields.String()
    persona = fields.Nested(PresentPersonaSchema, allow_none=True, metadata={"description": "null for who objects to a profile"})
    stages = fields.List(fields.Nested(PresentStageSchema))
    plays = fields.List(fields.Nested(PlayViewSchema), metadata={"description": "The likeliest persona's first"})


@blueprint.get("/contacts/<string:external_id>/next")
@requires("read")
@blueprint.arguments(NextQuerySchema, location="query")
@blueprint.response(200, NextSchema)
def read_next(query: NextQuery, external_id: str) -> dict[str, Any]:
    """Return what suits a contact now: its persona, the stages that it has reached, and the bank's plays for them."""
    p = parts()
    with p.store.reading() as session:
        return next_step(session, p.banks, get_contact(session, external_id, query.system), query, p.now())


class QuotesQuerySchema(StrictSchema):
    request = QuotesQuery

    bank = fields.String(required=True, validate=validate.Length(1, 64))
    state = fields.String(
        load_default=APPROVED, validate=validate.OneOf(STATES), metadata={"description": "pending: an author may approve it"}
    )
    persona = fields.String(validate=validate.Length(1, 64), metadata={"description": "The most probable persona of who wrote it"})
    after = fields.String(metadata={"description": "`next` of the previous page"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class QuoteSchema(StrictSchema):
    id = fields.String()
    text = fields.String()
    day = fields.String()
    question = fields.String(allow_none=True, metadata={"description": "null for a review"})
    persona = fields.String(allow_none=True)
    confidence = fields.Float(allow_none=True)
    approved_at = fields.String(allow_none=True)


class QuotePageSchema(StrictSchema):
    items = fields.List(fields.Nested(QuoteSchema))
    next = fields.String(allow_none=True)


@blueprint.get("/quotes")
@requires("read")
@blueprint.arguments(QuotesQuerySchema, location="query")
@blueprint.response(200, QuotePageSchema)
def list_quotes(query: QuotesQuery) -> dict[str, Any]:
    """List texts of contacts who consent to being quoted: those that an author has approved, or those that wait for it."""
    p = parts()
    with p.store.reading() as session:
        items, after = quotes_page(session, p.banks, query)
    return {"items": items, "next": after}


@blueprint.post("/quotes/<string:quote>/approve")
@requires("write")
@blueprint.response(200, QuoteSchema)
def approve_quote(quote: str) -> dict[str, Any]:
    """Approve that a text is quoted. It is shown as long as the contact consents."""
    p = parts()
    return p.transact(lambda session: approve(session, p.banks, quote, p.now()))


@blueprint.delete("/quotes/<string:quote>/approve")
@requires("write")
@blueprint.response(204)
def withdraw_quote(quote: str) -> None:
    """Take the approval of a text back."""
    p = parts()
    p.transact(lambda session: withdraw(session, p.banks, quote))
