"""Who a host position names: a Service by its name or address, a pod by its address, or somebody outside.

Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aoi.estate.components import Component
from aoi.estate.objects import Obj, entries, number, part, text
from aoi.estate.services import Service

Standing = Literal["known", "missing", "elsewhere"]
"""`missing`: a name that only a Service of a namespace that was read could answer to, and none does; with a Service,
a pod's name beyond the replicas of the StatefulSet behind it."""

_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.]{1,20})://)?(?:[^@/\s]{0,200}@)?"
    r"(?P<host>\[[0-9a-f:]+\]|[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)\.?(?::(?P<port>\d{2,5}))?(?:[/?].*)?",
    re.IGNORECASE,
)
_PORTS = {"http": 80, "https": 443, "redis": 6379, "amqp": 5672, "mongodb": 27017, "postgres": 5432, "mysql": 3306}
"""Where a URL goes that names no port."""
_HOSTLIKE = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\.?", re.IGNORECASE)
_KEYS = re.compile(
    r"(?:^|[_.-])(?:host|hostname|addr|address|server|servers|broker|brokers|url|uri|endpoint|dsn)s?$", re.I
)
"""Names of settings that hold a host."""


@dataclass(frozen=True)
class Host:
    """A host position, resolved."""

    written: str
    port: int | None
    standing: Standing
    service: Service | None = None
    component: Component | None = None
    """Whose pods answer there, if one component's do."""


@dataclass
class Hosts:
    """Resolves host positions as the cluster's DNS would."""

    services: Iterable[Service]
    components: Iterable[Component]
    namespaces: frozenset[str]
    """Whose Services were read to the end: what they do not hold is missing."""
    _services: dict[tuple[str, str], Service] = field(default_factory=dict)
    _addresses: dict[str, Service] = field(default_factory=dict)
    _pods: dict[str, Component] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for service in self.services:
            self._services[(service.namespace, service.name)] = service
            for address in (text(service.obj, "spec", "clusterIP"), *_strings(service.obj, "clusterIPs")):
                if address[:1].isdigit() or ":" in address:
                    self._addresses[address] = service
        for component in self.components:
            for pod in component.pods:
                if not part(pod, "spec").get("hostNetwork"):
                    self._pods |= dict.fromkeys(_pod_addresses(pod), component)

    def resolve(self, written: str, namespace: str) -> Host | None:
        """`db`, `db.shop.svc:5432`, `10.96.4.4:5672`, a URL; None for what is no host position."""
        match = _ADDRESS.fullmatch(written.strip().strip("\"'"))
        if match is None:
            return None
        host = match["host"].strip("[]").lower()
        port = int(match["port"]) if match["port"] else _PORTS.get((match["scheme"] or "").lower())
        if host in ("localhost", "0.0.0.0", "::", "::1") or host.startswith("127."):
            return None
        if service := self._addresses.get(host):
            return self._behind(written, port, service)
        if component := self._pods.get(host):
            return Host(written, port, "known", None, component)
        if re.fullmatch(r"[0-9.]+|[0-9a-f]*:[0-9a-f:.]+", host):
            return Host(written, port, "elsewhere")
        return self._named(written, host, port, namespace)

    def _named(self, written: str, host: str, port: int | None, namespace: str) -> Host:
        pieces = host.split(".")
        choices = [(namespace, pieces[0])] if len(pieces) == 1 else []
        if len(pieces) == 2:
            choices = [(pieces[1], pieces[0])]
        elif len(pieces) > 2 and "svc" in pieces[2:4]:
            # NAME.NAMESPACE.svc, or POD.NAME.NAMESPACE.svc of a StatefulSet's pod
            at = pieces.index("svc", 2)
            choices = [(pieces[at - 1], pieces[at - 2])]
        for choice in choices:
            if service := self._services.get(choice):
                pod_name = pieces[0] if len(pieces) > 3 and pieces[3] == "svc" else ""
                return self._behind(written, port, service, pod_name)
        if len(pieces) == 2 and (service := self._services.get((namespace, pieces[1]))):
            return self._behind(written, port, service, pieces[0])  # POD.NAME of a headless Service nearby
        if any(place in self.namespaces for place, _ in choices):
            return Host(written, port, "missing")
        return Host(written, port, "elsewhere")

    def _behind(self, written: str, port: int | None, service: Service, pod_name: str = "") -> Host:
        if pod_name and _is_beyond(service, pod_name):
            return Host(written, port, "missing", service)
        if service.backing == "external":
            pieces = text(service.obj, "spec", "externalName").split(".")
            target = self._services.get((pieces[1], pieces[0])) if len(pieces) > 1 else None
            if target is not None and target.backing != "external":
                service = target
        return Host(written, port, "known", service, service.components[0] if len(service.components) == 1 else None)


