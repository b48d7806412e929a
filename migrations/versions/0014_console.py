"""The console: author and text of versions, drafts, accounts, their sessions, and who looked at which contact."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("bank_version", sa.Column("author", sa.String(), nullable=True))
    op.add_column("bank_version", sa.Column("text", sa.Text(), nullable=True))
    dead = sa.text("state = 'dead'")
    op.create_index("ix_delivery_dead", "delivery", ["id"], postgresql_where=dead, sqlite_where=dead)
    op.create_table(
        "bank_draft",
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("bank", name=op.f("pk_bank_draft")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("sees_contacts", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.CheckConstraint("scope IN ('read', 'write', 'admin')", name=op.f("ck_account_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("email", name=op.f("uq_account_email")),
    )
    op.create_table(
        "sign_in_link",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sign_in_link_account_id_account")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sign_in_link")),
    )
    op.create_index("ix_sign_in_link_account_id", "sign_in_link", ["account_id"])
    op.create_table(
        "browser_session",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_browser_session_account_id_account")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_browser_session")),
    )
    op.create_index("ix_browser_session_account_id", "browser_session", ["account_id"])
    op.create_table(
        "contact_look",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("viewer", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_look")),
    )
    op.create_index("ix_contact_look_contact", "contact_look", ["contact", "at"])
    op.create_index("ix_contact_look_at", "contact_look", ["at"])


def downgrade() -> None:
    for table in ("contact_look", "browser_session", "sign_in_link", "account", "bank_draft"):
        op.drop_table(table)
    op.drop_index("ix_delivery_dead", "delivery")
    op.drop_column("bank_version", "text")
    op.drop_column("bank_version", "author")
