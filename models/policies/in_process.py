"""The in-process engine: answers batches of turns on the CPU, each turn independent of its batch.

One decode loop over `models.network` (or over transformers, for architectures other than Qwen3). Sampling adds
Gumbel noise drawn from the turn's own seed, so equal turns give equal completions whatever else is in the batch,
and two policies given the same seeds differ only where their distributions do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoConfig, PreTrainedConfig

from aoi.agents.deadline import Deadline
from aoi.agents.policy import Generation, Turn
from aoi.records.episode import RoleName
from models import adapters, files, loading
from models.network import Network, is_runnable, width_of
from models.policies.reference import Reference

COMPACT_ROWS = 8
"""From this many rows on, a batch of which half has ended is made smaller."""
LOGPROB_DIGITS = 6
"""Kept of a log-probability: enough for importance weights, short in records."""
ROLES: tuple[RoleName, ...] = ("observer", "probe", "executor", "compressor", "evolver")


class Grammar(Protocol):
    """Which tokens may follow: an automaton over token ids, whose states it alone looks into."""

    def start(self, role: RoleName) -> Any:
        """State before the first token of a completion."""
        ...

    def allowed(self, state: Any) -> Sequence[int] | NDArray[np.int64]:
        """Token ids that may come next, end of sequence included; empty means any."""
        ...

    def advance(self, state: Any, token: int) -> Any:
        """State after `token`, which was allowed; the one before is used up."""
        ...


class DecoderCache(Protocol):
    """What a decoder remembers of a batch."""

    def select(self, rows: Tensor) -> Self:
        """A cache of these rows, in this order; the old one is used up."""
        ...


CacheT = TypeVar("CacheT", bound=DecoderCache)


class Decoder(Protocol[CacheT]):
    """What the loop runs: `Network`, or transformers behind `models.policies.reference.Reference`."""

    def prefill(self, prompts: list[tuple[int, ...]], room: int) -> tuple[Tensor, CacheT]:
        """Read prompts; logits after each one's last token, and a cache with room for that many more."""
        ...

    def step(self, tokens: Tensor, cache: CacheT) -> Tensor:
        """Append one token to every row; the next logits."""
        ...


@dataclass(slots=True)
class _Row:
    """One turn while it is being answered."""

    turn: Turn
    noise: np.random.Generator
    state: Any
    token_ids: list[int]
    logprobs: list[float]
    is_done: bool = False

    def add(self, token: int, logprob: float, eos_ids: frozenset[int]) -> None:
        """Append one token, unless the completion has ended."""
        if self.is_done:
            return
        self.token_ids.append(token)
        self.logprobs.append(round(logprob, LOGPROB_DIGITS))
        self.is_done = token in eos_ids or len(self.token_ids) >= self.turn.max_tokens


class InProcessPolicy:
    """`Policy` over a base model on disk and one adapter per role.

    `adapters_by_role` maps a role to an adapter folder; a role without one is answered by the base. The caller
    sets the number of threads (`torch.set_num_threads`); two contending threads are slower than one.
    """

    def __init__(
        self,
        base: Path,
        adapters_by_role: Mapping[RoleName, Path] | None = None,
        *,
        grammar: Grammar | None = None,
        rows: int = 256,
    ) -> None:
        files.check_readable(base)
        self.config = AutoConfig.from_pretrained(str(base))
        self.eos_ids = loading.eos_ids(base)
        self.grammar = grammar
        self.rows = rows
        by_role = adapters_by_role or {}
        digests = {role: files.adapter_digest(folder) for role, folder in by_role.items()}
        bare = f"base:{files.weights_digest(base)}"
        self._names: dict[RoleName, str] = {**dict.fromkeys(ROLES, bare), **digests}
        """Digest of the adapter that answers for a role, or `base:<digest>`."""
        folders = {digest: by_role[role] for role, digest in digests.items()}
        self._decoders = _decoders(self.config, base, folders, bare)
        """Each takes back the caches that it made, and no others."""

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        """Answer every turn, in order."""
        return self._answers(turns, None)

    def generate_within(self, turns: Sequence[Turn], deadline: Deadline) -> list[Generation]:
        """Answer every turn, in order. Raises: TimeIsUp after the token at which it is."""
        return self._answers(turns, deadline)

    def _answers(self, turns: Sequence[Turn], deadline: Deadline | None) -> list[Generation]:
        answers: list[Generation | None] = [None] * len(turns)
        for name, indices in self._groups(turns):
            group = [turns[index] for index in indices]
            said = generate(
                self._decoders[name], group, self.eos_ids, adapter=name, grammar=self.grammar, deadline=deadline
            )
            for index, answer in zip(indices, said, strict=True):
                answers[index] = answer
        return [answer for answer in answers if answer is not None]

    def _groups(self, turns: Sequence[Turn]) -> Iterator[tuple[str, list[int]]]:
        groups: dict[tuple[str, int], list[int]] = {}
        for index, turn in enumerate(turns):
            groups.setdefault((self._names[turn.role], width_of(len(turn.prompt_ids))), []).append(index)
        for (name, _), indices in groups.items():
            for start in range(0, len(indices), self.rows):
                yield name, indices[start : start + self.rows]


