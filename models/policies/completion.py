"""One completion of vLLM's protocol: how it is asked, and what an answer has to say to be taken as it is.

Whatever a server would add is said: vLLM reads `top_k`, `top_p` and a repetition penalty from the base's
`generation_config.json` otherwise, and its log-probabilities would be those of another distribution than it samples.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from aoi.agents.policy import Turn
from aoi.errors import Permanent

UNTOUCHED: Mapping[str, Any] = {
    "top_p": 1.0,
    "top_k": -1,  # all tokens
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""The model's own distribution, at the temperature of the turn."""


def body_of(turn: Turn, model: str, ends: Sequence[int], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is sent. `ends` are the tokens that end a completion, beside those that the server knows."""
    body: dict[str, Any] = {
        **UNTOUCHED,
        "model": model,
        "prompt": list(turn.prompt_ids),
        "max_tokens": turn.max_tokens,
        "temperature": turn.temperature,
        "seed": turn.seed % 2**63,  # the server takes a signed 64-bit number
        "logprobs": 0,  # of the sampled token alone
        "return_token_ids": True,
        "skip_special_tokens": False,
    }
    if ends:
        body["stop_token_ids"] = list(ends)
    if schema:
        body["structured_outputs"] = {"json": schema}
    return body


def read(choice: Mapping[str, Any], turn: Turn) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """Token ids and log-probabilities of an answer, as they are.

    Raises: Permanent if it is the answer to another prompt, was cut short, or has no token ids; what reading raises
    that finds nothing of the protocol.
    """
    ids, prompt, logprobs = choice.get("token_ids"), choice.get("prompt_token_ids"), choice.get("logprobs") or {}
    said = None if ids is None else tuple(map(int, ids))
    if said is None or prompt is None:
        raise Permanent("the model server returns no token ids: start vLLM 0.10.2 or later")
    read_back = tuple(map(int, prompt))
    if read_back != turn.prompt_ids:
        raise Permanent(
            f"the model server answered a prompt of {len(read_back)} tokens, and {len(turn.prompt_ids)} were sent: "
            f"they differ from place {_first_difference(read_back, turn.prompt_ids)} on. Prompts must reach it as "
            "token ids, without a template or a limit of its own"
        )
    if choice.get("finish_reason") == "length" and len(said) < turn.max_tokens:
        raise Permanent(
            f"the model server cut a completion off after {len(said)} of {turn.max_tokens} tokens: a prompt of "
            f"{len(turn.prompt_ids)} and its completion need a --max-model-len of "
            f"{len(turn.prompt_ids) + turn.max_tokens}"
        )
    sure = logprobs.get("token_logprobs")
    if sure is None:
        return said, None
    if len(sure) != len(said) or not all(math.isfinite(float(one)) for one in sure):
        raise Permanent(f"the model server gives {len(sure)} log-probabilities of {len(said)} tokens, or some are none")
    return said, tuple(map(float, sure))


def _first_difference(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
