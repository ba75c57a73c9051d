"""Whether the process of a flow run still lives: a lease for each run, which goes with its process.

Prefect knows of a run what its process told, so a run that was killed runs for ever. `flows.runs` takes the leases and
tells Prefect of those that were left.
"""

from aoi.database.leases import Lease
from tasks.workspace import workspace

RUN = "flow-run/"
_held: dict[str, Lease] = {}


def hold(flow: str, run: str) -> None:
    """Say that this process is at work on a run. Raises: DatabaseUnavailable."""
    lease = workspace().leases.take(f"{RUN}{flow}/{run}", wait_s=0)
    if lease is not None:
        _held[run] = lease


def let_go(run: str) -> None:
    """The run has ended, and Prefect knows. Of a run of another process: nothing."""
    if lease := _held.pop(run, None):
        workspace().leases.give_back(lease)


def dead_runs() -> dict[str, Lease]:
    """Runs whose process is gone without an end, by id: until the lease is given back. Raises: DatabaseUnavailable."""
    return {lease.name.rpartition("/")[2]: lease for lease in workspace().leases.abandoned(RUN)}


def is_at_work(flow: str) -> bool:
    """Whether a run of this flow is under way, on any machine of this database. Raises: DatabaseUnavailable."""
    return workspace().leases.is_any_held(f"{RUN}{flow}/")
