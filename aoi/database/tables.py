"""The tables of the state that must be neither lost nor raced. Changed by a migration only.

Cycles and approvals have no table of their own: they are entries of the ledger, so there is one truth, and it is
chained.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("cycle", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("once", String(200), unique=True),  # what may be entered only once, e.g. `requested:<evaluation>`
    Column("previous", String(64), nullable=False, unique=True),  # unique: a chain cannot fork
    Column("hash", String(64), nullable=False, unique=True),
    Column("record", Text, nullable=False),  # canonical JSON of the LedgerEntry, all that the hash covers
)
Index("ix_ledger_kind", ledger.c.kind, ledger.c.cycle)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single"), primary_key=True, autoincrement=False),
    Column("seq", Integer, ForeignKey("ledger.seq"), nullable=False),
    Column("hash", String(64), nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("answer", String(64), nullable=False),
    Column("author", String(200), nullable=False),
    Column("given_at", String(40), nullable=False),
    Column("expires_at", String(40), nullable=False),
    Column("consent", Boolean, nullable=False),
    Column("record", Text, nullable=False),  # canonical JSON of the Feedback
)
Index("ix_feedback_answer", feedback.c.answer)

answers = Table(
    "answers",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("given_at", String(40), nullable=False),
    Column("record", Text, nullable=False),  # canonical JSON of the GivenAnswer
)
Index("ix_answers_given_at", answers.c.given_at)

clusters = Table(
    "clusters",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("record", Text, nullable=False),  # canonical JSON of the RegisteredCluster
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("token", String(16), nullable=False, unique=True),  # the part by which it is found
    Column("record", Text, nullable=False),  # canonical JSON of the Token: a salted digest, never the token
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("server", String(64), nullable=False),  # who makes it; free to be taken over once its lease is
    Column("state", String(16), nullable=False),
    Column("submitted_at", String(40), nullable=False),
    Column("record", Text, nullable=False),  # canonical JSON of the Submission
)
Index("ix_submissions_submitted_at", submissions.c.submitted_at)
Index("ix_submissions_state", submissions.c.state)

actions = Table(
    "actions",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("state", String(16), nullable=False),  # compared and swapped: a proposal is used once
    Column("place", String(36), nullable=False),  # uid of the namespace that it would change
    Column("answer", String(100), nullable=False),  # the kept diagnosis that it came of, or empty
    Column("proposed_at", String(40), nullable=False),
    Column("record", Text, nullable=False),  # canonical JSON of the ProposedAction
)
Index("ix_actions_state", actions.c.state)
Index("ix_actions_answer", actions.c.answer)

leases = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("token", String(32), nullable=False),  # new at every taking: what tells a former holder from the present one
    Column("holder", String(200), nullable=False),  # the process, see `aoi.database.holders`
    Column("expires_at", Double, nullable=False),  # seconds since 1970 by the database's own clock
)
