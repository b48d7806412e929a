"""Links over HTTP, for whoever sends the emails."""

from datetime import timedelta
from typing import Any

from survey_service.email_links.create import CreatedLink, Recipient, RefusedRecipient, prepare_mailing, create_links
from survey_service.email_links.funnel import funnel_of
from survey_service.email_links.rendering import Drafts, render_html, render_text
from survey_service.email_links.schemas import FunnelSchema, LinksSchema, MadeListSchema
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
def make_links(given: dict[str, Any]) -> dict[str, Any]:
    """One link a contact. Contacts that nobody knows yet are made; those who asked not to be asked are refused."""
    p = parts()
    with p.store.writing() as session:
        wanted = prepare_mailing(session, p.banks, given["survey"], given.get("question"), timedelta(days=given["expires_in_days"]))
        outcomes = create_links(session, p.keys, wanted, [_recipient(contact) for contact in given["contacts"]], p.now())
    drafts = Drafts(LinkTokens(p.keys), p.settings.base_url, wanted.bank)
    return {"items": [_item(drafts, outcome) for outcome in outcomes], "next": None}


@blueprint.get("/surveys/<string:survey>/links")
@requires("read")
@blueprint.response(200, FunnelSchema)
def funnel(survey: str) -> dict[str, Any]:
    """How the emails of a survey fared."""
    with parts().store.reading() as session:
        return funnel_of(session, survey)


def _recipient(given: dict[str, Any]) -> Recipient:
    stored = {name: value for name, value in given.items() if name not in ("external_id", "language")}
    return Recipient(given["external_id"], given.get("language"), stored)


def _item(drafts: Drafts, item: CreatedLink | RefusedRecipient) -> dict[str, Any]:
    if isinstance(item, RefusedRecipient):
        return {"external_id": item.external_id, "refused": item.because}
    draft = drafts.of(item)
    return {
        "external_id": item.external_id,
        "url": draft.url,
        "options": {option.id: option.url for option in draft.options},
        "html": render_html(draft),
        "text": render_text(draft),
        "question": item.question,
        "language": item.language,
        "leave": draft.leave,
        "expires_at": item.expires_at.isoformat(),
    }
