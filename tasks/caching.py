"""What a stage is to Prefect: retried when the error says so, cached by what went in, locked while it runs."""

import functools
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.context import TaskRunContext
from prefect.transactions import IsolationLevel, get_transaction
from pydantic import BaseModel

from aoi import progress
from aoi.errors import AoiError
from aoi.records.base import canonical_bytes, sha256_hex
from aoi.source import source_digest
from aoi.store.files import refused_by_disk
from tasks.kept import remember_time
from tasks.locking import LeaseLockManager
from tasks.retrying import may_work_later
from tasks.workspace import workspace

P = ParamSpec("P")
R = TypeVar("R")

LOCKS = LeaseLockManager(lambda: workspace().leases)


def stage(*settings: str, timeout_s: float, retries: int = 2) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a stage of the loop.

    `settings` names the groups of `Settings` that its result depends on. The cache key is made of the stage's
    name, the source that it can reach, its inputs (references and the cycle) and those settings, so a stage
    that was finished is skipped when the cycle goes on after a crash, and two identical runs do it once.
    """

    def wrap(function: Callable[P, R]) -> Task[P, R]:
        name = function.__name__

        def key(_: TaskRunContext, inputs: dict[str, Any]) -> str:
            return stage_key(name, function.__module__, settings, inputs)

        policy = CacheKeyFnPolicy(cache_key_fn=key).configure(
            isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=LOCKS
        )

        @functools.wraps(function)
        def announced(*args: P.args, **kwargs: P.kwargs) -> R:
            progress.stage(name)
            began = time.monotonic()
            try:
                result = function(*args, **kwargs)
            except Exception as error:  # of a trainer's checkpoint, a cache or a page: by whatever library
                if isinstance(error, AoiError) or not (told := refused_by_disk(error, workspace().settings.home)):
                    raise
                raise told from error
            if transaction := get_transaction():
                LOCKS.confirm(str(transaction.key))  # a run that was away for too long leaves no result
            remember_time(args[0] if args else None, name, time.monotonic() - began)
            return result

        # In two steps: the overload of `task(function, ...)` takes no settings.
        as_task = task(
            name=name,
            retries=retries,
            retry_delay_seconds=0,
            retry_condition_fn=may_work_later,
            timeout_seconds=timeout_s,
            persist_result=True,
            result_serializer="json",
            cache_policy=policy,
        )
        return as_task(announced)

    return wrap


def stage_key(name: str, module: str, settings: tuple[str, ...], inputs: dict[str, Any]) -> str:
    """The cache key: stage + inputs (the cycle among them) + reachable source + its own settings.

    A result means something only beside the ledger and the store that it was entered in, so both are in the key:
    workers that share one result storage never take over what was done for another installation.
    """
    settings_now = workspace().settings
    chosen = settings_now.public()
    parts = {
        "stage": name,
        "state": [settings_now.database_url, settings_now.store_url],
        "source": source_digest(module),
        "settings": {group: chosen[group] for group in (*settings, "seed", "decoding")},
        "inputs": {key: _plain(value) for key, value in sorted(inputs.items())},
    }
    return f"{name}-{sha256_hex(canonical_bytes(parts))}"


def _plain(value: Any) -> Any:
    """JSON of an input: stages take records, references and plain values, nothing else."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
