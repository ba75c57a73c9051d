"""Small whole trajectories for tests of everything that stores, checks or shows them."""

from aoi.language.decision import render
from aoi.records.base import sha256_hex
from aoi.records.decision import AlertLine, Decision, ObserverState, ProbeDo
from aoi.records.episode import (
    Answer,
    Citation,
    Interaction,
    Outcome,
    Provenance,
    Signal,
    Step,
    Trajectory,
    TrajectoryContent,
    Utterance,
)
from aoi.records.problem import Problem, ProblemInstance, TaskKind

OBSERVATION = sha256_hex(b"observation")


def problem(number: int = 0, *, kind: TaskKind = TaskKind.LOCALIZATION, **changes) -> Problem:
    fields = {
        "id": f"wrong_target_port-{kind}-hotel_reservation-{number}",
        "application": "hotel_reservation",
        "application_version": "1",
        "fault": "wrong_target_port",
        "fault_version": "1",
        "kind": kind,
        "target": number,
        "split": "train",
        "slice": "seen",
    }
    return Problem(**fields | changes)


def step(index: int = 0, *, command: str = "kubectl get endpoints geo") -> Step:
    utterance = Utterance(
        role="observer",
        prompt_ids=(1, 2, 3),
        completion_ids=(4, 5),
        logprobs=(-0.5, -0.25),
        adapter="base:" + "0" * 64,
        temperature=1.0,
        seed=index,
    )
    citation = Citation(observation=OBSERVATION, start_byte=0, end_byte=4)
    decided = Decision(None, "scan", None, 1, ProbeDo("endpoints", "s4"))
    return Step(
        index=index,
        status="ok",
        decision=render(decided),
        state=ObserverState("locate", (AlertLine("errors", "s7"),)),
        decided=decided,
        utterances=(utterance,),
        interactions=(Interaction(command=command, status="ok", observation=OBSERVATION, observation_bytes=11),),
        signals=(Signal(word="targetport", subject="s4", citation=citation),),
        sim_ms=1000 * (index + 1),
    )


def trajectory(number: int = 0, *, success: bool = True, wall_ms: int = 5, given: Problem | None = None, **changes):
    chosen = given or problem(number)
    fields = {
        "instance": ProblemInstance(problem=chosen, seed=number),
        "kind": chosen.kind,
        "split": chosen.split,
        "slice": chosen.slice,
        "arm": "champion",
        "bundle": sha256_hex(b"bundle"),
        "profile": sha256_hex(b"profile"),
        "rollout_seed": number,
        "world": sha256_hex(f"world {number}".encode()),
        "handles": {"s4": "geo", "s7": "search"},
        "steps": (step(0), step(1)),
        "answer": Answer(verdict="fault", component="geo", cause="targetport", confidence=0.9),
        "outcome": Outcome(success=success, aiopslab_success=success, detail={"component": "geo"}),
        "ended": "submitted",
        "tokens": 120,
    }
    provenance = Provenance(started_at="2026-01-01T00:00:00Z", wall_ms=wall_ms, host="here", code_revision="abc")
    return Trajectory(content=TrajectoryContent(**fields | changes), provenance=provenance)
