"""When a stage is tried again: the error says whether, and when.

Prefect's own delay is fixed when a task is declared, before there is an error to ask; so the pause is made where
Prefect asks for the condition, and Prefect's delay is left at none.
"""

import random
import time
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.logging import get_run_logger

from aoi.errors import Permanent, Transient
from aoi.settings import derive_seed
from tasks.workspace import workspace

UNCLASSIFIED_S = 5.0
"""Pause after an error that nobody put into the tree."""
SPREAD = 0.25
"""Up to this share is added to a pause, so that runs that failed together do not come back together."""
CAP_S = 300.0
"""No stage sleeps for longer, whatever Retry-After a model server sends: the next run of the command is for that."""


def may_work_later(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:
    """Prefect's `retry_condition_fn`: False at once for what is permanent, True after the pause for everything else."""
    try:
        state.result()
    except Permanent:
        return False
    except Exception as error:
        # By run, not by task: two machines with equal settings that failed together must not agree on a pause.
        seed = derive_seed(workspace().settings.seed, "retry", str(run.id), run.run_count)
        pause_s = pause_before_retry_s(error, seed)
        get_run_logger().warning("%s: %s; trying again in %.0f s", task.name, error, pause_s)
        time.sleep(pause_s)
        return True
    return False


def pause_before_retry_s(error: Exception, seed: int) -> float:
    """What the error asks for and up to a quarter more, at most CAP_S; the same for the same seed."""
    asked_s = error.retry_in_s if isinstance(error, Transient) else UNCLASSIFIED_S
    return min(asked_s * (1 + SPREAD * random.Random(seed).random()), CAP_S)
