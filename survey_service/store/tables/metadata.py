"""All tables, for code that needs the whole schema."""

from survey_service.store.tables import attribution, core, figures, inbound, links, reviews, webhooks

metadata = core.metadata
ROOMS = (attribution, core, figures, inbound, links, reviews, webhooks)
