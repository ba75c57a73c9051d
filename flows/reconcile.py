"""Make what lags behind follow: the registry the ledger, Prefect's states the processes, and a retraining people's
words. Scheduled, so that a lost event repairs itself."""

from typing import cast

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound

from flows.runs import crash_dead_runs, watched
from tasks.promote import reconcile as follow_the_ledger
from tasks.wanted import Wanted, retraining_wanted

NIGHTLY = "retrain/nightly"


@watched
@flow(name="reconcile")
def reconcile() -> bool:
    """Point the registry's alias at the ledger's champion. Returns whether it had to be changed."""
    for told in crash_dead_runs():
        get_run_logger().warning("%s", told)
    changed = follow_the_ledger()
    if wanted := retraining_wanted():
        request_retraining(wanted)
    return changed


def request_retraining(wanted: Wanted) -> None:
    """Start the nightly deployment, once for all that ask before the next time to cool down has passed."""
    log = get_run_logger()
    key = f"retraining-after-cycle-{wanted.after_cycle}-{wanted.asked}"
    try:
        started = run_deployment(NIGHTLY, timeout=0, as_subflow=False, idempotency_key=key, tags=["requested"])
    except ObjectNotFound:
        log.warning(
            "A retraining is wanted: %s. There is no deployment %s to start: aoi retrain", wanted.reason, NIGHTLY
        )
        return
    log.info("A retraining was requested, since %s: %s", wanted.reason, cast(FlowRun, started).name)
