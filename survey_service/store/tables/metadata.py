"""All tables, for code that needs the whole schema."""

from survey_service.store.tables import accounts, attribution, core, figures, inbound, links, reviews, webhooks

metadata = core.metadata
ROOMS = (accounts, attribution, core, figures, inbound, links, reviews, webhooks)
