"""Rewards measured by worker processes: the same as in this one, and no process left behind."""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from aoi.agents.episode import handles_of, run_episode
from aoi.agents.operators import GoldenOperator
from aoi.agents.rollout import rollout
from aoi.errors import StageBusy
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.corrections import success_examples
from aoi.learning.judging import RuleJudge
from aoi.learning.replanning import VALID
from aoi.learning.rewards import MeasuredReward
from aoi.model_settings import Corrections
from aoi.problems import catalogue, scenario
from aoi.records.learning import TrainingExample
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.settings import ServerSettings, TrainingSettings
from models import bundle, files
from models.bundle import Bundle, Lineage, Parts
from models.policies.in_process import InProcessPolicy
from models.policies.of_bundle import Serving
from models.training.curves import TrainingRun
from models.training.fit import MINIMUM, dealt_out, fit
from models.training.judged import JudgedReward
from models.training.measuring import Start
from models.training.pooled import PooledPlans, PooledReward
from models.training.reward_workers import RewardWorker, reward_workers
from models.workers import worker_pool
from tests.models.protocol_server import ProtocolServer

CODEC = WordCodec()
LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)
STEPS = TrainingSettings(sft_steps=2, grpo_steps=1, prompts=4, group_size=2)


@pytest.fixture(scope="module")
def opened(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "bare"
    bundle.write(folder, Parts(base, SEED_PROFILE), LINEAGE)
    return bundle.load(folder, base)


@pytest.fixture(scope="module")
def golden() -> list[TrainingExample]:
    """What a golden operator was asked and said in two problems."""
    episodes, said = [], []
    for kind in (TaskKind.LOCALIZATION, TaskKind.ANALYSIS):
        problem = catalogue.problems(split="train", kind=kind, fault="wrong_target_port")[0]
        situation = scenario.build(ProblemInstance(problem=problem, seed=3))
        operator = GoldenOperator(CODEC, situation.truth, handles_of(situation, SEED_PROFILE))
        episode = run_episode(
            situation.fork(), profile=SEED_PROFILE, codec=CODEC, arm="golden", bundle="golden", rollout_seed=0
        )
        episodes += rollout([episode], operator)
    for trajectory in episodes:
        said += success_examples(trajectory, Prompter(SEED_PROFILE, CODEC))
    return said


@pytest.fixture(scope="module")
def pool() -> Iterator[Sequence[RewardWorker]]:
    with reward_workers() as running:
        yield running


def step_of(golden: list[TrainingExample]) -> tuple[list[TrainingExample], list[tuple[int, ...]]]:
    """Groups of completions: right ones, those of other prompts, noise, and some of them twice."""
    examples, completions = [], []
    for number, row in enumerate(golden):
        other = golden[(number + 1) % len(golden)]
        for target in (row.target_ids, other.target_ids, (5, 5, 5), row.target_ids):
            examples.append(row)
            completions.append(tuple(target or ()))
    return examples, completions


def test_pooled_rewards_are_the_rewards_of_one_process(
    pool: Sequence[RewardWorker], opened: Bundle, golden: list[TrainingExample]
) -> None:
    examples, completions = step_of(golden)
    alone = MeasuredReward(SEED_PROFILE, CODEC, InProcessPolicy(opened.base))
    expected = alone.measure([(row, CODEC.decode(ids)) for row, ids in zip(examples, completions, strict=True)])
    pooled = PooledReward(pool, Start(opened.folder, opened.base, None, Serving()))
    assert pooled(examples, completions) == expected
    assert pooled(examples[::-1], completions[::-1]) == expected[::-1]
    assert len(set(expected)) > 2
    assert pooled([], []) == []


def test_what_is_served_also_rewards(
    pool: Sequence[RewardWorker], opened: Bundle, golden: list[TrainingExample], adapter: Path
) -> None:
    """The policy that carries episodes on is the server's, with the adapter that training started from."""
    examples, completions = step_of(golden)
    here = PooledReward(pool, Start(opened.folder, opened.base, adapter, Serving()))
    with ProtocolServer(opened.base) as server:
        serving = Serving(server=ServerSettings(url=server.url))
        there = PooledReward(pool, Start(opened.folder, opened.base, adapter, serving))
        assert there(examples, completions) == here(examples, completions)
        trained = f"aoi-{files.adapter_digest(adapter)[:16]}"
        assert {trained} <= {body["model"] for body in server.bodies} <= {trained, "base"}


def test_shuffled_rewards_are_the_same_numbers_in_an_order_of_the_seed(
    pool: Sequence[RewardWorker], opened: Bundle, golden: list[TrainingExample]
) -> None:
    start = Start(opened.folder, opened.base, None, Serving())
    measured = PooledReward(pool, start)
    plain = measured(*step_of(golden))
    first, again, other = (dealt_out(measured, seed)(*step_of(golden)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sorted(first) == sorted(plain) != first


@pytest.mark.parametrize("ending", ["a worker dies", "the caller fails", "the work is done"])
def test_no_worker_outlives_its_pool(ending: str) -> None:
    pids: set[int] = set()

    def work() -> None:
        with worker_pool(2) as running:
            pids.update(running.map(_own_pid, range(8)))
            if ending == "a worker dies":
                running.submit(os._exit, 1).result()
            if ending == "the caller fails":
                running.submit(time.sleep, 600)
                raise KeyboardInterrupt

    if ending == "the work is done":
        work()
    else:
        with pytest.raises(StageBusy if ending == "a worker dies" else KeyboardInterrupt):
            work()
    assert pids
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def _own_pid(_: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def test_pooled_plans_are_carried_out_once_and_paid_group_by_group(
    pool: Sequence[RewardWorker], opened: Bundle, golden: list[TrainingExample]
) -> None:
    plans = [CODEC.encode_completion(text) for text in ('{"plan":" probe logs s1"}', '{"plan":" probe pods s2"}', "x")]
    examples = [golden[0]] * 3 + [golden[-1]] * 3
    reward = PooledPlans(pool, Start(opened.folder, opened.base, None, Serving()), group=3)
    found = reward(examples, [*plans, plans[0], plans[0], plans[2]])
    assert found[2] == found[5] == 0.0
    assert all(worth >= VALID for worth in (found[0], found[1], found[3], found[4]))
    # The policy here knows nothing, so plans differ by their likeness alone.
    assert found[3] == found[4] <= found[0]
    assert reward(examples, [*plans, plans[0], plans[0], plans[2]]) == found


def _corrections(golden: list[TrainingExample]) -> list[TrainingExample]:
    """What a golden operator said, as if a plan had led to it where something else had been decided before."""
    verified = {"source": "verified_correction", "plan": "3" * 64, "rejected_ids": (5, 5, 5)}
    return [row.model_copy(update=verified | {"behaviour": (-0.5,) * len(row.target_ids or ())}) for row in golden]


@pytest.mark.parametrize(("way", "methods"), [("dpo", ["dpo", "grpo"]), ("seeded", ["grpo"]), ("none", ["grpo"])])
def test_corrections_enter_as_the_setting_says(
    opened: Bundle, golden: list[TrainingExample], tmp_path: Path, way: Corrections, methods: list[str]
) -> None:
    prompts = [row.model_copy(update={"target_ids": None, "target": None}) for row in golden]
    rows = [*_corrections(golden) * MINIMUM, *prompts]
    settings = STEPS.model_copy(update={"corrections": way})
    runs, adapter = fit(opened, None, rows, tmp_path, seed=1, settings=settings, serving=Serving())
    assert [run.method for run in runs] == methods
    assert adapter == tmp_path / "grpo"


def test_fitting_imitates_then_reinforces_and_gives_the_last_adapter(
    opened: Bundle, golden: list[TrainingExample], tmp_path: Path
) -> None:
    prompts = [row.model_copy(update={"target_ids": None}) for row in golden]
    rows = [*_corrections(golden) * MINIMUM, *prompts]
    runs, adapter = fit(opened, None, rows, tmp_path / "a", seed=1, settings=STEPS, serving=Serving())
    assert [run.method for run in runs] == ["sft", "grpo"]
    assert adapter == tmp_path / "a" / "grpo"
    assert files.adapter_digest(adapter) == runs[-1].result
    assert files.adapter_digest(tmp_path / "a" / "sft") == runs[0].result
    again, _ = fit(opened, None, rows, tmp_path / "b", seed=1, settings=STEPS, serving=Serving())
    assert again == runs


def test_a_judge_rewards_at_decisions_whose_gold_is_known_and_own_successes_are_not_imitated(
    opened: Bundle, golden: list[TrainingExample], tmp_path: Path
) -> None:
    points = [row.model_copy(update={"target_ids": None, "target": None}) for row in golden]
    assert {row.source for row in golden} == {"success"}

    def fitted(rows: list[TrainingExample]) -> tuple[list[TrainingRun], Path | None]:
        return fit(opened, None, rows, tmp_path, seed=1, settings=STEPS, serving=Serving(), judge=RuleJudge())

    runs, _ = fitted([*golden * MINIMUM, *points])
    assert [run.method for run in runs] == ["grpo"]
    assert fitted(points) == ([], None)


def test_a_server_samples_where_the_setting_says_so_and_holds_nothing_afterwards(
    opened: Bundle, golden: list[TrainingExample], tmp_path: Path
) -> None:
    settings = STEPS.model_copy(update={"sampling": "server"})
    with ProtocolServer(opened.base) as server:
        serving = Serving(server=ServerSettings(url=server.url))
        points = golden * MINIMUM
        runs, _ = fit(opened, None, points, tmp_path, seed=1, settings=settings, serving=serving, judge=RuleJudge())
        assert len(server.bodies) == STEPS.prompts * STEPS.group_size
        assert all(str(body["model"]).startswith("aoi-training-") for body in server.bodies)
        assert set(server.policies) == {"base"}
    assert runs[-1].points[0].sampling_difference is not None


def test_a_judge_pays_the_gold_decision_best(golden: list[TrainingExample]) -> None:
    reward = JudgedReward(RuleJudge(), CODEC)
    best = reward(golden, [row.target_ids or () for row in golden])
    noise = reward(golden, [(3, 4)] * len(golden))
    assert min(best) > 0.9
    assert set(noise) == {0.0}


def test_what_has_too_little_to_learn_from_is_left_out(
    opened: Bundle, golden: list[TrainingExample], adapter: Path, tmp_path: Path
) -> None:
    settings = STEPS.model_copy(update={"grpo_steps": 0})
    few = golden[:1]
    assert fit(opened, adapter, few, tmp_path, seed=1, settings=settings, serving=Serving()) == ([], adapter)
    none = STEPS.model_copy(update={"sft_steps": 0})
    assert fit(opened, None, golden * MINIMUM, tmp_path, seed=1, settings=none, serving=Serving()) == ([], None)


class Remembers:
    """A worker that only remembers what it was asked about."""

    def __init__(self) -> None:
        self.problems: list[ProblemInstance] = []

    def begin(self, work: object, start: Start, jobs: list[tuple[TrainingExample, str]]) -> Callable[[], list[float]]:
        self.problems += [example.instance for example, _ in jobs]
        return lambda: [float(example.instance.seed) for example, _ in jobs]


def test_a_problem_always_goes_to_the_worker_that_has_its_world(opened: Bundle, golden: list[TrainingExample]) -> None:
    workers = [Remembers() for _ in range(3)]
    reward = PooledReward(workers, Start(opened.folder, opened.base, None, Serving()))
    instances = [golden[0].instance.model_copy(update={"seed": seed}) for seed in range(12)]
    rows = [row.model_copy(update={"instance": instance}) for instance in instances for row in golden]
    for seed in range(3):
        order = random.Random(seed).sample(rows, len(rows))
        assert reward(order, [(seed,)] * len(order)) == [float(row.instance.seed) for row in order]
    met = [set(worker.problems) for worker in workers]
    assert sum(map(len, met)) == len(set().union(*met)) == len(instances)
    assert sum(len(worker.problems) for worker in workers) == 3 * len(set(rows))
