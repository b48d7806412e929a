"""Endpoints that fail are left in peace and told of; two lanes; who has to hear of a contact once more; messages in a flat form."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)
PENDING = {"postgresql_where": sa.text("state = 'pending'"), "sqlite_where": sa.text("state = 'pending'")}


def upgrade() -> None:
    with op.batch_alter_table("endpoint") as endpoint:
        for column in of_endpoint():
            endpoint.add_column(column)
        endpoint.create_check_constraint(op.f("ck_endpoint_format"), "format IN ('full', 'flat')")
        endpoint.create_check_constraint(op.f("ck_endpoint_rate"), "per_second > 0")
    with op.batch_alter_table("delivery") as delivery:
        delivery.add_column(sa.Column("lane", sa.String(), nullable=False, server_default="interactive"))
        delivery.add_column(sa.Column("uncounted", sa.Integer(), nullable=False, server_default="0"))
        delivery.create_check_constraint(op.f("ck_delivery_lane"), "lane IN ('interactive', 'bulk')")
        delivery.drop_index("ix_delivery_due")
        delivery.create_index("ix_delivery_due", ["endpoint_id", "lane", "due", "id"], **PENDING)
    op.create_table(
        "untold",
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_untold_contact_id_contact")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_untold_endpoint_id_endpoint")),
        sa.PrimaryKeyConstraint("endpoint_id", "contact_id", name=op.f("pk_untold")),
    )


def downgrade() -> None:
    op.drop_table("untold")
    with op.batch_alter_table("delivery") as delivery:
        delivery.drop_index("ix_delivery_due")
        delivery.create_index("ix_delivery_due", ["due", "id"], **PENDING)
        delivery.drop_constraint(op.f("ck_delivery_lane"), type_="check")
        delivery.drop_column("uncounted")
        delivery.drop_column("lane")
    with op.batch_alter_table("endpoint") as endpoint:
        endpoint.drop_constraint(op.f("ck_endpoint_rate"), type_="check")
        endpoint.drop_constraint(op.f("ck_endpoint_format"), type_="check")
        for column in of_endpoint():
            endpoint.drop_column(column.name)


def of_endpoint() -> tuple[sa.Column, ...]:
    return (
        sa.Column("format", sa.String(), nullable=False, server_default="full"),
        sa.Column("headers", JSON, nullable=False, server_default="{}"),
        sa.Column("bulk", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("per_second", sa.Float(), nullable=True),
        sa.Column("open_at", MOMENT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("tripped_at", MOMENT, nullable=True),
        sa.Column("probes", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("probe_at", MOMENT, nullable=True),
        sa.Column("given_up", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("given_up_since", MOMENT, nullable=True),
        sa.Column("warned", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("awaits_ping", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("clock_off", sa.Float(), nullable=True),
    )
