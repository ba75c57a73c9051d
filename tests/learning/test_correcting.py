"""The budget of a search: equal tries first, then who may go on, and when it ends."""

import itertools
from collections.abc import Callable, Sequence

from aoi.learning.correcting import FIRST, Correcting, Try
from aoi.learning.lessons import Judged
from aoi.records.decision import ProbeDo, SubmitDo
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan
from aoi.records.problem import TaskKind
from tests.learning.handmade import episode, plan, signal, step

BUDGET = 16
MITIGATION = {"kind": TaskKind.MITIGATION}


def failure(number: int, **options) -> Trajectory:
    return episode(
        step(ProbeDo("logs", "s1"), signal("refused", "s1", "s4"), signal("panic", "s7")),
        step(SubmitDo("yes", "s1", "exception")),
        success=False,
        number=number,
        **options,
    )


def carried_out(tries: Sequence[Try], passes: Callable[[CorrectivePlan], bool]) -> list[Judged]:
    """What the world would say: a try passes or fails, and sees nothing new."""
    found = []
    for number, (tried, node) in enumerate(tries):
        guided = episode(
            step(ProbeDo("pods", "s4"), signal("refused", "s1", "s4")),
            step(SubmitDo("yes", "s4", "targetport")),
            success=passes(tried),
            number=1000 + number,
        )
        proof = {"status": "verified", "verified_by": guided.content.digest()} if passes(tried) else {}
        found.append(Judged(tried.model_copy(update=proof), guided, node))
    return found


def run(correcting: Correcting, passes: Callable[[CorrectivePlan], bool]) -> list[list[Try]]:
    waves = []
    while wave := correcting.wave():
        waves.append(wave)
        correcting.learn(carried_out(wave, passes))
    return waves


def nothing_passes(_: CorrectivePlan) -> bool:
    return False


def test_every_proposer_has_the_same_tries_at_every_failure_before_anybody_is_preferred() -> None:
    failed = [failure(1), failure(2, **MITIGATION)]
    first, *_ = run(Correcting(failed, budget=BUDGET, iterations=6, write=None), lambda tried: tried.attempt == 1)
    counts = {}
    for tried, _ in first:
        key = (tried.source_trajectory, tried.proposer)
        counts[key] = counts.get(key, 0) + 1
    assert set(counts.values()) == {FIRST}
    assert len(counts) == 6  # answers are for the localization, remedies for the mitigation


def test_no_failure_gets_more_tries_than_its_budget_and_none_after_it_is_repaired() -> None:
    failed = [failure(1), failure(2, **MITIGATION)]
    correcting = Correcting(failed, budget=BUDGET, iterations=6, write=None)
    waves = run(correcting, lambda tried: tried.source_trajectory == failed[0].content.digest())
    tried = [each.source_trajectory for wave in waves for each, _ in wave]
    assert tried.count(failed[1].content.digest()) == BUDGET
    assert {each.source_trajectory for wave in waves[1:] for each, _ in wave} == {failed[1].content.digest()}


def test_a_small_budget_is_kept_in_the_first_wave_too() -> None:
    waves = run(Correcting([failure(1)], budget=4, iterations=6, write=None), nothing_passes)
    assert sum(map(len, waves)) == 4


def writer() -> Callable[[Sequence[Trajectory], int], list[CorrectivePlan]]:
    """Plans of which none is like another."""
    numbers = itertools.count(1)

    def write(nodes: Sequence[Trajectory], count: int) -> list[CorrectivePlan]:
        return [plan(f"probe logs s{next(numbers)}", source=node) for node in nodes for _ in range(count)]

    return write


