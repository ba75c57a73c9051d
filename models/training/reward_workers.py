"""Who measures rewards: a process for each core of this machine, or an actor for each core of a Ray cluster.

Each is asked by its place, not as one of many: what a worker has built it keeps, so it pays to ask the same one again.
Ray is imported where it is asked for, and nowhere else: it is an extra (`pip install -e ".[ray]"`).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, TypeVar

from aoi.errors import SettingsError, StageBusy
from models.threads import use_threads
from models.training.measuring import Start
from models.workers import worker_count, worker_pool

LOCAL = "local"
"""Address that starts a Ray of this machine, for as long as it is needed."""


J = TypeVar("J")
A = TypeVar("A")
Work = Callable[[Start, list[J]], list[A]]
"""A function of a module, which a worker can import: jobs to answers, in order."""


class RewardWorker(Protocol):
    """One of them."""

    def begin(self, work: Work[J, A], start: Start, jobs: list[J]) -> Callable[[], list[A]]:
        """Begin to work; what is returned waits for the answers, in order, and raises what went wrong."""
        ...


@contextmanager
def reward_workers(ray_url: str = "") -> Iterator[Sequence[RewardWorker]]:
    """As many as may compute at once. None of them outlives the block. Raises: StageBusy if one died."""
    with ExitStack() as open_:
        if ray_url:
            yield open_.enter_context(_actors(ray_url))
        else:
            yield [_Process(open_.enter_context(worker_pool(1))) for _ in range(worker_count())]


class _Process:
    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def begin(self, work: Work[J, A], start: Start, jobs: list[J]) -> Callable[[], list[A]]:
        return self._pool.submit(work, start, jobs).result


@contextmanager
def _actors(url: str) -> Iterator[Sequence[RewardWorker]]:
    """Actors that Ray places. The code and the folders of the bundle have to be where they run, under the same paths.

    Raises: SettingsError without Ray, or if none answers there.
    """
    try:
        import ray
    except ImportError:
        raise SettingsError(
            f'AOI_TRAINING__RAY_URL is {url}, and Ray is not installed here: pip install -e ".[ray]". Unset it to '
            "measure in processes of this machine"
        ) from None
    try:
        ray.init(address=url, log_to_driver=False, include_dashboard=False if url == LOCAL else None)
    except ConnectionError as error:
        raise SettingsError(f"no Ray answers at AOI_TRAINING__RAY_URL {url}: {error}. Look: ray status") from error
    try:
        actor = ray.remote(num_cpus=1, max_restarts=0)(_Hands)
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield [_Actor(ray, actor.remote()) for _ in range(cores)]
    except ray.exceptions.RayActorError as error:
        raise StageBusy("a Ray actor died, most often for want of memory; run the command again") from error
    finally:
        ray.shutdown()


class _Hands:
    """What an actor runs."""

    def __init__(self) -> None:
        use_threads(1)

    def work(self, work: Work[J, A], start: Start, jobs: list[J]) -> list[A]:
        return work(start, jobs)


class _Actor:
    def __init__(self, ray: Any, handle: Any) -> None:
        self._ray, self._handle = ray, handle

    def begin(self, work: Work[J, A], start: Start, jobs: list[J]) -> Callable[[], list[A]]:
        asked = self._handle.work.remote(work, start, jobs)

        def wait() -> list[A]:
            answers: list[A] = self._ray.get(asked)
            return answers

        return wait
