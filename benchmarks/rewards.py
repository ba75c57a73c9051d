"""What a measured reward costs, on one core: the world, carrying the episode on, and the policy that does so.

Run: python -m benchmarks.rewards --base FOLDER [--wander] [--problems 12] [--group 8]. FOLDER is a base model; the seed
model of a home lies in its `cache/base`. Decisions are sampled by that base at places that it met itself, as GRPO
samples them. With `--wander` they are random looks in the production layout instead, which costs a world the most:
fifteen iterations, each with the Probe, text from the cluster and the tokenizer of FOLDER; no model runs. CPU time
throughout, so a busy machine changes little.

Cores for a GPU: a 14B that samples one to two decisions a second on one H100 is an assumption, not a measurement; its
own generation while an episode is carried on happens on that GPU, so it is the worlds alone that need cores.
"""

import argparse
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from aoi.agents.episode import run_episode
from aoi.agents.policy import Generation, Policy, Turn
from aoi.agents.rollout import rollout
from aoi.language import lexicon
from aoi.language.codec import Codec, WordCodec
from aoi.language.decision import ProbeCommand, parse_or_none, render
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE, PromptProfile
from aoi.language.prompting import Prompter
from aoi.learning.corrections import prompt_examples
from aoi.learning.rewards import MeasuredReward
from aoi.problems import preparing, sampling, scenario
from aoi.records.decision import Decision, ProbeDo
from aoi.records.learning import TrainingExample
from models.codec import TokenizerCodec
from models.policies.in_process import InProcessPolicy

SAMPLED_PER_S = (1.0, 2.0)
"""Decisions that a 14B samples on one H100: an assumption."""
Said = list[tuple[TrainingExample, str]]


@dataclass(frozen=True)
class Setup:
    """Who decides, and in which layout."""

    profile: PromptProfile
    codec: Codec
    policy: Policy


class Wanderer:
    """Looks at whatever is named in its prompt until its iterations are over; what it looks at follows the seed."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        texts = [self._says(turn) for turn in turns]
        return [Generation(tuple(self._codec.encode_completion(text)), None, "wanderer") for text in texts]

    def _says(self, turn: Turn) -> str:
        prompt = self._codec.decode(turn.prompt_ids)
        if turn.role == "probe":
            check, name = re.findall(r"Check `(.*?)` of `(.*?)`", prompt)[-1]
            return render(ProbeCommand("done" if "Already run" in prompt else f"kubectl {check} {name}"))
        choices = random.Random(turn.seed)
        names = re.findall(r"^- [a-z]+ ([a-z0-9.-]+)", prompt, re.MULTILINE)
        look = ProbeDo(choices.choice(lexicon.CHECKS), choices.choice(names or ["frontend"]))
        return render(Decision(None, "point", None, 3, look))


class Timed:
    """A policy whose own CPU time is known."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.cpu_s, self.turns = 0.0, 0

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        began = time.process_time()
        answers = self._policy.generate(turns)
        self.cpu_s += time.process_time() - began
        self.turns += len(turns)
        return answers


def cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def sampled(setup: Setup, problems: int, group: int) -> Said:
    """`group` completions at one decision point of each of `problems` episodes, drawn as GRPO draws them."""
    instances = sampling.sample("train", problems, 11)
    episodes = (
        run_episode(
            scenario.build(instance),
            profile=setup.profile,
            codec=setup.codec,
            arm="champion",
            bundle="benchmark",
            rollout_seed=1,
            temperature=1.0,
        )
        for instance in instances
    )
    choices, prompter = random.Random(5), Prompter(setup.profile, setup.codec)
    points = [list(prompt_examples([each], prompter)) for each in rollout(episodes, setup.policy)]
    chosen = [choices.choice(each) for each in points if each]
    turns = [
        Turn("observer", example.prompt_ids, setup.profile.completion_tokens, 1.0, number)
        for example in chosen
        for number in range(group)
    ]
    examples = [example for example in chosen for _ in range(group)]
    answers = setup.policy.generate(turns)
    return [(example, setup.codec.decode(said.token_ids)) for example, said in zip(examples, answers, strict=True)]


def worlds(said: Said) -> tuple[float, float, float]:
    """CPU milliseconds of one world: built with its base, built on a base that is there, restored."""
    instances = list(dict.fromkeys(example.instance for example, _ in said))
    forget()
    built = cpu_s(lambda: [scenario.build(each) for each in instances])
    preparing.prepare.cache_clear()
    on_base = cpu_s(lambda: [scenario.build(each) for each in instances])
    restored = cpu_s(lambda: [scenario.build(each) for each in instances])
    return (
        1000 * built / len(instances),
        1000 * on_base / len(instances),
        1000 * restored / len(instances),
    )


def forget() -> None:
    """As in a worker that has just begun."""
    for kept in (preparing.base, preparing.prepare, scenario._paged, scenario._surveyed):
        kept.cache_clear()


def show(title: str, seconds: float, said: Said, deeds: int) -> float:
    """One line; returns rewards a second."""
    rate = len(said) / seconds
    print(
        f"{title:<52}{rate:8.1f} rewards/s{1000 * seconds / len(said):8.1f} ms a reward"
        f"{1000 * seconds / deeds:8.1f} ms a distinct deed"
    )
    return rate


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--wander", action="store_true")
    parser.add_argument("--problems", type=int, default=12)
    parser.add_argument("--group", type=int, default=8)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.wander:
        codec = TokenizerCodec(chosen.base)
        setup = Setup(PRODUCTION_PROFILE, codec, Wanderer(codec))
    else:
        setup = Setup(SEED_PROFILE, WordCodec(), InProcessPolicy(chosen.base))
    said = sampled(setup, chosen.problems, chosen.group)
    deeds = {(e.instance, e.commands, d.do) for e, text in said if (d := parse_or_none(text))}
    before = sum(len(example.commands) for example, _ in said) / len(said)
    print(f"{len(said)} decisions at {chosen.problems} places, {len(deeds)} distinct deeds, {before:.1f} steps before")
    built, on_base, restored = worlds(said)
    print(f"a world: built {built:.0f} CPU-ms, on a base that is there {on_base:.0f}, restored {restored:.1f}")

    def alone() -> list[float]:
        return MeasuredReward(setup.profile, setup.codec).measure(said)

    forget()
    show("not carried on, worlds built", cpu_s(alone), said, len(deeds))
    show("not carried on, worlds there", cpu_s(alone), said, len(deeds))
    timed = Timed(setup.policy)
    spent = cpu_s(lambda: MeasuredReward(setup.profile, setup.codec, timed).measure(said))
    show("carried on, worlds there, with the policy", spent, said, len(deeds))
    rate = show("carried on, worlds there, the worlds alone", spent - timed.cpu_s, said, len(deeds))
    print(f"  the policy: {timed.turns} turns, {1000 * timed.cpu_s / max(1, timed.turns):.1f} CPU-ms a turn")
    cores = ", ".join(f"{wanted / rate:.2f} cores at {wanted:g} decisions a second" for wanted in SAMPLED_PER_S)
    print(f"for one H100 with a 14B (assumed): {cores}")


if __name__ == "__main__":
    main()