def test_the_evolver_goes_on_only_if_it_repaired_more_than_those_who_learn_nothing() -> None:
    failed = [failure(number) for number in range(1, 5)]
    sources = [each.content.digest() for each in failed]

    def evolver_at(*repaired: int) -> Callable[[CorrectivePlan], bool]:
        return lambda tried: tried.proposer == "evolver" and tried.source_trajectory in {sources[i] for i in repaired}

    def later(passes: Callable[[CorrectivePlan], bool]) -> set[str]:
        correcting = Correcting(failed, budget=BUDGET, iterations=6, write=writer())
        _, *waves = run(correcting, passes)
        return {tried.proposer for wave in waves for tried, _ in wave}

    assert "evolver" in later(evolver_at(0, 1))
    assert "evolver" not in later(nothing_passes)
    # As many as retries is not more.
    even = evolver_at(0)
    assert "evolver" not in later(
        lambda tried: even(tried) or (tried.proposer == "retry" and tried.source_trajectory == sources[1])
    )


def test_the_evolvers_tries_go_back_to_the_failure_and_its_noise_counts_as_tried() -> None:
    failed = failure(1)

    def write(nodes: Sequence[Trajectory], count: int) -> list[CorrectivePlan]:
        return [plan(source=node, status="malformed") for node in nodes]

    correcting = Correcting([failed], budget=BUDGET, iterations=6, write=write)
    run(correcting, nothing_passes)
    assert [each.source_trajectory for each in correcting.malformed] == [failed.content.digest()]
    (result,) = [each for each in correcting.results() if each.proposer == "evolver"]
    assert (result.tries, result.verified) == (1, 0)


def test_the_shortest_verified_try_is_kept() -> None:
    failed = failure(1)
    correcting = Correcting([failed], budget=BUDGET, iterations=6, write=None)
    first = correcting.wave()
    judged = carried_out(first, lambda tried: tried.attempt in (2, 3))
    longer = episode(*judged[1].guided.content.steps[:1] * 3, *judged[1].guided.content.steps[1:], number=77)
    passed = judged[1].plan.model_copy(update={"verified_by": longer.content.digest()})
    judged[1] = Judged(passed, longer, failed)
    correcting.learn(judged)
    assert [each.plan.attempt for each in correcting.kept()] == [3]


def test_results_count_what_equal_tries_repaired_apart_from_the_rest() -> None:
    correcting = Correcting([failure(1), failure(2)], budget=BUDGET, iterations=6, write=None)
    waves = run(correcting, lambda tried: tried.proposer == "retry" and tried.attempt > 2 * FIRST)
    assert len(waves) == 2
    retry, suspects, answers, remedies = correcting.results()
    assert (retry.repaired_equally, retry.repaired, retry.failures) == (0, 2, 2)
    assert (suspects.repaired, answers.failures, remedies.failures) == (0, 2, 0)


def test_what_is_left_goes_first_to_whoever_repaired_most_of_such_tasks() -> None:
    failed = [failure(number, **MITIGATION) for number in range(1, 4)]
    repaired = failed[0].content.digest()
    correcting = Correcting(failed, budget=FIRST * 3 + 3, iterations=6, write=None)
    _, *waves = run(correcting, lambda tried: tried.proposer == "remedies" and tried.source_trajectory == repaired)
    assert [tried.proposer for wave in waves for tried, _ in wave] == ["remedies"] * 6


def test_the_evolver_is_not_asked_for_more_than_its_share_and_says_nothing_twice() -> None:
    failed = failure(1)
    same = [plan(f"probe logs s{number}", source=failed) for number in range(1, 9)]
    correcting = Correcting([failed], budget=BUDGET, iterations=6, write=lambda nodes, count: same)
    waves = run(correcting, lambda tried: tried.proposer == "evolver" and tried.attempt == 99)
    mine = [tried for wave in waves for tried, _ in wave if tried.proposer == "evolver"]
    assert len(mine) == FIRST == len({str(tried.steps) for tried in mine})


def test_a_budget_that_does_not_hold_equal_tries_of_all_makes_fewer_of_each() -> None:
    correcting = Correcting([failure(1)], budget=8, iterations=6, write=writer())
    first = correcting.wave()
    counts = {proposer: sum(tried.proposer == proposer for tried, _ in first) for proposer in ("evolver", "retry")}
    assert counts == {"evolver": 2, "retry": 2}
    assert correcting.results()[0].equal_tries == 2
