"""What a typed action is, and the parts that several of them share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from aoi.access.reading import READABLES
from aoi.agents.actions.change import Change, Obj, Refused
from aoi.agents.actions.view import View, is_ready, same_template, template_of

TEMPLATE = "/spec/template"


class Action(Protocol):
    """A bounded change of one component. Constructing one checks its value; rendering looks at the cluster."""

    name: ClassVar[str]

    @property
    def component(self) -> str:
        """Real name of what it changes."""
        ...

    def render(self, view: View) -> tuple[Change, ...]:
        """Changes in the order in which they are to be made. Raises: Refused."""
        ...

    def verify(self, view: View) -> str | None:
        """None once it has taken effect, else what is still missing."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """The workload that an action changes."""

    key: str
    obj: Obj
    path: str

    @property
    def label(self) -> str:
        """`deployment/geo`."""
        return f"{READABLES[self.key].kind.lower()}/{self.obj['metadata']['name']}"


def subject(view: View, component: str) -> Subject:
    """The workload of a component. Raises: Refused (resource)."""
    key, obj = view.workload(component)
    return Subject(key, obj, view.path(key, obj["metadata"]["name"]))


def with_template(obj: Obj, template: Obj) -> Obj:
    """The workload with another pod template."""
    return {**obj, "spec": {**obj["spec"], "template": template}}


def with_container(template: Obj, index: int, fields: Mapping[str, Any]) -> Obj:
    """The template with fields of one container replaced; None removes a field."""
    items = list(template["spec"]["containers"])
    changed = {**items[index], **fields}
    items[index] = {key: value for key, value in changed.items() if value is not None}
    return {**template, "spec": {**template["spec"], "containers": items}}


def earlier_revisions(view: View, target: Subject) -> list[tuple[int, Obj]]:
    """Recorded revisions that differ from the present template, newest first."""
    present = template_of(target.obj)
    recorded = view.revisions(target.key, target.obj)
    return [(number, template) for number, template in reversed(recorded) if not same_template(template, present)]


def rollout_problem(view: View, component: str) -> str | None:
    """What keeps a workload from running as asked; None if nothing does."""
    key, obj = view.workload(component)
    name = f"{READABLES[key].kind.lower()}/{obj['metadata']['name']}"
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return f"{name}: the change has not been observed yet"
    if key == "daemonsets.apps":
        wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        ready = status.get("numberAvailable", 0)
    else:
        wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
        ready = status.get("readyReplicas", 0)
    if wanted == 0:
        return f"{name}: 0 replicas are asked for"
    pods = [pod for pod in view.pods(obj) if not pod["metadata"].get("deletionTimestamp")]
    live = sum(1 for pod in pods if is_ready(pod))
    if updated < wanted or ready < wanted or live < wanted:
        return f"{name}: {updated} of {wanted} replicas updated, {min(ready, live)} ready" + _reasons(pods)
    if key == "deployments.apps" and (left := status.get("replicas", 0) - updated) > 0:
        return f"{name}: {left} old replicas are pending termination"
    return None


def _reasons(pods: list[Obj]) -> str:
    """Why containers wait, once each."""
    reasons: dict[str, None] = {}
    for pod in pods:
        status = pod.get("status") or {}
        for container in (status.get("initContainerStatuses") or []) + (status.get("containerStatuses") or []):
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") and waiting["reason"] != "ContainerCreating":
                reasons[str(waiting["reason"])] = None
    return f" ({', '.join(reasons)})" if reasons else ""


def refuse_value(name: str, value: str | None) -> None:
    """For actions that take none. Raises: Refused (syntax)."""
    if value is not None:
        raise Refused(f"{name} takes no value, found {value!r:.60}", "syntax")


def whole_number(name: str, value: str, low: int, high: int) -> int:
    """A decimal in range. Raises: Refused (syntax or configuration)."""
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise Refused(f"{name} takes a whole number, found {value!r:.60}", "syntax")
    if not low <= int(value) <= high:
        raise Refused(f"{name} takes {low} to {high}, found {value}", "configuration")
    return int(value)
