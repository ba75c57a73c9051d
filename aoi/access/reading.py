"""What may be read: the allow-list that every `ReadRequest` passes when it is made.

Deny by default. A path is spelt in one canonical way or refused, so nothing depends on how a server
normalises it. Secrets, exec, attach, port-forward, proxy, token, follow, watch and raw paths have no entry: whether a
Secret exists is told by what refers to it and by the events of that, never by reading one.

Beside the named resources there is one rule for owners of pods that Kubernetes does not define: one object of a custom
resource, by its whole name. It is a GET of one object in one namespace; groups of Kubernetes itself, lists,
subresources and kinds named for credentials are out; the server asks for the identity's right to it, which
`deploy/rbac` does not give for any custom resource; its values are redacted like those of every object.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from aoi.errors import CommandRefused

MAX_PATH = 512
MAX_SELECTOR = 1024
"""Characters of a label or field selector; Kubernetes itself has no limit short of the URL's."""
MAX_EXPRESSION = 2048
"""Characters of a PromQL expression."""
MAX_LIST = 500
"""Objects of one list answer."""
MAX_LOG_BYTES = 1_048_576
MAX_LOG_LINES = 10_000

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
"""What kubectl asks for when it prints columns: the server's own printer, JSON where it has none."""
ACCEPTED = frozenset({"application/json", "text/plain", "application/json, text/plain", "*/*", TABLE})

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""RFC 1123 subdomain: no percent sign, no dot segment, no upper case."""
_SELECTOR = re.compile(r"[A-Za-z0-9._/,=!() -]*")
_CONTAINER = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TOKEN = re.compile(r"[A-Za-z0-9+/=_.-]{1,2048}")
_EXPRESSION = re.compile(r"[A-Za-z0-9_:{}\[\]()=\"'~|+*/<>!.,^$%?\\ -]+")
_NUMBER = re.compile(r"[0-9]{1,17}(\.[0-9]{1,9})?")
_DURATION = re.compile(r"([0-9]{1,6}(ms|us|s|m|h|d))+|[0-9]{1,12}(\.[0-9]{1,9})?")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_TRACE = re.compile(r"[0-9a-f]{1,32}")
_SERVICE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._/:-]{0,126}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Readable:
    """One resource that may be read, as the API serves it."""

    resource: str
    """Plural, lower case: the path segment."""
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    """Versions that a server may serve instead."""

    @property
    def key(self) -> str:
        """GroupResource as Kubernetes writes it: `pods`, `deployments.apps`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def api_version(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Path of the group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def every_version(self) -> "tuple[Readable, ...]":
        """Itself, and as servers that do not serve its version have it, newest first."""
        return (self, *(replace(self, version=version, older=()) for version in self.older))

    def path(self, namespace: str, name: str | None = None) -> str:
        """Where its list, or one object of it, is read."""
        scope = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{self.root}{scope}/{self.resource}" + (f"/{name}" if name else "")


_CHAOS = ("NetworkChaos", "PodChaos", "StressChaos", "IOChaos", "DNSChaos", "HTTPChaos", "TimeChaos")
_GATEWAY = "gateway.networking.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_ADMITTING = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicyBinding")

