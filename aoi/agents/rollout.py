"""Drive many episodes against one policy, in batches; results in the order of the episodes."""

from collections.abc import Iterable

from aoi.agents.episode import Episode
from aoi.agents.policy import Policy, Turn
from aoi.records.episode import Trajectory


def rollout(episodes: Iterable[Episode], policy: Policy, batch: int = 64) -> list[Trajectory]:
    """Run all episodes to their end; at most `batch` are open at a time, and a finished one makes room at once.

    Episodes are taken from the iterable only when there is room, so an iterable that builds worlds lazily holds
    few of them. The result does not depend on `batch`: a turn carries its own seed.
    Raises: ServerUnavailable from the policy; what breaks inside an episode is in its trajectory.
    """
    source = enumerate(episodes)
    done: dict[int, Trajectory] = {}
    waiting: dict[int, tuple[Episode, Turn]] = {}
    is_drained = False
    while waiting or not is_drained:
        while not is_drained and len(waiting) < batch:
            index, episode = next(source, (-1, None))
            if episode is None:
                is_drained = True
            elif (turn := _first(episode, done, index)) is not None:
                waiting[index] = (episode, turn)
        if not waiting:
            break
        order = sorted(waiting)
        answers = policy.generate([waiting[index][1] for index in order])
        for index, generation in zip(order, answers, strict=True):
            episode, _ = waiting.pop(index)
            try:
                waiting[index] = (episode, episode.send(generation))
            except StopIteration as finished:
                done[index] = finished.value
    return [done[index] for index in sorted(done)]


def _first(episode: Episode, done: dict[int, Trajectory], index: int) -> Turn | None:
    """The first turn of an episode, or None if it ended without one."""
    try:
        return next(episode)
    except StopIteration as finished:
        done[index] = finished.value
        return None
