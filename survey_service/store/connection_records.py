"""The table of connections to CRMs."""

from typing import Any

from sqlalchemy import CheckConstraint, false
from sqlmodel import Field, SQLModel

from survey_service.store.columns import json_column

KINDS = ("hubspot", "salesforce", "brevo", "klaviyo", "http")


class Connection(SQLModel, table=True):
    """What makes an endpoint a connection to a CRM: how our values become its fields, and by what it knows a contact.

    The endpoint has the rest: address, credentials (encrypted, as its secret), when to tell, pauses. `mapping` is by their field;
    `options` by their field what they say for a value of ours; `template` is the request of a generic connection; `token` is what the
    credentials were exchanged for, encrypted. `paused_because` stays until something was delivered, or the connection is changed.
    """

    __tablename__ = "connection"
    __table_args__ = (CheckConstraint("kind IN ('hubspot', 'salesforce', 'brevo', 'klaviyo', 'http')", "kind"),)
    endpoint_id: str = Field(primary_key=True, foreign_key="endpoint.id")
    kind: str
    bank: str
    identity: list[str] = json_column(list)
    external_id: dict[str, str] = json_column(dict)
    mapping: dict[str, str] = json_column(dict)
    options: dict[str, dict[str, str]] = json_column(dict)
    template: dict[str, Any] | None = json_column(nullable=True)
    create_contacts: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    token: str | None = None
    paused_because: str | None = None
