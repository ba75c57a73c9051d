"""What a cluster holds before anybody installs anything: system namespaces, DNS, storage, default roles, nodes.

`empty_world` is such a cluster; `add_default_roles` also completes a world that somebody built by hand and that people
will look at with their own tools. Roles: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from collections.abc import Iterator
from itertools import chain

from kubeworld.cluster import new_cluster, standard_controllers
from kubeworld.controllers.api_services import local_services
from kubeworld.controllers.priority_and_fairness import bootstrap_configuration
from kubeworld.kinds.csi import CSI_NODE
from kubeworld.kinds.owners import owner_reference
from kubeworld.machine.store import Obj
from kubeworld.machine.world import EPOCH_MS, Controller, Runtime, World

RBAC = "rbac.authorization.k8s.io"
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
NODE_CAPACITY = {"cpu": "8", "ephemeral-storage": "99053Mi", "hugepages-2Mi": "0", "memory": "31846Mi", "pods": "110"}
_SERVER_ADDRESS = "10.0.255.254"
"""Where pods would find the API server: an address of the nodes' network that no node has."""
SETTLING_MS = 60_000
"""Until cluster DNS is ready and every node has its lease."""
Rule = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""(API groups, resources, verbs)."""

_ALL, _READ = ("*",), ("get", "list", "watch")
_WRITE = ("create", "delete", "deletecollection", "patch", "update")
_CORE = ("configmaps", "persistentvolumeclaims", "replicationcontrollers", "replicationcontrollers/scale")
_CORE += ("serviceaccounts", "services")
_SEEN = ("bindings", "endpoints", "events", "limitranges", "namespaces", "namespaces/status")
_SEEN += ("persistentvolumeclaims/status", "pods", "pods/log", "pods/status", "replicationcontrollers/status")
_SEEN += ("resourcequotas", "resourcequotas/status", "services/status")
_APPS = ("daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale")
_APPS += ("statefulsets", "statefulsets/scale")
_STATUS = ("daemonsets/status", "deployments/status", "replicasets/status", "statefulsets/status")
_VIEW: tuple[Rule, ...] = (
    (("",), _CORE + _SEEN, _READ),
    (("apps",), (*_APPS, *_STATUS, "controllerrevisions"), _READ),
    (("autoscaling",), ("horizontalpodautoscalers", "horizontalpodautoscalers/status"), _READ),
    (("batch",), ("cronjobs", "cronjobs/status", "jobs", "jobs/status"), _READ),
    (("discovery.k8s.io",), ("endpointslices",), _READ),
    (("events.k8s.io",), ("events",), _READ),
    (("metrics.k8s.io",), ("pods",), _READ),
    (("networking.k8s.io",), ("ingresses", "ingresses/status", "networkpolicies"), _READ),
    (("policy",), ("poddisruptionbudgets", "poddisruptionbudgets/status"), _READ),
)
_REMOTE = ("pods/attach", "pods/exec", "pods/portforward", "pods/proxy")
_EDIT: tuple[Rule, ...] = (
    (("",), (*_REMOTE, "secrets", "services/proxy"), _READ),
    (("",), ("pods", *_REMOTE, *_CORE, "events", "secrets", "services/proxy"), _WRITE),
    (("",), ("pods/eviction", "serviceaccounts/token"), ("create",)),
    (("",), ("serviceaccounts",), ("impersonate",)),
    (("coordination.k8s.io",), ("leases",), _READ + _WRITE),
    (("apps",), _APPS, _WRITE),
    (("autoscaling",), ("horizontalpodautoscalers",), _WRITE),
    (("batch",), ("cronjobs", "jobs"), _WRITE),
    (("networking.k8s.io",), ("ingresses", "networkpolicies"), _WRITE),
    (("policy",), ("poddisruptionbudgets",), _WRITE),
)
_ADMIN: tuple[Rule, ...] = (
    ((RBAC,), ("rolebindings", "roles"), _READ + _WRITE),
    (("authorization.k8s.io",), ("localsubjectaccessreviews",), ("create",)),
)


def empty_world(
    nodes: int,
    seed: int,
    *,
    epoch_ms: int = EPOCH_MS,
    runtime: Runtime | None = None,
    controllers: tuple[Controller, ...] = (),
) -> World:
    """A settled cluster in which nothing but the system itself runs; any image that is not known starts plainly.

    `runtime` knows other images; `controllers` come after the standard ones.
    """
    world = new_cluster(
        seed=seed, epoch_ms=epoch_ms, runtime=runtime, controllers=(*standard_controllers(), *controllers)
    )
    for name in NAMESPACES:
        meta = {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
        body = {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        world.store.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta, **body})
    for number in range(1, nodes + 1):
        node = world.store.create("nodes", _node(number))
        world.store.create(CSI_NODE.table, _csi_node(node))
    for resource, obj in chain(_system(), bootstrap_configuration(), local_services()):
        world.store.create(resource, obj)
    add_default_roles(world)
    world.settle()
    world.advance(SETTLING_MS)
    return world


def add_default_roles(world: World) -> None:
    """The roles and bindings that every Kubernetes cluster has, where they are missing."""
    for resource, obj in _default_roles():
        if world.store.get(f"{resource}.{RBAC}", "", obj["metadata"]["name"]) is None:
            world.store.create(f"{resource}.{RBAC}", obj)
    world.settle()


def _default_roles() -> Iterator[tuple[str, Obj]]:
    all_rules = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    yield "clusterroles", _role("cluster-admin", all_rules)
    yield "clusterrolebindings", _binding("cluster-admin", {"kind": "Group", "name": "system:masters"})
    joined_into = {"view": ("edit",), "edit": ("admin",), "admin": ()}
    for name, rules in (("admin", _ADMIN), ("edit", _EDIT), ("view", _VIEW)):
        labels = {f"{RBAC}/aggregate-to-{other}": "true" for other in joined_into[name]}
        selector = {"matchLabels": {f"{RBAC}/aggregate-to-{name}": "true"}}
        # Rules come from the aggregated roles; anybody's role with such a label adds to them.
        own = {"kubernetes.io/bootstrapping": "rbac-defaults", **selector["matchLabels"]}
        yield "clusterroles", _role(f"system:aggregate-to-{name}", _rules(rules), own)
        gathered = {"aggregationRule": {"clusterRoleSelectors": [selector]}}
        labels["kubernetes.io/bootstrapping"] = "rbac-defaults"
        yield "clusterroles", {**_role(name, [], labels), **gathered}
    paths = ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz"]
    discovery = [{"nonResourceURLs": [*paths, "/version", "/version/"], "verbs": ["get"]}]
    reviews = [
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            "verbs": ["create"],
        },
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ]
    for name, what in (("system:discovery", discovery), ("system:basic-user", reviews)):
        yield "clusterroles", _role(name, what)
        yield "clusterrolebindings", _binding(name, {"kind": "Group", "name": "system:authenticated"})


def _rules(rules: tuple[Rule, ...]) -> list[Obj]:
    return [
        {"apiGroups": list(groups), "resources": list(names), "verbs": list(verbs)} for groups, names, verbs in rules
    ]


def _role(name: str, rules: list[Obj], labels: dict[str, str] | None = None) -> Obj:
    meta: Obj = {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"} if labels is None else labels}
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules}


def _binding(name: str, subject: Obj) -> Obj:
    group = {} if subject["kind"] == "ServiceAccount" else {"apiGroup": RBAC}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [{**group, **subject}],
    }


def _csi_node(node: Obj) -> Obj:
    """What a kubelet registers even where no driver is installed."""
    meta = {"name": node["metadata"]["name"], "ownerReferences": [owner_reference("nodes", node, controller=False)]}
    return {"apiVersion": CSI_NODE.api_version, "kind": CSI_NODE.kind, "metadata": meta, "spec": {"drivers": []}}


def _node(number: int) -> Obj:
    name = f"node-{number}"
    high, low = divmod(number - 1, 250)
    labels = {
        "beta.kubernetes.io/arch": "amd64",  # deprecated, still set by kubelets, still selected by manifests
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "local",
        "topology.kubernetes.io/zone": f"local-{'abc'[(number - 1) % 3]}",
    }
    network = f"10.{244 + high}.{low}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": network, "podCIDRs": [network]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"10.0.{high}.{low + 1}"},
                {"type": "Hostname", "address": name},
            ],
            "capacity": NODE_CAPACITY,
            "allocatable": {**NODE_CAPACITY, "cpu": "7920m"},
            "nodeInfo": {
                "architecture": "amd64",
                "containerRuntimeVersion": "containerd://1.7.27",
                "kernelVersion": "6.1.0-31-amd64",
                "kubeProxyVersion": "v1.32.6",
                "kubeletVersion": "v1.32.6",
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)",
            },
        },
    }


_PRIORITIES = (
    ("system-cluster-critical", 2_000_000_000, "Used for system critical pods that must run in the cluster, but can be "
     "moved to another node if necessary."),
    ("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved from their current "
     "node."),
)  # fmt: skip


def _system() -> Iterator[tuple[str, Obj]]:
    yield (
        "storageclasses.storage.k8s.io",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    )
    for name, value, description in _PRIORITIES:
        yield (
            "priorityclasses.scheduling.k8s.io",
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": value,
                "description": description,
                "preemptionPolicy": "PreemptLowerPriority",
            },
        )
    labels = {"k8s-app": "kube-dns"}
    ports = [("dns", 53, "UDP", 53), ("dns-tcp", 53, "TCP", 53)]
    yield "deployments.apps", dns_deployment(labels, "system-cluster-critical")
    yield "services", _service("kube-system", "kube-dns", "10.96.0.10", ports, labels)
    yield "services", _service("default", "kubernetes", "10.96.0.1", [("https", 443, "TCP", 6443)], None)
    port = {"name": "https", "port": 6443, "protocol": "TCP"}
    meta: Obj = {"name": "kubernetes", "namespace": "default"}
    unmirrored = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    subset = {"addresses": [{"ip": _SERVER_ADDRESS}], "ports": [port]}
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {**meta, "labels": unmirrored}}
    yield "endpoints", {**endpoints, "subsets": [subset]}
    labels = {"kubernetes.io/service-name": "kubernetes"}
    sliced = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {**meta, "labels": labels}}
    endpoint = {"addresses": [_SERVER_ADDRESS], "conditions": {"ready": True}}
    yield (
        "endpointslices.discovery.k8s.io",
        {**sliced, "addressType": "IPv4", "endpoints": [endpoint], "ports": [port]},
    )


def dns_deployment(labels: dict[str, str], priority_class: str = "") -> Obj:
    """CoreDNS as kubeadm installs it, two replicas."""
    container = {
        "name": "coredns",
        "image": "registry.k8s.io/coredns/coredns:v1.11.3",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"containerPort": 53, "name": "dns", "protocol": "UDP"},
            {"containerPort": 53, "name": "dns-tcp", "protocol": "TCP"},
        ],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    pod: Obj = {
        "containers": [container],
        "dnsPolicy": "Default",
        **({"priorityClassName": priority_class} if priority_class else {}),
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": "kube-system", "labels": labels},
        "spec": {
            "progressDeadlineSeconds": 600,
            "replicas": 2,
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
            "template": {"metadata": {"creationTimestamp": None, "labels": labels}, "spec": pod},
        },
    }


def _service(
    namespace: str, name: str, address: str, ports: list[tuple[str, int, str, int]], selector: dict[str, str] | None
) -> Obj:
    entries = [{"name": key, "port": port, "protocol": proto, "targetPort": to} for key, port, proto, to in ports]
    spec: Obj = {
        "clusterIP": address,
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": entries,
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    if selector:
        spec["selector"] = selector
    meta = {"name": name, "namespace": namespace, "labels": selector or {"provider": "kubernetes"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": {"loadBalancer": {}}}
