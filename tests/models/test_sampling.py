"""Completions of GRPO from a server: handed the adapter in training, held against it, and used as they come."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from aoi.errors import IdentityMismatch, Permanent, ServerUnavailable
from aoi.language.profile import SEED_PROFILE
from aoi.model_settings import TrainingSettings
from aoi.records.learning import TrainingExample
from aoi.settings import ServerSettings
from models import bundle, files
from models.adapters import AdapterSettings
from models.bundle import Bundle, Lineage, Parts
from models.policies.of_bundle import Serving, policy_of
from models.policies.server import adapter_name
from models.training import grpo
from models.training.curves import CurvePoint, TrainingRun
from models.training.grpo import GrpoSettings
from models.training.sampling import IN_PROCESS, Handing, OnServer, Sampler, sampler_of
from tests.models.protocol_server import ProtocolServer
from tests.models.test_training import Cut

LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)
BRIEF = GrpoSettings(steps=2, prompts=2, group=4, microbatch=8, learning_rate=2e-3, max_completion_tokens=16)
LONGER = BRIEF.model_copy(update={"steps": 4, "checkpoint_every": 2})
STEP = BRIEF.prompts * BRIEF.group
"""Completions."""
OURS = "aoi-training-"
Reward = Callable[[Sequence[TrainingExample], Sequence[tuple[int, ...]]], list[float]]


def uneven(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
    """No two completions are worth the same: every step teaches something."""
    return [sum(one) % 997 / 997 for one in completions]


@pytest.fixture(scope="module")
def opened(base: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "opened"
    bundle.write(folder, Parts(base, SEED_PROFILE, adapter), LINEAGE)
    return bundle.load(folder, base)


class Run:
    """A warm-started training whose completions come from the server."""

    def __init__(self, server: ProtocolServer, opened: Bundle, examples: list[TrainingExample], folder: Path) -> None:
        self.server, self.opened, self.examples, self.folder = server, opened, examples[:8], folder
        self.serving = Serving(server=ServerSettings(url=server.url))
        self.said: list[tuple[int, ...]] = []

    def listed(self) -> set[str]:
        """Adapters in training that the server lists."""
        return {name for name in self.server.policies if name.startswith(OURS)}

    def train(
        self,
        settings: GrpoSettings = BRIEF,
        *,
        sync_every: int = 1,
        reward: Reward = uneven,
        progress: grpo.Progress | None = None,
    ) -> TrainingRun:
        training = TrainingSettings(sampling="server", sync_every=sync_every)
        with sampler_of(self.opened, self.serving, training, self.folder / "sampled") as sampler:
            return self.by(sampler, settings, reward, progress)

    def by(
        self,
        sampler: Sampler,
        settings: GrpoSettings = BRIEF,
        reward: Reward = uneven,
        progress: grpo.Progress | None = None,
    ) -> TrainingRun:
        def paid(found: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
            self.said += completions
            return reward(found, completions)

        return grpo.grpo(
            self.opened.base,
            self.examples,
            paid,
            self.folder / "grpo",
            seed=1,
            settings=settings,
            warm_start=self.opened.adapters["observer"],
            progress=progress,
            sampler=sampler,
        )


@pytest.fixture
def run(server: ProtocolServer, opened: Bundle, examples: list[TrainingExample], tmp_path: Path) -> Run:
    return Run(server, opened, examples, tmp_path / "there")


def test_a_server_samples_what_the_engine_of_this_process_samples(run: Run, tmp_path: Path) -> None:
    here = Run(run.server, run.opened, run.examples, tmp_path / "here")
    own, theirs = here.by(IN_PROCESS), run.train()
    assert run.said == here.said
    assert len(run.server.bodies) == len(run.said) == BRIEF.steps * STEP
    for one, other in zip(own.points, theirs.points, strict=True):
        assert one.sampling_difference is None
        assert other.sampling_difference is not None
        assert other.sampling_difference < 1e-5
        assert other.reward == one.reward
        assert other.loss == pytest.approx(one.loss, abs=1e-4)


def test_each_step_has_its_own_adapter_and_none_stays(run: Run) -> None:
    seen: list[set[str]] = []

    def watched(found: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        seen.append(run.listed())
        return uneven(found, completions)

    with policy_of(run.opened, run.serving):
        """The champion is listed: training starts from it, and others ask it meanwhile."""
    champion = adapter_name(files.adapter_digest(run.opened.adapters["observer"]))
    trained = run.train(reward=watched)
    assert [len(names) for names in seen] == [1, 1]
    assert seen[0].isdisjoint(seen[1])
    assert set(run.server.policies) == {"base", champion}
    assert sorted(path.name for path in run.folder.iterdir()) == ["grpo"]
    assert trained.result == files.adapter_digest(run.folder / "grpo")


def test_between_two_adapters_the_last_one_samples_and_its_own_figures_weigh(run: Run) -> None:
    trained = run.train(LONGER, sync_every=2)
    asked = [str(body["model"]) for body in run.server.bodies]
    names = [set(asked[start : start + STEP]) for start in range(0, len(asked), STEP)]
    assert names[0] == names[1] != names[2] == names[3]
    assert [point.sampling_difference is None for point in trained.points] == [False, True, False, True]
    assert all(point.gradient_norm for point in trained.points)


def nothing_applied(run: Run, _: Path) -> None:
    run.server.loads_nothing = True


def another_adapter(run: Run, other: Path) -> None:
    run.server.swapped = other


@pytest.mark.parametrize("wrong", [nothing_applied, another_adapter])
@pytest.mark.parametrize("step", [1, 2])
def test_an_adapter_that_was_taken_and_is_not_what_answers_is_found_at_its_step(
    run: Run, other_adapter: Path, wrong: Callable[[Run, Path], None], step: int
) -> None:
    def then_wrong(found: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        wrong(run, other_adapter)
        return uneven(found, completions)

    if step == 1:
        wrong(run, other_adapter)
    with pytest.raises(IdentityMismatch, match=rf"^step {step} of GRPO: .*nats from the trainer's"):
        run.train(reward=then_wrong)
    assert not run.listed()


def another_prompt(choice: dict[str, Any]) -> None:
    choice["prompt_token_ids"] = [1, *choice["prompt_token_ids"]]


def a_shortened_prompt(choice: dict[str, Any]) -> None:
    choice["prompt_token_ids"] = choice["prompt_token_ids"][:-1]


def no_prompt(choice: dict[str, Any]) -> None:
    del choice["prompt_token_ids"]


def no_ids(choice: dict[str, Any]) -> None:
    del choice["token_ids"]


def no_logprobs(choice: dict[str, Any]) -> None:
    choice["logprobs"] = None


def too_few_logprobs(choice: dict[str, Any]) -> None:
    choice["logprobs"]["token_logprobs"].pop()


def impossible(choice: dict[str, Any]) -> None:
    choice["logprobs"]["token_logprobs"][0] = float("-inf")


def cut_short(choice: dict[str, Any]) -> None:
    choice["token_ids"], choice["finish_reason"] = choice["token_ids"][:1], "length"


@pytest.mark.parametrize(
    ("alters", "told"),
    [
        (another_prompt, "differ from place"),
        (a_shortened_prompt, "differ from place"),
        (no_prompt, "no token ids"),
        (no_ids, "no token ids"),
        (no_logprobs, "without log-probabilities"),
        (too_few_logprobs, "log-probabilities of"),
        (impossible, "or some are none"),
        (cut_short, "--max-model-len of"),
    ],
)
def test_what_cannot_be_used_as_it_is_names_its_step(
    run: Run, alters: Callable[[dict[str, Any]], None], told: str
) -> None:
    run.server.then[STEP + 1] = lambda: setattr(run.server, "alters", alters)
    with pytest.raises(Permanent, match=f"(?s)^step 2 of GRPO: .*{told}"):
        run.train()
    assert not run.listed()


def test_a_server_that_is_busy_may_be_tried_again(run: Run) -> None:
    run.server.then[STEP + 1] = lambda: setattr(run.server, "busy", (503, "7"))
    with pytest.raises(ServerUnavailable, match=r"^step 2 of GRPO: ") as error:
        run.train()
    assert error.value.retry_in_s == 7.0


def test_a_server_that_was_started_again_is_handed_the_adapter_once_more(run: Run) -> None:
    def restarted(found: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        for name in run.listed():
            del run.server.policies[name]
        return uneven(found, completions)

    run.train(sync_every=2, reward=restarted)
    assert len({str(body["model"]) for body in run.server.bodies}) == 1


def test_what_a_killed_run_left_is_taken_back_by_the_same_run_alone(run: Run, opened: Bundle, tmp_path: Path) -> None:
    model = AdapterSettings().opened(opened.base, opened.adapters["observer"], 1)
    training = TrainingSettings(sampling="server")
    with sampler_of(opened, run.serving, training, tmp_path / "other") as other:
        assert isinstance(other, OnServer)
        killed = Handing(other._handing.server, run.folder / "sampled", opened.manifest.base)
        left, kept = killed.hand_over(model), other._handing.hand_over(model)
        assert left.digest == kept.digest
        assert run.listed() == {left.name, kept.name}, "equal adapters of two runs are two"
        with sampler_of(opened, run.serving, training, run.folder / "sampled"):
            assert run.listed() == {kept.name}
    assert not run.listed()


@pytest.mark.parametrize("sync_every", [1, 2])
def test_a_run_that_was_cut_off_goes_on_as_it_would_have(
    run: Run, server: ProtocolServer, opened: Bundle, tmp_path: Path, sync_every: int
) -> None:
    def cut(point: CurvePoint) -> None:
        if point.step >= 3:
            raise Cut

    whole = run.train(LONGER, sync_every=sync_every)
    again = Run(server, opened, run.examples, tmp_path / "again")
    with pytest.raises(Cut):
        again.train(LONGER, sync_every=sync_every, progress=cut)
    assert again.train(LONGER, sync_every=sync_every) == whole


def test_checkpoints_fall_on_steps_that_begin_with_a_new_adapter() -> None:
    every = {
        sync: GrpoSettings.of(TrainingSettings(sync_every=sync), 30, 32).checkpoint_every for sync in (1, 3, 4, 10, 25)
    }
    assert every == {1: 10, 3: 12, 4: 12, 10: 10, 25: 25}
