"""All tables, for code that needs the whole schema."""

from survey_service.store.tables import attribution, core, inbound, links, webhooks

metadata = core.metadata
ROOMS = (attribution, core, links, core, inbound, webhooks, inbound, webhooks, webhooks)
