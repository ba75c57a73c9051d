from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from aoi.agents.policy import Generation, Policy, Turn
from aoi.errors import IdentityMismatch
from aoi.language.profile import SEED_PROFILE
from aoi.records.episode import RoleName
from models import bundle, files, identity
from models.bundle import Bundle, Lineage, Parts
from models.policies.in_process import InProcessPolicy

LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)


@pytest.fixture(scope="module")
def good(base: Path, adapter: Path, other_adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "good"
    bundle.write(folder, Parts(base, SEED_PROFILE, adapter, other_adapter), LINEAGE)
    return bundle.load(folder, base)


def in_process(opened: Bundle) -> InProcessPolicy:
    return InProcessPolicy(opened.base, opened.adapters)


class _Liar:
    """Answers with one policy and claims the digests of another: what a broken server does."""

    def __init__(self, truth: Policy, good: Bundle, prefix: tuple[int, ...] = ()) -> None:
        self.truth, self.claims, self.prefix = truth, in_process(good), prefix

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        changed = [Turn(t.role, self.prefix + t.prompt_ids, t.max_tokens, t.temperature, t.seed) for t in turns]
        answers = self.truth.generate(changed)
        return [
            Generation(answer.token_ids, answer.logprobs, claim.adapter)
            for answer, claim in zip(answers, self.claims.generate(turns), strict=True)
        ]


def test_the_right_adapters_pass(good: Bundle) -> None:
    reports = identity.verify(in_process(good), good)
    assert {report.role for report in reports} == {"observer", "evolver"}
    for report in reports:
        assert report.largest_difference < 1e-4
        assert report.distance_from_base > 10 * report.tolerance


def test_a_bare_base_is_proven_too(base: Path, tmp_path: Path) -> None:
    bundle.write(tmp_path / "bare", Parts(base, SEED_PROFILE), LINEAGE)
    (report,) = identity.verify(InProcessPolicy(base), bundle.load(tmp_path / "bare", base))
    assert report.expected == f"base:{files.weights_digest(base)}"


def _changed(source: Path, target: Path, name: str, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    weights = load_file(target / name)
    change(weights)
    save_file(weights, target / name, metadata={"format": "pt"})
    return target


def _randomise(weights: dict[str, torch.Tensor]) -> None:
    generator = torch.Generator().manual_seed(0)
    for name in sorted(weights):
        weights[name] = torch.randn(weights[name].shape, generator=generator) * weights[name].std()


def _perturb(weights: dict[str, torch.Tensor]) -> None:
    weights["model.layers.0.mlp.down_proj.weight"] *= 1.02


SABOTAGES = ("base served", "previous adapter", "random adapter", "swapped adapters", "wrong base", "wrong template")


@pytest.mark.parametrize("sabotage", SABOTAGES)
def test_sabotage_is_detected(
    sabotage: str, good: Bundle, base: Path, adapter: Path, other_adapter: Path, tmp_path: Path
) -> None:
    observer: dict[RoleName, Path] = {"observer": adapter, "evolver": other_adapter}
    prefix: tuple[int, ...] = ()
    match sabotage:
        case "base served":
            observer.pop("observer")
        case "previous adapter":
            observer["observer"] = other_adapter
        case "random adapter":
            observer["observer"] = _changed(adapter, tmp_path / "random", "adapter_model.safetensors", _randomise)
        case "swapped adapters":
            observer = {"observer": other_adapter, "evolver": adapter}
        case "wrong base":
            base = _changed(base, tmp_path / "base", "model.safetensors", _perturb)
        case "wrong template":
            prefix = (3,)
    policy = _Liar(InProcessPolicy(base, observer), good, prefix)
    report = identity.probe(policy, good)
    assert not report.ok
    assert report.largest_difference > 3 * report.tolerance
    with pytest.raises(IdentityMismatch, match="is not answered by"):
        identity.verify(policy, good)


def test_a_policy_that_names_another_adapter_is_refused(good: Bundle, base: Path) -> None:
    report = identity.probe(InProcessPolicy(base), good)
    assert "it says that it answered with base:" in report.reason


def test_an_adapter_that_does_nothing_is_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    def silence(weights: dict[str, torch.Tensor]) -> None:
        for name, weight in weights.items():
            if "lora_B" in name:
                weight.zero_()

    silent = _changed(adapter, tmp_path / "silent", "adapter_model.safetensors", silence)
    bundle.write(tmp_path / "bundle", Parts(base, SEED_PROFILE, silent), LINEAGE)
    loaded = bundle.load(tmp_path / "bundle", base)
    assert "cannot be told from the base" in identity.probe(in_process(loaded), loaded).reason


def test_a_policy_without_logprobs_proves_nothing(good: Bundle) -> None:
    class Silent:
        def generate(self, turns: Sequence[Turn]) -> list[Generation]:
            return [Generation(a.token_ids, None, a.adapter) for a in in_process(good).generate(turns)]

    assert not identity.probe(Silent(), good).ok
