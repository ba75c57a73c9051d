"""How an application stands in a cluster, as frozen data: what manifests say of it, and what stands beside it.

Part of `spec.py`, which says what the application itself is.
"""

from dataclasses import dataclass
from typing import Literal

Style = Literal["plain", "helm", "suffix", "team"]
"""How an installation names its objects; see `naming.py`."""
WorkloadKind = Literal["Deployment", "StatefulSet"]
RESOURCES: dict[WorkloadKind, str] = {"Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps"}
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """A readiness or liveness probe of the manifest."""

    kind: Literal["readinessProbe", "livenessProbe"]
    handler: Literal["http", "tcp", "grpc", "exec"]
    path: str = "/"
    command: tuple[str, ...] = ()
    initial_delay_s: int = 5
    period_s: int = 10
    failure_threshold: int = 3
    port: int = 0
    """0: where the component listens."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Requests and limits as the manifest writes them; zero means not set."""

    cpu_request_m: int
    cpu_limit_m: int
    memory_request_bytes: int
    memory_limit_bytes: int


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume: a ConfigMap, a claim or an empty folder, and where it is mounted."""

    name: str
    source: Literal["configmap", "claim", "empty"]
    path: str
    """Empty: not in the main container."""
    holder: str = ""
    """Name of the ConfigMap, if it is not that of the volume."""


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Service object."""

    name: str
    port: int
    target: int
    protocol: Literal["TCP", "UDP"] = "TCP"


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A Service object: which component's pods it selects and its ports."""

    name: str
    component: str
    ports: tuple[ServicePort, ...]
    kind: Literal["ClusterIP", "NodePort", "Headless"] = "ClusterIP"


@dataclass(frozen=True, slots=True)
class Revision:
    """An earlier release of a component, for its recorded history: an image tag and one environment value."""

    tag: str
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Attendant:
    """A program beside the application's own: what a sidecar, an init container, an agent or a job runs."""

    name: str
    """Of its container."""
    image: str
    """Repository."""
    tag: str
    command: tuple[str, ...] = ()
    port: int = 0
    """Where it listens and says so; 0 for nowhere."""
    runs_ms: int = 0
    """Ends with success after this time; 0 for one that runs on."""
    mounts: Pairs = ()
    """(volume of the pod, path)."""
    log: tuple[str, ...] = ()
    """What it says: the first line at its start, the last at its end, those between as it runs."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The objects that stand for a component in the cluster, where they are not simply called as it is."""

    role: str
    """What its owners call it; its programs and images are named so."""
    workload: str
    """Name of the Deployment or StatefulSet."""
    labels: Pairs
    """Of workload, pods and Service."""
    selector: Pairs
    """Those by which workload and Service find the pods."""


@dataclass(frozen=True, slots=True)
class Furniture:
    """What stands about in a namespace beside the application, and is healthy; `furniture.py` makes the objects."""

    autoscaled: tuple[tuple[str, int], ...] = ()
    """(component, highest number of replicas): a HorizontalPodAutoscaler, at its minimum or above."""
    protected: tuple[str, ...] = ()
    """Components with a PodDisruptionBudget."""
    fence: Literal["", "ingress", "both"] = ""
    """Directions in which NetworkPolicies deny everything but the calls that the application makes."""
    has_quota: bool = False
    """A ResourceQuota and a LimitRange, with room."""
    has_ingress: bool = False
    agent: Attendant | None = None
    """Runs on every node: a DaemonSet."""
    job: Attendant | None = None
    """Ran when the application was installed: a Job that is complete."""
    cron: Attendant | None = None
    """Runs now and then: a CronJob."""
    resting: Attendant | None = None
    """A Deployment that is kept at zero replicas on purpose."""
    external: str = ""
    """Domain behind an ExternalName Service."""
    outside: str = ""
    """Address behind a Service without selector, whose Endpoints somebody wrote."""
    evicted: str = ""
    """Component that has a pod left over from an eviction."""
    past: str = ""
    """Component that a Warning event of long ago is about."""
    restarted: tuple[tuple[str, int], ...] = ()
    """(component, times): a container of it was restarted so often when it was new, and has run since."""


NOTHING_ELSE = Furniture()
