"""Services, policies, nodes, storage, quotas and ConfigMaps as `kubectl describe` prints them."""

from collections.abc import Mapping, Sequence
from typing import Any

from aoi.access.redaction import MARK
from aoi.agents.kubectl.describe_workloads import selector_text
from aoi.agents.kubectl.page import Obj, Page, moment
from aoi.agents.kubectl.reader import Reader
from aoi.estate.quantities import millicores, size_bytes


def describe_service(page: Page, service: Obj, reader: Reader) -> None:
    """With the addresses behind it, port by port."""
    spec = service.get("spec") or {}
    page.head(service)
    page.mapping(0, "Selector", spec.get("selector"))
    page.field(0, "Type", spec.get("type", "ClusterIP"))
    page.field(0, "IP Family Policy", spec.get("ipFamilyPolicy", "SingleStack"))
    page.field(0, "IP Families", ",".join(spec.get("ipFamilies") or ["IPv4"]))
    page.field(0, "IP", spec.get("clusterIP", ""))
    page.field(0, "IPs", ",".join(spec.get("clusterIPs") or []) or "<none>")
    if spec.get("externalName"):
        page.field(0, "External Name", spec["externalName"])
    slices = reader.list(
        "endpointslices.discovery.k8s.io", labels=f"kubernetes.io/service-name={service['metadata']['name']}"
    )
    for port in spec.get("ports") or []:
        name = port.get("name") or "<unset>"
        page.field(0, "Port", f"{name}  {port.get('port')}/{port.get('protocol', 'TCP')}")
        page.field(0, "TargetPort", f"{port.get('targetPort', port.get('port'))}/{port.get('protocol', 'TCP')}")
        if port.get("nodePort"):
            page.field(0, "NodePort", f"{name}  {port['nodePort']}/{port.get('protocol', 'TCP')}")
        page.field(0, "Endpoints", endpoints(slices, port.get("name") or ""))
    page.field(0, "Session Affinity", spec.get("sessionAffinity", "None"))
    page.field(0, "Internal Traffic Policy", spec.get("internalTrafficPolicy", "Cluster"))


def endpoints(slices: Sequence[Obj], port: str) -> str:
    """`10.0.0.1:80,10.0.0.2:80 + 3 more...`: ready addresses of a port, at most three."""
    addresses = [
        f"{address}:{entry.get('port')}"
        for piece in slices
        for entry in piece.get("ports") or []
        if (entry.get("name") or "") == port
        for endpoint in piece.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready", True)
        for address in endpoint.get("addresses") or []
    ]
    return ",".join(addresses[:3]) + (f" + {len(addresses) - 3} more..." if len(addresses) > 3 else "")


def describe_config_map(page: Page, obj: Obj, reader: Reader) -> None:
    """Keys and their text."""
    page.head(obj)
    page.line(0, "")
    page.line(0, "Data")
    page.line(0, "====")
    for key, value in sorted((obj.get("data") or {}).items()):
        page.line(0, f"{key}:")
        page.line(0, "----")
        for line in str(value).split("\n"):
            page.line(0, line.replace("\t", "    "))
        page.line(0, "")
    page.line(0, "")
    page.line(0, "BinaryData")
    page.line(0, "====")
    for key, value in sorted((obj.get("binaryData") or {}).items()):
        page.line(0, f"{key}: {value}" if value == MARK else f"{key}: {len(str(value)) * 3 // 4} bytes")
    page.line(0, "")


def describe_network_policy(page: Page, obj: Obj, reader: Reader) -> None:
    """What it selects, lets in and lets out."""
    spec = obj.get("spec") or {}
    metadata = obj["metadata"]
    page.field(0, "Name", metadata["name"])
    page.field(0, "Namespace", metadata.get("namespace", ""))
    page.field(0, "Created on", moment(metadata.get("creationTimestamp")))
    page.mapping(0, "Labels", metadata.get("labels"))
    page.annotations(0, metadata.get("annotations"))
    page.line(0, "Spec:")
    everything = "<none> (Allowing the specific traffic to all pods in this namespace)"
    page.line(1, f"PodSelector: {selector_text(spec.get('podSelector')) or everything}")
    types = spec.get("policyTypes") or ["Ingress"]
    for kind, key, peer in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
        if kind not in types:
            page.line(1, f"Not affecting {key} traffic")
            continue
        page.line(1, f"Allowing {key} traffic:")
        _rules(page, spec.get(key), key, peer)
    page.line(1, f"Policy Types: {', '.join(types)}")


def _rules(page: Page, rules: Sequence[Obj] | None, key: str, peer: str) -> None:
    if not rules:
        page.line(2, f"<none> (Selected pods are isolated for {key} connectivity)")
        return
    for rule in rules:
        ports = [
            f"To Port: {port.get('port', '<any>')}/{port.get('protocol', 'TCP')}" for port in rule.get("ports") or []
        ]
        for text in ports or ["To Port: <any> (traffic allowed to all ports)"]:
            page.line(2, text)
        peers = rule.get(peer) or []
        if not peers:
            by = "source" if peer == "from" else "destination"
            page.line(2, f"{peer.capitalize()}: <any> (traffic not restricted by {by})")
        for entry in peers:
            page.line(2, f"{peer.capitalize()}:")
            for field, title in (("namespaceSelector", "NamespaceSelector"), ("podSelector", "PodSelector")):
                if field in entry:
                    page.line(3, f"{title}: {selector_text(entry[field]) or '<none>'}")
            if block := entry.get("ipBlock"):
                page.line(3, f"IPBlock: CIDR: {block.get('cidr', '')} Except: {', '.join(block.get('except') or [])}")


