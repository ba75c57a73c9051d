"""The table of five lines: the same runs for all, and the same statistics as the gate's."""

import pytest

from aoi.errors import ContractViolation
from aoi.promotion.evaluation import compare, run_of
from aoi.promotion.standings import PARTS, TOLD, Episodes, figures, standings
from aoi.records.base import Ref, sha256_hex
from aoi.records.episode import Outcome
from aoi.records.evaluation import EvaluationResult
from aoi.records.problem import TaskKind
from aoi.records.standings import Line, Standings
from tests.store.episodes import problem, trajectory

LEVEL = 0.95
KINDS = list(TaskKind)
REF = Ref(kind="trajectories", sha256="0" * 64, size_bytes=1)
PROBLEMS, RUNS = 8, 2


def rows(name: str, wins: dict[tuple[int, int], bool], *, aiopslab: bool | None = None, **changes):
    """Two runs of each of eight problems, every fourth a control; won where `wins` says so, else lost."""
    made = []
    for number in range(PROBLEMS):
        is_control = number % 4 == 3
        given = problem(
            number,
            kind=TaskKind.DETECTION if is_control else KINDS[number % 4],
            split="development",
            slice="control" if is_control else ("seen", "several")[number % 2],
            **({"fault": None} if is_control else {}),
        )
        for run in range(RUNS):
            won = wins.get((number, run), False)
            outcome = Outcome(
                success=won, aiopslab_success=won if aiopslab is None else aiopslab, false_alarm=is_control and not won
            )
            one = trajectory(
                number, given=given, bundle=sha256_hex(name.encode()), outcome=outcome, rollout_seed=run, **changes
            )
            made.append(one)
    return made


def wins(*problems: int, runs: range = range(RUNS)) -> dict[tuple[int, int], bool]:
    return {(number, run): True for number in problems for run in runs}


CHAMPION = rows("champion", wins(0, 1, 3, 7) | {(2, 1): True})
CHALLENGER = rows("challenger", wins(0, 1, 2, 3) | {(4, 0): True}, tokens=50)
SURVEY = rows("survey", wins(0, 3, 7), steps=(), tokens=0, aiopslab=True)


def evaluation(champion=CHAMPION, challenger=CHALLENGER) -> EvaluationResult:
    planned = [run_of(row.content.instance, row.content.rollout_seed) for row in CHAMPION]
    return compare(champion, challenger, planned=planned, split="development", seed=1, level=LEVEL)


def table(**others) -> Standings:
    lines = {"survey": SURVEY, "champion": CHAMPION, "challenger": CHALLENGER} | others
    return standings(evaluation(), [Episodes(name, REF, given) for name, given in lines.items()], LEVEL)


def line(found: Standings, name: str) -> Line:
    return next(one for one in found.lines if one.name == name)


def test_the_arms_stand_in_the_table_as_the_gate_sees_them() -> None:
    found, judged = table(), evaluation()
    champion, challenger = line(found, "champion"), line(found, "challenger")
    parts = [judged.overall, *judged.slices, *judged.kinds, judged.controls]
    assert [part.part for part in challenger.parts] == [part.name for part in parts]
    for before, after, part in zip(champion.parts, challenger.parts, parts, strict=True):
        assert (before.average, after.average) == (part.champion_rate, part.challenger_rate)
        assert (before.gain, after.gain, after.runs) == (None, part.gain, part.runs)
    assert (found.problems, found.controls, found.k, found.level) == (6, 2, 2, judged.overall.gain.level)
    assert (champion.by, challenger.by) == (judged.champion, judged.challenger)


def test_a_reference_is_paired_with_the_champion_as_a_challenger_is() -> None:
    survey = line(table(), "survey")
    as_challenger = evaluation(challenger=SURVEY)
    for mine, part in zip(
        survey.parts,
        [as_challenger.overall, *as_challenger.slices, *as_challenger.kinds, as_challenger.controls],
        strict=True,
    ):
        assert (mine.average, mine.gain) == (part.challenger_rate, part.gain)
    assert (survey.steps, survey.tokens) == (0, 0)


def test_one_try_the_mean_of_all_and_the_best_of_all_are_told_apart() -> None:
    champion, challenger = line(table(), "champion").part("overall"), line(table(), "challenger").part("overall")
    # Problem 2 is won in its second run alone, problem 4 by the challenger in its first.
    assert (champion.first, champion.average, champion.best) == (2 / 6, 2.5 / 6, 3 / 6)
    assert (challenger.first, challenger.average, challenger.best) == (4 / 6, 3.5 / 6, 4 / 6)