def _decoders(config: PreTrainedConfig, base: Path, folders: Mapping[str, Path], bare: str) -> dict[str, Decoder[Any]]:
    """A decoder for each adapter by its digest, and one for the base by `bare`. The base is read once."""
    if not is_runnable(config):
        shared = Reference.load_all(base, folders)
        return {name or bare: decoder for name, decoder in shared.items()}
    for folder in folders.values():
        files.check_readable(folder)
    weights = files.base_weights(base)
    merged = {name: Network(config, adapters.merged(weights, folder)) for name, folder in folders.items()}
    return {bare: Network(config, weights), **merged}


@torch.inference_mode()
def generate(
    decoder: Decoder[CacheT],
    turns: Sequence[Turn],
    eos_ids: frozenset[int],
    *,
    adapter: str,
    grammar: Grammar | None = None,
    deadline: Deadline | None = None,
) -> list[Generation]:
    """Answer turns of one width class with one set of weights; a completion ends with any of `eos_ids`.

    Log-probabilities are of the sampling distribution (temperature and grammar applied); of temperature 1 for
    greedy turns. Raises: TimeIsUp between two tokens.
    """
    rows = [
        _Row(turn, np.random.default_rng(turn.seed), grammar.start(turn.role) if grammar else None, [], [])
        for turn in turns
    ]
    logits, cache = _prefill(decoder, [turn.prompt_ids for turn in turns], max(turn.max_tokens for turn in turns))
    active = rows
    while True:
        if deadline is not None:
            deadline.check()
        tokens = _choose(logits, active, eos_ids, grammar)
        going = [index for index, row in enumerate(active) if not row.is_done]
        if not going:
            break
        if len(going) <= len(active) // 2 and len(active) > COMPACT_ROWS:
            active, tokens = [active[index] for index in going], tokens[going]
            cache = cache.select(torch.tensor(going))
        logits = decoder.step(tokens, cache)
    return [Generation(tuple(row.token_ids), tuple(row.logprobs), adapter) for row in rows]


def _prefill(decoder: Decoder[CacheT], prompts: list[tuple[int, ...]], room: int) -> tuple[Tensor, CacheT]:
    """Read each different prompt once: the G completions of a group share their prompt's work."""
    places = {prompt: index for index, prompt in enumerate(dict.fromkeys(prompts))}
    unique = list(places)
    logits, cache = decoder.prefill(unique, room)
    if len(places) == len(prompts):
        return logits, cache
    chosen = torch.tensor([places[prompt] for prompt in prompts])
    return logits[chosen], cache.select(chosen)


def _choose(logits: Tensor, rows: Sequence[_Row], eos_ids: frozenset[int], grammar: Grammar | None) -> Tensor:
    """Sample the next token of each row and record it. Shapes: (rows, vocabulary) -> (rows,)."""
    temperatures = torch.tensor([row.turn.temperature or 1.0 for row in rows])
    scores = logits / temperatures.unsqueeze(1)
    if grammar is not None:
        _forbid(scores, rows, grammar)
    noise = np.zeros(scores.shape, dtype=np.float32)
    for index, row in enumerate(rows):
        if row.turn.temperature > 0 and not row.is_done:
            row.noise.random(out=noise[index], dtype=np.float32)
    sampled = torch.tensor([row.turn.temperature > 0 for row in rows]).unsqueeze(1)
    gumbel = -torch.log(-torch.log(torch.from_numpy(noise)))
    tokens = torch.where(sampled, scores + gumbel, scores).argmax(dim=-1)
    logprobs = scores.log_softmax(dim=-1).gather(1, tokens.unsqueeze(1)).squeeze(1).tolist()
    for row, token, logprob in zip(rows, tokens.tolist(), logprobs, strict=True):
        if grammar is not None and not row.is_done:
            row.state = grammar.advance(row.state, token)
        row.add(token, logprob, eos_ids)
    return tokens


def _forbid(scores: Tensor, rows: Sequence[_Row], grammar: Grammar) -> None:
    """Set to minus infinity whatever the grammar does not allow next."""
    forbidden = torch.zeros(scores.shape, dtype=torch.bool)
    for index, row in enumerate(rows):
        allowed = () if row.is_done else grammar.allowed(row.state)
        if len(allowed):
            forbidden[index] = True
            forbidden[index, torch.as_tensor(allowed)] = False
    scores.masked_fill_(forbidden, -torch.inf)
