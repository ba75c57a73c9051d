"""Action on a ConfigMap: set_config. Only values that were there before; nobody can write a new one.

Where an earlier value is known from: a capture of the ConfigMaps that was made at installation or on an earlier
day through the same kind of `ReadTransport` (`aoi.access.replay.capture`), or the record that `kubectl apply`
leaves on the object. The cluster itself forgets a ConfigMap that was deleted.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from aoi.agents.actions.base import rollout_problem, subject
from aoi.agents.actions.change import Change, Obj, Refused, bare, create_change, patch_change
from aoi.agents.actions.view import WORKLOADS, View, containers, template_of
from aoi.agents.actions.workloads import restart_change
from aoi.estate.flagd import troubling

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KEY = re.compile(r"[-._A-Za-z0-9]{1,253}")
_HOST = re.compile(r"[:/]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """One ConfigMap that a pod template names."""

    name: str
    keys: frozenset[str]
    """Keys that it asks for; empty where it takes all."""
    optional: bool


@dataclass(frozen=True, slots=True)
class SetConfig:
    """Restore the ConfigMaps of a component, or one key of them, to recorded values; else those of its flags."""

    name: ClassVar[str] = "set_config"
    component: str
    key: str | None
    value: str | None
    now: Callable[[], str]

    @classmethod
    def parse(cls, component: str, value: str | None, now: Callable[[], str]) -> "SetConfig":
        """`KEY=VALUE`, `KEY` (its recorded value), or nothing (all that differs). Raises: Refused (syntax)."""
        if value is None:
            return cls(component, None, None, now)
        key, equals, wanted = value.partition("=")
        if _KEY.fullmatch(key) is None:
            raise Refused(f"set_config takes KEY=VALUE, found {value!r:.60}", "syntax")
        return cls(component, key, wanted if equals else None, now)

    def render(self, view: View) -> tuple[Change, ...]:
        """ConfigMaps that are missing, or differ from their record; then a restart if programs read them at start.

        Raises: Refused.
        """
        target = subject(view, self.component)
        template = template_of(target.obj)
        # Feature flags are configuration too, which another component reads for it.
        readers = {self.component: template} | flag_services(view, self.component, template)
        if not any(True for read in readers.values() for _ in config_references(read)):
            raise Refused(f"{target.label} reads no ConfigMap", "method")
        unknown: list[str] = []
        for reader, read in readers.items():
            changes = [change for ref in config_references(read) for change in self._restore(view, ref, unknown)]
            if any(change.method == "PATCH" for change in changes):
                # Programs read their configuration at start. One that waits for a missing ConfigMap starts by itself.
                changes.append(restart_change(view, reader, self.now()))
            if changes:
                return tuple(changes)
        why = f"nothing is recorded of {', '.join(unknown)}" if unknown else "they are as recorded"
        raise Refused(f"no ConfigMap of {target.label} can be restored: {why}", "method")

    def _restore(self, view: View, reference: Reference, unknown: list[str]) -> Iterator[Change]:
        present = view.find("configmaps", reference.name)
        record = _record(view, reference.name, present)
        if record is None:
            missing = present is None or not reference.keys <= (present.get("data") or {}).keys()
            if missing and not reference.optional:
                unknown.append(f"configmap/{reference.name}")
            if self.value is not None and self.key in ((present or {}).get("data") or {}):
                unknown.append(f"key {self.key} of configmap/{reference.name}")
            return
        if present is None:
            if self.key is None or self.key in (record.get("data") or {}):
                yield self._create(view, record)
            return
        wanted = self._wanted(record, present, reference.name)
        if wanted:
            after = {**present, "data": {**(present.get("data") or {}), **wanted}}
            allowed = tuple(f"/data/{key.replace('~', '~0').replace('/', '~1')}" for key in wanted)
            summary = f"set {', '.join(sorted(wanted))} of configmap/{reference.name} to what was recorded"
            yield patch_change(summary, view.path("configmaps", reference.name), present, after, ("/data", *allowed))

    def _create(self, view: View, record: Obj) -> Change:
        obj: Obj = {"apiVersion": "v1", "kind": "ConfigMap", **bare(record)}
        recorded = (obj.get("data") or {}).get(self.key) if self.key else None
        if self.value is not None and recorded != self.value:
            raise Refused(f"{self.key} was never {self.value!r:.80}: recorded is another value", "configuration")
        name = obj["metadata"]["name"]
        metadata = {k: v for k, v in obj["metadata"].items() if k in ("name", "namespace", "labels", "annotations")}
        return create_change(f"restore configmap/{name}", view.path("configmaps"), {**obj, "metadata": metadata})

    def _wanted(self, record: Obj, present: Obj, name: str) -> dict[str, Any]:
        """Recorded entries to put back. Raises: Refused if the value asked for was never seen."""
        recorded, now = record.get("data") or {}, present.get("data") or {}
        if self.key is None:
            return {key: value for key, value in recorded.items() if now.get(key) != value}
        if self.key not in recorded:
            return {}
        if self.value is not None and recorded[self.key] != self.value:
            raise Refused(f"{self.key} of configmap/{name} was never {self.value!r:.80}", "configuration")
        return {self.key: recorded[self.key]} if now.get(self.key) != recorded[self.key] else {}

    def verify(self, view: View) -> str | None:
        """All replicas ready, and no container waits for configuration."""
        return rollout_problem(view, self.component)


def _record(view: View, name: str, present: Obj | None) -> Obj | None:
    """What was recorded of a ConfigMap: captured earlier, else as last applied."""
    captured = view.recorded("configmaps", name)
    if captured is not None:
        return captured
    applied = ((present or {}).get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    if not applied:
        return None
    try:
        record = orjson.loads(applied)
    except orjson.JSONDecodeError:
        return None
    is_this = isinstance(record, dict) and (record.get("metadata") or {}).get("name") == name
    return record if is_this and isinstance(record.get("data"), dict) else None


def flag_services(view: View, component: str, template: Obj) -> dict[str, Obj]:
    """Name -> pod template of what serves flags that are on, say that they break something, and are of a component.

    Of it are flags that name it, and those of a service that its environment names.
    """
    asked = {
        part for c in containers(template) for v in c.get("env") or [] for part in _HOST.split(v.get("value") or "")
    }
    found: dict[str, Obj] = {}
    for key in WORKLOADS:
        for workload in view.all(key):
            server, served = workload["metadata"]["name"], template_of(workload)
            held = (view.find("configmaps", ref.name) or {} for ref in config_references(served))
            on = [flag for one in held for text in (one.get("data") or {}).values() for flag in troubling(str(text))]
            if on and (server in asked or any(flag.names([component]) for flag in on)):
                found[server] = served
    return found


def config_references(template: Obj) -> Iterator[Reference]:
    """ConfigMaps that a pod template reads, through env, envFrom and volumes."""
    spec = template.get("spec") or {}
    references: dict[str, tuple[set[str], bool]] = {}

    def note(name: str | None, keys: set[str], *, optional: Any) -> None:
        if name:
            known, was_optional = references.get(name, (set(), True))
            references[name] = (known | keys, was_optional and bool(optional))

    for container in (spec.get("initContainers") or []) + (spec.get("containers") or []):
        for variable in container.get("env") or []:
            ref = (variable.get("valueFrom") or {}).get("configMapKeyRef") or {}
            note(ref.get("name"), {ref.get("key", "")}, optional=ref.get("optional"))
        for source in container.get("envFrom") or []:
            ref = source.get("configMapRef") or {}
            note(ref.get("name"), set(), optional=ref.get("optional"))
    for volume in spec.get("volumes") or []:
        ref = volume.get("configMap") or {}
        keys = {item.get("key", "") for item in ref.get("items") or []}
        note(ref.get("name"), keys, optional=ref.get("optional"))
    for name in sorted(references):
        yield Reference(name, frozenset(references[name][0]), references[name][1])
