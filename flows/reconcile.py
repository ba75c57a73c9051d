"""Make what lags behind the ledger follow it. Scheduled, so that a lost event repairs itself."""

from prefect import flow

from tasks.promote import reconcile as follow_the_ledger


@flow(name="reconcile")
def reconcile() -> bool:
    """Point the registry's alias at the ledger's champion. Returns whether it had to be changed."""
    return follow_the_ledger()
