"""What an application is, as frozen data: components, how they start, what they need, whom they call.

Everything that happens at run time (container life, traffic, logs, metrics, traces) is computed from one
`Application` and the *state of the API objects*; nothing in here says what is wrong with a world. Written by
`hotel.py` and `generator.py`; read by `manifests.py`, `runtime.py`, `traffic.py`, `logs.py` and by fault injectors.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import orjson

from aoi.worlds.applications.flags import FlagService
from aoi.worlds.applications.installation import (
    NOTHING_ELSE,
    RESOURCES,
    Attendant,
    Furniture,
    Installed,
    Mount,
    ProbeSpec,
    Resources,
    Revision,
    ServiceSpec,
    Style,
    WorkloadKind,
)

Kind = Literal["gateway", "service", "database", "cache", "infrastructure"]
Protocol = Literal["http", "grpc", "thrift", "mongo", "postgres", "redis", "memcached", "kafka"]
Source = Literal["env", "config_env", "config_file", "secret_env", "field"]
"""`field`: of the pod's own metadata, as the kubelet fills it in."""
Discovery = Literal["service", "registry"]

DATA_KINDS: tuple[Kind, ...] = ("database", "cache")
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One call that an operation makes, in order; a critical call that fails fails the operation."""

    callee: str
    operation: str
    weight: float = 1.0
    """Calls per execution of the operation, in (0, 1]."""
    timeout_ms: int = 1000
    critical: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """What a component can be asked. `own_ms` is its median time without its calls."""

    name: str
    own_ms: float
    calls: tuple[Call, ...] = ()
    errors: float = 0.0
    """Share of executions that fail by themselves, whatever is called."""
    wait_ms: float = 0.0
    """That every execution waits for nothing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that the program reads at start, and where the manifest takes it from."""

    name: str
    """Environment variable, or file name below the component's configuration folder for `config_file`."""
    value: str
    """What a healthy installation holds."""
    pattern: str
    """Regular expression that a usable value fully matches."""
    source: Source = "env"
    holder: str = ""
    """Name of the ConfigMap or Secret; empty for a plain `env`."""
    key: str = ""
    """Key in the holder; for `field`, the path of the field."""
    callee: str | None = None
    """If the value is the `host:port` of another component."""
    essential: bool = True
    """Without a usable value the program exits; otherwise it falls back to a default that may be wrong."""
    fallback: str = ""
    """What is used when an unessential value is missing."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the program really uses."""

    cpu_idle_m: float
    cpu_ms_per_request: float
    memory_bytes: int
    """Steady working set."""
    peak_bytes: int
    """A memory limit below this ends in OOMKilled."""


@dataclass(frozen=True, slots=True)
class Image:
    """One repository of the application's registry: which tags exist and which programs are inside."""

    repository: str
    tags: tuple[str, ...]
    """Working builds, oldest first."""
    buggy: tuple[str, ...]
    """Builds that exist and panic about a second after start."""
    binaries: tuple[tuple[str, str], ...]
    """(command, component whose program it is). An engine's command maps to the empty string: it becomes
    whatever component its pod stands for."""
    tools: tuple[str, ...] = ()
    """Other executables in the image, for exec."""
    by_tag: tuple[tuple[str, str], ...] = ()
    """(tag, component) where a repository keeps another program under each tag: what runs without a command."""
    slow: tuple[tuple[str, Literal["leak", "hot"]], ...] = ()
    """(tag, what is wrong with it): builds that run, and leak memory or burn CPU."""

    @property
    def flaws(self) -> Mapping[str, Literal["leak", "hot"]]:
        """What is wrong with a build that runs, by its tag."""
        return dict(self.slow)

    is_private: bool = False
    """Whoever pulls it must log in."""
    is_any_tag: bool = False
    """Tags that are not listed exist too, and work: nobody knows all that somebody else's registry has."""

    @property
    def arm64(self) -> tuple[str, ...]:
        """Builds of the newest release for another processor: two tags, and what one of them is by digest."""
        newest = {name: tag for tag, name in self.by_tag if tag in self.tags} if self.by_tag else {"": self.tags[-1]}
        return tuple(built for tag in newest.values() for built in self._arm64(tag))

    def _arm64(self, tag: str) -> tuple[str, ...]:
        digest = hashlib.sha256(f"{self.repository}:{tag}/linux/arm64".encode()).hexdigest()
        return f"{tag}-arm64", f"{tag}-arm64v8", f"sha256:{digest}"

    def program_of(self, tag: str) -> str:
        """Component whose program a tag holds, where each tag holds another; else empty."""
        held = dict(self.by_tag)
        for known, name in held.items():
            if tag == known or tag in self._arm64(known):
                return name
        return ""


