"""Every resource type the embedded cluster serves, as data: names, scope, verbs, subresources, selectors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kubeworld.machine.schema.definitions import OPEN, Schema, custom_schema, schema_of

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_VERBS = ("get", "list")
_FIELDS = frozenset({"metadata.name", "metadata.namespace"})


@dataclass(frozen=True)
class Subresource:
    """One subresource as discovery lists it: the kind it speaks and the verbs it takes."""

    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ResourceType:
    """One resource of one group version."""

    group: str
    version: str
    kind: str
    plural: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    verbs: tuple[str, ...] = ALL_VERBS
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = field(default_factory=dict)
    fields: frozenset[str] = _FIELDS
    """Field selectors that this kind supports."""
    package: str = ""
    """Package of the published schema; empty for custom resources."""
    has_generation: bool = True
    """Whether a change of anything but metadata and status bumps metadata.generation."""
    storage: str = ""
    """Table in the store, where it is not `plural.group`: another version stores this kind."""
    columns: tuple[Mapping[str, Any], ...] = ()
    """Extra printer columns of a custom resource, as its definition lists them."""
    scale: Mapping[str, str] | None = None
    """Where a custom resource keeps its replicas: `specReplicasPath`, `statusReplicasPath`, `labelSelectorPath`."""

    structure: Mapping[str, object] | None = None
    """OpenAPI v3 schema of a custom resource, if its definition gives one."""

    @cached_property
    def qualified(self) -> str:
        """`deployments.apps`, as messages and the store name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def table(self) -> str:
        """The store's table."""
        return self.storage or self.qualified

    @cached_property
    def api_version(self) -> str:
        """`apps/v1` or `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def singular(self) -> str:
        """What discovery calls one of them."""
        return self.kind.lower()

    @cached_property
    def schema(self) -> Schema:
        """How its objects merge, prune and explain."""
        if self.package:
            return schema_of(f"{self.package}.{self.kind}")
        return custom_schema(self.structure) if self.structure else OPEN

    @cached_property
    def is_custom(self) -> bool:
        """Custom resources take JSON merge patches and keep unknown fields."""
        return not self.package


_STATUS_VERBS = ("get", "patch", "update")


def _subresources(group: str, version: str, kind: str, names: str) -> dict[str, Subresource]:
    own = Subresource(group, version, kind, _STATUS_VERBS)
    known = {
        "status": own,
        "scale": Subresource("autoscaling", "v1", "Scale", _STATUS_VERBS),
        "log": Subresource("", "v1", "Pod", ("get",)),
        "exec": Subresource("", "v1", "PodExecOptions", ("create", "get")),
        "eviction": Subresource("policy", "v1", "Eviction", ("create",)),
        "binding": Subresource("", "v1", "Binding", ("create",)),
        "token": Subresource("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
        "finalize": Subresource("", "v1", "Namespace", ("update",)),
    }
    return {name: known[name] for name in sorted(names.split())}


def _make(group: str, version: str, package: str, row: str) -> ResourceType:
    """Read one row: `Kind plural short,short scope subresources categories generation fields`, `-` for none."""
    kind, plural, short, scope, subs, categories, generation, fields = (row.split("|") + [""] * 8)[:8]
    return ResourceType(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        short=tuple(short.split()),
        namespaced=scope != "cluster",
        verbs=tuple(verb for verb in ALL_VERBS if kind != "Namespace" or verb != "deletecollection"),
        categories=tuple(categories.split()),
        subresources=_subresources(group, version, kind, subs),
        fields=_FIELDS | set(fields.split()),
        package=package,
        has_generation=generation == "g",
        storage={"autoscaling/v1": "horizontalpodautoscalers.autoscaling", "events.k8s.io/v1": "events"}.get(
            f"{group}/{version}", ""
        ),
    )


_POD_FIELDS = (
    "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName spec.hostNetwork "
    "status.phase status.podIP status.nominatedNodeName"
)
_EVENT_FIELDS = (
    "involvedObject.kind involvedObject.namespace involvedObject.name involvedObject.uid involvedObject.apiVersion "
    "involvedObject.resourceVersion involvedObject.fieldPath reason reportingComponent source type"
)
_NEW_EVENT_FIELDS = _EVENT_FIELDS.replace("involvedObject", "regarding") + " reportingController"

# Kind|plural|short names|scope|subresources|categories|g: spec changes bump generation|field selectors
_ROWS: dict[tuple[str, str, str], tuple[str, ...]] = {
    ("", "v1", "io.k8s.api.core.v1"): (
        f"Pod|pods|po|ns|status log exec eviction binding|all||{_POD_FIELDS}",
        "Service|services|svc|ns|status|all||spec.clusterIP spec.type",
        "ConfigMap|configmaps|cm|ns",
        "Secret|secrets||ns||||type",
        f"Event|events|ev|ns||||{_EVENT_FIELDS}",
        "Node|nodes|no|cluster|status|||spec.unschedulable",
        "Namespace|namespaces|ns|cluster|status finalize|||status.phase",
        "Endpoints|endpoints|ep|ns",
        "PersistentVolumeClaim|persistentvolumeclaims|pvc|ns|status",
        "PersistentVolume|persistentvolumes|pv|cluster|status",
        "ServiceAccount|serviceaccounts|sa|ns|token",
        "ResourceQuota|resourcequotas|quota|ns|status",
        "LimitRange|limitranges|limits|ns",
    ),
    ("apps", "v1", "io.k8s.api.apps.v1"): (
        "Deployment|deployments|deploy|ns|status scale|all|g",
        "ReplicaSet|replicasets|rs|ns|status scale|all|g|status.replicas",
        "StatefulSet|statefulsets|sts|ns|status scale|all|g",
        "DaemonSet|daemonsets|ds|ns|status|all|g",
        "ControllerRevision|controllerrevisions||ns",
    ),
    ("batch", "v1", "io.k8s.api.batch.v1"): (
        "Job|jobs||ns|status|all|g|status.successful",
        "CronJob|cronjobs|cj|ns|status|all|g",
    ),
    ("autoscaling", "v2", "io.k8s.api.autoscaling.v2"): (
        "HorizontalPodAutoscaler|horizontalpodautoscalers|hpa|ns|status|all",
    ),
    ("autoscaling", "v1", "io.k8s.api.autoscaling.v1"): (
        "HorizontalPodAutoscaler|horizontalpodautoscalers|hpa|ns|status|all",
    ),
    ("policy", "v1", "io.k8s.api.policy.v1"): ("PodDisruptionBudget|poddisruptionbudgets|pdb|ns|status||g",),
    ("networking.k8s.io", "v1", "io.k8s.api.networking.v1"): (
        "NetworkPolicy|networkpolicies|netpol|ns|||g",
        "Ingress|ingresses|ing|ns|status||g",
        "IngressClass|ingressclasses||cluster|||g",
    ),
    ("discovery.k8s.io", "v1", "io.k8s.api.discovery.v1"): ("EndpointSlice|endpointslices||ns|||g",),
    ("events.k8s.io", "v1", "io.k8s.api.events.v1"): (f"Event|events|ev|ns||||{_NEW_EVENT_FIELDS}",),
    ("storage.k8s.io", "v1", "io.k8s.api.storage.v1"): ("StorageClass|storageclasses|sc|cluster",),
    ("coordination.k8s.io", "v1", "io.k8s.api.coordination.v1"): ("Lease|leases||ns",),
    ("scheduling.k8s.io", "v1", "io.k8s.api.scheduling.v1"): ("PriorityClass|priorityclasses|pc|cluster|||g",),
    ("rbac.authorization.k8s.io", "v1", "io.k8s.api.rbac.v1"): (
        "Role|roles||ns",
        "RoleBinding|rolebindings||ns",
        "ClusterRole|clusterroles||cluster",
        "ClusterRoleBinding|clusterrolebindings||cluster",
    ),
    ("admissionregistration.k8s.io", "v1", "io.k8s.api.admissionregistration.v1"): (
        "ValidatingAdmissionPolicy|validatingadmissionpolicies||cluster|status|api-extensions|g",
        "ValidatingAdmissionPolicyBinding|validatingadmissionpolicybindings||cluster||api-extensions|g",
    ),
    ("apiextensions.k8s.io", "v1", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"): (
        "CustomResourceDefinition|customresourcedefinitions|crd crds|cluster|status|api-extensions|g",
    ),
    # Installed as custom resources by Chaos Mesh; served from the start, so that a chaos object is no
    # more special than a Deployment.
    ("chaos-mesh.org", "v1alpha1", ""): (
        "NetworkChaos|networkchaos||ns|status||g",
        "PodChaos|podchaos||ns|status||g",
        "StressChaos|stresschaos||ns|status||g",
        "IOChaos|iochaos||ns|status||g",
        "DNSChaos|dnschaos||ns|status||g",
        "HTTPChaos|httpchaos||ns|status||g",
        "TimeChaos|timechaos||ns|status||g",
        "KernelChaos|kernelchaos||ns|status||g",
        "JVMChaos|jvmchaos||ns|status||g",
    ),
}

METRICS = ("metrics.k8s.io", "v1beta1")
_METRICS = (
    ResourceType(*METRICS, "NodeMetrics", "nodes", namespaced=False, verbs=READ_VERBS),
    ResourceType(*METRICS, "PodMetrics", "pods", verbs=READ_VERBS),
)
_AUTHENTICATION = "io.k8s.api.authentication.v1"
_AUTHORIZATION = "io.k8s.api.authorization.v1"


def _review(group: str, package: str, kind: str, *, namespaced: bool = False) -> ResourceType:
    plural = kind.lower() + "s"
    return ResourceType(group, "v1", kind, plural, namespaced=namespaced, verbs=("create",), package=package)


REVIEWS = (
    _review("authentication.k8s.io", _AUTHENTICATION, "TokenReview"),
    _review("authentication.k8s.io", _AUTHENTICATION, "SelfSubjectReview"),
    _review("authorization.k8s.io", _AUTHORIZATION, "SubjectAccessReview"),
    _review("authorization.k8s.io", _AUTHORIZATION, "SelfSubjectAccessReview"),
    _review("authorization.k8s.io", _AUTHORIZATION, "SelfSubjectRulesReview"),
    _review("authorization.k8s.io", _AUTHORIZATION, "LocalSubjectAccessReview", namespaced=True),
)

_LISTED_ONLY = (
    # `kubectl apply --prune` looks through them; there are none, and creating one is refused.
    ResourceType(
        *("", "v1", "ReplicationController", "replicationcontrollers"),
        short=("rc",),
        verbs=(*READ_VERBS, "watch"),
        categories=("all",),
    ),
)

BUILT_IN: tuple[ResourceType, ...] = (
    *(_make(*key, row) for key, rows in _ROWS.items() for row in rows),
    *_LISTED_ONLY,
    *_METRICS,
    *REVIEWS,
)

PODS, SERVICES, CONFIGMAPS, SECRETS, EVENTS, NODES, NAMESPACES = BUILT_IN[:7]
BY_QUALIFIED: dict[str, ResourceType] = {
    kind.qualified: kind for kind in reversed(BUILT_IN) if kind.group != "metrics.k8s.io" and not kind.storage
}
DEPLOYMENTS = BY_QUALIFIED["deployments.apps"]
