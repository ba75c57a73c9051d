"""Actions on single objects: uncordon a node, delete one pod, delete one chaos object."""

from dataclasses import dataclass
from typing import ClassVar

from aoi.access.reading import READABLES
from aoi.agents.actions.base import refuse_value, rollout_problem, subject
from aoi.agents.actions.change import Change, Obj, Refused, delete_change, patch_change
from aoi.agents.actions.view import View, is_ready, template_labels
from aoi.estate.experiments import experiment_of, is_resting, is_scheduled

CHAOS = tuple(key for key in READABLES if key.endswith(".chaos-mesh.org"))


@dataclass(frozen=True, slots=True)
class Uncordon:
    """Let pods be scheduled on a node again."""

    name: ClassVar[str] = "uncordon"
    component: str
    """A node, or a component: then the one node that is cordoned."""

    @classmethod
    def parse(cls, component: str, value: str | None) -> "Uncordon":
        """Raises: Refused if a value is given."""
        refuse_value("uncordon", value)
        return cls(component)

    def _node(self, view: View) -> Obj:
        named = view.find("nodes", self.component)
        if named is not None:
            return named
        cordoned = [node for node in view.all("nodes") if node["spec"].get("unschedulable")]
        if not cordoned:
            raise Refused("no node is cordoned", "method")
        return cordoned[0]

    def render(self, view: View) -> tuple[Change, ...]:
        """spec.unschedulable. The taint that goes with it is the node controller's business. Raises: Refused."""
        node = self._node(view)
        name = node["metadata"]["name"]
        spec = {key: value for key, value in (node.get("spec") or {}).items() if key != "unschedulable"}
        allowed = ("/spec/unschedulable", "/spec/taints", "/spec/taints/**")
        after = {**node, "spec": spec}
        return (patch_change(f"uncordon node/{name}", view.path("nodes", name), node, after, allowed),)

    def verify(self, view: View) -> str | None:
        """The node takes pods."""
        node = view.find("nodes", self.component)
        cordoned = [n for n in ([node] if node else view.all("nodes")) if (n.get("spec") or {}).get("unschedulable")]
        return f"node/{cordoned[0]['metadata']['name']} is still cordoned" if cordoned and node else None


@dataclass(frozen=True, slots=True)
class DeletePod:
    """One pod of a component, which its controller replaces."""

    name: ClassVar[str] = "delete_pod"
    component: str
    pod: str | None

    @classmethod
    def parse(cls, component: str, value: str | None) -> "DeletePod":
        """Without a value: one that is not ready, else the newest."""
        return cls(component, value)

    def render(self, view: View) -> tuple[Change, ...]:
        """Raises: Refused if the component has no such pod, or nothing would replace it."""
        pods = [pod for pod in view.pods(subject(view, self.component).obj) if _is_replaced(pod)]
        if self.pod is not None:
            pods = [pod for pod in pods if pod["metadata"]["name"] == self.pod]
        if not pods:
            raise Refused(f"{self.component} has no such pod that a controller would replace", "resource")
        ordered = sorted(pods, key=lambda pod: pod["metadata"].get("creationTimestamp", ""), reverse=True)
        chosen = sorted(ordered, key=is_ready)[0]
        name = chosen["metadata"]["name"]
        return (delete_change(f"delete pod/{name}", view.path("pods", name), chosen),)

    def verify(self, view: View) -> str | None:
        """All replicas ready."""
        return rollout_problem(view, self.component)


def _is_replaced(pod: Obj) -> bool:
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or []
    return not metadata.get("deletionTimestamp") and any(owner.get("controller") for owner in owners)


@dataclass(frozen=True, slots=True)
class DeleteChaos:
    """One Chaos Mesh object that hits a component."""

    name: ClassVar[str] = "delete_chaos"
    component: str
    object_name: str | None

    @classmethod
    def parse(cls, component: str, value: str | None) -> "DeleteChaos":
        """Without a value: the first by name."""
        return cls(component, value)

    def _hits(self, view: View) -> list[tuple[str, Obj]]:
        labels = template_labels(subject(view, self.component).obj)
        # A kind that may not be read cannot be deleted either.
        experiments = [(key, obj) for key in CHAOS for obj in view.all(key, forbidden_is_empty=True)]
        return [
            (key, obj)
            for key, obj in experiments
            if _selects(obj, labels, self.component, view.namespace)
            and not obj["metadata"].get("deletionTimestamp")
            and not is_scheduled(obj)
            and not is_resting(obj)
        ]

    def render(self, view: View) -> tuple[Change, ...]:
        """Raises: Refused if no such object selects the component."""
        hits = [pair for pair in self._hits(view) if self.object_name in (None, pair[1]["metadata"]["name"])]
        if not hits:
            raise Refused(f"no chaos object that acts in namespace {view.namespace} selects {self.component}", "method")
        key, obj = hits[0]
        name = obj["metadata"]["name"]
        summary = f"delete {READABLES[key].resource}/{name}"
        return (delete_change(summary, view.path(key, name), obj),)

    def verify(self, view: View) -> str | None:
        """Nothing of the kind selects the component any more."""
        left = self._hits(view)
        return f"{left[0][1]['metadata']['name']} still selects {self.component}" if left else None


def _selects(chaos: Obj, labels: dict[str, str], component: str, namespace: str) -> bool:
    """Whether its selector, or its target's, takes in pods with these labels."""
    _, spec = experiment_of(chaos)
    target = spec.get("target")  # of a NetworkChaos other pods, of an HTTPChaos a word
    selectors = [spec.get("selector") or {}, target.get("selector") or {} if isinstance(target, dict) else {}]
    return any(_selector_hits(selector, labels, component, namespace) for selector in selectors)


def _selector_hits(selector: Obj, labels: dict[str, str], component: str, namespace: str) -> bool:
    wanted = selector.get("labelSelectors") or {}
    pods = (selector.get("pods") or {}).get(namespace) or []
    named = any(str(pod).startswith(f"{component}-") for pod in pods)
    return named or (bool(wanted) and wanted.items() <= labels.items())
