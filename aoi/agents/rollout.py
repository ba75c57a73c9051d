"""Drive episodes against one policy: many in batches, in their order, or one that somebody waits for."""

from collections.abc import Iterable

from aoi.agents.deadline import Deadline, TimeIsUp
from aoi.agents.episode import Episode
from aoi.agents.policy import Generation, Policy, TimedPolicy, Turn
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


def follow(episode: Episode, policy: Policy, deadline: Deadline) -> Trajectory:
    """Run one episode to its end, or until its time is up; then it answers with what it has come to.

    A policy that breaks ends the episode in the same way, once it has answered at all. Raises: what a policy raises
    that never did.
    """
    has_answered = False
    try:
        turn = next(episode)
        while True:
            try:
                generation = _within(policy, turn, deadline)
            except Exception as broken:
                if not has_answered and not isinstance(broken, TimeIsUp):
                    episode.close()
                    raise
                turn = episode.throw(broken)
            else:
                has_answered = True
                turn = episode.send(generation)
    except StopIteration as finished:
        trajectory: Trajectory = finished.value
        return trajectory


def _within(policy: Policy, turn: Turn, deadline: Deadline) -> Generation:
    deadline.check()
    if isinstance(policy, TimedPolicy):
        return policy.generate_within([turn], deadline)[0]
    return policy.generate([turn])[0]


def _first(episode: Episode, done: dict[int, Trajectory], index: int) -> Turn | None:
    """The first turn of an episode, or None if it ended without one."""
    try:
        return next(episode)
    except StopIteration as finished:
        done[index] = finished.value
        return None
