"""What constrained decoding buys and costs in process: `python -m benchmarks.decoding [--families qwen3 gemma ...]`.

Untrained models of a few hundred thousand parameters, which say anything but what was asked, answer prompts of every
role with and without `AOI_DECODING=constrained`. Malformed are completions that mean nothing; those that did not end
within their tokens are among them. A large model spends far longer on a token, and what the grammar adds to each stays.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from aoi.agents.policy import Generation, Turn
from aoi.language.extraction import Malformed
from aoi.language.layouts import CHAT
from aoi.language.profile import PRODUCTION_PROFILE
from aoi.language.schema import schemas
from aoi.records.episode import RoleName
from models import loading
from models.codec import TokenizerCodec
from models.fixed_prompts import fixed_prompts
from models.policies.in_process import InProcessPolicy
from models.policies.json_grammar import JsonGrammar
from tests.models.families import FAMILIES, write_checkpoint

ROLES: dict[RoleName, str] = {"observer": "decision", "probe": "probe", "executor": "act", "evolver": "plan"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="*", default=[family.name for family in FAMILIES])
    parser.add_argument("--prompts", type=int, default=4, help="of each role")
    parser.add_argument("--tokens", type=int, default=600, help="of a completion at most")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'family':<10}{'decoding':<14}{'said':>6}{'malformed':>11}{'unended':>9}{'tokens':>8}{'tokens/s':>10}")
    for family in FAMILIES:
        if family.name not in given.families:
            continue
        with tempfile.TemporaryDirectory() as folder:
            base = write_checkpoint(family, Path(folder))
            _measure(family.name, base, given.prompts, given.tokens)


def _measure(name: str, base: Path, prompts: int, tokens: int) -> None:
    codec = TokenizerCodec(base)
    turns = [
        Turn(role, codec.encode_prompt(prompt), tokens, 1.0, seed)
        for role in ROLES
        for seed, prompt in enumerate(fixed_prompts(role, PRODUCTION_PROFILE, prompts))
    ]
    began = time.perf_counter()
    grammar = JsonGrammar(base, schemas(), loading.eos_ids(base))
    compiled_ms = (time.perf_counter() - began) * 1000
    for decoding, policy in (
        ("free", InProcessPolicy(base)),
        ("constrained", InProcessPolicy(base, grammar=grammar)),
    ):
        began = time.perf_counter()
        answers = policy.generate(turns)
        seconds = time.perf_counter() - began
        count = sum(len(answer.token_ids) for answer in answers)
        wrong = [_is_malformed(turn.role, answer, codec) for turn, answer in zip(turns, answers, strict=True)]
        unended = sum(answer.token_ids[-1] not in codec.eos_ids for answer in answers)
        row = f"{name:<10}{decoding:<14}{len(turns):>6}{sum(wrong) / len(turns):>11.0%}{unended:>9}"
        print(f"{row}{count:>8}{count / seconds:>10.0f}")
    print(f"{name:<10}four schemas compiled in {compiled_ms:.0f} ms")


def _is_malformed(role: RoleName, answer: Generation, codec: TokenizerCodec) -> bool:
    try:
        getattr(CHAT, ROLES[role])(codec.decode(answer.token_ids))
    except Malformed:
        return True
    return False


if __name__ == "__main__":
    main()
