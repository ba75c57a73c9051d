"""GRPO in two processes that accelerate starts: on CPUs over gloo, the same as in one but for the order of sums.

Three launches in all, each of some seconds of imports.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from aoi.errors import SettingsError, StageBusy
from aoi.language.profile import SEED_PROFILE
from aoi.model_settings import TrainingSettings
from aoi.records.learning import TrainingExample
from aoi.settings import Settings
from models import bundle, files
from models.bundle import Parts
from models.policies.of_bundle import Serving
from models.training import rank
from models.training.curves import TrainingRun
from models.training.fit import fit
from models.training.grpo import GrpoSettings, grpo
from models.training.launching import launch_of, launched
from models.training.ranks import InRanks, grpo_of
from tests.models.test_sampling import LINEAGE

TWO_ON_CPU = "distributed_type: MULTI_CPU\nnum_machines: 1\nnum_processes: 2\nuse_cpu: true\n"
SMALL = GrpoSettings(
    steps=4, prompts=3, group=4, microbatch=3, seeded=True, checkpoint_every=2, learning_rate=1e-3, loss="dapo"
)
"""Of twelve completions a step each rank has six, so the second group begins on one and ends on the other."""
STEP = SMALL.prompts * SMALL.group
TOLERANCE = 2e-5
"""Of a weight, where the learning rate lets one move by 1e-3 a step: Adam divides by the gradient's own size, so the
last bits of a sum are seen where that is small."""


def uneven(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
    """No two completions are worth the same: every step teaches something."""
    return [sum(one) % 997 / 997 for one in completions]


class Paid:
    """A reward that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], list[tuple[int, ...]]]] = []

    def __call__(self, examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        self.asked.append(([example.digest() for example in examples], list(completions)))
        return uneven(examples, completions)


class Trained:
    """A run, and what was paid and reported meanwhile."""

    def __init__(self, run: TrainingRun, paid: Paid, reported: list[int], folder: Path) -> None:
        self.run, self.paid, self.reported, self.folder = run, paid, reported, folder


def configured(folder: Path, text: str = TWO_ON_CPU) -> str:
    file = folder / "accelerate.yaml"
    file.write_text(text)
    return str(file)


def settings_of(folder: Path, text: str = TWO_ON_CPU, **other: object) -> TrainingSettings:
    return TrainingSettings.model_validate({"accelerate": configured(folder, text), **other})


def ranks_here() -> list[psutil.Process]:
    """Ranks and launchers that stand under this process."""
    found = psutil.Process().children(recursive=True)
    return [each for each in found if rank.__name__ in each.cmdline()]


@pytest.fixture(scope="module")
def in_two(
    base: Path, adapter: Path, examples: list[TrainingExample], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp("two")
    learn = InRanks(launch_of(settings_of(folder, prompts=3, group_size=4, microbatch=3)))
    paid, reported = Paid(), []
    run = learn(
        base, examples[:8], paid, folder / "grpo", seed=1, settings=SMALL, warm_start=adapter,
        progress=lambda point: reported.append(point.step),
    )  # fmt: skip
    return Trained(run, paid, reported, folder / "grpo")


def test_two_ranks_say_what_one_process_says_and_learn_the_same_but_for_the_order_of_sums(
    in_two: Trained, base: Path, adapter: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    paid = Paid()
    alone = grpo(base, examples[:8], paid, tmp_path / "one", seed=1, settings=SMALL, warm_start=adapter)
    assert in_two.paid.asked == paid.asked
    ours, theirs = (
        files.read_weights([folder / "adapter_model.safetensors"]) for folder in (tmp_path / "one", in_two.folder)
    )
    start = files.read_weights([adapter / "adapter_model.safetensors"])
    assert ours.keys() == theirs.keys()
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < TOLERANCE
    assert max(float((ours[name] - start[name]).abs().max()) for name in ours) > 100 * TOLERANCE
    assert in_two.run.model_copy(update={"points": (), "result": alone.result}) == alone.model_copy(
        update={"points": ()}
    )
    for one, other in zip(alone.points, in_two.run.points, strict=True):
        assert other.reward == pytest.approx(one.reward)
        assert other.loss == pytest.approx(one.loss, abs=1e-4)
        assert other.gradient_norm == pytest.approx(one.gradient_norm, rel=1e-2)


def test_each_step_is_paid_once_as_a_whole_and_reported_once(in_two: Trained) -> None:
    assert [len(completions) for _, completions in in_two.paid.asked] == [STEP] * SMALL.steps
    for asked, _ in in_two.paid.asked:
        assert all(len(set(asked[start : start + SMALL.group])) == 1 for start in range(0, STEP, SMALL.group))
    assert in_two.reported == [1, 2, 3, 4]


def test_the_adapter_is_written_once_and_is_what_the_run_says(in_two: Trained) -> None:
    assert sorted(path.name for path in in_two.folder.iterdir()) == sorted(files.ADAPTER_FILES)
    assert in_two.run.result == files.adapter_digest(in_two.folder)


def test_a_rank_that_dies_is_an_error_that_leaves_nobody_behind_and_the_run_goes_on_to_the_same_adapter(
    in_two: Trained, base: Path, adapter: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    learn = InRanks(launch_of(settings_of(tmp_path, prompts=3, group_size=4, microbatch=3)))
    steps: list[int] = []

    def deadly(found: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        steps.append(len(completions))
        if len(steps) == 4:
            next(each for each in ranks_here() if each.environ().get("RANK") == "1").kill()
        return uneven(found, completions)

    with pytest.raises(StageBusy, match=r"(?s)(a rank is gone|rank 0 raised).*exited with 1.*exitcode *: -9"):
        learn(base, examples[:8], deadly, tmp_path / "grpo", seed=1, settings=SMALL, warm_start=adapter)
    assert not ranks_here()
    assert list((tmp_path / "grpo").rglob("checkpoint-2"))
    paid = Paid()
    again = learn(base, examples[:8], paid, tmp_path / "grpo", seed=1, settings=SMALL, warm_start=adapter)
    assert paid.asked == in_two.paid.asked[2:]
    assert again == in_two.run
    assert not ranks_here()


def interrupted(folder: Path, started: list[psutil.Process]) -> None:
    """A launcher that stands for accelerate's: it starts one more, and ends neither by itself."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    before = set(psutil.Process().children(recursive=True))
    with launched([sys.executable, "-c", script], {}, folder) as ranks:
        while len(started) < 2:
            assert ranks.heard() == []
            started[:] = set(psutil.Process().children(recursive=True)) - before
        raise KeyboardInterrupt


def test_whatever_ends_the_wait_ends_the_processes(tmp_path: Path) -> None:
    started: list[psutil.Process] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path, started)
    assert not psutil.wait_procs(started, timeout=10)[1]


def waited_for(command: list[str], folder: Path) -> None:
    with launched(command, {}, folder) as ranks:
        while True:
            ranks.heard()


def test_a_launcher_that_ends_before_anybody_joins_is_told_with_its_last_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such device')"]
    with pytest.raises(StageBusy, match=r"(?s)the launcher is gone.*exited with 1.*no such device"):
        waited_for(command, tmp_path)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"prompts": 3, "group_size": 3}, r"3 x 3 = 9 completions .* cannot be shared out evenly.*multiple of 2"),
        ({"prompts": 3, "group_size": 4, "microbatch": 4}, r"6 for each .* Set the last one to 3"),
    ],
)
def test_a_step_that_cannot_be_shared_out_is_refused_before_anything_starts(
    tmp_path: Path, changed: dict[str, int], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        grpo_of(settings_of(tmp_path, **changed))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TWO_ON_CPU.replace("MULTI_CPU", "FSDP"), "distributed_type FSDP"),
        (TWO_ON_CPU.replace("machines: 1", "machines: 2"), "num_machines 2"),
        (TWO_ON_CPU.replace("processes: 2", "processes: 1"), "num_processes 1"),
        (TWO_ON_CPU + "gpus: 2\n", "cannot read.*gpus"),
        ("two", "cannot read"),
        ("a: [", "cannot read"),
        (TWO_ON_CPU.replace("MULTI_CPU", "MULTI_GPU").replace("true", "false").replace("es: 2", "es: 64"), "are here"),
    ],
)
def test_a_configuration_for_anything_but_several_processes_of_this_machine_is_refused(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        grpo_of(settings_of(tmp_path, text))


def test_a_configuration_that_is_not_there_is_refused_and_none_trains_in_this_process(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        grpo_of(TrainingSettings(accelerate=str(tmp_path / "none.yaml")))
    assert grpo_of(TrainingSettings()) is grpo


def test_fitting_asks_for_the_configuration_before_it_begins(base: Path, adapter: Path, tmp_path: Path) -> None:
    bundle.write(tmp_path / "bundle", Parts(base, SEED_PROFILE, adapter), LINEAGE)
    opened, settings = bundle.load(tmp_path / "bundle", base), TrainingSettings(accelerate="none.yaml")
    with pytest.raises(SettingsError, match=r"AOI_TRAINING__ACCELERATE is none\.yaml"):
        fit(opened, None, [], tmp_path / "work", seed=1, settings=settings, serving=Serving())


def test_ranks_and_a_server_that_samples_are_refused_together(tmp_path: Path) -> None:
    training = {"sampling": "server", "accelerate": configured(tmp_path)}
    with pytest.raises(SettingsError, match="in_process, or unset AOI_TRAINING__ACCELERATE"):
        Settings.load(training=training, server={"url": "http://127.0.0.1:9"})
