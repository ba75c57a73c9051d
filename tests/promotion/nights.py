"""A night as a reviewer meets it: several mechanisms, applications, slices and kinds, answers right and wrong."""

from aoi.language.decision import render as render_decision
from aoi.problems.faults import FAULTS
from aoi.promotion.changes import Change
from aoi.promotion.evaluation import compare, run_of
from aoi.promotion.gate import decide
from aoi.promotion.history import Reign
from aoi.promotion.pictures import Curve
from aoi.promotion.review import Material
from aoi.promotion.standings import Episodes, standings
from aoi.records.base import Ref, sha256_hex
from aoi.records.contracts import ContractReport, RuleResult
from aoi.records.decision import Decision, ProbeDo
from aoi.records.episode import Answer, Outcome, Trajectory
from aoi.records.evaluation import Interval
from aoi.records.learning import CorrectivePlan, PlanStep
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.records.promotion import Champion, PromotionRequest
from aoi.records.report import LearningReport, ProposerResult, StageTime
from aoi.settings import Settings
from tests.store.episodes import problem, step, trajectory

SETTINGS = Settings.load(gate={"simulated_nights": 100})
APPLICATIONS = ("hotel_reservation", "social_network", "astronomy_shop", "gen017", "gen042")
INJECTION = "mimicry-segfault"
SLICES = ("seen", "unseen_mechanism", "unseen_application", "unseen_style", "several")
MECHANISMS = tuple(FAULTS)
"""Keys, of which a night takes every third."""