def test_the_grade_of_aiopslab_stands_beside_the_strict_one() -> None:
    survey = line(table(), "survey").part("overall")
    assert (survey.average, survey.aiopslab) == (1 / 6, 1.0)
    champion = line(table(), "champion").part("overall")
    assert champion.aiopslab == champion.average


def test_a_run_that_broke_off_is_in_no_figure_and_told() -> None:
    """Of two lines with the same answers, the one that was cut short shows it and keeps the rest."""
    broken = rows("expert", wins(0, 1))
    lost = broken[0].content
    broken[0] = broken[0].model_copy(update={"content": lost.model_copy(update={"ended": "error", "error": "x"})})
    found = table(expert=broken)
    expert = line(found, "expert")
    assert expert.missing == 1
    assert expert.part("overall").runs == line(found, "champion").part("overall").runs - 1
    assert expert.part("overall").average == 2 / 6, "the other run of its problem is still right"
    assert line(found, "survey").missing == 0


def test_what_the_arms_did_not_finish_counts_for_nobody() -> None:
    judged = evaluation(challenger=CHALLENGER[:-2])
    found = standings(
        judged,
        [Episodes("survey", REF, SURVEY), Episodes("champion", REF, CHAMPION), Episodes("challenger", REF, CHALLENGER)],
        LEVEL,
    )
    assert (found.problems, found.controls) == (6, 1)
    assert {one.part("controls").runs for one in found.lines} == {2}
    assert {one.missing for one in found.lines} == {0}


def test_runs_with_an_injection_are_in_no_line() -> None:
    struck = CHALLENGER[0].content.model_copy(
        update={"injection": "mimicry-segfault", "outcome": Outcome(success=False, aiopslab_success=False)}
    )
    more = [*CHALLENGER, CHALLENGER[0].model_copy(update={"content": struck})]
    assert table(challenger=more) == table()


def test_a_seed_model_that_is_champion_is_its_line_and_is_not_read_again() -> None:
    def never():
        raise AssertionError("read again")
        yield

    lines = [
        Episodes("seed", REF, never(), same_as="champion"),
        Episodes("champion", REF, CHAMPION),
        Episodes("challenger", REF, CHALLENGER),
    ]
    found = standings(evaluation(), lines, LEVEL)
    seed, champion = line(found, "seed"), line(found, "champion")
    assert seed.same_as == "champion"
    assert (seed.by, seed.parts, seed.steps) == (champion.by, champion.parts, champion.steps)
    assert {part.gain for part in seed.parts} == {None}


def test_another_world_is_refused_whoever_met_it() -> None:
    elsewhere = rows("expert", wins(0), world="f" * 64)
    with pytest.raises(ContractViolation, match=r"began in world ffff.* for the expert"):
        table(expert=elsewhere)


def test_episodes_that_the_evaluation_was_not_made_of_are_refused() -> None:
    with pytest.raises(ContractViolation, match="lack 4 of the evaluation's 16 pairs"):
        table(champion=CHAMPION[4:])


def test_order_of_rows_and_of_lines_changes_no_figure() -> None:
    names = {"survey": SURVEY, "champion": CHAMPION, "challenger": CHALLENGER}
    backwards = [Episodes(name, REF, given[::-1]) for name, given in reversed(names.items())]
    found = standings(evaluation(), backwards, LEVEL)
    assert list(reversed(found.lines)) == list(table().lines)


def test_every_figure_has_a_name_of_its_own_for_the_registry() -> None:
    found = table()
    named = figures(found)
    assert named["success/survey/overall"] == line(found, "survey").part("overall").average
    assert named["gain/challenger/controls"] == line(found, "challenger").part("controls").gain.estimate
    assert "gain/champion/overall" not in named
    parts = len(line(found, "survey").parts)
    assert len(named) == 3 * parts * 3 + 2 * parts


def test_people_are_told_every_line_and_part() -> None:
    judged = evaluation()
    assert {part.name for part in (judged.overall, *judged.slices, judged.controls)} <= PARTS.keys()
    assert TOLD.keys() == {"survey", "expert", "seed", "champion", "challenger"}
