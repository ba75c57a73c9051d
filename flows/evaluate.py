"""Champion and a version on the same held-out problems, beside the references, as a deployment. Decides nothing."""

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field

from aoi.records.problem import Split
from aoi.records.seed import MAX_SEED
from flows.runs import watched
from tasks.evaluate import Measured, evaluate_outside


class EvaluateParameters(BaseModel):
    """What to compare, and on what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = "challenger"
    """Registered version or alias."""
    split: Split = "test"
    """`test` is for reports only: no gate ever reads it."""
    seed: int = Field(default=0, ge=0, le=MAX_SEED)


@watched
@flow(name="evaluate")
def evaluate_versions(parameters: EvaluateParameters | None = None) -> Measured:
    """Compare a version with the champion."""
    parameters = parameters or EvaluateParameters()
    return evaluate_outside(parameters.version, parameters.split, parameters.seed)
