"""What the runtime says to a model between two decisions: limits that were met, and why what it said is no decision.

For layouts that show text; the seed layout has no words for it. Nothing here is text of a cluster.
"""

from aoi.agents.deadline import Deadline
from aoi.language.profile import PromptProfile

NEARLY = 0.25
"""Share of a budget that is left when it is told of."""
MAX_LINE = 160


def malformed(reason: str) -> str:
    """The only explanation: whoever says nothing that means something twice in a row has spoken last."""
    return (
        f"your last answer was no decision: {reason}. It cost one iteration. Write exactly one JSON object with the "
        "keys and words given above, and nothing else."
    )


def cut(line: str, limit_bytes: int) -> str:
    """Of a command that printed too much."""
    return f"the output of `{line[:MAX_LINE]}` was cut to {limit_bytes} bytes; ask for less of it"


def unanswered(line: str) -> str:
    """Of a command that no whole answer came to: it shows nothing, neither that something is there nor that not."""
    return f"`{line[:MAX_LINE]}` got no answer from the cluster, which says nothing about what it asked for"


def rounds(who: str, count: int) -> str:
    """Of a worker that was stopped in its work."""
    return f"the {who} has used its {count} rounds of this iteration"


def nearly_spent(profile: PromptProfile, tokens: int, deadline: Deadline | None) -> list[str]:
    """Budgets of the episode of which little is left."""
    told = []
    left = profile.episode_tokens - tokens
    if left <= NEARLY * profile.episode_tokens:
        told.append(f"about {max(0, left)} of {profile.episode_tokens} tokens are left: submit before they are spent")
    if deadline is not None and deadline.left_s <= NEARLY * deadline.seconds:
        told.append(f"about {deadline.left_s:.0f} of {deadline.seconds:.0f} seconds are left: submit before they end")
    return told
