"""Episodes step by step, for claims about what is learnt from them."""

from aoi.language.decision import render
from aoi.records.base import sha256_hex
from aoi.records.decision import AlertLine, Decision, Do, Finding, ObserverState, SubmitDo
from aoi.records.episode import Answer, Outcome, Signal, Step, StepStatus, Trajectory, Utterance
from aoi.records.learning import CorrectivePlan, PlanStep
from aoi.records.problem import ProblemInstance, TaskKind
from tests.store.episodes import problem, trajectory

HANDLES = {"s1": "frontend", "s4": "geo", "s7": "search"}


def signal(word: str, subject: str, other: str | None = None) -> Signal:
    return Signal(word=word, subject=subject, other=other)


def step(
    do: Do,
    *signals: Signal,
    summary: Finding | None = None,
    cause: Finding | None = None,
    status: StepStatus = "ok",
    state: ObserverState | None = None,
) -> Step:
    """A step of which the Observer decided `do`; its index is set by `episode`."""
    decided = Decision(summary, "submit" if isinstance(do, SubmitDo) else "point", cause, 3, do)
    return _step(render(decided), decided, signals, status, state)


def malformed(text: str = "{}") -> Step:
    return _step(text, None, (), "malformed", None)


def episode(
    *steps: Step, kind: TaskKind = TaskKind.LOCALIZATION, success: bool = True, answer: bool = True, number: int = 0
) -> Trajectory:
    return trajectory(
        number,
        given=problem(number, kind=kind),
        steps=tuple(each.model_copy(update={"index": index}) for index, each in enumerate(steps)),
        handles=HANDLES,
        alerts=(signal("errors", "s1"),),
        outcome=Outcome(success=success, aiopslab_success=success),
        answer=Answer(verdict="fault", component="geo", cause="targetport", confidence=0.9) if answer else None,
    )


def plan(*steps: str, source: Trajectory | None = None, **changes) -> CorrectivePlan:
    fields = {
        "instance": source.content.instance if source else ProblemInstance(problem=problem(), seed=0),
        "source_trajectory": source.content.digest() if source else sha256_hex(b"failed"),
        "mode": "repair",
        "proposer": "evolver",
        "evolver": "test",
        "steps": tuple(PlanStep(do=step) for step in steps),
        "failure": "wrong_path",
        "prompt_ids": (),
        "completion_ids": (),
        "status": "hint",
    }
    return CorrectivePlan(**fields | changes)


def _step(
    text: str,
    decided: Decision | None,
    signals: tuple[Signal, ...],
    status: StepStatus,
    state: ObserverState | None,
) -> Step:
    said = Utterance(role="observer", prompt_ids=(5, 6), completion_ids=(7, 1), adapter="test", temperature=1.0, seed=0)
    return Step(
        index=0,
        status=status,
        decision=text,
        state=state or ObserverState("locate", (AlertLine("errors", "s1"),)),
        decided=decided,
        utterances=(said,),
        signals=signals,
        sim_ms=0,
    )
