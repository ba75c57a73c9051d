"""Make what lags behind the ledger follow it. Scheduled, so that a lost event repairs itself."""

from prefect import flow

from models.registry import Registry
from tasks.workspace import workspace


@flow(name="reconcile")
def reconcile() -> bool:
    """Point the registry's alias at the ledger's champion. Returns whether it had to be changed."""
    ws = workspace()
    return Registry.of(ws.settings).reconcile(ws.ledger.champion())
