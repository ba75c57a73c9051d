"""What results of the learning benchmark stand on, and what arms are charged for."""

from collections.abc import Sequence
from pathlib import Path

from aoi.records.base import Ref, sha256_hex
from aoi.records.learning import TrainingExample
from aoi.settings import Settings
from aoi.source import source_digest
from benchmarks.arms import Material
from benchmarks.experiment import Spent
from models.training.curves import TrainingRun

HERE = Path(__file__).parent
TRAINING_STAGES = ("tasks.collect", "tasks.evolve", "models.training.fit")
"""Whose code decides a trained arm, beside that of the arms."""
TRAINING_SETTINGS = {"seed": True, "collect": True, "training": True, "decoding": True, "judge": {"url", "model"}}


def spent_by(material: Material, rows: Sequence[TrainingExample], runs: Sequence[TrainingRun], took_s: float) -> Spent:
    """What an arm cost. Who learns from further problems did without the search, and the other way round."""
    beyond = {trajectory.content.digest() for trajectory in material.further}
    is_further = any(row.source_trajectory in beyond for row in rows)
    return Spent(
        collected=len(material.episodes),
        searched=0 if is_further else len(material.plans),
        further=len(material.further) if is_further else 0,
        measured=sum(run.examples for run in runs if run.method == "grpo"),
        optimiser_steps=sum(run.steps for run in runs),
        imitated=sum(run.examples for run in runs if run.method != "grpo"),
        tokens=sum(run.tokens for run in runs),
        training_s=took_s,
    )


def foundations(settings: Settings, champion: Ref) -> tuple[str, str]:
    """Digests of what decides a trained arm, and of what decides a measurement: start, settings, code."""
    chosen, arms = settings.model_dump_json(include=TRAINING_SETTINGS), HERE.joinpath("arms.py").read_text()
    training = _digest(champion.sha256, chosen, *map(source_digest, TRAINING_STAGES), arms)
    how = settings.evaluation.model_dump_json(exclude={"injected"})
    measuring = _digest(training, how, source_digest("tasks.evaluate"), HERE.joinpath("measures.py").read_text())
    return training, measuring


def _digest(*parts: str) -> str:
    return sha256_hex("/".join(parts).encode())[:8]