@dataclass(frozen=True, slots=True)
class DatabaseUser:
    """An account of a database as its init script makes it."""

    name: str
    password: str
    grants: tuple[tuple[str, str], ...]
    """(database, role)."""


@dataclass(frozen=True, slots=True)
class Database:
    """Accounts of a database component; `auth` false lets anyone in."""

    auth: bool
    users: tuple[DatabaseUser, ...]


@dataclass(frozen=True, slots=True)
class Login:
    """How a component logs in to a database component."""

    database_component: str
    user: str
    database: str
    at_start: bool = True
    """Connects at start and panics if it cannot; otherwise only its queries fail."""


@dataclass(frozen=True, slots=True)
class Component:
    """A workload, with its Service if others call it: a program, or a database or cache engine."""

    name: str
    """What others call it by: its Service's name, or its workload's where it has none. Telemetry names it so."""
    kind: Kind
    protocol: Protocol
    dialect: str
    """Key of `dialects.DIALECTS`: how its log speaks."""
    container: str
    image: str
    """Repository."""
    tag: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    port: int
    resources: Resources
    demand: Demand
    operations: tuple[Operation, ...]
    extra_ports: tuple[int, ...] = ()
    udp_ports: tuple[int, ...] = ()
    """Those of `extra_ports` that take datagrams."""
    start_ms: int = 800
    replicas: int = 1
    settings: tuple[Setting, ...] = ()
    probes: tuple[ProbeSpec, ...] = ()
    health_path: str = "/healthz"
    """Where it answers probes over HTTP, beside `/`; empty: wherever it is asked."""
    mounts: tuple[Mount, ...] = ()
    logins: tuple[Login, ...] = ()
    database: Database | None = None
    history: tuple[Revision, ...] = ()
    """Earlier releases, oldest first, not counting the present one."""
    chatter_s: float = 6.0
    """Mean seconds between lines of healthy log."""
    installed: Installed | None = None
    """None: workload and Service have its name, and the application's `label_key` says it."""
    workload_kind: WorkloadKind = "Deployment"
    namespace: str = ""
    """Where it stands if not in the application's own namespace: shared with others, and called by its full name."""
    declares_port: bool = True
    """Whether the manifest lists the port that the program listens on. Nothing depends on it."""
    service_account: str = ""
    """Of its pods; empty for the namespace's default."""
    sidecars: tuple[Attendant, ...] = ()
    sidecars_lead: bool = False
    """They are listed before the main container, which an annotation then names as the default."""
    inits: tuple[Attendant, ...] = ()
    rolls: bool = False
    """Its Deployment keeps old pods until new ones are ready, and never fewer; otherwise old pods stop first."""
    rollout_s: int = 600
    """Seconds without progress after which a rollout counts as failed (`progressDeadlineSeconds`)."""

    @property
    def role(self) -> str:
        """What its owners call it."""
        return self.installed.role if self.installed else self.name

    @property
    def workload(self) -> str:
        """Name of its Deployment or StatefulSet."""
        return self.installed.workload if self.installed else self.name

    def protocol_of(self, port: int) -> Literal["TCP", "UDP"]:
        """What one of its ports takes."""
        return "UDP" if port in self.udp_ports else "TCP"

    @property
    def resource(self) -> str:
        """GroupResource of its workload."""
        return RESOURCES[self.workload_kind]

    @property
    def callees(self) -> tuple[str, ...]:
        """Components it calls, in order of first use."""
        return tuple(dict.fromkeys(call.callee for operation in self.operations for call in operation.calls))

    def operation(self, name: str) -> Operation:
        """By name. Raises: KeyError."""
        for operation in self.operations:
            if operation.name == name:
                return operation
        raise KeyError(f"{self.name} has no operation {name}")


@dataclass(frozen=True, slots=True)
class Workload:
    """What users do: `rps` requests a second at the entry, split over its operations."""

    entry: str
    rps: float
    mix: tuple[tuple[str, float], ...]
    """(operation, share); shares sum to 1."""
    queued: tuple[tuple[str, str, float], ...] = ()
    """(worker, operation, jobs a second): what comes from a queue, whoever asked for it."""


