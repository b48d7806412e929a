"""Surveys that are paused, and the last version of banks that were removed."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("survey", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "removed_bank",
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bank", name=op.f("pk_removed_bank")),
    )


def downgrade() -> None:
    op.drop_table("removed_bank")
    op.drop_column("survey", "paused_at")
