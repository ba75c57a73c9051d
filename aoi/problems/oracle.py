"""How an answer and an end state are graded: strictly, as every figure here is, and as AIOpsLab would.

The strict grade of a mitigation looks at the cluster after the agent: traffic is healthy, nothing pages, every pod is
ready, the fault is gone field by field, nothing of the baseline was lost on the way, and it lasts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aoi.problems import aiopslab_grading
from aoi.problems.aiopslab import Known
from aoi.problems.alerts import symptoms
from aoi.problems.faults.base import Action, Evidence, Plan
from aoi.problems.faults.chaos import resource_of
from aoi.problems.inventory import Inventory, configmaps_of, is_made, losses
from aoi.problems.steadiness import disturbed, running
from aoi.problems.writes import restart, send
from aoi.records.episode import Answer, Outcome
from aoi.records.problem import FaultType, SystemLevel, TaskKind
from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour import chaos
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

SETTLE_MS = 30_000
SETTLE_ROUNDS = 20
"""A repair gets up to ten simulated minutes to show: a crash loop backs off for five."""

LASTS_MS = 600_000
"""A repair lasts so long without a container restarted or a pod replaced: longer than a crash loop backs off."""
CHANCES = 2
"""Times that it may do so: what was starved may restart once more after all is well."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is wrong. Never handed to an agent."""

    component: str | None
    """None: nothing is."""
    accepted: tuple[str, ...]
    """Names that count as right: of the component, its owners' word for it, its workload. The true one first."""
    cause: str
    """Word of the lexicon; `healthy` for a control."""
    causes: tuple[str, ...]
    """Words that name the same mechanism, `cause` first."""
    level: SystemLevel | None
    type: FaultType | None
    action: Action | None
    """The golden repair."""
    evidence: tuple[Evidence, ...]
    """(check, component) where an expert would look."""
    actions: tuple[Action, ...] = ()
    """The whole golden repair, `action` first; of several roots, of all of them."""
    others: tuple["Truth", ...] = ()
    """Further roots that are wrong of themselves, beside this one."""

    @property
    def roots(self) -> tuple["Truth", ...]:
        """Everything that is wrong of itself; empty for a control."""
        return (self, *self.others) if self.component else ()


NOTHING = Truth(None, (), "healthy", ("healthy",), None, None, None, ())


@dataclass(frozen=True, slots=True)
class EndState:
    """What a mitigation is graded by: the world that the agent left, and how it was before the fault."""

    world: World
    application: Application
    plan: Plan
    baseline: Inventory
    theirs: Known | None = None
    """AIOpsLab's problem that it is, if it is one."""


def grade_answer(kind: TaskKind, truth: Truth, answer: Answer | None) -> Outcome:
    """Grade a detection, a localization or an analysis."""
    verdict = answer.verdict if answer else "none"
    expected = "fault" if truth.component else "no_fault"
    right_verdict = verdict == expected
    right_component = _names_component(truth, answer)
    right_level, right_type = _labels(truth, answer)
    detail: dict[str, str | float | bool] = {
        "verdict": verdict,
        "expected_verdict": expected,
        "component": ", ".join(named_by(answer)) if answer else "",
        "expected_component": ", ".join(root.component or "" for root in truth.roots),
        "cause_right": answer is not None and _names_causes(truth, answer),
        "component_right": right_component,
    }
    match kind:
        case TaskKind.DETECTION:
            success = theirs = right_verdict
        case TaskKind.LOCALIZATION:
            success, theirs = right_verdict and right_component, right_component
        case TaskKind.ANALYSIS:
            theirs = right_level and right_type
            success = theirs and right_verdict and right_component
            detail |= {"level_right": right_level, "type_right": right_type}
        case TaskKind.MITIGATION:
            raise ValueError("a mitigation is graded by its end state; use grade_mitigation")
    return Outcome(
        success=success,
        aiopslab_success=theirs,
        false_alarm=truth.component is None and verdict == "fault",
        detail=detail,
    )


