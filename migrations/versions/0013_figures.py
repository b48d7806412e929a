"""Figures: counts of a survey's days, sums behind figures per persona, recurring work, and the value and subject of events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("contact_event") as event:
        event.add_column(sa.Column("value", sa.Float(), nullable=True))
        event.add_column(sa.Column("currency", sa.String(), nullable=True))
        event.add_column(sa.Column("subject", sa.String(), nullable=True))
        event.add_column(sa.Column("terms", sa.String(), nullable=True))
    with op.batch_alter_table("survey_session") as session:
        session.create_index("ix_survey_session_started", ["started_at", "survey"])
    op.create_table(
        "survey_day",
        sa.Column("survey", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("links", sa.Integer(), nullable=False),
        sa.Column("last_at", MOMENT, nullable=True),
        sa.Column("groups", JSON, nullable=False),
        sa.ForeignKeyConstraint(["survey"], ["survey.id"], name=op.f("fk_survey_day_survey_survey")),
        sa.PrimaryKeyConstraint("survey", "day", name=op.f("pk_survey_day")),
    )
    op.create_table(
        "recurring_work",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("done_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_recurring_work")),
    )
    op.create_table(
        "figure_snapshot",
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("day", sa.String(), nullable=True),
        sa.Column("bank_version", sa.Integer(), nullable=True),
        sa.Column("personas", JSON, nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("bank", name=op.f("pk_figure_snapshot")),
    )
    op.create_table(
        "figure_cell",
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["bank"], ["figure_snapshot.bank"], name=op.f("fk_figure_cell_bank_figure_snapshot")),
        sa.PrimaryKeyConstraint("bank", "subject", "measure", "week", "channel", name=op.f("pk_figure_cell")),
    )
    op.create_table(
        "planned_question",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("barometer", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("due", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_planned_question_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", "bank", "barometer", name=op.f("pk_planned_question")),
    )
    _of_contacts()
    _campaigns()
    _reviews()
    _outcomes()
    waiting = sa.text("done_at IS NULL")
    op.create_index("ix_planned_question_due", "planned_question", ["due"], postgresql_where=waiting, sqlite_where=waiting)


def _of_contacts() -> None:
    """Create the tables about stages that single contacts have reached."""
    op.create_table(
        "stage_check",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("due", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_stage_check_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_stage_check")),
    )
    op.create_index("ix_stage_check_due", "stage_check", ["due"])
    op.create_table(
        "held_persona",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_held_persona_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", "bank", name=op.f("pk_held_persona")),
    )
    op.create_table(
        "announced_play",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("persona", sa.String(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_announced_play_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", "bank", "stage", name=op.f("pk_announced_play")),
    )
    op.create_table(
        "readiness_model",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("bank", "stage", "day", "state")),
        sa.Column("content", JSON, nullable=True),
        sa.Column("metrics", JSON, nullable=False),
        sa.Column("worth", JSON, nullable=False),
        sa.CheckConstraint("state IN ('used', 'no_gain', 'too_few')", name=op.f("ck_readiness_model_state")),
        sa.PrimaryKeyConstraint("bank", "stage", name=op.f("pk_readiness_model")),
    )
    figures = ("probability", "probability_low", "probability_high", "value", "priority", "priority_low", "priority_high")
    op.create_table(
        "contact_readiness",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("contact_id", "bank", "journey", "stage", "next_stage")),
        *(sa.Column(name, sa.Float(), nullable=False) for name in figures),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.Column("is_held_out", sa.Boolean(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_contact_readiness_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", "bank", "journey", name=op.f("pk_contact_readiness")),
    )
    op.create_index("ix_contact_readiness_priority", "contact_readiness", ["bank", "priority", "contact_id", "journey"])


def _campaigns() -> None:
    """Create the tables of mailings that hold contacts out."""
    op.create_table(
        "campaign",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "bank", "survey")),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("lot_key", sa.String(), nullable=False),
        sa.Column("cost", sa.Float(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("share > 0 AND share < 1", name=op.f("ck_campaign_share")),
        sa.CheckConstraint("cost > 0", name=op.f("ck_campaign_cost")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
    )
    op.create_index(op.f("ix_campaign_bank"), "campaign", ["bank"])
    op.create_table(
        "campaign_contact",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("is_held_out", sa.Boolean(), nullable=False),
        sa.Column("drawn_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_campaign_contact_contact_id_contact")),
        sa.ForeignKeyConstraint(["campaign"], ["campaign.id"], name=op.f("fk_campaign_contact_campaign_campaign")),
        sa.PrimaryKeyConstraint("contact_id", "campaign", name=op.f("pk_campaign_contact")),
    )


def _reviews() -> None:
    """Create the tables of reviews and quotes."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "review",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=True),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("imported_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_review_contact_id_contact")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("bank", "digest", name=op.f("uq_review_bank_digest")),
    )
    op.create_index(op.f("ix_review_contact_id"), "review", ["contact_id"])
    op.create_table(
        "quote_approval",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source_id", number, autoincrement=False, nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("approved_at", MOMENT, nullable=False),
        sa.CheckConstraint("kind IN ('answer', 'review')", name=op.f("ck_quote_approval_kind")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_quote_approval_contact_id_contact")),
        sa.PrimaryKeyConstraint("kind", "source_id", name=op.f("pk_quote_approval")),
    )
    op.create_index(op.f("ix_quote_approval_contact_id"), "quote_approval", ["contact_id"])


def _outcomes() -> None:
    """Create the table of values of attributes that are stages."""
    op.create_table(
        "attribute_outcome",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("contact_id", "name", "value")),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_attribute_outcome_contact_id_contact")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribute_outcome")),
    )
    op.create_index(op.f("ix_attribute_outcome_contact_id"), "attribute_outcome", ["contact_id"])


def downgrade() -> None:
    for table in (
        "attribute_outcome",
        "quote_approval",
        "review",
        "campaign_contact",
        "campaign",
        "contact_readiness",
        "readiness_model",
        "announced_play",
        "held_persona",
        "stage_check",
    ):
        op.drop_table(table)
    op.drop_index("ix_planned_question_due", "planned_question")
    op.drop_table("planned_question")
    op.drop_table("figure_cell")
    op.drop_table("figure_snapshot")
    op.drop_table("recurring_work")
    op.drop_table("survey_day")
    with op.batch_alter_table("survey_session") as session:
        session.drop_index("ix_survey_session_started")
    with op.batch_alter_table("contact_event") as event:
        for name in ("terms", "subject", "currency", "value"):
            event.drop_column(name)
