"""The first tables: banks, contacts, sessions, the log of answers, beliefs, and the outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scope IN ('read', 'write', 'admin')", name=op.f("ck_api_key_scope")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
    )
    op.create_table(
        "bank_version",
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_bank_version_version_from_one")),
        sa.PrimaryKeyConstraint("bank", "version", name=op.f("pk_bank_version")),
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("email_sha256", sa.String(), nullable=True),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("consent", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_contact_sequence_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    op.create_index(op.f("ix_contact_email_sha256"), "contact", ["email_sha256"], unique=False)

    op.create_table(
        "endpoint",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("when", sa.String(), nullable=False),
        sa.Column("secrets", JSON, nullable=False),
        sa.Column("secret_prefix", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("include_pii", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("disabled_because", sa.String(), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('active', 'disabled', 'removed')", name=op.f("ck_endpoint_state")),
        sa.CheckConstraint("\"when\" IN ('every_answer', 'material', 'idle', 'final')", name=op.f("ck_endpoint_moment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
    )
    op.create_table(
        "acknowledged",
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", JSON, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_acknowledged_contact_id_contact")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_acknowledged_endpoint_id_endpoint")),
        sa.PrimaryKeyConstraint("endpoint_id", "contact_id", "bank", name=op.f("pk_acknowledged")),
    )
    op.create_table(
        "belief",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("bank_version", sa.Integer(), nullable=False),
        sa.Column("probabilities", JSON, nullable=False),
        sa.Column("top", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=False),
        sa.Column("entropy_bits", sa.Float(), nullable=False),
        sa.Column("is_decided", sa.Boolean(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("signals", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("told", JSON, nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("confidence > 0 AND confidence <= 1", name=op.f("ck_belief_confidence")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_belief_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", "bank", name=op.f("pk_belief")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=True),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("coalescible", sa.Boolean(), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at_latest", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name=op.f("ck_delivery_settled_when_not_pending")),
        sa.CheckConstraint("state = 'pending' OR lease_until IS NULL", name=op.f("ck_delivery_lease_only_when_pending")),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'dead', 'superseded', 'dropped')", name=op.f("ck_delivery_state")),
        sa.CheckConstraint("attempt >= 0", name=op.f("ck_delivery_attempt_not_negative")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_delivery_contact_id_contact")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoint.id"], name=op.f("fk_delivery_endpoint_id_endpoint")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index(op.f("ix_delivery_contact_id"), "delivery", ["contact_id"], unique=False)
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["due", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index(op.f("ix_delivery_endpoint_id"), "delivery", ["endpoint_id"], unique=False)
    op.create_index(op.f("ix_delivery_event_id"), "delivery", ["event_id"], unique=False)
    op.create_index(
        "ix_delivery_leased",
        "delivery",
        ["endpoint_id"],
        unique=False,
        postgresql_where=sa.text("lease_until IS NOT NULL"),
        sqlite_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_order",
        "delivery",
        ["endpoint_id", "contact_id", "place"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )

    op.create_table(
        "external_id",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_external_id_contact_id_contact")),
        sa.PrimaryKeyConstraint("system", "value", name=op.f("pk_external_id")),
    )
    op.create_index(op.f("ix_external_id_contact_id"), "external_id", ["contact_id"], unique=False)

    op.create_table(
        "survey",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bank", "version"], ["bank_version.bank", "bank_version.version"], name=op.f("fk_survey_bank_version_bank_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey")),
    )
    op.create_index(op.f("ix_survey_bank"), "survey", ["bank"], unique=False)

    op.create_table(
        "survey_session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_digest", sa.String(), nullable=False),
        sa.Column("survey", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("bank_version", sa.Integer(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("hidden", JSON, nullable=False),
        sa.Column("page", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("stopped_because", sa.String(), nullable=True),
        sa.Column("finish_reason", sa.String(), nullable=True),
        sa.Column("question", sa.String(), nullable=True),
        sa.Column("withdrawn_answer", sa.BigInteger(), nullable=True),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("abandoned_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'open') = (ended_at IS NULL)", name=op.f("ck_survey_session_ended_when_not_open")),
        sa.CheckConstraint("status = 'open' OR question IS NULL", name=op.f("ck_survey_session_no_question_when_closed")),
        sa.CheckConstraint("status IN ('open', 'complete', 'finished', 'expired')", name=op.f("ck_survey_session_status")),
        sa.CheckConstraint(
            "stopped_because IN ('confidence', 'at_most', 'gain', 'seconds', 'exhausted', 'respondent')",
            name=op.f("ck_survey_session_stopped_because"),
        ),
        sa.ForeignKeyConstraint(
            ["bank", "bank_version"],
            ["bank_version.bank", "bank_version.version"],
            name=op.f("fk_survey_session_bank_bank_version_bank_version"),
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_survey_session_contact_id_contact")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey_session")),
    )
    op.create_index(op.f("ix_survey_session_contact_id"), "survey_session", ["contact_id"], unique=False)
    op.create_index(
        "ix_survey_session_idle",
        "survey_session",
        ["last_at"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
        sqlite_where=sa.text("status = 'open'"),
    )
    op.create_index(op.f("ix_survey_session_survey"), "survey_session", ["survey"], unique=False)

    op.create_table(
        "answer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("bank_version", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", JSON, nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("answer_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'answer') = (value IS NOT NULL)", name=op.f("ck_answer_value_when_answered")),
        sa.CheckConstraint("kind IN ('answer', 'skip', 'dont_know', 'refuse')", name=op.f("ck_answer_kind")),
        sa.CheckConstraint("state IN ('current', 'replaced', 'withdrawn')", name=op.f("ck_answer_state")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_answer_contact_id_contact")),
        sa.ForeignKeyConstraint(["session_id"], ["survey_session.id"], name=op.f("fk_answer_session_id_survey_session")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer")),
        sa.UniqueConstraint("session_id", "answer_id", name=op.f("uq_answer_session_id_answer_id")),
        sa.UniqueConstraint("session_id", "withdrawn_by", name=op.f("uq_answer_session_id_withdrawn_by")),
    )
    op.create_index(
        "uq_answer_current",
        "answer",
        ["contact_id", "bank", "question"],
        unique=True,
        postgresql_where=sa.text("state = 'current'"),
        sqlite_where=sa.text("state = 'current'"),
    )

    op.create_table(
        "delivery_attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("excerpt", sa.LargeBinary(), nullable=True),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_attempt_delivery_id_delivery")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempt")),
        sa.UniqueConstraint("delivery_id", "number", name=op.f("uq_delivery_attempt_delivery_id_number")),
    )


def downgrade() -> None:
    op.drop_table("delivery_attempt")
    op.drop_index(
        "uq_answer_current", table_name="answer", postgresql_where=sa.text("state = 'current'"), sqlite_where=sa.text("state = 'current'")
    )

    op.drop_table("answer")
    op.drop_index(op.f("ix_survey_session_survey"), table_name="survey_session")
    op.drop_index(
        "ix_survey_session_idle",
        table_name="survey_session",
        postgresql_where=sa.text("status = 'open'"),
        sqlite_where=sa.text("status = 'open'"),
    )
    op.drop_index(op.f("ix_survey_session_contact_id"), table_name="survey_session")

    op.drop_table("survey_session")
    op.drop_index(op.f("ix_survey_bank"), table_name="survey")

    op.drop_table("survey")
    op.drop_index(op.f("ix_external_id_contact_id"), table_name="external_id")

    op.drop_table("external_id")
    op.drop_index(
        "ix_delivery_order", table_name="delivery", postgresql_where=sa.text("state = 'pending'"), sqlite_where=sa.text("state = 'pending'")
    )
    op.drop_index(
        "ix_delivery_leased",
        table_name="delivery",
        postgresql_where=sa.text("lease_until IS NOT NULL"),
        sqlite_where=sa.text("lease_until IS NOT NULL"),
    )
    op.drop_index(op.f("ix_delivery_event_id"), table_name="delivery")
    op.drop_index(op.f("ix_delivery_endpoint_id"), table_name="delivery")
    op.drop_index(
        "ix_delivery_due", table_name="delivery", postgresql_where=sa.text("state = 'pending'"), sqlite_where=sa.text("state = 'pending'")
    )
    op.drop_index(op.f("ix_delivery_contact_id"), table_name="delivery")

    op.drop_table("delivery")
    op.drop_table("belief")
    op.drop_table("acknowledged")
    op.drop_table("endpoint")
    op.drop_index(op.f("ix_contact_email_sha256"), table_name="contact")

    op.drop_table("contact")
    op.drop_table("bank_version")
    op.drop_table("api_key")
