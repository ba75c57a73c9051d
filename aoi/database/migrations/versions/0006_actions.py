"""Changes of live clusters that were proposed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "actions",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("place", sa.String(36), nullable=False),
        sa.Column("answer", sa.String(100), nullable=False),
        sa.Column("proposed_at", sa.String(40), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_actions_state", "actions", ["state"])
    op.create_index("ix_actions_answer", "actions", ["answer"])


def downgrade() -> None:
    """What was proposed is forgotten; what was done stands in the journals of the home."""
    op.drop_table("actions")
