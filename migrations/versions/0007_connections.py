"""Connections: endpoints that speak a CRM's own API; sources: systems that send us their events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "connection",
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("identity", JSON, nullable=False),
        sa.Column("external_id", JSON, nullable=False),
        sa.Column("mapping", JSON, nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("template", JSON, nullable=True),
        sa.Column("create_contacts", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("paused_because", sa.String(), nullable=True),
        sa.CheckConstraint("kind IN ('hubspot', 'salesforce', 'brevo', 'klaviyo', 'http')", name=op.f("ck_connection_kind")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_connection_endpoint_id_endpoint")),
        sa.PrimaryKeyConstraint("endpoint_id", name=op.f("pk_connection")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("wishes", JSON, nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('hubspot', 'shopify', 'signed')", name=op.f("ck_source_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
    )
    op.create_table(
        "inbound_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_inbound_event_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_event")),
        sa.UniqueConstraint("source_id", "event_id", name=op.f("uq_inbound_event_source_id_event_id")),
    )
    still_to_do = sa.text("done_at IS NULL")
    op.create_index(op.f("ix_inbound_event_due"), "inbound_event", ["due"], postgresql_where=still_to_do, sqlite_where=still_to_do)


def downgrade() -> None:
    op.drop_table("inbound_event")
    op.drop_table("source")
    op.execute("DELETE FROM delivery_attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE endpoint_id LIKE 'cn\\_%' ESCAPE '\\')")
    op.execute("DELETE FROM delivery WHERE endpoint_id LIKE 'cn\\_%' ESCAPE '\\'")
    op.execute("DELETE FROM untold WHERE endpoint_id LIKE 'cn\\_%' ESCAPE '\\'")
    op.execute("DELETE FROM acknowledged WHERE endpoint_id LIKE 'cn\\_%' ESCAPE '\\'")
    op.drop_table("connection")
    op.execute("DELETE FROM endpoint WHERE id LIKE 'cn\\_%' ESCAPE '\\'")
