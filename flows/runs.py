"""Flow runs whose process was killed are told to Prefect as crashed, which frees their slot of a limit."""

from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed, State

from tasks.runs import dead_runs, hold, let_go
from tasks.workspace import workspace

P = ParamSpec("P")
R = TypeVar("R")

AT_WORK = (StateType.RUNNING, StateType.CANCELLING)
"""A run in another state has ended, or waits without a process."""
WHY = "its process is gone: it was killed, or its machine was. Run it again: it goes on where it was."


def watched(flow: Flow[P, R]) -> Flow[P, R]:
    """Let others see, from the first moment of each run to its end, whether its process lives."""
    flow.on_running(_begins)
    for ends in (flow.on_completion, flow.on_failure, flow.on_crashed, flow.on_cancellation):
        ends(_ends)
    return flow


def _begins(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    hold(flow.name, str(flow_run.id))


def _ends(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    let_go(str(flow_run.id))


def crash_dead_runs() -> list[str]:
    """Tell Prefect of every run whose process is gone. Returns a line for each that it took to be at work."""
    told: list[str] = []
    dead = dead_runs()
    if not dead:
        return told
    with get_client(sync_client=True) as client:
        for run, lease in dead.items():
            try:
                found = client.read_flow_run(UUID(run))
            except ObjectNotFound:
                continue  # of another Prefect server: left to who asks that one
            if found.state_type in AT_WORK:
                _crash(client, found)
                told.append(f"flow run {found.name} is crashed: {WHY}")
            workspace().leases.give_back(lease)
    return told


def _crash(client: SyncPrefectClient, run: FlowRun) -> None:
    """The run, after its tasks: nobody would ask for theirs again."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    for task in client.read_task_runs(flow_run_filter=of_run):
        if task.state is None or not task.state.is_final():
            client.set_task_run_state(task.id, Crashed(message=WHY), force=True)
    client.set_flow_run_state(run.id, Crashed(message=WHY), force=True)
