"""Proof that the adapter that answers is the adapter that was trained.

A server lists what it was told; only its log-probabilities say what it computes with. Fixed prompts are answered
greedily by the policy that answers, and the log-probabilities compared with those of transformers and PEFT over the
bundle's files. Base, previous, random or swapped adapters, a wrong base and a wrong template differ.

A proof is made when a bundle is loaded to answer, and again for as long as it does (`Watch`): nothing that was answered
is kept before a proof that came after it.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from aoi.agents.policy import Generation, Policy, Turn
from aoi.errors import IdentityMismatch, StoreUnavailable
from aoi.records.base import Record, canonical_bytes, sha256_hex
from aoi.records.episode import RoleName
from aoi.settings import Dtype
from aoi.store.objects import ObjectStore
from models import files
from models.bundle import Bundle
from models.fixed_prompts import fixed_prompts
from models.policies.of_bundle import Serving, codec_of, policy_of
from models.policies.reference import Reference
from models.policies.server import adapter_name

TOLERANCE_NATS: Mapping[Dtype, float] = {"float32": 1e-3, "bfloat16": 0.1}
"""How far a token's log-probability may lie from the reference's, by what the engine computes in. 32-bit floats on
different kernels differ by about 1e-5 (measured on the seed model). A bfloat16 has 8 bits of mantissa: its bound is an
estimate for logits of some tens and was never measured."""
PROMPTS = 12
TOKENS = 12
COMMON = 0.5
"""Share of the tokens that must be those of an earlier proof for its figures to do. Greedy answers of the right adapter
differ from time to time, where two tokens are as likely as each other."""
REFERENCES = "references"
"""Group of marks: what the files of a bundle say of the answers to the fixed prompts, as an earlier proof found it."""

Folders = Mapping[RoleName, Path]


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


class Told(Record):
    """What a bundle's files say of completions, token by token: no machine has to load a large model twice for it."""

    completions: tuple[tuple[int, ...], ...]
    logprobs: tuple[tuple[float, ...], ...]
    bare: tuple[tuple[float, ...], ...]
    """Of the base without the adapter; the same again where there is none."""


class Watch:
    """Proofs of what a server answers with, while it answers. Nothing stands between files and answers in process."""

    def __init__(
        self, bundle: Bundle, serving: Serving, adapters: Folders | None = None, *, kept: ObjectStore | None = None
    ) -> None:
        """`adapters` as in `policy_of`; `kept` as in `prove`."""
        self._bundle, self._serving, self._adapters, self._kept = bundle, serving, adapters, kept
        self._is_served = serving.engine == "server"
        self._last_s = time.monotonic()
        self._last_at = "it was opened"

    def now(self) -> None:
        """Prove it. What was answered since the proof before may be kept once this returns.

        Raises: IdentityMismatch; ServerUnavailable, after which nothing is known either.
        """
        if not self._is_served:
            return
        try:
            prove(self._bundle, self._serving, self._adapters, kept=self._kept)
        except IdentityMismatch as error:
            folders = self._bundle.adapters if self._adapters is None else self._adapters
            names = ", ".join(adapter_name(files.adapter_digest(folder)) for folder in folders.values())
            raise IdentityMismatch(
                f"{error}. What {self._serving.server.url} answered since {self._last_at} is not kept. Have it load "
                f"{names or 'the base'} anew (restart it, or unload the adapter), then run the command again"
            ) from error
        self._last_s, self._last_at = time.monotonic(), time.strftime("%H:%M:%S")

    def if_due(self) -> None:
        """Prove it if the last proof is older than `AOI_SERVER__PROVE_EVERY_S`. Raises: as `now`."""
        if time.monotonic() - self._last_s >= self._serving.server.prove_every_s:
            self.now()


def prove(
    bundle: Bundle, serving: Serving, adapters: Folders | None = None, *, kept: ObjectStore | None = None
) -> list[IdentityReport]:
    """Load a bundle where it will answer, and probe it through the policy that stages and commands open.

    Unconstrained, whatever the setting: a grammar changes the distribution, and what is to be shown is whose it is.
    `kept` spares the model here where an earlier proof left its figures. Raises: IdentityMismatch, ServerUnavailable,
    Permanent if the server cannot load an adapter.
    """
    with policy_of(bundle, serving.model_copy(update={"decoding": "free"}), adapters) as policy:
        return verify(policy, bundle, serving.dtype, adapters, kept=kept)


def verify(
    policy: Policy,
    bundle: Bundle,
    dtype: Dtype = "float32",
    adapters: Folders | None = None,
    *,
    kept: ObjectStore | None = None,
) -> list[IdentityReport]:
    """Probe every role that has an adapter, or the Observer of a bare base.

    Raises: IdentityMismatch, naming the role and what was measured.
    """
    folders = bundle.adapters if adapters is None else adapters
    roles: list[RoleName] = sorted(folders) or ["observer"]
    reports = [probe(policy, bundle, role, dtype, folders, kept=kept) for role in roles]
    for report in reports:
        if not report.ok:
            raise IdentityMismatch(
                f"bundle {bundle.digest[:12]}: {report.role} is not answered by {report.expected[:17]}: {report.reason}"
            )
    return reports


