"""Printers of everything that is not a workload."""

from typing import Any

from kubeworld.kinds.claims import is_default_class
from kubeworld.kinds.table.columns import (
    NONE,
    UNKNOWN,
    UNSET,
    Printer,
    access_modes,
    age,
    columns,
    created,
    pairs,
    some_of,
)
from kubeworld.machine import selectors
from kubeworld.machine.store import Obj


def _service(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    ports = ",".join(
        f"{port['port']}{':' + str(port['nodePort']) if port.get('nodePort') else ''}/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    )
    return [
        obj["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        _external_ip(obj),
        ports or NONE,
        created(obj, now),
        pairs(spec.get("selector")),
    ]


def _external_ip(obj: Obj) -> str:
    spec = obj["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", NONE))
    if spec.get("type") == "LoadBalancer":
        ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
        found = [item.get("ip") or item.get("hostname", "") for item in ingress] + list(spec.get("externalIPs") or ())
        return ",".join(found) or "<pending>"
    return ",".join(spec.get("externalIPs") or ()) or NONE


def _endpoints(obj: Obj, now: int) -> list[Any]:
    found = []
    for subset in obj.get("subsets") or ():
        for address in subset.get("addresses") or ():
            ports = subset.get("ports") or ()
            found += [f"{address['ip']}:{port['port']}" for port in ports] if ports else [address["ip"]]
    return [obj["metadata"]["name"], some_of(found, 3), created(obj, now)]


def _slice(obj: Obj, now: int) -> list[Any]:
    ports = [str(port.get("port", "*")) for port in obj.get("ports") or ()]
    addresses = [address for item in obj.get("endpoints") or () for address in item.get("addresses") or ()]
    shown = some_of(addresses, 3) if addresses else UNSET
    return [
        obj["metadata"]["name"],
        obj.get("addressType", ""),
        some_of(ports, 3) if ports else UNSET,
        shown,
        created(obj, now),
    ]


def _node(obj: Obj, now: int) -> list[Any]:
    status, meta = obj.get("status") or {}, obj["metadata"]
    ready = next((item for item in status.get("conditions") or () if item["type"] == "Ready"), None)
    state = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    if (obj.get("spec") or {}).get("unschedulable"):
        state += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = sorted(key.removeprefix(prefix) for key in meta.get("labels") or {} if key.startswith(prefix))
    addresses = {item["type"]: item["address"] for item in status.get("addresses") or ()}
    info = status.get("nodeInfo") or {}
    return [
        meta["name"],
        state,
        ",".join(roles) or NONE,
        created(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def event_seen(obj: Obj) -> tuple[str | None, str | None]:
    """(first, last) time of an event, from whichever fields it has."""
    moment = obj.get("eventTime")
    first = obj.get("firstTimestamp") or moment
    series = (obj.get("series") or {}).get("lastObservedTime")
    return first, series or obj.get("lastTimestamp") or moment


def _event(obj: Obj, now: int) -> list[Any]:
    first, last = event_seen(obj)
    about, source = obj.get("involvedObject") or {}, obj.get("source") or {}
    component = source.get("component") or obj.get("reportingComponent", "")
    host = source.get("host") or ""
    count = (obj.get("series") or {}).get("count") or obj.get("count") or 1
    return [
        age(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        obj.get("message", "").strip(),
        age(first, now),
        count,
        obj["metadata"]["name"],
    ]


def _namespace(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], (obj.get("status") or {}).get("phase", ""), created(obj, now)]


def _secret(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("type", "Opaque"), len(obj.get("data") or {}), created(obj, now)]


def _config_map(obj: Obj, now: int) -> list[Any]:
    count = len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
    return [obj["metadata"]["name"], count, created(obj, now)]


def _service_account(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], len(obj.get("secrets") or ()), created(obj, now)]


def _volume(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    claim = spec.get("claimRef") or {}
    terminating = obj["metadata"].get("deletionTimestamp")
    return [
        obj["metadata"]["name"],
        (spec.get("capacity") or {}).get("storage", ""),
        access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if terminating else status.get("phase", ""),
        f"{claim.get('namespace', '')}/{claim['name']}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason", ""),
        created(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _claim(obj: Obj, now: int) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    bound = spec.get("volumeName", "")
    return [
        obj["metadata"]["name"],
        "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", ""),
        bound,
        (status.get("capacity") or {}).get("storage", "") if bound else "",
        access_modes(status.get("accessModes")) if bound else "",
        spec.get("storageClassName") or "",
        spec.get("volumeAttributesClassName") or UNSET,
        created(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def _storage_class(obj: Obj, now: int) -> list[Any]:
    name = obj["metadata"]["name"] + (" (default)" if is_default_class(obj) else "")
    return [
        name,
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", "Immediate"),
        obj.get("allowVolumeExpansion", False),
        created(obj, now),
    ]


def _quota(obj: Obj, now: int) -> list[Any]:
    status = obj.get("status") or {}
    hard = status.get("hard") or (obj.get("spec") or {}).get("hard") or {}
    used = status.get("used") or {}
    entries = [(name, f"{name}: {used.get(name, '0')}/{hard[name]}") for name in sorted(hard)]
    requests = ", ".join(text for name, text in entries if not name.startswith("limits"))
    limits = ", ".join(text for name, text in entries if name.startswith("limits"))
    return [obj["metadata"]["name"], created(obj, now), requests, limits]


def _timestamped(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], obj["metadata"].get("creationTimestamp", "")]


def _binding(obj: Obj, now: int) -> list[Any]:
    reference = obj.get("roleRef") or {}
    subjects = obj.get("subjects") or ()
    named = {kind: ", ".join(item["name"] for item in subjects if item["kind"] == kind) for kind in ("User", "Group")}
    accounts = ", ".join(
        f"{item.get('namespace', '')}/{item['name']}" for item in subjects if item["kind"] == "ServiceAccount"
    )
    role = f"{reference.get('kind', '')}/{reference.get('name', '')}"
    return [obj["metadata"]["name"], role, created(obj, now), named["User"], named["Group"], accounts]


def _network_policy(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], selectors.written(obj["spec"].get("podSelector")) or NONE, created(obj, now)]


def _ingress(obj: Obj, now: int) -> list[Any]:
    spec = obj["spec"]
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    balancer = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [
        obj["metadata"]["name"],
        spec.get("ingressClassName") or NONE,
        some_of(hosts, 3) if hosts else "*",
        ",".join(item.get("ip") or item.get("hostname", "") for item in balancer),
        "80, 443" if spec.get("tls") else "80",
        created(obj, now),
    ]


def _ingress_class(obj: Obj, now: int) -> list[Any]:
    parameters = obj["spec"].get("parameters") or {}
    shown = (
        f"{parameters.get('kind')}.{parameters.get('apiGroup', '')}/{parameters.get('name')}" if parameters else NONE
    )
    return [obj["metadata"]["name"], obj["spec"].get("controller", ""), shown, created(obj, now)]


def _lease(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], (obj.get("spec") or {}).get("holderIdentity", ""), created(obj, now)]


def _priority_class(obj: Obj, now: int) -> list[Any]:
    shared = obj.get("globalDefault", False)
    policy = obj.get("preemptionPolicy", "PreemptLowerPriority")
    return [obj["metadata"]["name"], obj.get("value", 0), shared, created(obj, now), policy]


def _chaos(obj: Obj, now: int) -> list[Any]:
    spec = obj.get("spec") or {}
    return [obj["metadata"]["name"], spec.get("action", ""), spec.get("duration", "")]


def _pod_metrics(obj: Obj, now: int) -> list[Any]:
    usages = [item["usage"] for item in obj["containers"]]
    cpu = sum(int(usage["cpu"].removesuffix("m")) for usage in usages)
    memory = sum(int(usage["memory"].removesuffix("Ki")) for usage in usages)
    return [obj["metadata"]["name"], f"{cpu}m", f"{memory}Ki", obj["window"]]


def _node_metrics(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], obj["usage"]["cpu"], obj["usage"]["memory"], obj["window"]]


_RBAC = ".rbac.authorization.k8s.io"
_BINDING = Printer(columns("Name, Role, Age, Users/1, Groups/1, ServiceAccounts/1"), _binding)
_DATED = Printer(columns("Name, Created At"), _timestamped)
_EVENT = Printer(
    columns("Last Seen, Type, Reason, Object, Subobject/1, Source/1, Message, First Seen/1, Count:integer/1, Name/1"),
    _event,
)


def _admission_policy(obj: Obj, now: int) -> list[Any]:
    spec = obj.get("spec") or {}
    kind = spec.get("paramKind")
    wanted = f"{kind['apiVersion']}/{kind['kind']}" if kind else UNSET
    return [obj["metadata"]["name"], len(spec.get("validations") or ()), wanted, created(obj, now)]


def _admission_binding(obj: Obj, now: int) -> list[Any]:
    spec = obj.get("spec") or {}
    reference = spec.get("paramRef") or {}
    name = reference.get("name") or UNSET
    if reference.get("name") and reference.get("namespace"):
        name = f"{reference['namespace']}/{name}"
    elif "selector" in reference:
        name = selectors.written(reference["selector"]) or NONE
    return [obj["metadata"]["name"], spec.get("policyName", ""), name, created(obj, now)]


_METRICS = "Name, cpu, memory, window"
PRINTERS = {
    "services": Printer(columns("Name, Type, Cluster-IP, External-IP, Port(s), Age, Selector/1"), _service),
    "endpoints": Printer(columns("Name, Endpoints, Age"), _endpoints),
    "endpointslices.discovery.k8s.io": Printer(columns("Name, AddressType, Ports, Endpoints, Age"), _slice),
    "nodes": Printer(
        columns(
            "Name, Status, Roles, Age, Version, Internal-IP/1, External-IP/1, OS-Image/1, Kernel-Version/1, "
            "Container-Runtime/1"
        ),
        _node,
    ),
    "events": _EVENT,
    "namespaces": Printer(columns("Name, Status, Age"), _namespace),
    "secrets": Printer(columns("Name, Type, Data, Age"), _secret),
    "configmaps": Printer(columns("Name, Data, Age"), _config_map),
    "serviceaccounts": Printer(columns("Name, Secrets, Age"), _service_account),
    "persistentvolumes": Printer(
        columns(
            "Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, "
            "Reason, Age, VolumeMode/1"
        ),
        _volume,
    ),
    "persistentvolumeclaims": Printer(
        columns("Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, VolumeMode/1"),
        _claim,
    ),
    "storageclasses.storage.k8s.io": Printer(
        columns("Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age"), _storage_class
    ),
    "resourcequotas": Printer(columns("Name, Age, Request, Limit"), _quota),
    "limitranges": _DATED,
    f"roles{_RBAC}": _DATED,
    f"clusterroles{_RBAC}": _DATED,
    f"rolebindings{_RBAC}": _BINDING,
    f"clusterrolebindings{_RBAC}": _BINDING,
    "customresourcedefinitions.apiextensions.k8s.io": _DATED,
    "validatingadmissionpolicies.admissionregistration.k8s.io": Printer(
        columns("Name, Validations:integer, ParamKind, Age"), _admission_policy
    ),
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": Printer(
        columns("Name, PolicyName, ParamRef, Age"), _admission_binding
    ),
    "networkpolicies.networking.k8s.io": Printer(columns("Name, Pod-Selector, Age"), _network_policy),
    "ingresses.networking.k8s.io": Printer(columns("Name, Class, Hosts, Address, Ports, Age"), _ingress),
    "ingressclasses.networking.k8s.io": Printer(columns("Name, Controller, Parameters, Age"), _ingress_class),
    "leases.coordination.k8s.io": Printer(columns("Name, Holder, Age"), _lease),
    "priorityclasses.scheduling.k8s.io": Printer(
        columns("Name, Value:integer, Global-Default:boolean, Age, PreemptionPolicy"), _priority_class
    ),
    "networkchaos.chaos-mesh.org": Printer(columns("Name, action, duration"), _chaos),
    "pods.metrics.k8s.io": Printer(columns(_METRICS), _pod_metrics),
    "nodes.metrics.k8s.io": Printer(columns(_METRICS), _node_metrics),
}
