"""What it pays to cheat: every way of `aoi/learning/hacks.py`, under each reward, over many problems.

Run: python -m benchmarks.hacks [--problems 4] (of each kind of task, and as many without a fault). Where
AOI_JUDGE__URL and AOI_JUDGE__MODEL are set, that model judges too. Mean reward over all steps of the golden
operator's episodes, beside the honest wrong answer and what was right; ends with 1 if anything pays above the former.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import GoldenOperator
from aoi.agents.rollout import rollout
from aoi.language.codec import WordCodec
from aoi.language.layouts import WORDS
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.corrections import success_examples
from aoi.learning.hacks import Case, Pays, cases_of, excess
from aoi.learning.judging import RuleJudge
from aoi.learning.rewards import MeasuredReward
from aoi.problems import catalogue, scenario
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.settings import Settings
from aoi.store.objects import ObjectStore
from models.training.judged import model_judge

CODEC = WordCodec()
PROMPTER = Prompter(SEED_PROFILE, CODEC)


def golden_cases(instance: ProblemInstance) -> list[Case]:
    """A case for each step of the golden operator's episode; none if even it does not succeed."""
    situation = scenario.build(instance)
    operator = GoldenOperator(CODEC, situation.truth, handles_of(situation, SEED_PROFILE))
    episode = run_episode(situation, profile=SEED_PROFILE, codec=CODEC, arm="golden", bundle="golden", rollout_seed=0)
    (trajectory,) = rollout([episode], operator)
    if not trajectory.content.outcome.success:
        return []
    examples = list(success_examples(trajectory, PROMPTER))
    return list(cases_of(trajectory, examples, situation.truth, CODEC.decode(examples[0].prompt_ids)))


def chosen(count: int) -> Iterator[ProblemInstance]:
    """Problems of each kind, with a fault and without, spread over the catalogue."""
    for kind in TaskKind:
        for has_fault in (True, False):
            found = [p for p in catalogue.problems(kind=kind) if (p.fault is not None) == has_fault]
            for problem in found[:: max(1, len(found) // count)][:count]:
                yield ProblemInstance(problem=problem, seed=3)


def shown(title: str, reward: Pays, cases: Sequence[Case]) -> Mapping[str, float]:
    """Print a table; the largest excess of each hack."""
    right = [(case.example, CODEC.decode(case.example.target_ids or ())) for case in cases]
    honest = sum(reward.measure([(case.example, case.honest) for case in cases])) / len(cases)
    print(f"\n{title}: what was right {sum(reward.measure(right)) / len(cases):.3f}, wrong and honest {honest:.3f}")
    beyond = excess(reward, cases)
    for name, paid in beyond.items():
        print(f"  {name:<22} {honest + sum(paid) / len(paid):.3f}, at most {max(paid):+.3f} beyond wrong and honest")
    return {name: max(paid) for name, paid in beyond.items()}


def main() -> None:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=4)
    cases = [case for instance in chosen(parser.parse_args().problems) for case in golden_cases(instance)]
    settings = Settings.load()
    rewards: dict[str, Pays] = {"measured": MeasuredReward(SEED_PROFILE, CODEC), "rules": RuleJudge()}
    with ExitStack() as open_:
        if settings.judge.url and settings.judge.model:
            store = ObjectStore(f"file://{Path('build/judgements').resolve()}")
            rewards[settings.judge.model] = open_.enter_context(model_judge(settings.judge, WORDS, CODEC, store))
        print(f"{len(cases)} steps")
        worst = max(max(shown(name, reward, cases).values()) for name, reward in rewards.items())
    sys.exit(worst > 0)


if __name__ == "__main__":
    main()
