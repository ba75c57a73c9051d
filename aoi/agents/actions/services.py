"""Actions on a Service: fix_port, fix_selector."""

from dataclasses import dataclass
from typing import Any, ClassVar

from aoi.agents.actions.base import Subject, refuse_value, subject, whole_number
from aoi.agents.actions.change import Change, Obj, Refused, patch_change
from aoi.agents.actions.view import WORKLOADS, View, containers, is_ready, template_labels, template_of


@dataclass(frozen=True, slots=True)
class FixPort:
    """Point a Service at a port that its pods' containers declare, in the protocol in which they do."""

    name: ClassVar[str] = "fix_port"
    component: str
    port: int | None

    @classmethod
    def parse(cls, component: str, value: str | None) -> "FixPort":
        """Without a value: the declared port of the same name or number, or the only one. Raises: Refused."""
        return cls(component, None if value is None else whole_number("fix_port", value, 1, 65_535))

    def render(self, view: View) -> tuple[Change, ...]:
        """targetPort and protocol of the ports that lead nowhere. Raises: Refused."""
        service = view.get("services", self.component)
        declared = _declared(template_of(subject(view, self.component).obj))
        ports = list(service["spec"].get("ports") or [])
        wrong = [index for index, port in enumerate(ports) if not _leads(port, declared)]
        if not wrong:
            raise Refused(f"service/{self.component}: every port leads to one that its pods declare", "method")
        for index in wrong:
            ports[index] = self._mended(ports[index], declared)
        after = {**service, "spec": {**service["spec"], "ports": ports}}
        allowed = tuple(f"/spec/ports/{index}/{field}" for index in wrong for field in ("targetPort", "protocol"))
        shown = ", ".join(f"{ports[i].get('port')} to {ports[i]['targetPort']}" for i in wrong)
        summary = f"lead service/{self.component} port {shown}"
        return (patch_change(summary, view.path("services", self.component), service, after, allowed),)

    def _mended(self, port: Obj, declared: list[Obj]) -> Obj:
        """The port with a target that is declared, by the protocol in which it is. Raises: Refused."""
        offered = [item for item in declared if _is_at(item, port.get("targetPort", port.get("port")))]
        target = port.get("targetPort", port.get("port")) if offered else self._right(port, declared)
        spoken = {_protocol(item) for item in declared if _is_at(item, target)}
        mended = {**port, "targetPort": target}
        if spoken and _protocol(port) not in spoken:
            mended["protocol"] = sorted(spoken)[0]
        return mended

    def _right(self, port: Obj, declared: list[Obj]) -> Any:
        """The one declared port that this Service port can mean. Raises: Refused."""
        numbers = list(dict.fromkeys(item["containerPort"] for item in declared))
        if self.port is not None:
            if self.port not in numbers:
                raise Refused(f"no container of {self.component} declares port {self.port}: {numbers}", "configuration")
            return self.port
        named = [item["containerPort"] for item in declared if port.get("name") and item.get("name") == port["name"]]
        same = [number for number in numbers if number == port.get("port")]
        for candidates in (named, same, numbers):
            if len(set(candidates)) == 1:
                return candidates[0]
        raise Refused(f"containers of {self.component} declare {numbers or 'no port'}; give one", "method")

    def verify(self, view: View) -> str | None:
        """A ready address behind every port."""
        return endpoints_problem(view, self.component)


def _declared(template: Obj) -> list[Obj]:
    return [port for container in containers(template) for port in container.get("ports") or []]


def _leads(port: Obj, declared: list[Obj]) -> bool:
    wanted = port.get("targetPort", port.get("port"))
    return any(_is_at(item, wanted) and _protocol(item) == _protocol(port) for item in declared)


def _is_at(item: Obj, wanted: Any) -> bool:
    """Whether a declared port is the one of this number or name."""
    return bool(item["containerPort"] == int(wanted) if str(wanted).isdigit() else item.get("name") == wanted)


def _protocol(port: Obj) -> str:
    return str(port.get("protocol", "TCP"))


@dataclass(frozen=True, slots=True)
class FixSelector:
    """Make a Service select the pods of the workload of its name, and no others."""

    name: ClassVar[str] = "fix_selector"
    component: str

    @classmethod
    def parse(cls, component: str, value: str | None) -> "FixSelector":
        """Raises: Refused if a value is given."""
        refuse_value("fix_selector", value)
        return cls(component)

    def render(self, view: View) -> tuple[Change, ...]:
        """spec.selector. Raises: Refused."""
        service = view.get("services", self.component)
        target = subject(view, self.component)
        labels = template_labels(target.obj)
        present = service["spec"].get("selector") or {}
        own = dict((target.obj["spec"].get("selector") or {}).get("matchLabels") or {})
        if present and present.items() <= labels.items():
            if not _takes_others(view, present, target):
                raise Refused(f"service/{self.component} selects the pods of {target.label} already", "method")
            selector = own
        else:
            # The keys stay, so that a selector as narrow as before comes out; a key the pods lack goes.
            selector = {key: labels[key] for key in present if key in labels} or own
        if not selector:
            raise Refused(f"{target.label} has no labels to select by", "method")
        after = {**service, "spec": {**service["spec"], "selector": selector}}
        summary = f"make service/{self.component} select the pods of {target.label}"
        path = view.path("services", self.component)
        return (patch_change(summary, path, service, after, ("/spec/selector", "/spec/selector/*")),)

    def verify(self, view: View) -> str | None:
        """A ready address behind every port."""
        return endpoints_problem(view, self.component)


def _takes_others(view: View, selector: Obj, target: Subject) -> bool:
    """Whether a selector takes in the pods of another workload, that the target's own selector leaves out."""
    own = ((target.obj["spec"].get("selector") or {}).get("matchLabels") or {}).items()
    every = (template_labels(obj) for key in WORKLOADS for obj in view.all(key))
    return any(selector.items() <= labels.items() and not own <= labels.items() for labels in every)


def endpoints_problem(view: View, component: str) -> str | None:
    """What keeps a Service from reaching a ready pod on a declared port."""
    service = view.get("services", component)
    declared = _declared(template_of(subject(view, component).obj))
    wrong = [port for port in service["spec"].get("ports") or [] if not _leads(port, declared)]
    if wrong and declared:
        return f"service/{component}: port {wrong[0].get('port')} leads to no declared port"
    selector = service["spec"].get("selector") or {}
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    ready = [pod for pod in (view.all("pods", labels=labels) if labels else []) if is_ready(pod)]
    if not ready:
        return f"service/{component}: no ready pod behind it"
    slices = view.all("endpointslices.discovery.k8s.io", labels=f"kubernetes.io/service-name={component}")
    addresses = [
        endpoint
        for piece in slices
        if piece.get("ports")
        for endpoint in piece.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready", True)
    ]
    return None if addresses else f"service/{component}: no ready endpoint yet"