READABLES: Mapping[str, Readable] = {
    readable.key: readable
    for readable in (
        Readable("pods", "Pod", subresources=("log",)),
        Readable("services", "Service"),
        Readable("endpoints", "Endpoints"),
        Readable("events", "Event"),
        Readable("configmaps", "ConfigMap"),
        Readable("persistentvolumeclaims", "PersistentVolumeClaim"),
        Readable("resourcequotas", "ResourceQuota"),
        Readable("limitranges", "LimitRange"),
        Readable("serviceaccounts", "ServiceAccount"),
        Readable("replicationcontrollers", "ReplicationController"),
        Readable("nodes", "Node", namespaced=False),
        Readable("namespaces", "Namespace", namespaced=False),
        Readable("persistentvolumes", "PersistentVolume", namespaced=False),
        Readable("deployments", "Deployment", "apps"),
        Readable("replicasets", "ReplicaSet", "apps"),
        Readable("statefulsets", "StatefulSet", "apps"),
        Readable("daemonsets", "DaemonSet", "apps"),
        Readable("controllerrevisions", "ControllerRevision", "apps"),
        Readable("jobs", "Job", "batch"),
        Readable("cronjobs", "CronJob", "batch"),
        Readable("horizontalpodautoscalers", "HorizontalPodAutoscaler", "autoscaling", "v2"),
        Readable("networkpolicies", "NetworkPolicy", "networking.k8s.io"),
        Readable("ingresses", "Ingress", "networking.k8s.io"),
        Readable("ingressclasses", "IngressClass", "networking.k8s.io", namespaced=False),
        Readable("gateways", "Gateway", _GATEWAY, older=("v1beta1",)),
        Readable("httproutes", "HTTPRoute", _GATEWAY, older=("v1beta1",)),
        Readable("grpcroutes", "GRPCRoute", _GATEWAY, older=("v1alpha2",)),
        Readable("tcproutes", "TCPRoute", _GATEWAY, "v1alpha2"),
        Readable("endpointslices", "EndpointSlice", "discovery.k8s.io"),
        Readable("poddisruptionbudgets", "PodDisruptionBudget", "policy"),
        Readable("storageclasses", "StorageClass", "storage.k8s.io", namespaced=False),
        Readable("volumeattachments", "VolumeAttachment", "storage.k8s.io", namespaced=False),
        Readable("csidrivers", "CSIDriver", "storage.k8s.io", namespaced=False),
        Readable("priorityclasses", "PriorityClass", "scheduling.k8s.io", namespaced=False),
        *(Readable(f"{kind.lower()}s", kind, _ADMISSION, namespaced=False) for kind in _ADMITTING),
        Readable("validatingadmissionpolicies", "ValidatingAdmissionPolicy", _ADMISSION, namespaced=False),
        Readable("customresourcedefinitions", "CustomResourceDefinition", "apiextensions.k8s.io", namespaced=False),
        Readable("pods", "PodMetrics", "metrics.k8s.io", "v1beta1"),
        Readable("nodes", "NodeMetrics", "metrics.k8s.io", "v1beta1", namespaced=False),
        *(Readable(kind.lower(), kind, "chaos-mesh.org", "v1alpha1") for kind in _CHAOS),
        Readable("schedules", "Schedule", "chaos-mesh.org", "v1alpha1"),
    )
}
"""GroupResource -> what may be read. A resource that is not here does not exist for the Probe."""

_BY_ROOT: Mapping[tuple[str, str], Readable] = {
    (served.root, served.resource): served for readable in READABLES.values() for served in readable.every_version
}

VERSION = "/version"
_VERSION = re.compile(r"v[1-9][0-9]{0,2}((alpha|beta)[1-9][0-9]{0,2})?")
_PLURAL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_OWN_GROUPS = ("k8s.io", "kubernetes.io")
"""Domains of groups that Kubernetes defines, each of whose resources is listed above or may not be read."""
_CREDENTIALS = (
    "secret", "token", "credential", "password", "passwd", "passphrase", "apikey", "accesskey", "sshkey", "keypair",
    "privatekey", "signingkey", "encryptionkey", "authkey", "kubeconfig", "oauthclient", "keystore", "connectionstring",
)  # fmt: skip
"""In the name of a custom resource: what is called so owns no pods and may hold what must not be read."""

Check = Callable[[str], bool]


def _matches(pattern: re.Pattern[str], limit: int = MAX_SELECTOR) -> Check:
    return lambda value: len(value) <= limit and pattern.fullmatch(value) is not None


def _integer(low: int, high: int) -> Check:
    return lambda value: value.isascii() and value.isdigit() and len(value) <= 9 and low <= int(value) <= high


def _one_of(*values: str) -> Check:
    return lambda value: value in values


_OBJECT: Mapping[str, Check] = {"includeObject": _one_of("None", "Metadata", "Object")}
_LIST: Mapping[str, Check] = {
    **_OBJECT,
    "labelSelector": _matches(_SELECTOR),
    "fieldSelector": _matches(_SELECTOR),
    "limit": _integer(1, MAX_LIST),
    "continue": _matches(_TOKEN, 2048),
}
_LOG: Mapping[str, Check] = {
    "container": _matches(_CONTAINER),
    "previous": _one_of("true", "false"),
    "timestamps": _one_of("true", "false"),
    "tailLines": _integer(0, MAX_LOG_LINES),
    "sinceSeconds": _integer(1, 31_536_000),
    "limitBytes": _integer(1, MAX_LOG_BYTES),
}
_PROMETHEUS: tuple[tuple[re.Pattern[str], Mapping[str, Check]], ...] = (
    (re.compile(r"/api/v1/query"), {"query": _matches(_EXPRESSION, MAX_EXPRESSION), "time": _matches(_NUMBER)}),
    (
        re.compile(r"/api/v1/query_range"),
        {
            "query": _matches(_EXPRESSION, MAX_EXPRESSION),
            "start": _matches(_NUMBER),
            "end": _matches(_NUMBER),
            "step": _matches(_DURATION),
        },
    ),
    (re.compile(r"/api/v1/(alerts|labels|rules|targets|metadata)"), {}),
    (re.compile(rf"/api/v1/label/{_LABEL.pattern}/values"), {}),
)
_JAEGER: tuple[tuple[re.Pattern[str], Mapping[str, Check]], ...] = (
    (re.compile(r"/api/services"), {}),
    (re.compile(r"/api/services/[A-Za-z0-9][A-Za-z0-9-]{0,126}/operations"), {}),
    (
        re.compile(r"/api/traces"),
        {
            "service": _matches(_SERVICE),
            "operation": _matches(_SERVICE),
            "limit": _integer(1, MAX_LIST),
            "lookback": _matches(_DURATION),
            "start": _matches(_NUMBER),
            "end": _matches(_NUMBER),
            "minDuration": _matches(_DURATION),
        },
    ),
    (re.compile(rf"/api/traces/{_TRACE.pattern}"), {}),
    (re.compile(r"/api/dependencies"), {"endTs": _matches(_NUMBER), "lookback": _matches(_DURATION)}),
)


