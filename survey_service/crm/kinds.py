"""Which module speaks to which CRM."""

from collections.abc import Mapping
from typing import cast

from survey_service.crm import http_template, hubspot
from survey_service.crm.adapter import Adapter

ADAPTERS: Mapping[str, Adapter] = {"hubspot": cast(Adapter, hubspot), "http": cast(Adapter, http_template)}
