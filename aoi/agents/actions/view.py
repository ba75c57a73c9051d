"""What a typed action sees of the cluster: unredacted objects of one namespace, through reads alone."""

from collections.abc import Sequence
from typing import Any

from aoi.access.reading import READABLES, Readable
from aoi.access.transport import ReadTransport
from aoi.agents.actions.change import Obj, Refused
from aoi.agents.kubectl.describe_workloads import owned, revision, selector_text
from aoi.agents.kubectl.reader import Reader, ServerSaid
from aoi.agents.topology import Workload, joined

WORKLOADS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")


class View:
    """Reads objects as they are, for rendering and verifying changes. Nothing of it reaches a model."""

    def __init__(self, transport: ReadTransport, namespace: str, recorded: ReadTransport | None = None) -> None:
        """`recorded` answers from an earlier capture of the same cluster, e.g. of its ConfigMaps as installed."""
        self.namespace = namespace
        self._transport = transport
        self._recorded = recorded
        self._leads: dict[str, tuple[Obj, str, str]] = {}
        """Service -> (its spec, resource and name of the workload behind it): whoever waits for a change asks often."""

    def get(self, key: str, name: str) -> Obj:
        """One object. Raises: Refused (resource) if it is not there."""
        obj = self.find(key, name)
        if obj is None:
            readable = READABLES[key]
            raise Refused(f"{readable.resource} {name!r} is not in namespace {self.namespace}", "resource")
        return obj

    def find(self, key: str, name: str) -> Obj | None:
        """One object or None."""
        return _find(self._transport, self.namespace, key, name)

    def recorded(self, key: str, name: str) -> Obj | None:
        """The object as it was captured earlier; None if nothing of it was."""
        return _find(self._recorded, self.namespace, key, name) if self._recorded else None

    def all(self, key: str, *, labels: str = "", fields: str = "", forbidden_is_empty: bool = False) -> list[Obj]:
        """Objects in name order; none if the cluster does not serve the kind. Raises: Refused."""
        try:
            objects = Reader(self._transport, self.namespace).list(key, labels=labels, fields=fields, redacted=False)
        except ServerSaid as error:
            if error.status == 404 or (forbidden_is_empty and error.status == 403):
                return []
            raise _refusal(error) from error
        return sorted(objects, key=lambda obj: obj["metadata"]["name"])

    def path(self, key: str, name: str | None = None) -> str:
        """Where requests about it go."""
        return READABLES[key].path(self.namespace, name)

    def workload(self, component: str) -> tuple[str, Obj]:
        """(resource, object) that runs a component: what its Service selects or was meant to, else of its name.

        Raises: Refused (resource).
        """
        service = self.find("services", component)
        if service is not None and (behind := self._behind(component, service.get("spec") or {})) is not None:
            return behind
        for key in WORKLOADS:
            if workload := self.find(key, component):
                return key, workload
        raise Refused(f"no workload of component {component!r} in namespace {self.namespace}", "resource")

    def _behind(self, component: str, spec: Obj) -> tuple[str, Obj] | None:
        """(resource, object) of the workload behind a Service, looked for anew when either is another."""
        led, key, name = self._leads.get(component, ({}, "", ""))
        if key and led == spec and (workload := self.find(key, name)) is not None:
            return key, workload
        behind = self._behind_services().get(component)
        if behind is not None:
            self._leads[component] = (spec, behind[0], behind[1]["metadata"]["name"])
        return behind

    def _behind_services(self) -> dict[str, tuple[str, Obj]]:
        """Service -> (resource, object) of the workload behind it."""
        every = {(key, obj["metadata"]["name"]): obj for key in WORKLOADS for obj in self.all(key)}
        workloads = [Workload(key, name, tuple(template_labels(obj).items())) for (key, name), obj in every.items()]
        services = {obj["metadata"]["name"]: (obj.get("spec") or {}).get("selector") for obj in self.all("services")}
        behind = joined({name: selector for name, selector in services.items() if selector}, workloads)
        return {name: (found.kind, every[found.kind, found.name]) for name, found in behind.items()}

    def pods(self, workload: Obj) -> list[Obj]:
        """Pods that a workload's selector takes in."""
        labels = selector_text((workload.get("spec") or {}).get("selector"))
        return self.all("pods", labels=labels) if labels else []

    def revisions(self, key: str, workload: Obj) -> list[tuple[int, Obj]]:
        """(number, pod template) of the recorded revisions, oldest first, without the controller's own label."""
        labels = selector_text((workload.get("spec") or {}).get("selector"))
        if key == "deployments.apps":
            sets = owned(self.all("replicasets.apps", labels=labels), workload)
            recorded = [(revision(rs), _template(rs["spec"])) for rs in sets]
        else:
            kept = owned(self.all("controllerrevisions.apps", labels=labels), workload)
            recorded = [
                (int(obj.get("revision", 0)), _template((obj.get("data") or {}).get("spec") or {})) for obj in kept
            ]
        return sorted(recorded, key=lambda pair: pair[0])


def _template(spec: Obj) -> Obj:
    template = {key: value for key, value in (spec.get("template") or {}).items() if key != "$patch"}
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if key != "creationTimestamp"}
    hidden = ("pod-template-hash", "controller-revision-hash")
    metadata["labels"] = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in hidden}
    return {**template, "metadata": metadata}


def same_template(left: Obj, right: Obj) -> bool:
    """Whether two templates would run the same: marks of a restart do not count."""
    return _plain(left) == _plain(right)


def _plain(template: Obj) -> Any:
    cleaned = _template({"template": template})
    annotations = cleaned["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if not key.endswith("/restartedAt")}
    return {**cleaned, "metadata": {**cleaned["metadata"], "annotations": kept}}


def template_of(workload: Obj) -> Obj:
    """Its pod template."""
    return (workload.get("spec") or {}).get("template") or {}


def template_labels(workload: Obj) -> dict[str, str]:
    """Labels that its pods carry."""
    return (template_of(workload).get("metadata") or {}).get("labels") or {}


def containers(template: Obj) -> Sequence[Obj]:
    """Its containers, init containers aside."""
    return (template.get("spec") or {}).get("containers") or []


def is_ready(pod: Obj) -> bool:
    """Whether a pod counts for its Services."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)


def _find(transport: ReadTransport, namespace: str, key: str, name: str) -> Obj | None:
    readable: Readable = READABLES[key]
    try:
        return Reader(transport, namespace).get(readable, name, redacted=False)
    except ServerSaid as error:
        if error.status in (404, 501):  # 501: a recording does not hold it
            return None
        raise _refusal(error) from error


def _refusal(error: ServerSaid) -> Refused:
    return Refused(str(error), "permission" if error.status in (401, 403) else "resource")
