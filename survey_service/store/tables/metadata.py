"""All tables, for code that needs the whole schema."""

from survey_service.store.tables import core, inbound, links, webhooks

metadata = core.metadata
ROOMS = (core, links, core, inbound, webhooks, inbound, webhooks, webhooks)
