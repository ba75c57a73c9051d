"""Components: what owns pods, by owner references up to the top. Nothing is joined by its name.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aoi.estate.objects import Obj, controller, entries, labels, name, namespace, number, part, text, uid
from aoi.estate.selectors import selects

OWNERS = (
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "cronjobs.batch",
    "jobs.batch",
    "replicasets.apps",
    "replicationcontrollers",
)
"""Kinds that make pods, or make what makes them."""


class Identity(NamedTuple):
    """What one component is, wherever it is spoken of."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Component:
    """The top of a chain of owners, with everything below it."""

    identity: Identity
    obj: Obj | None
    """None if the owner could not be read: a custom resource of somebody's operator, or a refused list."""
    pods: tuple[Obj, ...] = ()
    between: tuple[Obj, ...] = ()
    """ReplicaSets of a Deployment, Jobs of a CronJob."""
    template: Obj = field(default_factory=dict)
    """Pod template: metadata and spec. Of a bare pod, the pod."""
    reference: Obj = field(default_factory=dict)
    """The owner reference, where it is all that is known of the owner."""

    @property
    def kind(self) -> str:
        """As in its manifest."""
        return self.identity.kind

    @property
    def name(self) -> str:
        """As in its manifest."""
        return self.identity.name

    @property
    def namespace(self) -> str:
        """Where it lives."""
        return self.identity.namespace

    @property
    def template_labels(self) -> dict[str, str]:
        """What its pods are labelled with."""
        return labels(self.template)

    @property
    def wanted(self) -> int | None:
        """Pods that it is told to run; None where that is no number of its spec."""
        if self.obj is None or self.kind in ("Pod", "Job", "CronJob"):
            return None
        if self.kind == "DaemonSet":
            return number(self.obj, "status", "desiredNumberScheduled")
        return number(self.obj, "spec", "replicas", default=1)


def components_of(objects: Mapping[str, Iterable[Obj]]) -> tuple[Component, ...]:
    """Every component of the given objects (resource -> objects), in the order of kind, namespace and name."""
    owners = [obj for key in OWNERS for obj in objects.get(key, ())]
    return _Owners(owners).components(list(objects.get("pods", ())))


class _Owners:
    """Owners by uid, with the ways up."""

    def __init__(self, owners: list[Obj]) -> None:
        self._owners = owners
        self._by_uid = {uid(obj): obj for obj in owners if uid(obj)}
        self._references: dict[Identity, Obj] = {}

    def components(self, pods: list[Obj]) -> tuple[Component, ...]:
        tops: dict[Identity, Obj | None] = {}
        between: dict[Identity, list[Obj]] = {}
        below: dict[Identity, list[Obj]] = {}
        for owner in self._owners:
            top, obj = self._top(owner)
            tops.setdefault(top, obj)
            if obj is not owner:
                between.setdefault(top, []).append(owner)
        for pod in pods:
            top, obj = self._top(pod)
            tops.setdefault(top, obj)
            below.setdefault(top, []).append(pod)
        return tuple(
            Component(
                top,
                obj,
                tuple(below.get(top, ())),
                tuple(between.get(top, ())),
                _template(obj, below.get(top)),
                self._references.get(top, {}),
            )
            for top, obj in sorted(tops.items(), key=lambda item: item[0])
        )

    def _top(self, obj: Obj) -> tuple[Identity, Obj | None]:
        seen: set[str] = set()
        current = obj
        while owner := controller(current):
            above = self._by_uid.get(text(owner, "uid"))
            if text(owner, "kind") == "Node":
                break  # a static pod: its node's kubelet runs it from a file
            if above is None:
                return self._unread(owner, current)
            if uid(above) in seen:
                break  # a circle, which nothing but a forged object makes
            seen.add(uid(above))
            current = above
        return Identity(str(current.get("kind") or "Pod"), namespace(current), name(current)), current

    def _unread(self, owner: Obj, owned: Obj) -> tuple[Identity, Obj | None]:
        """An owner of which nothing but the reference is known; behind an unread ReplicaSet, its Deployment."""
        if text(owner, "kind") == "ReplicaSet":
            for deployment in self._owners:
                is_near = deployment.get("kind") == "Deployment" and namespace(deployment) == namespace(owned)
                if is_near and selects(part(deployment, "spec", "selector"), labels(owned)):
                    return Identity("Deployment", namespace(deployment), name(deployment)), deployment
        identity = Identity(text(owner, "kind"), namespace(owned), text(owner, "name"))
        self._references.setdefault(identity, owner)
        return identity, None


def _template(obj: Obj | None, pods: list[Obj] | None) -> Obj:
    """What pods are made from; where the owner does not say, as the newest of them is."""
    if obj is not None and obj.get("kind") != "Pod":
        path = ("spec", "jobTemplate", "spec", "template") if obj.get("kind") == "CronJob" else ("spec", "template")
        template = part(obj, *path)
        if entries(template, "spec", "containers"):
            return template
    return max(pods, key=lambda pod: text(pod, "metadata", "creationTimestamp")) if pods else {}
