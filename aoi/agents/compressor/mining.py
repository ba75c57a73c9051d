"""Text for a large model: templates mined, near-duplicates dropped, errors verbatim, every line with its place.

Nothing is interpreted. Under its budget a text passes through unchanged.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from aoi.agents.compressor.observation import Line, Observation

NEAR = 0.93
"""Lines more alike than this are the same line (the paper's difflib ratio)."""
_ERROR = re.compile(
    r"error|fail|fatal|warn|panic|exception|refused|denied|timed? ?out|back-?off|kill|unhealthy", re.IGNORECASE
)
_VARYING = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One line that is passed on, with where it stands and how many it stands for."""

    text: str
    digest: str
    start: int
    end: int
    count: int = 1

    def render(self) -> str:
        """`text  [digest:start-end xN]`: the citation that an answer may repeat."""
        times = f" x{self.count}" if self.count > 1 else ""
        return f"{self.text}  [{self.digest[:8]}:{self.start}-{self.end}{times}]"


def condense(observations: Iterable[Observation], budget_chars: int) -> str:
    """Commands and what they printed, in order, at most `budget_chars` characters."""
    blocks: list[str] = []
    seen = list(observations)
    whole = "\n".join(f"$ {observation.line}\n{observation.text.rstrip()}" for observation in seen)
    if len(whole) <= budget_chars:
        return whole
    share = budget_chars // max(1, len(seen))
    for observation in seen:
        blocks.append(f"$ {observation.line}\n" + _fit(excerpts(observation), share - len(observation.line) - 3))
    return "\n".join(blocks)[:budget_chars]


def excerpts(observation: Observation) -> list[Excerpt]:
    """Lines without near-duplicates: the last of each error kept verbatim, other lines once per mined template."""
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.drain_sim_th = 0.5
    miner = TemplateMiner(config=config)
    kept: dict[str, Excerpt] = {}
    for line in observation.lines:
        if not line.text:
            continue
        if _ERROR.search(line.text):
            key = _near(line.text, kept) or f"e{len(kept)}:{line.text}"
        else:
            key = f"t{miner.add_log_message(line.text)['cluster_id']}"
        count = kept.pop(key).count + 1 if key in kept else 1
        kept[key] = _excerpt(observation, line, count)
    return list(kept.values())


def _near(text: str, kept: dict[str, Excerpt]) -> str | None:
    """Key of an error that says the same, numbers aside."""
    plain = _VARYING.sub("0", text)
    for key, excerpt in kept.items():
        if not key.startswith("e"):
            continue
        other = _VARYING.sub("0", excerpt.text)
        matcher = SequenceMatcher(None, plain, other, autojunk=False)
        if plain == other or (
            matcher.real_quick_ratio() >= NEAR and matcher.quick_ratio() >= NEAR and matcher.ratio() >= NEAR
        ):
            return key
    return None


def _excerpt(observation: Observation, line: Line, count: int) -> Excerpt:
    return Excerpt(line.text, observation.digest, line.start + line.indent, line.end, count)


def _fit(lines: list[Excerpt], budget_chars: int) -> str:
    """Errors first into the budget, newest first; then other lines; printed in their own order."""
    order = sorted(range(len(lines)), key=lambda index: (not _ERROR.search(lines[index].text), -index))
    chosen: set[int] = set()
    for index in order:
        size = len(lines[index].render()) + 1
        if size <= budget_chars:
            chosen.add(index)
            budget_chars -= size
    return "\n".join(lines[index].render() for index in sorted(chosen))
