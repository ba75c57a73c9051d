"""Solved problems that are solved otherwise: which, by which tries, and what is kept of them."""

from collections import Counter
from collections.abc import Sequence

from aoi.language.codec import WordCodec
from aoi.language.lexicon import ACTIONS
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompting import Prompter
from aoi.learning.augmenting import to_augment, varied, ways, workflow
from aoi.learning.lessons import Judged, training_examples
from aoi.records.decision import ExecDo, Finding, ProbeDo, SubmitDo
from aoi.records.episode import Trajectory
from aoi.records.learning import CorrectivePlan
from aoi.records.problem import TaskKind
from tests.learning.handmade import episode, plan, signal, step

PROMPTER = Prompter(SEED_PROFILE, WordCodec())
CAUSE = Finding("targetport", "s4")
ANSWER = step(SubmitDo("yes", "s4", "targetport"), cause=CAUSE)


def success(number: int, look: str = "network", **options) -> Trajectory:
    return episode(step(ProbeDo(look, "s4"), signal("targetport", "s4")), ANSWER, number=number, **options)


def way(source: Trajectory, guided: Trajectory, *, passes: bool = True, branch: int = 0) -> Judged:
    proof = {"status": "verified", "verified_by": guided.content.digest()} if passes else {}
    return Judged(plan("probe config s4", source=source, mode="augment", branch=branch, **proof), guided, source)


def test_what_another_rollout_failed_comes_first_and_of_each_problem_one_success() -> None:
    rows = [success(1), success(1, "config"), success(2), success(3), success(3, success=False)]
    assert [each.content.instance for each in to_augment(rows, most=1, seed=0)] == [rows[3].content.instance]
    every = to_augment(rows, most=9, seed=0)
    assert [each.content.instance for each in every] == [rows[place].content.instance for place in (0, 2, 3)]
    assert to_augment(rows, most=0, seed=0) == []


def test_repairs_are_drawn_oftener_and_the_seed_alone_says_which() -> None:
    rows = [success(number, kind=list(TaskKind)[number % 4]) for number in range(40)]
    drawn = [to_augment(rows, most=8, seed=seed) for seed in range(60)]
    assert drawn[7] == to_augment(rows, most=8, seed=7)
    counts = Counter(each.content.kind for chosen in drawn for each in chosen)
    assert all(counts[TaskKind.MITIGATION] > 1.3 * counts[kind] for kind in TaskKind if kind is not TaskKind.MITIGATION)


def test_what_failed_and_what_a_plan_had_guided_is_no_success_to_vary() -> None:
    (led,) = [success(1)]
    content = led.content.model_copy(update={"guidance": plan("probe config s4").digest()})
    assert to_augment([led.model_copy(update={"content": content}), success(2, success=False)], most=9, seed=0) == []


def test_tries_leave_the_success_by_looks_changes_and_noise_and_never_by_another_answer() -> None:
    located, mended = success(1), success(2, kind=TaskKind.MITIGATION)
    tries = ways([located, mended], iterations=6, write=None)
    assert {each.plan.mode for each in tries} == {"augment"}
    by_source = Counter((each.plan.source_trajectory, each.plan.proposer) for each in tries)
    at, of = located.content.digest(), mended.content.digest()
    assert by_source == {
        (at, "suspects"): 1,
        (at, "retry"): 1,
        (of, "remedies"): 2,
        (of, "suspects"): 1,
        (of, "retry"): 1,
    }
    assert all(each.node in (located, mended) for each in tries)


def test_the_evolver_writes_one_plan_for_each_and_a_malformed_one_is_not_tried() -> None:
    asked = []

    def write(nodes: Sequence[Trajectory], count: int) -> list[CorrectivePlan]:
        asked.append((len(nodes), count))
        sound, odd = nodes
        return [plan("probe config s4", source=sound, mode="augment"), plan(source=odd, status="malformed")]

    tries = ways([success(1), success(2)], iterations=6, write=write)
    assert asked == [(2, 1)]
    assert [each.node for each in tries if each.plan.proposer == "evolver"] == [success(1)]
    assert ways([], iterations=6, write=write) == []
    assert asked == [(2, 1)]


def test_a_way_is_kept_once_and_only_if_it_does_what_the_success_did_not() -> None:
    source = success(1)
    same, other = success(1), success(1, "config")
    detour = episode(step(ProbeDo("quota", "s7")), *other.content.steps, number=1)
    failed = success(1, "events", success=False)
    executed = [way(source, same), way(source, failed, passes=False), way(source, other), way(source, detour)]
    assert workflow(detour) == workflow(other)
    assert varied(executed) == [executed[2]]


def test_another_answer_is_no_other_way_and_one_without_evidence_is_none() -> None:
    source = success(1)
    otherwise = episode(source.content.steps[0], step(SubmitDo("yes", "s4"), cause=CAUSE), number=1)
    blind = episode(step(ProbeDo("config", "s7"), signal("panic", "s7")), ANSWER, number=1)
    assert varied([way(source, otherwise), way(source, blind)]) == []


def test_what_broke_is_no_rollout_that_failed() -> None:
    broken = success(3, success=False)
    broken = broken.model_copy(update={"content": broken.content.model_copy(update={"ended": "error"})})
    solved = [success(number) for number in range(4)]
    drawn = [to_augment([*solved, broken], most=1, seed=seed)[0].content.instance.seed for seed in range(20)]
    assert set(drawn) != {3}


def test_different_problems_may_be_solved_in_one_way() -> None:
    executed = [way(success(number), success(number, "config")) for number in (1, 2)]
    assert varied(executed) == executed


def test_what_a_way_did_after_it_left_is_rehearsed_and_sampled_at() -> None:
    source = success(1)
    guided = episode(
        *source.content.steps[:1],
        step(ProbeDo("history", "s4"), signal("targetport", "s4")),
        step(ExecDo(ACTIONS[0], "s4"), cause=CAUSE),
        ANSWER,
        number=1,
    )
    corrected = way(success(2), success(2, "config"))
    rows = list(training_examples([source], [corrected], PROMPTER, seed=0, varied=[way(source, guided, branch=1)]))
    own = [row for row in rows if row.source_trajectory == guided.content.digest()]
    rehearsed = [row for row in own if row.source == "success"]
    assert {row.plan for row in own} == {way(source, guided, branch=1).plan.digest()}
    assert [row.step for row in rehearsed] == [1, 2, 3]
    assert [row.step for row in own if row.source == "decision_point"] == [1, 2, 3]
