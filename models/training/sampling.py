"""Who says the completions of GRPO: the weights in training where they are, or a model server that is handed them.

`models.training.grpo` asks for a step's completions and knows neither. What a sampler returns reaches the loss as it
is: token ids are never text in between, and log-probabilities are those of whoever sampled, so the loss weighs a
completion by what the model in training says of it now against what was said of it then.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from peft import PeftModel

from aoi.agents.policy import Generation, Turn
from aoi.errors import AoiError, IdentityMismatch, Permanent, Transient
from aoi.model_settings import TrainingSettings
from aoi.records.base import Sha256, sha256_hex
from aoi.settings import Dtype
from models import adapters
from models.bundle import Bundle
from models.identity import TOLERANCE_NATS
from models.network import width_of
from models.policies import in_process as engine
from models.policies.in_process import Decoder
from models.policies.of_bundle import Serving, server_of
from models.policies.server import ADAPTERS, ModelServer, Served, ServedPolicy
from models.training.batches import Pair, present_logprobs
from models.training.forward import decoder_of

COMPARED = 8
"""Completions of a step that the model in training reads again, when a server has been handed its weights."""
BUDGET_S = 3600.0
"""For all completions of a step on a server, each of which has `AOI_SERVER__TIMEOUT_S`: nobody waits."""


class Asked(NamedTuple):
    """What a step wants said."""

    step: int
    """Steps that lie behind the model."""
    turns: Sequence[Turn]
    eos_ids: frozenset[int]


class Sampled(NamedTuple):
    """What was said."""

    answers: list[Generation]
    """In the order of the turns, each with its log-probabilities."""
    difference: float | None = None
    """Mean distance of those from the log-probabilities of the model in training, nats; None where nobody compared."""


class Sampler(Protocol):
    """Says completions with the adapter in training."""

    @property
    def identity(self) -> str:
        """What has to be the same for a checkpoint to be gone on with."""
        ...

    def sample(self, model: PeftModel, asked: Asked) -> Sampled:
        """Answer every turn. Raises: ServerUnavailable; IdentityMismatch or Permanent, naming the step."""
        ...


class InProcess:
    """The engine of this process over the weights in training. Equal seeds say equal completions, to the bit."""

    identity = "in process"

    def sample(self, model: PeftModel, asked: Asked) -> Sampled:
        """See `Sampler`."""
        decoder = decoder_of(model)
        answers: dict[int, Generation] = {}
        widths = [width_of(len(turn.prompt_ids)) for turn in asked.turns]
        for width in sorted(set(widths)):
            places = [index for index, row_width in enumerate(widths) if row_width == width]
            answers |= zip(places, _said(decoder, [asked.turns[place] for place in places], asked.eos_ids), strict=True)
        return Sampled([answers[place] for place in range(len(asked.turns))])


IN_PROCESS: Sampler = InProcess()


def _said(decoder: Decoder[Any], turns: Sequence[Turn], eos_ids: frozenset[int]) -> list[Generation]:
    return engine.generate(decoder, turns, eos_ids, adapter="")


@contextmanager
def sampler_of(bundle: Bundle, serving: Serving, training: TrainingSettings, folder: Path) -> Iterator[Sampler]:
    """What the settings say samples, for adapters on the bundle's base.

    `folder` is this training's alone: adapters on their way to a server are written there, and taken away at the end.
    Raises: ServerUnavailable; IdentityMismatch if the server stands on another base.
    """
    if training.sampling == "in_process":
        yield IN_PROCESS
        return
    dtype: Dtype = "float32" if serving.dtype == training.dtype == "float32" else "bfloat16"
    with server_of(bundle, serving, {}, budget_s=BUDGET_S) as (server, _):
        handing = Handing(server, folder, bundle.manifest.base)
        handing.take_back()  # what a run of this folder left behind that was killed
        try:
            yield OnServer(handing, every=training.sync_every, dtype=dtype, microbatch=training.microbatch)
        finally:
            with suppress(AoiError):  # a server that is gone holds nothing; the name says whose it was
                handing.take_back()
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Handed:
    """An adapter as it was handed over. Its folder stays while it is listed: vLLM may read it again."""

    served: Served
    folder: Path


class Handing:
    """Adapters of one training on a server, one at a time, under names that hold their digest and whose they are.

    Never the name that a bundle's adapter has: those are used by others, and are not ours to unload.
    """

    def __init__(self, server: ModelServer, folder: Path, base: Sha256) -> None:
        self.server = server
        self._folder, self._base = folder, base
        # The server reads adapters by path, so on all machines that share it a path is one folder.
        self._prefix = f"{ADAPTERS}training-{sha256_hex(str(folder.resolve()).encode())[:8]}-"
        self._now: _Handed | None = None

    def hand_over(self, model: PeftModel) -> Served:
        """Save the adapter in training, load it beside the one before, and unload that."""
        before, now = self._now, self._saved(model)
        self._now, served = now, self._loaded(now)
        if before is not None and before.served.name != served.name:
            self.server.unload(before.served.name)
            shutil.rmtree(before.folder)
        return served

    def served(self) -> Served | None:
        """What was handed over last, listed now: a server that was started again meanwhile is handed it once more."""
        return self._loaded(self._now) if self._now else None

    def _loaded(self, handed: _Handed) -> Served:
        return self.server.load(handed.folder, handed.served.digest, handed.served.name)

    def take_back(self) -> None:
        """Unload whatever of this training is listed. Raises: ServerUnavailable."""
        for name in self.server.names():
            if name.startswith(self._prefix):
                self.server.unload(name)
        self._now = None

    def _saved(self, model: PeftModel) -> _Handed:
        part = self._folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        digest = adapters.save(model, part, self._base)
        whole = self._folder / digest[:16]
        shutil.rmtree(whole, ignore_errors=True)
        part.rename(whole)
        return _Handed(Served(f"{self._prefix}{digest[:16]}", digest), whole)


class OnServer:
    """A server that is handed the adapter in training every so many steps.

    Whenever it has been, the model in training reads some of what was said again: an adapter that was taken and is not
    applied, the base's own log-probabilities or another distribution's differ. In the steps between, the server's
    adapter is older than the model, as its log-probabilities say.
    """

    def __init__(self, handing: Handing, *, every: int, dtype: Dtype, microbatch: int) -> None:
        self._handing, self._every = handing, every
        self._dtype: Dtype = dtype
        self._microbatch = microbatch

    @property
    def identity(self) -> str:
        """See `Sampler`."""
        return f"server, every {self._every} steps"

    def sample(self, model: PeftModel, asked: Asked) -> Sampled:
        """See `Sampler`."""
        with _at(asked.step + 1):
            served = None if asked.step % self._every == 0 else self._handing.served()
            is_new = served is None
            if served is None:
                served = self._handing.hand_over(model)
            answers = ServedPolicy(self._handing.server, {}, served).generate(asked.turns)
            _check(answers)
            return Sampled(answers, self._compared(model, asked.turns, answers) if is_new else None)

    def _compared(self, model: PeftModel, turns: Sequence[Turn], answers: Sequence[Generation]) -> float:
        """Mean distance between what the server and the model in training say of the same tokens, nats."""
        pairs = list(zip(turns, answers, strict=True))[:: -(-len(turns) // COMPARED)]
        there = [logprob for _, answer in pairs for logprob in answer.logprobs or ()]
        read = [Pair(turn.prompt_ids, answer.token_ids) for turn, answer in pairs]
        here = present_logprobs(model, read, self._microbatch, turns[0].temperature)
        difference = sum(abs(one - other) for one, other in zip(there, here, strict=True)) / len(here)
        if not difference <= TOLERANCE_NATS[self._dtype]:
            raise IdentityMismatch(
                f"{self._handing.server.settings.url} does not sample with the adapter in training: its "
                f"log-probabilities of {len(here)} tokens lie {difference:.2g} nats from the trainer's on average, "
                f"at most {TOLERANCE_NATS[self._dtype]:.2g} expected of {self._dtype}. AOI_SERVER__DTYPE has to be its "
                "--dtype; a temperature other than 1 needs its --logprobs-mode processed_logprobs. Or set "
                "AOI_TRAINING__SAMPLING=in_process"
            )
        return difference


@contextmanager
def _at(step: int) -> Iterator[None]:
    """Errors say at which step."""
    try:
        yield
    except Transient as error:
        raise type(error)(f"step {step} of GRPO: {error}", error.retry_in_s) from error
    except Permanent as error:
        raise type(error)(f"step {step} of GRPO: {error}") from error


def _check(answers: Sequence[Generation]) -> None:
    """Raise Permanent for what cannot be weighed."""
    if silent := sum(not answer.logprobs for answer in answers):
        raise Permanent(
            f"the model server gave {silent} of {len(answers)} completions without a token or without "
            "log-probabilities, and the loss is made of both. Start vLLM without a limit on --max-logprobs"
        )