def probe(
    policy: Policy,
    bundle: Bundle,
    role: RoleName = "observer",
    dtype: Dtype = "float32",
    adapters: Folders | None = None,
    *,
    kept: ObjectStore | None = None,
) -> IdentityReport:
    """Compare what answers for `role` with the bundle's files. Raises: ServerUnavailable."""
    folder = (bundle.adapters if adapters is None else adapters).get(role)
    expected = files.adapter_digest(folder) if folder else f"base:{bundle.manifest.base}"
    turns = [Turn(role, ids, TOKENS, 0.0, 0) for ids in encoded_prompts(bundle, role)]
    answers = policy.generate(turns)
    known = _known(kept, _key(bundle, expected, turns), answers)
    told = known or _told(bundle, folder, turns, answers)
    pairs = _compared(answers, told)
    difference = _largest([(said, reference) for said, reference, _ in pairs])
    distance = _largest([(bare, reference) for _, reference, bare in pairs])
    reason = _reason(answers, expected, difference, distance if folder else None, dtype)
    if kept is not None and known is None and not reason:
        with suppress(StoreUnavailable):  # it spares time, and proves nothing
            kept.mark(REFERENCES, _key(bundle, expected, turns), told)
    return IdentityReport(
        role=role,
        expected=expected,
        answered=tuple(sorted({answer.adapter for answer in answers})),
        largest_difference=difference,
        distance_from_base=distance,
        dtype=dtype,
        tolerance=TOLERANCE_NATS[dtype],
        tokens=len(pairs),
        ok=reason == "",
        reason=reason,
    )


def encoded_prompts(bundle: Bundle, role: RoleName) -> list[tuple[int, ...]]:
    """The role's fixed prompts as this bundle reads them: its layout, its tokenizer."""
    codec = codec_of(bundle)
    return [codec.encode_prompt(prompt) for prompt in fixed_prompts(role, bundle.profile, PROMPTS)]


def _key(bundle: Bundle, expected: str, turns: Sequence[Turn]) -> str:
    """Of all that decides what the files say: base, adapter and prompts."""
    parts = [bundle.manifest.base, expected, *([list(turn.prompt_ids)] for turn in turns)]
    return sha256_hex(canonical_bytes(parts))


def _known(kept: ObjectStore | None, key: str, answers: Sequence[Generation]) -> Told | None:
    """What an earlier proof left, if it says enough of these answers."""
    try:
        told = kept.marked(REFERENCES, key, Told) if kept is not None else None
    except StoreUnavailable:
        return None
    if told is None:
        return None
    wanted = sum(len(answer.token_ids) for answer in answers)
    return told if sum(_common(answers, told)) >= max(1, COMMON * wanted) else None


def _told(bundle: Bundle, folder: Path | None, turns: Sequence[Turn], answers: Sequence[Generation]) -> Told:
    """What the files say of these answers: the whole model is loaded here."""
    said = [answer.token_ids for answer in answers]
    logprobs = _logprobs(Reference.load(bundle.base, folder), turns, said)
    bare = _logprobs(Reference.load(bundle.base, None), turns, said) if folder else logprobs
    return Told(completions=tuple(said), logprobs=logprobs, bare=bare)


def _logprobs(
    reference: Reference, turns: Sequence[Turn], said: Sequence[tuple[int, ...]]
) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(reference.logprobs(turn.prompt_ids, ids)) for turn, ids in zip(turns, said, strict=True))


def _common(answers: Sequence[Generation], told: Told) -> list[int]:
    """How many tokens of each answer are those that the reference speaks of. What follows another token is not."""
    counts = []
    for answer, completion in zip(answers, told.completions, strict=True):
        pairs = zip(answer.token_ids, completion, strict=False)
        differs = (place for place, (ours, theirs) in enumerate(pairs) if ours != theirs)
        counts.append(next(differs, min(len(answer.token_ids), len(completion))))
    return counts


def _compared(answers: Sequence[Generation], told: Told) -> list[tuple[float, float, float]]:
    """(answered, by the files, by the bare base) of each token that can be compared; none if a figure is missing."""
    if any(len(answer.logprobs or ()) != len(answer.token_ids) for answer in answers):
        return []
    triples: list[tuple[float, float, float]] = []
    for count, answer, logprobs, bare in zip(_common(answers, told), answers, told.logprobs, told.bare, strict=True):
        triples += zip((answer.logprobs or ())[:count], logprobs[:count], bare[:count], strict=True)
    return triples


def _largest(pairs: Sequence[tuple[float, float]]) -> float:
    """Largest absolute difference; a large number if there is none, so that silence never passes."""
    return max((abs(a - b) for a, b in pairs), default=1e9)


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
