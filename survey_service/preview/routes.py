"""The route that creates preview links. Authors need a link, since a browser sends no Authorization header."""

from survey_service.preview.schemas import PreviewLinkSchema
from survey_service.preview.tokens import LIFETIME, preview_address
from survey_service.web.api import ApiBlueprint
from survey_service.web.api_keys import requires
from survey_service.web.context import parts

blueprint = ApiBlueprint("preview_links", __name__, url_prefix="/api/v1", description="Links to the preview of a survey")


@blueprint.post("/surveys/<string:survey>/preview-link")
@requires("read")
@blueprint.response(200, PreviewLinkSchema)
def preview_link(survey: str) -> dict[str, str]:
    """Return a signed link to the preview of this survey, valid for an hour."""
    p = parts()
    with p.store.reading() as session:
        p.banks.current(session, survey)
    return {"url": preview_address(p.settings.base_url, p.keys, survey), "expires_at": (p.now() + LIFETIME).isoformat()}
