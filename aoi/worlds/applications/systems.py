"""Objects of the cluster itself: nodes, system namespaces, cluster DNS and storage class."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from aoi.worlds.applications.manifests import CA_TEXT, STORAGE_CLASS, namespace_object
from kubeworld.bootstrap import dns_deployment
from kubeworld.machine.store import Obj

Objects = Iterator[tuple[str, Obj]]
_SIZES = (("m5.xlarge", 4, 16), ("m5.2xlarge", 8, 32), ("c5.2xlarge", 8, 16), ("e2-standard-8", 8, 32))
_NAMES = ("worker-{}", "node-{}", "ip-10-0-{}-{}", "pool-a-{}", "kube-node-{}")


def objects(rng: random.Random) -> Objects:
    """Everything that is there before the application is installed, for days already."""
    born = (date(2026, 1, 4) - timedelta(days=rng.randint(3, 90))).strftime("%Y-%m-%dT")
    born += f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}Z"
    for resource, obj in _objects(rng, born):
        if resource not in ("deployments.apps", "services"):  # what controllers work on begins with the world
            obj["metadata"].setdefault("creationTimestamp", born)
        yield resource, obj


def _objects(rng: random.Random, born: str) -> Objects:
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        yield "namespaces", namespace_object(name)
        yield "serviceaccounts", _named("v1", "ServiceAccount", name, "default")
    yield "configmaps", {**_named("v1", "ConfigMap", "kube-system", "kube-root-ca.crt"), "data": {"ca.crt": CA_TEXT}}
    yield from _nodes(rng, born)
    yield (
        "storageclasses.storage.k8s.io",
        {
            **_named("storage.k8s.io/v1", "StorageClass", "", STORAGE_CLASS),
            "provisioner": "rancher.io/local-path",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "Immediate",
        },
    )
    yield from _dns()


def node_names(rng: random.Random) -> list[str]:
    """Names of the three nodes."""
    style = rng.choice(_NAMES)
    if style.count("{}") == 2:
        return [style.format(rng.randint(1, 4) % 4 * 64 + index * 16, rng.randint(10, 250)) for index in range(3)]
    return [style.format(index + 1) for index in range(3)]


def _nodes(rng: random.Random, born: str) -> Objects:
    kind, cpu, memory = rng.choice(_SIZES)
    version = rng.choice(("v1.32.3", "v1.32.6", "v1.32.9"))
    for index, name in enumerate(node_names(rng)):
        capacity = {
            "cpu": str(cpu),
            "ephemeral-storage": "99053Mi",
            "hugepages-2Mi": "0",
            "memory": f"{memory * 1024 - rng.randint(200, 900)}Mi",
            "pods": "110",
        }
        labels = {
            "beta.kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "node.kubernetes.io/instance-type": kind,
            "topology.kubernetes.io/region": "eu-1",
            "topology.kubernetes.io/zone": f"eu-1{'abc'[index]}",
        }
        yield (
            "nodes",
            {
                **_named("v1", "Node", "", name, labels),
                "spec": {"podCIDR": f"10.244.{index}.0/24", "podCIDRs": [f"10.244.{index}.0/24"]},
                "status": {
                    "addresses": [
                        {"type": "InternalIP", "address": f"10.0.{index + 1}.{rng.randint(10, 250)}"},
                        {"type": "Hostname", "address": name},
                    ],
                    "allocatable": {**capacity, "cpu": f"{cpu * 1000 - 80}m"},
                    "capacity": capacity,
                    "conditions": [_condition(*entry, born) for entry in _CONDITIONS],
                    "nodeInfo": {
                        "architecture": "amd64",
                        "containerRuntimeVersion": "containerd://1.7.27",
                        "kernelVersion": "6.1.0-31-amd64",
                        "kubeProxyVersion": version,
                        "kubeletVersion": version,
                        "operatingSystem": "linux",
                        "osImage": "Debian GNU/Linux 12 (bookworm)",
                    },
                },
            },
        )


_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def _condition(type_: str, status: str, reason: str, message: str, born: str) -> Obj:
    return {
        "lastHeartbeatTime": "2026-01-05T07:58:00Z",
        "lastTransitionTime": born,
        "message": message,
        "reason": reason,
        "status": status,
        "type": type_,
    }


def _dns() -> Objects:
    """CoreDNS and its Service: without a ready pod behind it, no name resolves."""
    labels = {"k8s-app": "kube-dns"}
    yield "deployments.apps", dns_deployment(labels)
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
    ]
    yield "services", _cluster_service("kube-system", "kube-dns", "10.96.0.10", ports, labels)
    https = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]
    yield "services", _cluster_service("default", "kubernetes", "10.96.0.1", https, None)


def _cluster_service(
    namespace: str, name: str, address: str, ports: list[dict[str, Any]], selector: dict[str, str] | None
) -> Obj:
    spec: Obj = {
        "clusterIP": address,
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": ports,
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    if selector:
        spec["selector"] = selector
    return {**_named("v1", "Service", namespace, name, selector or {}), "spec": spec, "status": {"loadBalancer": {}}}


def _named(api_version: str, kind: str, namespace: str, name: str, labels: dict[str, str] | None = None) -> Obj:
    metadata: Obj = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
