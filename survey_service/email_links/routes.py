"""Routes of the links API: create email links, and report their funnel."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from survey_service.email_links.campaigns import start_campaign
from survey_service.email_links.create import CreatedLink, Mailing, RefusedRecipient, create_links, prepare_mailing
from survey_service.email_links.funnel import funnel_of
from survey_service.email_links.rendering import Drafts, render_html, render_text
from survey_service.email_links.schemas import FunnelSchema, LinksRequest, LinksSchema, MadeListSchema
from survey_service.links.tokens import LinkTokens
from survey_service.web.api import ApiBlueprint
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

EXAMPLE = {"survey": "post-purchase", "contacts": [{"external_id": "crm-42", "language": "fr"}, {"external_id": "crm-43"}]}

blueprint = ApiBlueprint("links", __name__, url_prefix="/api/v1", description="Email links: one URL for each answer")


@blueprint.post("/links")
@requires("write")
@blueprint.arguments(LinksSchema, example=EXAMPLE)
@blueprint.response(201, MadeListSchema)
def make_links(body: LinksRequest) -> dict[str, Any]:
    """Create a link for each contact. Unknown contacts are created; contacts who opted out get no link."""
    p = parts()

    def act(session: Session) -> tuple[Mailing, list[CreatedLink | RefusedRecipient]]:
        mailing = prepare_mailing(session, p.banks, body.survey, body.question, timedelta(days=body.expires_in_days))
        if (given := body.campaign) is not None:
            name, bank = given.name, mailing.bank.bank.id
            campaign = start_campaign(session, name, bank, body.survey, given.hold_out, p.now(), given.cost, given.currency)
            mailing = replace(mailing, campaign=campaign)
        return mailing, create_links(session, p.keys, mailing, body.contacts, p.now())

    mailing, outcomes = p.transact(act)
    drafts = Drafts(LinkTokens(p.keys), p.settings.base_url, mailing.bank)
    return {"items": [_outcome_view(drafts, outcome) for outcome in outcomes], "next": None}


@blueprint.get("/surveys/<string:survey>/links")
@requires("read")
@blueprint.response(200, FunnelSchema)
def funnel(survey: str) -> dict[str, Any]:
    """Count the links of a survey that were sent, opened, confirmed and answered."""
    with parts().store.reading() as session:
        return funnel_of(session, survey)


def _outcome_view(drafts: Drafts, outcome: CreatedLink | RefusedRecipient) -> dict[str, Any]:
    if isinstance(outcome, RefusedRecipient):
        return {"external_id": outcome.external_id, "refused": outcome.reason}
    draft = drafts.of(outcome)
    return {
        "external_id": outcome.external_id,
        "url": draft.url,
        "options": {option.id: option.url for option in draft.options},
        "html": render_html(draft),
        "text": render_text(draft),
        "question": outcome.question,
        "language": outcome.language,
        "leave": draft.leave,
        "expires_at": outcome.expires_at.isoformat(),
    }
