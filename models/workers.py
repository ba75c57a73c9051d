"""Processes that compute beside this one: one a core, one thread each, ended with their parent.

Episodes, demonstrations and measured rewards run in them. No Prefect here: a worker imports what it needs and nothing
else, since every import costs each of them seconds.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.context import ForkServerContext

from aoi.errors import StageBusy
from aoi.orphans import end_with_parent
from models.threads import use_threads

PRELOADED = "models.episodes"
"""Imported once, by the process that workers are forked from: with it come the vendors."""
GRACE_S = 10.0
"""For a worker that was told to end."""


def worker_count() -> int:
    """Processes that may compute at once: one a core, each with one thread."""
    return len(os.sched_getaffinity(0))


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that share the imported vendors. None of them outlives the block, however it is left.

    Raises: StageBusy if one of them died.
    """
    pool = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_start_worker)
    processes = pool._processes  # the pool drops its own reference once it is shut down or broken
    try:
        yield pool
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list(processes.values()):
            process.terminate()
        for process in list(processes.values()):
            process.join(GRACE_S)
        if isinstance(error, BrokenProcessPool):
            raise StageBusy("a worker process died, most often for want of memory; run the command again") from error
        raise
    pool.shutdown()


@cache
def _context() -> ForkServerContext:
    """Workers fork from a clean process that has imported the vendors, never from one that runs threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOADED])
    return context


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    end_with_parent()
    use_threads(1)
