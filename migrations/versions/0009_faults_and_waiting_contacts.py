"""How often an inbound event has failed by a fault of the service; contacts whom a CRM could not find wait and are not dead."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Their attempts do not count in the schedule. Messages about erased contacts have no content any more.
WAIT_AGAIN = """
UPDATE delivery SET state = 'pending', due = settled_at, settled_at = NULL, uncounted = attempt
WHERE state = 'dead' AND last_error = 'no_identity'
  AND endpoint_id IN (SELECT e.id FROM endpoint e JOIN connection c ON c.endpoint_id = e.id WHERE e.state = 'active')
  AND contact_id IN (SELECT id FROM contact WHERE erased_at IS NULL)
"""


def upgrade() -> None:
    with op.batch_alter_table("inbound_event") as table:
        table.add_column(sa.Column("faults", sa.Integer(), nullable=False, server_default="0"))
    op.execute(WAIT_AGAIN)


def downgrade() -> None:
    with op.batch_alter_table("inbound_event") as table:
        table.drop_column("faults")
