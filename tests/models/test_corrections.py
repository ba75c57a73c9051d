"""The three ways in which a verified correction enters: imitated, preferred to what failed, sampled among by GRPO."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from aoi.records.learning import TrainingExample
from models import files
from models.adapters import AdapterSettings
from models.policies.reference import Reference
from models.training import batches, grpo, seeding
from models.training.batches import Pair, log_likelihoods
from models.training.forward import Whole, forward_of
from models.training.grpo import GrpoSettings
from models.training.preferences import Preference, accumulate, prefer
from models.training.sft import SftSettings

QUICK = SftSettings(epochs=15, batch=16, learning_rate=3e-3)


@pytest.fixture(scope="module")
def preferences(examples: list[TrainingExample]) -> list[TrainingExample]:
    """Each rejects what was right at another prompt."""
    few = examples[:16]
    turned = [*few[1:], few[0]]
    pairs = [(one, other) for one, other in zip(few, turned, strict=True) if one.target_ids != other.target_ids]
    return [one.model_copy(update={"rejected_ids": other.target_ids}) for one, other in pairs]


def margins(base: Path, adapter: Path | None, rows: Sequence[TrainingExample]) -> list[tuple[float, float]]:
    """Log-likelihoods of what is chosen and what is rejected."""
    forward = forward_of(AdapterSettings().opened(base, adapter, 0).eval())
    with torch.no_grad():
        chosen = log_likelihoods(forward, [Pair(row.prompt_ids, row.target_ids or ()) for row in rows])
        rejected = log_likelihoods(forward, [Pair(row.prompt_ids, row.rejected_ids or ()) for row in rows])
    return list(zip(chosen.tolist(), rejected.tolist(), strict=True))


def test_a_preference_is_learnt_without_losing_the_likelihood_of_what_was_right(
    base: Path, preferences: list[TrainingExample], tmp_path: Path
) -> None:
    run = prefer(base, preferences, tmp_path / "dpo", seed=1, settings=QUICK)
    assert run.method == "dpo"
    before, after = margins(base, None, preferences), margins(base, tmp_path / "dpo", preferences)
    assert sum(c - r for c, r in after) > sum(c - r for c, r in before) + 5 * len(preferences)
    assert sum(c for c, _ in after) > sum(c for c, _ in before)


def test_preferring_is_deterministic(base: Path, preferences: list[TrainingExample], tmp_path: Path) -> None:
    few = SftSettings(epochs=1, batch=8)
    runs = [prefer(base, preferences, tmp_path / name, seed=1, settings=few) for name in ("a", "b")]
    assert runs[0] == runs[1]
    assert runs[0].result == files.adapter_digest(tmp_path / "a")


def test_before_the_first_step_nothing_is_preferred_but_as_the_reference_does(
    base: Path, adapter: Path, preferences: list[TrainingExample], tmp_path: Path
) -> None:
    """At the reference the preference's loss is ln 2, wherever training starts."""
    once = SftSettings(epochs=1, batch=len(preferences), log_every=1)
    chosen = [Pair(row.prompt_ids, row.target_ids or ()) for row in preferences]
    for name, start in (("bare", None), ("warm", adapter)):
        run = prefer(base, preferences, tmp_path / name, seed=1, settings=once, warm_start=start)
        with torch.no_grad():
            likelihoods = log_likelihoods(forward_of(AdapterSettings().opened(base, start, 0).eval()), chosen)
        imitated = -sum(value / len(pair.completion) for value, pair in zip(likelihoods.tolist(), chosen, strict=True))
        expected = 0.6931 + 0.2 * imitated / len(chosen)
        assert run.points[0].loss == pytest.approx(expected, abs=0.02)


def test_the_gradient_of_a_preference_does_not_depend_on_how_it_is_cut(base: Path, adapter: Path) -> None:
    batch = [Preference((3, 4, 5), (6, 7), (8,)), Preference((3,), (9, 10, 11), (12, 13)), Preference((4,), (5,), (6,))]
    gradients = []
    for microbatch in (2, 64):
        model = AdapterSettings().opened(base, adapter, 0)
        loss = accumulate(Whole(model), batch, microbatch)
        gradients.append((loss, torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None])))
    assert gradients[0][0] == pytest.approx(gradients[1][0], rel=1e-5)
    assert torch.allclose(gradients[0][1], gradients[1][1], rtol=1e-3, atol=1e-6)


