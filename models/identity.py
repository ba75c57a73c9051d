"""Proof that the adapter that answers is the adapter that was trained.

A server lists what it was told; only its log-probabilities say what it computes with. After every load and every
weight sync, fixed prompts are answered greedily and the log-probabilities compared with those of transformers and
PEFT over the bundle's files. Base, previous, random or swapped adapters, a wrong base and a wrong template differ.
"""

import itertools
from collections.abc import Sequence

from aoi.agents.policy import Generation, Policy, Turn
from aoi.errors import IdentityMismatch
from aoi.records.base import Record
from aoi.records.episode import RoleName
from models import files
from models.bundle import Bundle
from models.policies.reference import Reference
from models.seed import invented, tokenizer

TOLERANCE = 1e-3
"""Nats. 32-bit floats on different kernels differ by about 1e-5; give 0.1 for a server that computes in bfloat16."""
PROMPTS = 12
TOKENS = 12
_MARKERS: dict[RoleName, str] = {"observer": "<obs>", "probe": "<probe>", "executor": "<exec>", "evolver": "<evo>"}


class IdentityReport(Record):
    """What one probe found."""

    role: RoleName
    expected: str
    """Digest of the adapter that should answer, or `base:<digest>`."""
    answered: tuple[str, ...]
    """What the policy says that it answered with."""
    largest_difference: float
    """Largest difference of a token's log-probability from the reference, nats."""
    distance_from_base: float
    """The same between the reference and the bare base: what a missing adapter would show."""
    tolerance: float
    tokens: int
    ok: bool
    reason: str


def probe(
    policy: Policy,
    bundle: Bundle,
    role: RoleName = "observer",
    *,
    prompts: Sequence[tuple[int, ...]] | None = None,
    tolerance: float = TOLERANCE,
) -> IdentityReport:
    """Compare what answers for `role` with the bundle's files. Raises: ServerUnavailable."""
    turns = [Turn(role, ids, TOKENS, 0.0, 0) for ids in prompts or default_prompts(bundle, role)]
    answers = policy.generate(turns)
    folder = bundle.adapters.get(role)
    base = f"base:{files.weights_digest(bundle.base)}"
    expected = files.adapter_digest(folder) if folder else base
    reference = _logprobs(Reference.load(bundle.base, folder), turns, answers)
    bare = _logprobs(Reference.load(bundle.base, None), turns, answers) if folder else reference
    difference = _largest([value for answer in answers for value in answer.logprobs or ()], reference)
    distance = _largest(bare, reference)
    reason = _reason(answers, expected, difference, distance if folder else None, tolerance)
    return IdentityReport(
        role=role,
        expected=expected,
        answered=tuple(sorted({answer.adapter for answer in answers})),
        largest_difference=difference,
        distance_from_base=distance,
        tolerance=tolerance,
        tokens=len(reference),
        ok=reason == "",
        reason=reason,
    )


def verify(policy: Policy, bundle: Bundle, *, tolerance: float = TOLERANCE) -> list[IdentityReport]:
    """Probe every role that has an adapter, or the Observer of a bare base.

    Raises: IdentityMismatch, naming the role and what was measured.
    """
    roles: list[RoleName] = sorted(bundle.adapters) or ["observer"]
    reports = [probe(policy, bundle, role, tolerance=tolerance) for role in roles]
    for report in reports:
        if not report.ok:
            raise IdentityMismatch(
                f"bundle {bundle.digest[:12]}: {report.role} is not answered by {report.expected[:17]}: "
                f"{report.reason}. Load the adapter again, or roll back: aoi rollback"
            )
    return reports


def default_prompts(bundle: Bundle, role: RoleName) -> list[tuple[int, ...]]:
    """Fixed prompts of this role, encoded by the bundle's tokenizer."""
    words = tokenizer.load(bundle.base)
    marker = _MARKERS.get(role, "<obs>")
    lines = (line.prompt for line in invented.examples(seed=1) if line.prompt.startswith(marker))
    different = dict.fromkeys(itertools.islice(lines, 4 * PROMPTS))
    return [tuple(words(text)["input_ids"]) for text in list(different)[:PROMPTS]]


def _logprobs(reference: Reference, turns: Sequence[Turn], answers: Sequence[Generation]) -> list[float]:
    pairs = zip(turns, answers, strict=True)
    return [value for turn, answer in pairs for value in reference.logprobs(turn.prompt_ids, answer.token_ids)]


def _largest(found: Sequence[float], reference: Sequence[float]) -> float:
    """Largest absolute difference; a large number if a value is missing, so that silence never passes."""
    if len(found) != len(reference) or not found:
        return 1e9
    return max(abs(a - b) for a, b in zip(found, reference, strict=True))


def _reason(
    answers: Sequence[Generation], expected: str, difference: float, distance: float | None, tolerance: float
) -> str:
    if names := sorted({answer.adapter for answer in answers} - {expected}):
        return f"it says that it answered with {names[0][:17]}"
    if not difference <= tolerance:
        return f"log-probabilities differ by {difference:.2g} nats from the adapter's, at most {tolerance:.2g} expected"
    if distance is not None and distance <= tolerance:
        return f"the adapter cannot be told from the base: {distance:.2g} nats apart, more than {tolerance:.2g} needed"
    return ""
