"""Actions on a workload: restart, scale, rollback, set_image, set_limits, fix_scheduling."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from aoi.agents.actions.base import (
    TEMPLATE,
    Subject,
    earlier_revisions,
    refuse_value,
    rollout_problem,
    subject,
    whole_number,
    with_container,
    with_template,
)
from aoi.agents.actions.change import Change, Obj, Refused, patch_change
from aoi.agents.actions.view import View, containers, template_of
from aoi.estate.objects import DEFAULT_CONTAINER
from aoi.estate.quantities import millicores, size_bytes
from aoi.estate.selectors import expression_fits

RESTARTED = "kubectl.kubernetes.io/restartedAt"
MIN_REPLICAS, MAX_REPLICAS = 1, 10
LIMIT_FACTORS = (0.5, 4.0)
"""A limit stays within these multiples of the present one or of a recorded one."""


@dataclass(frozen=True, slots=True)
class Restart:
    """New pods from the same template, as `kubectl rollout restart` makes them."""

    name: ClassVar[str] = "restart"
    component: str
    now: Callable[[], str]
    """RFC 3339 time for the mark in the template."""

    def render(self, view: View) -> tuple[Change, ...]:
        """One annotation of the template. Raises: Refused."""
        return (restart_change(view, self.component, self.now()),)

    def verify(self, view: View) -> str | None:
        """All replicas ready."""
        return rollout_problem(view, self.component)


def restart_change(view: View, component: str, now: str) -> Change:
    """The annotation that starts a rollout of an unchanged template."""
    target = subject(view, component)
    template = template_of(target.obj)
    metadata = template.get("metadata") or {}
    marked = {**(metadata.get("annotations") or {}), RESTARTED: now}
    after = with_template(target.obj, {**template, "metadata": {**metadata, "annotations": marked}})
    pointer = f"{TEMPLATE}/metadata/annotations"
    allowed = (pointer, f"{pointer}/{RESTARTED.replace('/', '~1')}")
    return patch_change(f"restart {target.label}", target.path, target.obj, after, allowed)


@dataclass(frozen=True, slots=True)
class Scale:
    """Between one and ten replicas. Zero is how outages are made, not mended."""

    name: ClassVar[str] = "scale"
    component: str
    replicas: int | None

    @classmethod
    def parse(cls, component: str, value: str | None) -> "Scale":
        """Without a value: as many as were recorded, else one where none run. Raises: Refused."""
        return cls(component, whole_number("scale", value, MIN_REPLICAS, MAX_REPLICAS) if value else None)

    def render(self, view: View) -> tuple[Change, ...]:
        """spec.replicas. Raises: Refused."""
        target = subject(view, self.component)
        if target.key == "daemonsets.apps":
            raise Refused(f"{target.label} has no replicas: nodes decide", "method")
        present = target.obj["spec"].get("replicas", 1)
        replicas = self.replicas or self._recorded(view, target)
        after = {**target.obj, "spec": {**target.obj["spec"], "replicas": replicas}}
        summary = f"scale {target.label} from {present} to {replicas} replicas"
        return (patch_change(summary, target.path, target.obj, after, ("/spec/replicas",)),)

    def _recorded(self, view: View, target: Subject) -> int:
        """How many it had when it was captured, within what may be asked for; without a capture one, and from zero
        alone. Raises: Refused."""
        captured = view.recorded(target.key, target.obj["metadata"]["name"]) or {}
        present = target.obj["spec"].get("replicas", 1)
        if not captured and present:
            raise Refused(f"{target.label} has {present} replicas, and no record says how many it needs: give a number",
                          "method")  # fmt: skip
        known = (captured.get("spec") or {}).get("replicas", MIN_REPLICAS)
        return min(max(known, MIN_REPLICAS), MAX_REPLICAS)

    def verify(self, view: View) -> str | None:
        """All replicas ready."""
        return rollout_problem(view, self.component)


@dataclass(frozen=True, slots=True)
class Rollback:
    """Back to a recorded revision of the pod template."""

    name: ClassVar[str] = "rollback"
    component: str
    revision: int | None

    @classmethod
    def parse(cls, component: str, value: str | None) -> "Rollback":
        """Without a value: the newest revision that differs from the present one. Raises: Refused."""
        return cls(component, None if value is None else whole_number("rollback", value, 1, 999_999))

    def render(self, view: View) -> tuple[Change, ...]:
        """The whole template. Raises: Refused."""
        target = subject(view, self.component)
        earlier = earlier_revisions(view, target)
        if self.revision is not None:
            earlier = [pair for pair in earlier if pair[0] == self.revision]
        if not earlier:
            wanted = "an earlier revision" if self.revision is None else f"revision {self.revision}"
            raise Refused(f"{target.label} has no record of {wanted} that differs from the present", "method")
        number, template = earlier[0]
        summary = f"roll {target.label} back to revision {number}"
        after = with_template(target.obj, template)
        return (patch_change(summary, target.path, target.obj, after, (f"{TEMPLATE}/**",)),)

    def verify(self, view: View) -> str | None:
        """All replicas ready."""
        return rollout_problem(view, self.component)


@dataclass(frozen=True, slots=True)
class SetImage:
    """An image that this container ran before, and no other."""

    name: ClassVar[str] = "set_image"
    component: str
    image: str | None

    @classmethod
    def parse(cls, component: str, value: str | None) -> "SetImage":
        """Without a value: the image of the newest revision that had another."""
        return cls(component, value)

    def render(self, view: View) -> tuple[Change, ...]:
        """The image of one container. Raises: Refused if no recorded revision had it."""
        target = subject(view, self.component)
        template = template_of(target.obj)
        for number, recorded in earlier_revisions(view, target):
            images = {container["name"]: container.get("image") for container in containers(recorded)}
            for index, container in enumerate(containers(template)):
                image = images.get(container["name"])
                if image in (None, container.get("image")) or self.image not in (None, image):
                    continue
                summary = (
                    f"set image of {target.label} {container['name']} from {container.get('image')} to {image}"
                    f" (revision {number})"
                )
                after = with_template(target.obj, with_container(template, index, {"image": image}))
                allowed = (f"{TEMPLATE}/spec/containers/{index}/image",)
                return (patch_change(summary, target.path, target.obj, after, allowed),)
        wanted = f"image {self.image}" if self.image else "another image"
        raise Refused(f"no recorded revision of {target.label} ran {wanted}", "configuration")

    def verify(self, view: View) -> str | None:
        """All replicas ready."""
        return rollout_problem(view, self.component)


_QUANTITY = re.compile(r"(?:(memory|cpu)=)?([0-9]{1,12}(?:\.[0-9]{1,3})?)(m|Ki|Mi|Gi|k|M|G)?")


@dataclass(frozen=True, slots=True)
class SetLimits:
    """A CPU or memory limit within bounds of the present one or of a recorded one."""

    name: ClassVar[str] = "set_limits"
    component: str
    resource: str
    quantity: str | None

    @classmethod
    def parse(cls, component: str, value: str | None) -> "SetLimits":
        """`256Mi`, `memory=256Mi`, `cpu=500m`; without a value, the memory limit that was recorded before.

        Raises: Refused (syntax).
        """
        if value is None:
            return cls(component, "memory", None)
        match = _QUANTITY.fullmatch(value)
        if match is None:
            raise Refused(f"set_limits takes a quantity such as 256Mi or cpu=500m, found {value!r:.60}", "syntax")
        resource = match[1] or ("memory" if match[3] in ("Ki", "Mi", "Gi", "k", "M", "G") else "cpu")
        return cls(component, resource, value.partition("=")[2] or value)

    def render(self, view: View) -> tuple[Change, ...]:
        """Limit (and, where it would exceed it or came with it, the request) of one container. Raises: Refused."""
        target = subject(view, self.component)
        template = template_of(target.obj)
        index = self._container(template)
        container = containers(template)[index]
        recorded = self._recorded(view, target, container["name"])
        quantity = self.quantity or self._default(container, recorded, target)
        self._check_bounds(quantity, container, recorded)
        resources = container.get("resources") or {}
        limits = {**(resources.get("limits") or {}), self.resource: quantity}
        requests = dict(resources.get("requests") or {})
        earlier: Obj = next(
            (r["requests"] for r in recorded if self._limit(r) == self._size(quantity) and "requests" in r), {}
        )
        if self.resource in requests and self.resource in earlier:
            requests[self.resource] = earlier[self.resource]
        if self._size(requests.get(self.resource)) > self._size(quantity):
            requests[self.resource] = quantity
        changed = {**resources, "limits": limits, **({"requests": requests} if requests else {})}
        old = (resources.get("limits") or {}).get(self.resource, "none")
        summary = f"set {self.resource} limit of {target.label} {container['name']} from {old} to {quantity}"
        after = with_template(target.obj, with_container(template, index, {"resources": changed}))
        pointer = f"{TEMPLATE}/spec/containers/{index}/resources"
        allowed = (pointer, *(f"{pointer}/{part}/{self.resource}" for part in ("limits", "requests")))
        return (patch_change(summary, target.path, target.obj, after, (*allowed, *_parents(pointer))),)

    def _container(self, template: Obj) -> int:
        """The one that kubectl takes by default; else the first with such a limit, else the first."""
        named = (template.get("metadata", {}).get("annotations") or {}).get(DEFAULT_CONTAINER)
        chosen = [i for i, c in enumerate(containers(template)) if c["name"] == named]
        limited = [i for i, c in enumerate(containers(template)) if self._limit(c.get("resources") or {})]
        return next(iter((*chosen, *limited)), 0)

    def _size(self, quantity: str | None) -> int:
        return millicores(quantity) if self.resource == "cpu" else size_bytes(quantity)

    def _limit(self, resources: Obj) -> int:
        return self._size((resources.get("limits") or {}).get(self.resource))

    def _recorded(self, view: View, target: Subject, name: str) -> list[Obj]:
        """Resources of this container in earlier revisions, newest first."""
        values = [
            container.get("resources") or {}
            for _, template in earlier_revisions(view, target)
            for container in containers(template)
            if container["name"] == name
        ]
        return [resources for resources in values if self._limit(resources)]

    def _default(self, container: Obj, recorded: list[Obj], target: Subject) -> str:
        present = self._limit(container.get("resources") or {})
        for resources in recorded:
            if self._limit(resources) != present:
                return str(resources["limits"][self.resource])
        raise Refused(f"{target.label} has no recorded {self.resource} limit but the present; give a value", "method")

    def _check_bounds(self, quantity: str, container: Obj, recorded: list[Obj]) -> None:
        known = [self._limit(container.get("resources") or {}), *map(self._limit, recorded)]
        size = self._size(quantity)
        low, high = LIMIT_FACTORS
        if not any(base and low * base <= size <= high * base for base in known):
            shown = ", ".join(str(base) for base in known if base) or "none"
            raise Refused(
                f"{self.resource} limit {quantity} is not within x{low} to x{high} of one that was set (of {shown}"
                f" {'millicores' if self.resource == 'cpu' else 'bytes'})",
                "configuration",
            )

    def verify(self, view: View) -> str | None:
        """All replicas ready."""
        return rollout_problem(view, self.component)


def _parents(pointer: str) -> tuple[str, ...]:
    """Maps that a first entry creates whole."""
    return (f"{pointer}/limits", f"{pointer}/requests")


@dataclass(frozen=True, slots=True)
class FixScheduling:
    """Drop what no node satisfies from the node selector and required node affinity; restore lost tolerations."""

    name: ClassVar[str] = "fix_scheduling"
    component: str

    @classmethod
    def parse(cls, component: str, value: str | None) -> "FixScheduling":
        """Raises: Refused if a value is given."""
        refuse_value("fix_scheduling", value)
        return cls(component)

    def render(self, view: View) -> tuple[Change, ...]:
        """nodeSelector, affinity.nodeAffinity and tolerations of the template. Raises: Refused."""
        target = subject(view, self.component)
        template = template_of(target.obj)
        spec = template["spec"]
        labels = [node["metadata"].get("labels") or {} for node in view.all("nodes")]
        if not labels:
            raise Refused("no node can be read, so none can be told to fit", "resource")
        changed = _fit_selector(spec, labels, earlier_revisions(view, target))
        changed = _fit_affinity(changed, labels)
        changed = _restore_tolerations(changed, earlier_revisions(view, target))
        if changed == spec:
            raise Refused(f"{target.label} asks for nothing that its nodes do not have", "method")
        after = with_template(target.obj, {**template, "spec": changed})
        pointer = f"{TEMPLATE}/spec"
        allowed = (f"{pointer}/nodeSelector/**", f"{pointer}/affinity/**", f"{pointer}/tolerations/**")
        summary = f"let {target.label} be scheduled on nodes that exist"
        return (patch_change(summary, target.path, target.obj, after, allowed),)

    def verify(self, view: View) -> str | None:
        """All replicas ready."""
        return rollout_problem(view, self.component)


def _fit_selector(spec: Obj, nodes: list[dict[str, str]], earlier: list[tuple[int, Obj]]) -> Obj:
    selector = spec.get("nodeSelector") or {}
    if not selector or any(selector.items() <= labels.items() for labels in nodes):
        return spec
    kept: dict[str, str] = {k: v for k, v in selector.items() if any(labels.get(k) == v for labels in nodes)}
    if kept and not any(kept.items() <= labels.items() for labels in nodes):
        # Each part fits some node, all together none: what the last revision did not ask for goes.
        known = ((earlier[0][1].get("spec") or {}).get("nodeSelector") or {}) if earlier else {}
        kept = {key: value for key, value in kept.items() if known.get(key) == value}
        if not any(kept.items() <= labels.items() for labels in nodes):
            kept = {}
    rest = {key: value for key, value in spec.items() if key != "nodeSelector"}
    return {**rest, "nodeSelector": kept} if kept else rest


def _fit_affinity(spec: Obj, nodes: list[dict[str, str]]) -> Obj:
    affinity = spec.get("affinity") or {}
    rule = "requiredDuringSchedulingIgnoredDuringExecution"
    node_affinity = affinity.get("nodeAffinity") or {}
    terms = (node_affinity.get(rule) or {}).get("nodeSelectorTerms") or []
    if not terms or any(_term_fits(term, labels) for term in terms for labels in nodes):
        return spec
    left = {key: value for key, value in node_affinity.items() if key != rule}
    others = {key: value for key, value in affinity.items() if key != "nodeAffinity"}
    kept = {**others, **({"nodeAffinity": left} if left else {})}
    rest = {key: value for key, value in spec.items() if key != "affinity"}
    return {**rest, "affinity": kept} if kept else rest


def _term_fits(term: Obj, labels: dict[str, str]) -> bool:
    return all(expression_fits(item, labels) for item in term.get("matchExpressions") or [])


def _restore_tolerations(spec: Obj, earlier: list[tuple[int, Obj]]) -> Obj:
    known = ((earlier[0][1].get("spec") or {}).get("tolerations") or []) if earlier else []
    present = spec.get("tolerations") or []
    lost = [item for item in known if item not in present]
    return {**spec, "tolerations": [*present, *lost]} if lost else spec
