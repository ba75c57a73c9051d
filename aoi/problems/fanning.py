"""Work on many problems in several processes: results as they come, nobody left behind.

No vendor is imported in a worker but what the task itself needs. Called by `aoi problems check` and `run`.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from aoi import progress
from aoi.errors import StageBusy
from aoi.orphans import end_with_parent

J = TypeVar("J")
R = TypeVar("R")

GRACE_S = 5.0
"""For a worker that was told to end."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cores() -> int:
    """Processes that may compute at once."""
    return len(os.sched_getaffinity(0))


def fan_out(task: Callable[[J], R], jobs: Sequence[J], workers: int) -> Iterator[tuple[J, R]]:
    """Each job with its result, in the order in which they finish. One worker works in this process.

    However the caller leaves (Ctrl-C and SIGKILL too), no worker outlives it; what was given until then is whole.
    Raises: StageBusy if a worker died; what a task raises.
    """
    if workers <= 1 or len(jobs) <= 1:
        yield from ((job, _quietly(task, job)) for job in jobs)
        return
    context = multiprocessing.get_context("spawn")  # never forked from a process that draws progress in a thread
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_start_worker)
    processes = pool._processes
    try:
        waiting: dict[Future[R], J] = {pool.submit(task, job): job for job in jobs}
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()
    except BrokenProcessPool as broken:
        raise StageBusy("a worker process died, most often for want of memory; run the command again") from broken
    finally:
        running = list((processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            process.terminate()
        for process in running:
            process.join(GRACE_S)


def _quietly(task: Callable[[J], R], job: J) -> R:
    """Heard by nobody, as in a worker: what is told is how many jobs are done."""
    with progress.reporting_to(progress.Silence()):
        return task(job)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    end_with_parent()
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
