"""Diagnose one embedded world with the champion, as a deployment. `aoi diagnose` needs no Prefect."""

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from pydantic import BaseModel, ConfigDict, Field

from aoi import progress
from aoi.language.narration import answered, why
from aoi.records.diagnosis import Diagnosis
from aoi.records.seed import MAX_SEED
from flows.events import EventLog
from tasks.diagnose import diagnose_problem as diagnose


class DiagnoseParameters(BaseModel):
    """Which world."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problem: str
    """Id of a problem, as `aoi problems list` prints it."""
    seed: int = Field(default=0, ge=0, le=MAX_SEED)


@flow(name="diagnose")
def diagnose_problem(parameters: DiagnoseParameters) -> Diagnosis:
    """Diagnose, with a line in the log for what happens, and leave the answer as an artifact."""
    with progress.reporting_to(EventLog(get_run_logger())):
        diagnosis = diagnose(parameters.problem, parameters.seed)
    answer = diagnosis.answer
    said = ". ".join(filter(None, (answered(answer), why(answer)))) if answer else "no answer"
    create_markdown_artifact(key="diagnosis", markdown=f"`{parameters.problem}` {said} ({diagnosis.trajectory_ref})")
    return diagnosis
