"""Connections: endpoints that speak a CRM's own API."""

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


def downgrade() -> None:
    op.execute("DELETE FROM delivery_attempt WHERE delivery_id IN (SELECT id FROM delivery WHERE endpoint_id LIKE 'cn\\_%' ESCAPE '\\')")
    op.execute("DELETE FROM delivery WHERE endpoint_id LIKE 'cn\\_%' ESCAPE '\\'")
    op.execute("DELETE FROM acknowledged WHERE endpoint_id LIKE 'cn\\_%' ESCAPE '\\'")
    op.drop_table("connection")
    op.execute("DELETE FROM endpoint WHERE id LIKE 'cn\\_%' ESCAPE '\\'")