@dataclass(frozen=True, eq=False)
class Application:
    """A whole application. Identity is by object: `digest` compares content."""

    key: str
    """`hotel_reservation`, or `gen<NNN>`."""
    seed: int
    namespace: str
    label_key: str
    """Pod label that names the component, e.g. `io.kompose.service`."""
    components: tuple[Component, ...]
    services: tuple[ServiceSpec, ...]
    images: tuple[Image, ...]
    workload: Workload
    discovery: Discovery = "service"
    """`registry`: grpc callers ask `registry_component` for pod addresses and do not use Services."""
    registry_component: str = ""
    config_folder: str = "/etc/config"
    extra_config_maps: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """(name, ((key, text), ...)) beyond those that settings need: init scripts and the like."""
    common_labels: tuple[tuple[str, str], ...] = field(default=())
    """Labels on every object and pod."""
    release_labels: tuple[tuple[str, str], ...] = ()
    """Labels on every object and on no pod: what a chart writes of its release."""
    flags: FlagService | None = None
    """Where its programs ask whether to do something differently."""
    trace_interval_ms: int = 4_000
    """One request in this time is traced."""
    pod_annotations: tuple[tuple[str, str], ...] = ()
    """On every pod, written by whoever made the manifests."""
    release_annotations: tuple[tuple[str, str], ...] = ()
    """On workloads and Services and on no pod: what a tool or a chart writes of itself."""
    names_ports: bool = True
    """Whether containers name the port at which they serve."""
    style: Style = "plain"
    furniture: Furniture = NOTHING_ELSE
    version: str = "1"
    """Raised when an application changes meaning."""
    pull_secret: str = ""
    """Name of the Secret with which its private images are pulled; empty if it has none."""

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """Where its components stand, its own namespace first."""
        return tuple(dict.fromkeys((self.namespace, *(c.namespace for c in self.components if c.namespace))))

    def namespace_of(self, component: Component) -> str:
        """Where a component stands."""
        return component.namespace or self.namespace

    def host_of(self, name: str) -> str:
        """What the application's own programs look a component up by."""
        component = self.by_name[name]
        return f"{name}.{component.namespace}.svc.cluster.local" if component.namespace else name

    def labels_of(self, component: Component) -> dict[str, str]:
        """Labels of a component's workload, pods and Service."""
        own = component.installed.labels if component.installed else ((self.label_key, component.name),)
        return dict((*self.common_labels, *own))

    def selector_of(self, component: Component) -> dict[str, str]:
        """Labels by which its workload and its Service find its pods."""
        return dict(component.installed.selector if component.installed else ((self.label_key, component.name),))

    def component_of(self, pod: Mapping[str, Any]) -> Component | None:
        """Whose pod this is, by its labels."""
        labels = pod["metadata"].get("labels") or {}
        for pair in labels.items():
            for component, selector in self._by_pair.get(pair, ()):
                if selector.items() <= labels.items():
                    return component
        return None

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str], list[tuple[Component, dict[str, str]]]]:
        """Components by the one label of their selector that the fewest share."""
        selectors = [(component, self.selector_of(component)) for component in self.components]
        counts = Counter(pair for _, selector in selectors for pair in selector.items())
        by_pair: dict[tuple[str, str], list[tuple[Component, dict[str, str]]]] = {}
        for component, selector in selectors:
            rarest = min(selector.items(), key=lambda pair: (counts[pair], pair))
            by_pair.setdefault(rarest, []).append((component, selector))
        return by_pair

    @cached_property
    def rates(self) -> dict[str, float]:
        """Requests a second that reach each component when all is well."""
        rates = {(self.workload.entry, name): self.workload.rps * share for name, share in self.workload.mix}
        rates |= {(worker, name): jobs for worker, name, jobs in self.workload.queued}
        for name in self.topological:
            for operation in self.by_name[name].operations:
                for call in operation.calls:
                    key = (call.callee, call.operation)
                    rates[key] = rates.get(key, 0.0) + rates.get((name, operation.name), 0.0) * call.weight
        totals = dict.fromkeys(self.by_name, 0.0)
        for (name, _), rate in rates.items():
            totals[name] += rate
        return totals

    @cached_property
    def attendants(self) -> dict[str, Attendant]:
        """Programs beside the application's own, by the repository of their image."""
        beside = self.furniture
        every = [a for c in self.components for a in (*c.sidecars, *c.inits)]
        every += [a for a in (beside.agent, beside.job, beside.cron, beside.resting) if a is not None]
        return {attendant.image: attendant for attendant in every}

    @cached_property
    def by_workload(self) -> dict[tuple[str, str], Component]:
        """Components by (GroupResource, name) of their workload."""
        return {(component.resource, component.workload): component for component in self.components}

    @cached_property
    def by_name(self) -> dict[str, Component]:
        """Components by name."""
        return {component.name: component for component in self.components}

    @cached_property
    def programs(self) -> tuple[str, ...]:
        """Names of gateways and services: what has request metrics and alerts."""
        return tuple(component.name for component in self.components if component.kind in ("gateway", "service"))

    @cached_property
    def by_repository(self) -> dict[str, Image]:
        """Images by repository."""
        return {image.repository: image for image in self.images}

    def image_of(self, component: Component) -> Image:
        """What its repository holds of its own program: of a repository with a program a tag, those tags alone."""
        image = self.by_repository[component.image]
        if not image.by_tag:
            return image
        own = tuple((tag, name) for tag, name in image.by_tag if name == component.name)
        tags = [tag for tag, _ in own]
        return replace(
            image,
            tags=tuple(tag for tag in image.tags if tag in tags),
            buggy=tuple(tag for tag in image.buggy if tag in tags),
            by_tag=own,
        )

    @cached_property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """(caller, callee) pairs of the call graph."""
        return tuple((component.name, callee) for component in self.components for callee in component.callees)

    @cached_property
    def callers(self) -> dict[str, tuple[str, ...]]:
        """Who calls each component."""
        return {
            component.name: tuple(caller for caller, callee in self.edges if callee == component.name)
            for component in self.components
        }

    @cached_property
    def depth(self) -> dict[str, int]:
        """Longest distance from the entry; components that no request reaches are left out."""
        depth = {self.workload.entry: 0, **{worker: 0 for worker, _, _ in self.workload.queued}}
        for name in self.topological:
            if name in depth:
                for callee in self.by_name[name].callees:
                    depth[callee] = max(depth.get(callee, 0), depth[name] + 1)
        return depth

    @cached_property
    def topological(self) -> tuple[str, ...]:
        """Component names, callers before callees. Raises: ValueError on a cycle."""
        order: list[str] = []
        waiting = {component.name: len(self.callers[component.name]) for component in self.components}
        ready = [name for name, count in waiting.items() if count == 0]
        while ready:
            name = ready.pop(0)
            order.append(name)
            for callee in self.by_name[name].callees:
                waiting[callee] -= 1
                if waiting[callee] == 0:
                    ready.append(callee)
        if len(order) != len(self.components):
            raise ValueError(f"{self.key}: the call graph has a cycle among {sorted(set(waiting) - set(order))}")
        return tuple(order)

    def reached_through_service(self, name: str) -> bool:
        """Whether a caller (or the users) depends on the component's Service object."""
        component = self.by_name[name]
        if name == self.workload.entry:
            return True
        return bool(self.callers[name]) and not (self.discovery == "registry" and component.protocol == "grpc")

    def service_of(self, name: str) -> ServiceSpec:
        """The first Service of a component. Raises: KeyError."""
        for service in self.services:
            if service.component == name:
                return service
        raise KeyError(f"{self.key}: no Service for {name}")

    def other_binaries(self, name: str) -> tuple[str, ...]:
        """Commands of other components that exist in this component's image."""
        image = self.by_repository[self.by_name[name].image]
        return tuple(command for command, owner in image.binaries if owner and owner != name)

    def config_maps(self) -> dict[str, dict[str, str]]:
        """Every ConfigMap of a healthy installation."""
        maps = {name: dict(data) for name, data in self.extra_config_maps}
        for component in self.components:
            for setting in component.settings:
                if setting.source in ("config_env", "config_file"):
                    maps.setdefault(setting.holder, {})[setting.key] = setting.value
        return maps

    def secrets(self) -> dict[str, dict[str, str]]:
        """Every Secret of a healthy installation, in clear."""
        secrets: dict[str, dict[str, str]] = {}
        for component in self.components:
            for setting in component.settings:
                if setting.source == "secret_env":
                    secrets.setdefault(setting.holder, {})[setting.key] = setting.value
        return secrets

    def digest(self) -> str:
        """SHA-256 of the whole content."""
        return hashlib.sha256(orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS)).hexdigest()