def night(
    problems: int = 90,
    runs: int = 2,
    *,
    wins: int = 4,
    losses: int = 17,
    forgets: int = 0,
    lucky: int = 2,
    **changed: object,
) -> Material:
    """`problems` with a fault; every `wins`-th mechanism is won, every `losses`-th problem lost.

    Every `forgets`-th mechanism is lost altogether. All runs of a problem end alike.
    The champion had named a wrong cause in every `lucky`-th problem that it passed.
    """
    champion, challenger = [], []
    for number in range(problems + problems // 4):
        for run in range(runs):
            mechanism = number // 2  # two problems each
            before, after = mechanism % 3 != 0 and mechanism % wins != 1, mechanism % 3 != 0 or mechanism % wins == 1
            if number % losses == 5 or (forgets and mechanism % forgets == 5):
                before, after = True, False
            is_control = number >= problems
            if is_control:
                before, after = number % 29 != 3, number % 31 != 7
            for rows, name, won, is_lucky in (
                (champion, b"champion", before, number % lucky == 0),
                (challenger, b"challenger", after, False),
            ):
                rows.append(_episode(number, run, name, won=won, is_control=is_control, is_lucky=is_lucky))
                if not (is_control or run):
                    rows.append(_struck(rows[-1], won and (number % 13 != 1 or name == b"challenger")))
    return _material(champion, challenger, changed)


def _episode(number: int, run: int, name: bytes, *, won: bool, is_control: bool, is_lucky: bool):
    fault = None if is_control else MECHANISMS[(number // 2) * 3 % len(MECHANISMS)]
    right = FAULTS[fault].causes[0] if fault else "healthy"
    kind = list(TaskKind)[number % 4] if fault else TaskKind.DETECTION
    application = APPLICATIONS[number % 5]
    given = problem(
        number,
        id=f"{fault or 'no_fault'}-{kind}-{application}-{number}",
        application=application,
        split="development",
        slice=SLICES[number % 5] if fault else "control",
        fault=fault,
        kind=kind,
    )
    is_right = won and not is_lucky
    cause = right if is_right else "targetport" if right != "targetport" else "selector"
    verdict = "fault" if (fault and (won or number % 3)) or (not fault and not won) else "no_fault"
    component = "geo" if won and fault else "search"
    detail = {} if kind is TaskKind.MITIGATION else {
        "verdict": verdict, "expected_verdict": "fault" if fault else "no_fault", "component": component,
        "expected_component": "geo" if fault else "", "cause_right": is_right, "component_right": won,
    }  # fmt: skip
    if kind is TaskKind.MITIGATION and not won:
        detail = {"fault": "the fault is still there", "lost": "", "pods": "geo-7d9c is not ready", "symptoms": ""}
    second = step(1, command=f"kubectl get endpoints {component}")
    decided = Decision(None, "point", None, 1, ProbeDo("endpoints" if won else "logs", "s4" if won else "s7"))
    second = second.model_copy(update={"decided": decided, "decision": render_decision(decided)})
    answer = Answer(
        verdict=verdict,
        component=component if verdict == "fault" else None,
        cause=cause if verdict == "fault" else "healthy",
        confidence=0.83 if won else 0.41,
    )
    return trajectory(
        number,
        given=given,
        bundle=sha256_hex(name),
        rollout_seed=run,
        steps=(step(0, command="kubectl get pods"), second),
        answer=answer,
        outcome=Outcome(success=won, aiopslab_success=won, false_alarm=not fault and not won, detail=detail),
        tokens=1180 + 7 * (number % 11) + (60 if name == b"challenger" else 0),
    )


def _struck(row: Trajectory, won: bool) -> Trajectory:
    """The same run with an injection."""
    outcome = Outcome(success=won, aiopslab_success=won)
    return row.model_copy(
        update={"content": row.content.model_copy(update={"injection": INJECTION, "outcome": outcome})}
    )


def _material(champion, challenger, changed) -> Material:
    planned = [run_of(row.content.instance, row.content.rollout_seed, row.content.injection) for row in champion]
    evaluation = compare(champion, challenger, planned=planned, split="development", seed=1, level=0.95)
    kept = Ref(kind="trajectories", sha256="0" * 64, size_bytes=1)
    lines = [
        Episodes("survey", kept, champion),
        Episodes("expert", kept, challenger),
        Episodes("seed", kept, (), same_as="champion"),
        Episodes("champion", kept, champion),
        Episodes("challenger", kept, challenger),
    ]
    request = PromotionRequest(
        cycle=7,
        champion=evaluation.champion,
        challenger=evaluation.challenger,
        challenger_version="8",
        evaluation=evaluation.digest(),
        decision=decide(evaluation, SETTINGS),
    )
    fields = {
        "request": request,
        "evaluation": evaluation,
        "standings": standings(evaluation, lines, 0.95),
        "trajectories": {
            row.content.digest(): row for row in [*champion, *challenger] if row.content.injection is None
        },
        "rules": SETTINGS.gate,
        "curves": [
            Curve(name="grpo: reward", values=tuple(index / 60 + (index % 5) / 20 for index in range(60))),
            Curve(name="sft: loss", values=tuple(1 / (1 + index) for index in range(40))),
        ],
        "contracts": [_contract()],
        "corrections": [_plan(number) for number in range(31)],
        "learning": _learning(),
        "changes": [
            Change(group="data", name="data", before="0a1b2c3d4e5f", after="5f4e3d2c1b0a"),
            Change(group="code", name="code revision", before="9ec01d2", after="61c415e"),
            Change(group="settings", name="collect.problems", before="96", after="128"),
            Change(group="bundle", name="adapter", before="11aa22bb33cc", after="44dd55ee66ff"),
        ],
        "champion": Champion(
            bundle=evaluation.champion, version="6", tree="c" * 64, cycle=5, entry=29, since="2026-11-29T02:41:07+00:00"
        ),
        "history": HISTORY,
        "stages": [
            StageTime(stage=stage, seconds=seconds)
            for stage, seconds in (("collect", 391), ("evolve", 644), ("train", 1210), ("evaluate", 508), ("decide", 9))
        ],
    }
    return Material(**fields | changed)


def _plan(number: int) -> CorrectivePlan:
    fault = MECHANISMS[number % 5]
    given = problem(number, fault=fault, id=f"{fault}-localization-hotel_reservation-{number}")
    return CorrectivePlan(
        instance=ProblemInstance(problem=given, seed=0),
        source_trajectory="a" * 64,
        mode="repair",
        proposer="suspects",
        evolver="search",
        steps=(PlanStep(do="probe endpoints s4"),),
        failure="wrong_path",
        prompt_ids=(1,),
        completion_ids=(2,),
        status="verified",
        verified_by="b" * 64,
    )


def _contract() -> ContractReport:
    rule = RuleResult(rule="r", column="reward", reason="reward outside [0, 1]", passed=False, failed_rows=3)
    return ContractReport(
        contract="trajectories", version=1, owner="o", severity="quarantines", rows=512, accepted=509, quarantined=3,
        rules=(rule,),
    )  # fmt: skip


def _learning() -> LearningReport:
    found = ProposerResult(
        proposer="suspects", failures=40, equal_tries=3, repaired_equally=17, tries=121, verified=23, repaired=19
    )
    return LearningReport(
        episodes=512, solved=401, failed_problems=40, repaired_problems=25, plans=311, proposers=(found,)
    )


def _reign(version: str, cycle: int, rate: float, gain: float | None, became: str = "promoted") -> Reign:
    interval = None if gain is None else Interval(estimate=gain, low=gain - 0.04, high=gain + 0.04, level=0.9, n=90)
    return Reign(
        bundle=sha256_hex(version.encode()), version=version, cycle=cycle, since=f"2026-11-2{cycle}T02:41:07+00:00",
        became=became, rate=rate, gain=interval, reason="two noisy controls flipped, nothing else",
    )  # fmt: skip


HISTORY = (
    _reign("1", 0, 0.483, None, "installed"),
    _reign("2", 1, 0.551, 0.065),
    _reign("4", 3, 0.532, 0.051),
    _reign("2", 1, 0.551, None, "rolled back to"),
    _reign("6", 5, 0.604, 0.072),
)
