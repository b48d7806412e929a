"""The adapter of each CRM."""

from collections.abc import Mapping
from typing import cast

from survey_service.crm.adapters import brevo, http_template, hubspot, klaviyo, salesforce
from survey_service.crm.adapters.protocol import Adapter

ADAPTERS: Mapping[str, Adapter] = {
    "hubspot": cast(Adapter, hubspot),
    "salesforce": cast(Adapter, salesforce),
    "brevo": cast(Adapter, brevo),
    "klaviyo": cast(Adapter, klaviyo),
    "http": cast(Adapter, http_template),
}