def _pod_addresses(pod: Obj) -> list[str]:
    """Of both families, where it has both."""
    listed = [text(entry, "ip") for entry in entries(pod, "status", "podIPs")]
    return [address for address in (text(pod, "status", "podIP"), *listed) if address]


def _is_beyond(service: Service, pod_name: str) -> bool:
    """Whether a pod's name is that of an ordinal that no StatefulSet behind the Service is to have."""
    stem, _, ordinal = pod_name.rpartition("-")
    if not ordinal.isdigit() or any(component.kind != "StatefulSet" for component in service.components):
        return False
    same = [component for component in service.components if component.name == stem]
    if not same or any(text(pod, "metadata", "name") == pod_name for pod in service.pods):
        return False
    start = number(same[0].obj or {}, "spec", "ordinals", "start")
    wanted = same[0].wanted
    return wanted is not None and not start <= int(ordinal) < start + wanted


def _strings(obj: Obj, key: str) -> list[str]:
    value = part(obj, "spec").get(key)
    return [str(item) for item in value] if isinstance(value, list) else []


@dataclass(frozen=True)
class Setting:
    """A value that a container is given, and from where."""

    key: str
    value: str
    source: str
    """`env NAME`, `ConfigMap NAME key KEY`, `args`."""


def settings_of(spec: Obj, maps: Mapping[str, Obj]) -> Iterator[Setting]:
    """What the containers of a pod spec are given that can be read: environment, ConfigMaps, arguments."""
    seen: set[tuple[str, str]] = set()
    for place in ("initContainers", "containers"):
        for container in entries(spec, place):
            for variable in entries(container, "env"):
                if isinstance(variable.get("value"), str):
                    yield Setting(text(variable, "name"), variable["value"], f"env {text(variable, 'name')}")
                reference = part(variable, "valueFrom", "configMapKeyRef")
                yield from _entry(maps, text(reference, "name"), text(reference, "key"), seen)
            for source in entries(container, "envFrom"):
                yield from _whole(maps, text(source, "configMapRef", "name"), seen)
            for word in (*_words(container, "command"), *_words(container, "args")):
                yield Setting("", word.partition("=")[2] or word, "args")
    for volume in entries(spec, "volumes"):
        yield from _whole(maps, text(volume, "configMap", "name"), seen)


def addresses_in(setting: Setting) -> Iterator[str]:
    """Host positions in a value: `host:port`, a URL, or a bare name under a key that says so."""
    value = setting.value.strip()
    if len(value) > 2_000 or "\n" in value:
        for line in value.splitlines()[:400]:
            yield from _in_line(line)
        return
    if _KEYS.search(setting.key) and all(_HOSTLIKE.fullmatch(piece) for piece in value.split(",")):
        yield from value.split(",")
        return
    yield from _written_in(value)


_ENTRY = re.compile(r"[\"']?(?P<key>[\w.-]{1,80})[\"']?\s*[:=]\s*[\"']?(?P<value>[A-Za-z0-9.-]{1,253})[\"']?")
_WRITTEN = re.compile(
    r"(?<![\w./@-])(?:[a-z][a-z0-9+.]{1,20}://(?:[^@/\s'\"]{1,200}@)?[a-z0-9][-a-z0-9.]{0,252}(?::\d{2,5})?"
    r"|[a-z](?:[-a-z0-9.]{0,251}[a-z0-9])?\.?:\d{2,5}"
    r"|\d{1,3}(?:\.\d{1,3}){3}:\d{2,5})(?![\w.-])",
    re.IGNORECASE,
)


def _in_line(line: str) -> Iterator[str]:
    """Of one line of a file: what is written out, or the value of a key that says that it holds a host."""
    if line.lstrip().startswith(("#", "//", ";", "--", "!")):
        return
    match = _ENTRY.fullmatch(line[:4_000].strip().rstrip(","))
    if match and _KEYS.search(match["key"]) and _HOSTLIKE.fullmatch(match["value"]) and not match["value"].isdigit():
        yield match["value"]
        return
    yield from _written_in(line.partition(" #")[0])


def _written_in(line: str) -> Iterator[str]:
    yield from (match[0] for match in _WRITTEN.finditer(line[:4_000]))


def _words(container: Obj, key: str) -> list[str]:
    value = container.get(key)
    return [str(word) for word in value] if isinstance(value, list) else []


def _entry(maps: Mapping[str, Obj], holder: str, key: str, seen: set[tuple[str, str]]) -> Iterator[Setting]:
    value: Any = part(maps.get(holder, {}), "data").get(key)
    if isinstance(value, str) and (holder, key) not in seen:
        seen.add((holder, key))
        yield Setting(key, value, f"ConfigMap {holder} key {key}")


def _whole(maps: Mapping[str, Obj], holder: str, seen: set[tuple[str, str]]) -> Iterator[Setting]:
    for key in part(maps.get(holder, {}), "data"):
        yield from _entry(maps, holder, str(key), seen)
