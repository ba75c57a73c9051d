"""Proof that the adapter that answers is the adapter that was trained.

A server lists what it was told; only its log-probabilities say what it computes with. Before a bundle answers anybody,
fixed prompts are answered greedily by the policy that will, and the log-probabilities compared with those of
transformers and PEFT over the bundle's files. Base, previous, random or swapped adapters, a wrong base and a wrong
template differ.
"""

from collections.abc import Mapping, Sequence

from aoi.agents.policy import Generation, Policy, Turn
from aoi.errors import IdentityMismatch
from aoi.records.base import Record
from aoi.records.episode import RoleName
from aoi.settings import Dtype
from models import files
from models.bundle import Bundle
from models.fixed_prompts import fixed_prompts
from models.policies.of_bundle import Serving, codec_of, policy_of
from models.policies.reference import Reference

TOLERANCE_NATS: Mapping[Dtype, float] = {"float32": 1e-3, "bfloat16": 0.1}
"""How far a token's log-probability may lie from the reference's, by what the engine computes in. 32-bit floats on
different kernels differ by about 1e-5 (measured on the seed model). A bfloat16 has 8 bits of mantissa: its bound is an
estimate for logits of some tens and was never measured."""
PROMPTS = 12
TOKENS = 12


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
    dtype: Dtype
    """What the engine computes in, which decides the tolerance."""
    tolerance: float
    """Nats."""
    tokens: int
    ok: bool
    reason: str


def prove(bundle: Bundle, serving: Serving) -> list[IdentityReport]:
    """Load a bundle where it will answer, and probe it through the policy that stages and commands open.

    Unconstrained, whatever the setting: a grammar changes the distribution, and what is to be shown is whose it is.
    Raises: IdentityMismatch, ServerUnavailable, Permanent if the server cannot load an adapter.
    """
    with policy_of(bundle, serving.model_copy(update={"decoding": "free"})) as policy:
        return verify(policy, bundle, serving.dtype)


def probe(policy: Policy, bundle: Bundle, role: RoleName = "observer", dtype: Dtype = "float32") -> IdentityReport:
    """Compare what answers for `role` with the bundle's files. Raises: ServerUnavailable."""
    tolerance = TOLERANCE_NATS[dtype]
    turns = [Turn(role, ids, TOKENS, 0.0, 0) for ids in encoded_prompts(bundle, role)]
    answers = policy.generate(turns)
    folder = bundle.adapters.get(role)
    base = f"base:{files.weights_digest(bundle.base)}"
    expected = files.adapter_digest(folder) if folder else base
    reference = _logprobs(Reference.load(bundle.base, folder), turns, answers)
    bare = _logprobs(Reference.load(bundle.base, None), turns, answers) if folder else reference
    difference = _largest([value for answer in answers for value in answer.logprobs or ()], reference)
    distance = _largest(bare, reference)
    reason = _reason(answers, expected, difference, distance if folder else None, dtype)
    return IdentityReport(
        role=role,
        expected=expected,
        answered=tuple(sorted({answer.adapter for answer in answers})),
        largest_difference=difference,
        distance_from_base=distance,
        dtype=dtype,
        tolerance=tolerance,
        tokens=len(reference),
        ok=reason == "",
        reason=reason,
    )


def verify(policy: Policy, bundle: Bundle, dtype: Dtype = "float32") -> list[IdentityReport]:
    """Probe every role that has an adapter, or the Observer of a bare base.

    Raises: IdentityMismatch, naming the role and what was measured.
    """
    roles: list[RoleName] = sorted(bundle.adapters) or ["observer"]
    reports = [probe(policy, bundle, role, dtype) for role in roles]
    for report in reports:
        if not report.ok:
            raise IdentityMismatch(
                f"bundle {bundle.digest[:12]}: {report.role} is not answered by {report.expected[:17]}: {report.reason}"
            )
    return reports


def encoded_prompts(bundle: Bundle, role: RoleName) -> list[tuple[int, ...]]:
    """The role's fixed prompts as this bundle reads them: its layout, its tokenizer."""
    codec = codec_of(bundle)
    return [codec.encode_prompt(prompt) for prompt in fixed_prompts(role, bundle.profile, PROMPTS)]


def _logprobs(reference: Reference, turns: Sequence[Turn], answers: Sequence[Generation]) -> list[float]:
    pairs = zip(turns, answers, strict=True)
    return [value for turn, answer in pairs for value in reference.logprobs(turn.prompt_ids, answer.token_ids)]


def _largest(measured: Sequence[float], reference: Sequence[float]) -> float:
    """Largest absolute difference; a large number if a value is missing, so that silence never passes."""
    if len(measured) != len(reference) or not measured:
        return 1e9
    return max(abs(a - b) for a, b in zip(measured, reference, strict=True))


def _reason(
    answers: Sequence[Generation], expected: str, difference: float, distance: float | None, dtype: Dtype
) -> str:
    tolerance = TOLERANCE_NATS[dtype]
    if names := sorted({answer.adapter for answer in answers} - {expected}):
        return f"it says that it answered with {names[0][:17]}"
    if not difference <= tolerance:
        return (
            f"log-probabilities differ by {difference:.2g} nats from those of its files, at most {tolerance:.2g} "
            f"expected of {dtype}"
        )
    if distance is not None and distance <= tolerance:
        return f"the adapter cannot be told from the base: {distance:.2g} nats apart, more than {tolerance:.2g} needed"
    return ""
