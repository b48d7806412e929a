"""Rate limits, and how far an answer can be trusted: the time that the server measured, and what fell into the trap."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_limit",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("open_at", sa.Float(), nullable=False),
        sa.Column("gap", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_limit")),
    )
    op.add_column("answer", sa.Column("measured", sa.Float(), nullable=True))
    op.add_column("answer", sa.Column("trapped", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("answer", "trapped")
    op.drop_column("answer", "measured")
    op.drop_table("rate_limit")