def _names_component(truth: Truth, answer: Answer | None) -> bool:
    """Whether the answer names every root and, as AIOpsLab has it, nobody else."""
    if answer is None or answer.verdict == "inconclusive":
        return False
    named = named_by(answer)
    if truth.component is None:
        return answer.verdict == "no_fault" and not named
    # As many names as roots: one that fits two of them is still one.
    return len(named) >= len(truth.roots) and not missed(truth, named) and not innocent(truth, named)


def named_by(answer: Answer) -> tuple[str, ...]:
    """Whom an answer accuses, each once."""
    first = (answer.component,) if answer.component else ()
    return tuple(dict.fromkeys((*first, *(accusation.component for accusation in answer.also))))


def missed(truth: Truth, named: Sequence[str]) -> tuple[str, ...]:
    """Roots that nobody names."""
    return tuple(root.component or "" for root in truth.roots if not set(named) & set(root.accepted))


def innocent(truth: Truth, named: Sequence[str]) -> tuple[str, ...]:
    """Who is named and is no root."""
    guilty = {name for root in truth.roots for name in root.accepted}
    return tuple(name for name in named if name not in guilty)


def _names_causes(truth: Truth, answer: Answer) -> bool:
    """Whether each root's cause is among those that the answer names; of nothing, that it says so."""
    said = {answer.cause or "", *(accusation.cause for accusation in answer.also)}
    return all(said & set(root.causes) for root in truth.roots or (truth,))


def _labels(truth: Truth, answer: Answer | None) -> tuple[bool, bool]:
    """(system level, fault type) right, compared as AIOpsLab does: case aside."""
    if answer is None or truth.level is None or truth.type is None:
        return False, False
    level, fault_type = (answer.system_level or "").casefold(), (answer.fault_type or "").casefold()
    return level == truth.level.value.casefold(), fault_type == truth.type.value.casefold()


def grade_mitigation(end: EndState) -> Outcome:
    """Grade the world that an agent left. Lets its time pass: hand over a fork."""
    theirs = not aiopslab_complaints(end)
    complaints = _complaints(end)
    for _ in range(SETTLE_ROUNDS):
        if _is_final(complaints):
            break
        end.world.advance(SETTLE_MS)
        theirs = theirs or not aiopslab_complaints(end)
        complaints = _complaints(end)
    if not any(complaints.values()) and _replace_readers(end):
        complaints = _settled(end)
    if not any(complaints.values()):
        complaints = _lasting(end)
    detail: dict[str, str | float | bool] = {key: "; ".join(said[:5]) for key, said in complaints.items()}
    return Outcome(success=not any(complaints.values()), aiopslab_success=theirs, detail=detail)


def _is_final(complaints: Mapping[str, Sequence[str]]) -> bool:
    """Whether waiting cannot help, or need not."""
    is_well = not complaints["symptoms"] and not complaints["pods"]
    return is_well or bool(complaints["fault"] or complaints["lost"])


def _settled(end: EndState) -> dict[str, list[str]]:
    """Complaints once waiting cannot help any more."""
    for _ in range(SETTLE_ROUNDS):
        end.world.advance(SETTLE_MS)
        if _is_final(complaints := _complaints(end)):
            break
    return complaints


def _lasting(end: EndState) -> dict[str, list[str]]:
    """Complaints after a while in which nothing that was well may have failed again."""
    complaints: dict[str, list[str]] = {}
    for _ in range(CHANCES):
        before = running(end.world, end.application.namespace)
        end.world.advance(LASTS_MS)
        complaints = _complaints(end)
        complaints["pods"] += disturbed(before, running(end.world, end.application.namespace))
        if not any(complaints.values()):
            break
    return complaints


def _replace_readers(end: EndState) -> bool:
    """Replace the pods that read a ConfigMap which the fault touched; whether there are any.

    Programs read it at their start: what an agent wrote there shows at the next one, which nobody can put off forever.
    """
    maps = {name for resource, _, name in end.plan.touched if resource == "configmaps"}
    transport, found = EmbeddedTransport(end.world, ADMIN), False
    for resource in ("deployments.apps", "statefulsets.apps"):
        for workload in end.world.store.objects(resource, end.application.namespace):
            if maps & configmaps_of(workload["spec"]["template"]["spec"]):
                key = (resource, end.application.namespace, workload["metadata"]["name"])
                send(transport, restart(key, end.world.clock.rfc3339()))
                found = True
    return found