def test_likelihoods_of_completions_add_up_to_the_loss_that_imitation_has(base: Path, adapter: Path) -> None:
    forward = forward_of(AdapterSettings().opened(base, adapter, 0))
    pairs = [Pair((3, 4, 5), (6, 7)), Pair((3,), (9, 10, 11))]
    with torch.no_grad():
        assert batches.completion_loss(forward, pairs).item() == pytest.approx(
            -log_likelihoods(forward, pairs).sum().item(), rel=1e-5
        )


def test_an_example_that_rejects_nothing_is_no_preference(
    base: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="what was decided instead"):
        prefer(base, examples[:4], tmp_path, seed=1)


# Seeded groups ------------------------------------------------------------------------------------------------------


def seeded(base: Path, rows: Sequence[TrainingExample], folder: Path, **changes) -> list[list[tuple[int, ...]]]:
    """The completions of every step's first group."""
    groups: list[list[tuple[int, ...]]] = []

    def reward(found: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        groups.append(list(completions[:4]))
        return [float(c == (e.target_ids or ())) for e, c in zip(found, completions, strict=True)]

    settings = GrpoSettings(steps=2, prompts=2, group=4, learning_rate=2e-3, beta=0.0, seeded=True)
    grpo.grpo(base, rows, reward, folder, seed=1, settings=settings.model_copy(update=changes))
    return groups


def certain(rows: Sequence[TrainingExample], each: float) -> list[TrainingExample]:
    return [row.model_copy(update={"behaviour": (each,) * len(row.target_ids or ())}) for row in rows]


def test_a_target_stands_last_in_its_group_where_groups_are_seeded_and_nowhere_else(
    base: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    rows = certain(examples[:2], -0.1)
    targets = {row.target_ids for row in rows}
    assert all(group[-1] in targets for group in seeded(base, rows, tmp_path / "a"))
    assert not any(group[-1] in targets for group in seeded(base, rows, tmp_path / "b", seeded=False))
    bare = [row.model_copy(update={"target_ids": None, "target": None}) for row in examples[:2]]
    assert not any(group[-1] in targets for group in seeded(base, bare, tmp_path / "c"))


def test_a_target_is_weighed_by_its_importance_and_most_where_it_is_said_now_and_then(
    base: Path, examples: list[TrainingExample]
) -> None:
    """w -> w / (w + SHAPE): its slope, times w, multiplies the gradient."""
    trained = AdapterSettings().opened(base, None, 0)
    model = Reference.load(base, None)
    rows = [*certain(examples[:1], -0.01), examples[1].model_copy(update={"behaviour": None})]
    for row, (said, old) in zip(rows, seeding.reference_logprobs(trained, rows, 1), strict=True):
        assert tuple(said) == row.target_ids
        now = np.array(model.logprobs(row.prompt_ids, row.target_ids or ()))
        weight = np.exp(now - (-0.01 if row.behaviour else 0.0))
        expected = seeding.SHAPE * weight / (weight + seeding.SHAPE) ** 2
        assert np.exp(now - old) == pytest.approx(expected, rel=1e-3)
        assert max(expected) <= 0.25


def test_a_target_that_is_hardly_ever_said_still_teaches(
    base: Path, examples: list[TrainingExample], tmp_path: Path
) -> None:
    model = Reference.load(base, None)
    own = [sum(model.logprobs(row.prompt_ids, row.target_ids or ())) for row in examples]
    unlikely = sorted(range(len(examples)), key=lambda index: own[index])[:2]
    rows = certain([examples[index] for index in unlikely], -0.01)
    settings = GrpoSettings(steps=60, prompts=2, group=4, learning_rate=2e-3, beta=0.0, seeded=True)

    def reward(found: Sequence[TrainingExample], said: Sequence[tuple[int, ...]]) -> list[float]:
        return [float(c == (e.target_ids or ())) for e, c in zip(found, said, strict=True)]

    grpo.grpo(base, rows, reward, tmp_path / "a", seed=1, settings=settings)
    taught = Reference.load(base, tmp_path / "a")
    for row in rows:
        before, after = (sum(m.logprobs(row.prompt_ids, row.target_ids or ())) for m in (model, taught))
        assert after > before + 3
