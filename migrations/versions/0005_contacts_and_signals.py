"""Contacts can be merged, erased and labelled; what they do is kept as far as signals can match it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
SCOPES = "scope IN ('read', 'write', 'admin'{})"


def upgrade() -> None:
    with op.batch_alter_table("api_key") as key:
        key.drop_constraint(op.f("ck_api_key_scope"), type_="check")
        key.create_check_constraint(op.f("ck_api_key_scope"), SCOPES.format(", 'intake'"))
    with op.batch_alter_table("contact") as contact:
        contact.add_column(sa.Column("labels", JSON, nullable=False, server_default="{}"))
        contact.add_column(sa.Column("merged_from", JSON, nullable=False, server_default="[]"))
        contact.add_column(sa.Column("merged_into", sa.String(), nullable=True))
        contact.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
        contact.create_foreign_key(op.f("fk_contact_merged_into_contact"), "contact", ["merged_into"], ["id"])
        contact.create_check_constraint(op.f("ck_contact_merged_or_erased"), "merged_into IS NULL OR erased_at IS NULL")
        contact.create_index(op.f("ix_contact_merged_into"), ["merged_into"])
    with op.batch_alter_table("belief") as belief:
        belief.add_column(sa.Column("threshold", sa.Float(), nullable=True))
        belief.create_index(op.f("ix_belief_news"), ["updated_at", "contact_id", "bank"])
    op.create_table(
        "contact_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("path", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("topic", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('track', 'page', 'screen')", name=op.f("ck_contact_event_kind")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_contact_event_contact_id_contact")),
        sa.ForeignKeyConstraint(["source"], ["api_key.id"], name=op.f("fk_contact_event_source_api_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_event")),
        sa.UniqueConstraint("source", "message_id", name=op.f("uq_contact_event_source_message_id")),
    )
    op.create_index(op.f("ix_contact_event_line"), "contact_event", ["contact_id", "at"])
    op.create_index(op.f("ix_contact_event_name"), "contact_event", ["kind", "name"])
    op.create_table(
        "erased_id",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_erased_id")),
    )


def downgrade() -> None:
    op.drop_table("erased_id")
    op.drop_table("contact_event")
    with op.batch_alter_table("belief") as belief:
        belief.drop_index(op.f("ix_belief_news"))
        belief.drop_column("threshold")
    with op.batch_alter_table("contact") as contact:
        contact.drop_index(op.f("ix_contact_merged_into"))
        contact.drop_constraint(op.f("ck_contact_merged_or_erased"), type_="check")
        contact.drop_constraint(op.f("fk_contact_merged_into_contact"), type_="foreignkey")
        for column in ("erased_at", "merged_into", "merged_from", "labels"):
            contact.drop_column(column)
    op.execute("DELETE FROM api_key WHERE scope = 'intake'")
    with op.batch_alter_table("api_key") as key:
        key.drop_constraint(op.f("ck_api_key_scope"), type_="check")
        key.create_check_constraint(op.f("ck_api_key_scope"), SCOPES.format(""))
