"""A persona for contacts who never answered: models, runs, results, probes and the channel of their links, and priors of contacts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)
UNFINISHED = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    with op.batch_alter_table("contact") as contact:
        contact.add_column(sa.Column("priors", JSON, nullable=False, server_default="{}"))
        contact.create_index(op.f("ix_contact_updated_at"), ["updated_at", "id"])
    with op.batch_alter_table("survey_session") as session:
        session.add_column(sa.Column("prior", JSON, nullable=True))
    with op.batch_alter_table("link") as link:
        link.add_column(sa.Column("channel", sa.String(), nullable=True))
    with op.batch_alter_table("belief") as belief:
        belief.add_column(sa.Column("prior_kind", sa.String(), nullable=True))
    op.create_table(
        "attribution_model",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("bank_version", sa.Integer(), nullable=False),
        sa.Column("personas", JSON, nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("metrics", JSON, nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("rescored_until", MOMENT, nullable=False),
        sa.Column("gain", JSON, nullable=True),
        sa.Column("is_used", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("measured_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribution_model")),
    )
    op.create_index(op.f("ix_attribution_model_bank"), "attribution_model", ["bank"])
    op.create_table(
        "attribution_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("contacts", sa.Integer(), nullable=False),
        sa.Column("scored", sa.Integer(), nullable=False),
        sa.Column("assigned", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("allow", JSON, nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("cancelled_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_attribution_run_state")),
        sa.ForeignKeyConstraint(["model_id"], ["attribution_model.id"], name=op.f("fk_attribution_run_model_id_attribution_model")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribution_run")),
    )
    op.create_index(op.f("ix_attribution_run_bank"), "attribution_run", ["bank"])
    op.create_index(
        "uq_attribution_run_unfinished", "attribution_run", ["bank"], unique=True, postgresql_where=UNFINISHED, sqlite_where=UNFINISHED
    )
    op.create_table(
        "attribution",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("top", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("assigned_to", sa.String(), nullable=True),
        sa.Column("in_fit", sa.Boolean(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_attribution_contact_id_contact")),
        sa.ForeignKeyConstraint(["model_id"], ["attribution_model.id"], name=op.f("fk_attribution_model_id_attribution_model")),
        sa.ForeignKeyConstraint(["run_id"], ["attribution_run.id"], name=op.f("fk_attribution_run_id_attribution_run")),
        sa.PrimaryKeyConstraint("contact_id", "bank", name=op.f("pk_attribution")),
    )
    op.create_index(op.f("ix_attribution_bank"), "attribution", ["bank", "contact_id"])
    op.create_table(
        "probe",
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("bank", sa.String(), nullable=False),
        sa.Column("wave", sa.String(), nullable=False),
        sa.Column("chance", sa.Float(), nullable=False),
        sa.Column("drawn_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_probe_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", "bank", name=op.f("pk_probe")),
    )


def downgrade() -> None:
    op.drop_table("probe")
    op.drop_index(op.f("ix_attribution_bank"), "attribution")
    op.drop_table("attribution")
    op.drop_index("uq_attribution_run_unfinished", "attribution_run")
    op.drop_index(op.f("ix_attribution_run_bank"), "attribution_run")
    op.drop_table("attribution_run")
    op.drop_index(op.f("ix_attribution_model_bank"), "attribution_model")
    op.drop_table("attribution_model")
    with op.batch_alter_table("link") as link:
        link.drop_column("channel")
    with op.batch_alter_table("belief") as belief:
        belief.drop_column("prior_kind")
    with op.batch_alter_table("survey_session") as session:
        session.drop_column("prior")
    with op.batch_alter_table("contact") as contact:
        contact.drop_index(op.f("ix_contact_updated_at"))
        contact.drop_column("priors")