def describe_node(page: Page, node: Obj, reader: Reader) -> None:
    """With what the pods of this namespace ask of it; other namespaces are not read."""
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    roles = [
        key.rpartition("/")[2] for key in metadata.get("labels") or {} if key.startswith("node-role.kubernetes.io/")
    ]
    page.field(0, "Name", metadata["name"])
    page.field(0, "Roles", ",".join(sorted(roles)) or "<none>")
    page.mapping(0, "Labels", metadata.get("labels"))
    page.annotations(0, metadata.get("annotations"))
    page.field(0, "CreationTimestamp", moment(metadata.get("creationTimestamp")))
    page.many(0, "Taints", [taint(item) for item in spec.get("taints") or []])
    page.field(0, "Unschedulable", str(bool(spec.get("unschedulable"))).lower())
    page.conditions(status.get("conditions"), ("Status", "Reason", "Message"))
    page.line(0, "Addresses:")
    for address in status.get("addresses") or []:
        page.field(1, address.get("type", ""), address.get("address", ""))
    for key in ("capacity", "allocatable"):
        page.line(0, f"{key.capitalize()}:")
        for name, value in sorted((status.get(key) or {}).items()):
            page.field(1, name, value)
    pods = [
        pod
        for pod in reader.list("pods", fields=f"spec.nodeName={metadata['name']}")
        if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]
    page.line(0, f"Non-terminated Pods of {reader.namespace}: ({len(pods)} in total)")
    page.line(1, "Name\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits")
    page.line(1, "----\t------------\t----------\t---------------\t-------------")
    totals: dict[str, int] = {}
    for pod in pods:
        cells = [pod["metadata"]["name"]]
        for resource in ("cpu", "memory"):
            for kind in ("requests", "limits"):
                amount = pod_amount(pod, kind, resource)
                totals[f"{resource} {kind}"] = totals.get(f"{resource} {kind}", 0) + amount
                cells.append(_amount(resource, amount))
        page.line(1, "\t".join(cells))
    page.line(0, f"Allocated resources of {reader.namespace}:")
    page.line(1, "Resource\tRequests\tLimits")
    page.line(1, "--------\t--------\t------")
    for resource in ("cpu", "memory"):
        used = [_amount(resource, totals.get(f"{resource} {kind}", 0)) for kind in ("requests", "limits")]
        page.line(1, f"{resource}\t{used[0]}\t{used[1]}")


def pod_amount(pod: Obj, kind: str, resource: str) -> int:
    """Sum over containers: millicores or bytes."""
    measure = millicores if resource == "cpu" else size_bytes
    return sum(
        measure(((container.get("resources") or {}).get(kind) or {}).get(resource))
        for container in (pod.get("spec") or {}).get("containers") or []
    )


def _amount(resource: str, amount: int) -> str:
    return f"{amount}m" if resource == "cpu" else f"{amount // 2**20}Mi"


def taint(item: Obj) -> str:
    """`key=value:Effect`."""
    value = f"={item['value']}" if item.get("value") else ""
    return f"{item.get('key', '')}{value}:{item.get('effect', '')}"


def describe_claim(page: Page, obj: Obj, reader: Reader) -> None:
    """With the pods of the namespace that use it."""
    spec, status, metadata = obj.get("spec") or {}, obj.get("status") or {}, obj["metadata"]
    page.field(0, "Name", metadata["name"])
    page.field(0, "Namespace", metadata.get("namespace", ""))
    page.field(0, "StorageClass", spec.get("storageClassName", ""))
    page.field(0, "Status", "Terminating" if metadata.get("deletionTimestamp") else status.get("phase", "Pending"))
    page.field(0, "Volume", spec.get("volumeName", ""))
    page.mapping(0, "Labels", metadata.get("labels"))
    page.annotations(0, metadata.get("annotations"))
    page.field(0, "Capacity", (status.get("capacity") or {}).get("storage", ""))
    page.field(0, "Access Modes", ",".join(_MODES.get(mode, mode) for mode in spec.get("accessModes") or []))
    page.field(0, "VolumeMode", spec.get("volumeMode", "Filesystem"))
    users = [
        pod["metadata"]["name"]
        for pod in reader.list("pods")
        for volume in (pod.get("spec") or {}).get("volumes") or []
        if (volume.get("persistentVolumeClaim") or {}).get("claimName") == metadata["name"]
    ]
    page.many(0, "Used By", users)


_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def describe_quota(page: Page, obj: Obj, reader: Reader) -> None:
    """Used against hard."""
    status = obj.get("status") or {}
    hard: Mapping[str, Any] = status.get("hard") or (obj.get("spec") or {}).get("hard") or {}
    used = status.get("used") or {}
    page.field(0, "Name", obj["metadata"]["name"])
    page.field(0, "Namespace", obj["metadata"].get("namespace", ""))
    page.line(0, "Resource\tUsed\tHard")
    page.line(0, "--------\t----\t----")
    for resource in sorted(hard):
        page.line(0, f"{resource}\t{used.get(resource, '0')}\t{hard[resource]}")


def describe_limit_range(page: Page, obj: Obj, reader: Reader) -> None:
    """Bounds and defaults, a row a resource."""
    page.field(0, "Name", obj["metadata"]["name"])
    page.field(0, "Namespace", obj["metadata"].get("namespace", ""))
    page.line(0, "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio")
    page.line(0, "----\t--------\t---\t---\t---------------\t-------------\t-----------------------")
    keys = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")
    for limit in (obj.get("spec") or {}).get("limits") or []:
        for resource in sorted({name for key in keys for name in limit.get(key) or {}}):
            cells = [str((limit.get(key) or {}).get(resource, "-")) for key in keys]
            page.line(0, "\t".join([limit.get("type", ""), resource, *cells]))
