"""All tables, for code that needs the whole schema."""

from survey_service.store.tables import accounts, attribution, core, figures, inbound, links, webhooks

metadata = core.metadata
ROOMS = (accounts, attribution, core, figures, links, core, inbound, webhooks, inbound, webhooks, webhooks)