def _complaints(end: EndState) -> dict[str, list[str]]:
    """Check -> what it found."""
    return {
        "fault": [*(["the fault is still there"] if end.plan.is_present(end.world) else []), *_new_experiments(end)],
        "lost": losses(end.baseline, end.world, set(end.plan.touched) - set(end.plan.kept), end.plan.supplied),
        "pods": unready(end.world, end.application.namespace),
        "symptoms": symptoms(end.world, end.application),
    }


def _new_experiments(end: EndState) -> list[str]:
    """Experiments on the application that act, or will again, and were not there before: a fault under another name."""
    acting = [item.obj for item in chaos.active(end.world)]
    acting += [obj for obj in end.world.store.objects(chaos.SCHEDULES) if not chaos.is_paused(obj)]
    keys = [(resource_of(o["kind"]), o["metadata"]["namespace"], o["metadata"]["name"]) for o in acting]
    return [
        f"{key[0]}/{key[2]} acts"
        for key, obj in zip(keys, acting, strict=True)
        if key not in end.baseline and not is_made(key[0], obj)
    ]


def lacking(world: World, application: Application) -> list[str]:
    """Components that have fewer ready pods than they want, in the application's order."""
    short = []
    for component in application.components:
        workload = world.store.get(component.resource, application.namespace_of(component), component.workload)
        if workload is not None:
            wanted = workload["spec"].get("replicas", 1)
            if workload.get("status", {}).get("readyReplicas", 0) < wanted:
                short.append(component.name)
    return short


def unready(world: World, namespace: str) -> list[str]:
    """Workloads whose pods are not all there, current and ready."""
    complaints = []
    workloads = [
        (kind, obj)
        for kind, resource in (("deployment", "deployments.apps"), ("statefulset", "statefulsets.apps"))
        for obj in world.store.objects(resource, namespace)
    ]
    for kind, workload in workloads:
        wanted, status = workload["spec"].get("replicas", 1), workload.get("status", {})
        seen = status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 1)
        ready = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
        if not seen or ready < wanted or status.get("replicas", 0) > wanted:
            complaints.append(f"{kind} {workload['metadata']['name']}: {ready} of {wanted} ready")
    return complaints


def aiopslab_complaints(end: EndState) -> list[str]:
    """What AIOpsLab's mitigation evaluators look at: container states, and the fields of the fault they know.

    Like theirs, a pod without container statuses is skipped, so that a pod that was never scheduled passes
    unrepaired. That is one reason for the strict grade. One of its own problems is graded by that problem's evaluator.
    """
    if end.theirs is not None:
        return aiopslab_grading.complaints(end.theirs, end.world)
    complaints = []
    pods = end.world.store.objects("pods", end.application.namespace)
    # What has ended for good is a record: their applications have no Jobs and no evicted pods.
    for pod in (pod for pod in pods if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")):
        for status in pod.get("status", {}).get("containerStatuses", ()):
            if problem := _container_problem(status):
                complaints.append(f"pod {pod['metadata']['name']}: {problem}")
    checked = {"services", "deployments.apps", "statefulsets.apps"}
    for part in end.plan.roots:
        marks = [mark for mark in part.marks if mark.key[0] in checked and mark.path and mark.path[-1] in _THEIR_FIELDS]
        if marks and all(mark.holds(end.world) for mark in marks):
            field = marks[0].path[-1] if marks[0].path else ""
            complaints.append(f"{marks[0].key[2]}: {field} is as the fault left it")
    return complaints


_THEIR_FIELDS: Sequence[str] = ("targetPort", "replicas", "command")


def _container_problem(status: Obj) -> str:
    state = status.get("state", {})
    reason = state.get("waiting", {}).get("reason")
    if reason:
        return f"waiting: {reason}"
    ended = state.get("terminated")
    if ended and ended.get("reason") != "Completed":
        return f"terminated: {ended.get('reason')}"
    return "" if status.get("ready") else "not ready"
