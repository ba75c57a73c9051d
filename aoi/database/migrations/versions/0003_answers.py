"""Answers by when they were given, and feedback that says which answer it is about."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table, and call what feedback is about by its name."""
    op.create_table(
        "answers",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("given_at", sa.String(40), nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_answers_given_at", "answers", ["given_at"])
    op.drop_index("ix_feedback_trajectory", "feedback")
    op.execute("ALTER TABLE feedback RENAME COLUMN trajectory TO answer")
    op.create_index("ix_feedback_answer", "feedback", ["answer"])


def downgrade() -> None:
    """The answers stay in the store and their order is lost. For a database without feedback of its own: words that
    were written since name their `answer`, which the former version does not read.
    """
    op.drop_index("ix_feedback_answer", "feedback")
    op.execute("ALTER TABLE feedback RENAME COLUMN answer TO trajectory")
    op.create_index("ix_feedback_trajectory", "feedback", ["trajectory"])
    op.drop_table("answers")
