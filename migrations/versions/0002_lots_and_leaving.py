"""Questions drawn by lot keep their chance, respondents who leave the question they left at; a decision may end a survey."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REASONS = "stopped_because IN ('confidence', 'at_most', 'gain', 'seconds', 'exhausted', {}'respondent')"


def upgrade() -> None:
    with op.batch_alter_table("survey_session") as session:
        session.add_column(sa.Column("chance", sa.Float(), nullable=True))
        session.add_column(sa.Column("left_at", sa.String(), nullable=True))
        session.drop_constraint(op.f("ck_survey_session_stopped_because"), type_="check")
        session.create_check_constraint(op.f("ck_survey_session_stopped_because"), REASONS.format("'decision', "))
    with op.batch_alter_table("answer") as answer:
        answer.add_column(sa.Column("chance", sa.Float(), nullable=True))
        answer.create_check_constraint(op.f("ck_answer_chance"), "chance > 0 AND chance <= 1")


def downgrade() -> None:
    with op.batch_alter_table("answer") as answer:
        answer.drop_constraint(op.f("ck_answer_chance"), type_="check")
        answer.drop_column("chance")
    op.execute("UPDATE survey_session SET stopped_because = 'gain' WHERE stopped_because = 'decision'")
    with op.batch_alter_table("survey_session") as session:
        session.drop_constraint(op.f("ck_survey_session_stopped_because"), type_="check")
        session.create_check_constraint(op.f("ck_survey_session_stopped_because"), REASONS.format(""))
        session.drop_column("left_at")
        session.drop_column("chance")