def check_readable(backend: str, path: str, query: tuple[tuple[str, str], ...], accept: str) -> None:
    """Pass what is on its backend's allow-list. Raises: CommandRefused for everything else."""
    if not isinstance(path, str) or len(path) > MAX_PATH or not path.startswith("/"):
        raise CommandRefused(f"path {path!r:.80} is not an absolute path of at most {MAX_PATH} characters")
    if accept not in ACCEPTED:
        raise CommandRefused(f"accept {accept!r:.80} is not one of {sorted(ACCEPTED)}")
    if backend == "kubernetes":
        allowed = _kubernetes_query(path)
    elif backend in ("prometheus", "jaeger"):
        allowed = _listed_query(path, _PROMETHEUS if backend == "prometheus" else _JAEGER)
    else:
        raise CommandRefused(f"backend {backend!r:.40} is not one of kubernetes, prometheus, jaeger")
    _check_query(path, query, allowed)


def discovery_path(group: str, version: str) -> str:
    """Where a server says which resources it serves in a group's version: the plural of a kind, among others."""
    return f"/apis/{group}/{version}"


def is_custom_object(segments: Sequence[str]) -> bool:
    """Whether these are the segments of one namespaced object of a custom resource that may be read.

    See the head of this module for why no more than that is open.
    """
    if len(segments) != 7 or (segments[0], segments[3]) != ("apis", "namespaces"):
        return False
    group, version, plural = segments[1], segments[2], segments[5]
    return is_custom_resource(group, plural) and _VERSION.fullmatch(version) is not None


def is_custom_resource(group: str, plural: str) -> bool:
    """Whether somebody's own kind goes by this plural, in a group that is none of Kubernetes', not named for what it
    hides."""
    return (
        "." in group
        and _NAME.fullmatch(group) is not None
        and not any(group == own or group.endswith(f".{own}") for own in _OWN_GROUPS)
        and _PLURAL.fullmatch(plural) is not None
        and not any(word in plural for word in _CREDENTIALS)
    )


def _kubernetes_query(path: str) -> Mapping[str, Check]:
    """Checks of the query keys that this Kubernetes path takes."""
    segments = path.split("/")[1:]
    if not all(len(segment) <= 253 and _NAME.fullmatch(segment) for segment in segments):
        raise CommandRefused(f"path {path!r:.120} is not canonical: lower-case names between single slashes only")
    if path == VERSION or (len(segments) == 3 and segments[0] == "apis" and _VERSION.fullmatch(segments[2])):
        return {}
    depth = 2 if segments[0] == "api" else 3
    root, rest = "/" + "/".join(segments[:depth]), segments[depth:]
    in_namespace = len(rest) >= 3 and rest[0] == "namespaces"
    if in_namespace:
        rest = rest[2:]
    readable = _BY_ROOT.get((root, rest[0])) if rest else None
    if readable is None and is_custom_object(segments):
        return {}
    if readable is None or readable.namespaced != in_namespace:
        raise CommandRefused(f"path {path!r:.120} is not on the allow-list of readable resources")
    if len(rest) == 1:
        return _LIST
    if len(rest) == 2:
        return _OBJECT
    if len(rest) == 3 and rest[2] in readable.subresources:
        return _LOG
    raise CommandRefused(f"path {path!r:.120} names a subresource that may not be read")


def _listed_query(path: str, table: tuple[tuple[re.Pattern[str], Mapping[str, Check]], ...]) -> Mapping[str, Check]:
    for pattern, allowed in table:
        if pattern.fullmatch(path):
            return allowed
    raise CommandRefused(f"path {path!r:.120} is not on the backend's allow-list")


def _check_query(path: str, query: tuple[tuple[str, str], ...], allowed: Mapping[str, Check]) -> None:
    seen: set[str] = set()
    for pair in query:
        key, value = pair
        if key in seen:
            raise CommandRefused(f"{path}: query key {key!r:.40} is given twice")
        seen.add(key)
        check = allowed.get(key)
        if check is None:
            raise CommandRefused(f"{path}: query key {key!r:.40} is not one of {sorted(allowed)}")
        if not isinstance(value, str) or not check(value):
            raise CommandRefused(f"{path}: value {value!r:.80} does not fit query key {key}")
