"""The loop from collect to gate on other people's architectures: nothing is refused, and what is trained is an adapter.

The models are tiny and know nothing: what is asserted is that the loop speaks to them, executes what they decide, and
leaves adapters that plain PEFT loads.
"""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from aoi.store.objects import ObjectStore
from tests import command
from tests.flows.test_loop import entries
from tests.models.families import FAMILIES, Family, write_speaker

BRIEF = {
    "AOI_MODEL__ITERATIONS": "3",
    "AOI_MODEL__PROMPT_TOKENS": "1600",
    "AOI_MODEL__COMPLETION_TOKENS": "96",
    "AOI_COLLECT__PROBLEMS": "5",
    "AOI_COLLECT__ROLLOUTS": "2",
    "AOI_COLLECT__SHARD_SIZE": "8",
    "AOI_TRAINING__GRPO_STEPS": "2",
    "AOI_TRAINING__EVOLVER_GRPO_STEPS": "1",
    "AOI_TRAINING__TRIES": "4",
    "AOI_TRAINING__PROMPTS": "4",
    "AOI_TRAINING__GROUP_SIZE": "4",
    "AOI_EVALUATION__PROBLEMS_PER_SLICE": "1",
    "AOI_EVALUATION__SEEDS": "1",
    "AOI_EVALUATION__INJECTED": "1",
    "OMP_NUM_THREADS": "1",
}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_loop_runs_from_collect_to_gate_on_a_base_of_somebody_else(family: Family, tmp_path: Path) -> None:
    base, home, user = write_speaker(family, tmp_path / "base"), tmp_path / "home", tmp_path / "user"
    user.mkdir()
    (base / ".gitattributes").write_text("*.safetensors filter=lfs\n")  # as in any clone
    settings = {**BRIEF, "HOME": str(user), "AOI_MODEL__BASE": str(base)}
    run = command.aoi(home, "retrain", "--auto-approve", **settings)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "train: reinforce" in run.stderr
    assert "verdict" in run.stdout
    assert "expert: scripted" in run.stdout, "which speaks its own layout, on the same worlds"
    first, second = entries(home, "registered")
    store = ObjectStore(f"file://{home / 'store'}")
    bundle = tmp_path / "bundle"
    store.get_folder(store.find(f"bundle:{second['facts']['tree']}"), bundle)
    (adapter,) = [path.parent for path in bundle.rglob("adapter_config.json")]
    assert first["facts"]["bundle"] != second["facts"]["bundle"]
    plain = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    model = PeftModel.from_pretrained(plain, str(adapter))
    assert any(weight.abs().sum() > 0 for name, weight in model.named_parameters() if "lora_B" in name)
