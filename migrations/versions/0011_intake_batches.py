"""Messages that the intake has accepted and the worker evaluates, and how many messages were left out."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "intake_batch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("content", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["api_key.id"], name=op.f("fk_intake_batch_source_api_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake_batch")),
    )
    op.create_index(op.f("ix_intake_batch_due"), "intake_batch", ["due", "id"])
    op.create_table(
        "intake_left_out",
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reason", name=op.f("pk_intake_left_out")),
    )


def downgrade() -> None:
    op.drop_table("intake_left_out")
    op.drop_index(op.f("ix_intake_batch_due"), "intake_batch")
    op.drop_table("intake_batch")
