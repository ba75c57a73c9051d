"""Champion and a version on the same held-out problems, as a deployment. Decides nothing."""

from prefect import flow
from pydantic import BaseModel, ConfigDict

from aoi.records.evaluation import EvaluationResult
from aoi.records.problem import Split
from tasks.evaluate import evaluate_outside


class EvaluateParameters(BaseModel):
    """What to compare, and on what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = "challenger"
    """Registered version or alias."""
    split: Split = "test"
    """`test` is for reports only: no gate ever reads it."""
    seed: int = 0


@flow(name="evaluate")
def evaluate_versions(parameters: EvaluateParameters | None = None) -> EvaluationResult:
    """Compare a version with the champion."""
    parameters = parameters or EvaluateParameters()
    return evaluate_outside(parameters.version, parameters.split, parameters.seed)
