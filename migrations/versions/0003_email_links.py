"""Email links: what was sent, what was opened, which sessions came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "link",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("survey", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("bank_version", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("robot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_because", sa.String(), nullable=True),
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_because IS NULL)", name=op.f("ck_link_revoked_for_a_reason")),
        sa.CheckConstraint("revoked_because IN ('erased', 'not_me')", name=op.f("ck_link_revoked_because")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_link_expires_later")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_link_contact_id_contact")),
        sa.ForeignKeyConstraint(
            ["bank", "bank_version"], ["bank_version.bank", "bank_version.version"], name=op.f("fk_link_bank_bank_version_bank_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
    )
    op.create_index(op.f("ix_link_contact_id"), "link", ["contact_id"], unique=False)
    op.create_index(op.f("ix_link_survey"), "link", ["survey"], unique=False)
    op.create_table(
        "link_open",
        sa.Column("link_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("option", sa.String(), nullable=False),
        sa.Column("opens", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("opens >= 1", name=op.f("ck_link_open_opened")),
        sa.CheckConstraint("kind IN ('option', 'landing', 'leave', 'trap')", name=op.f("ck_link_open_kind")),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_link_open_link_id_link")),
        sa.PrimaryKeyConstraint("link_id", "kind", "option", name=op.f("pk_link_open")),
    )
    op.create_table(
        "link_session",
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("link_id", sa.String(), nullable=False),
        sa.Column("claimed", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_link_session_link_id_link")),
        sa.ForeignKeyConstraint(["session_id"], ["survey_session.id"], name=op.f("fk_link_session_session_id_survey_session")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_link_session")),
    )
    op.create_index(op.f("ix_link_session_link_id"), "link_session", ["link_id"], unique=False)


def downgrade() -> None:
    op.drop_table("link_session")
    op.drop_table("link_open")
    op.drop_table("link")
