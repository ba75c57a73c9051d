"""Who wrote an event. Whoever may create events can write any text into one, and call it what they like.

The name of its author is a claim: nothing but the right to create events stands behind it. So an event of the cluster's
own is believed where an object shows the same state, and one of anybody else is never read as the kubelet's.
"""

import re

from aoi.estate.objects import Obj, text

CLUSTER = frozenset(
    {
        *("kubelet", "controllermanager", "default-scheduler", "endpoint-slice-controller", "endpoint-controller"),
        *("deployment-controller", "replicaset-controller", "replication-controller", "statefulset-controller"),
        *("daemonset-controller", "daemon-controller", "job-controller", "cronjob-controller", "service-controller"),
        *("persistentvolume-controller", "attachdetach-controller", "volume_expand", "node-controller"),
        *("taint-eviction-controller", "taint-manager", "horizontal-pod-autoscaler", "namespace-controller"),
        *("resourcequota-controller", "garbage-collector-controller", "cloud-node-controller"),
        *("route_controller", "disruption-controller", "pod-garbage-collector-controller", "ttl-controller"),
    }
)
"""What the components of a cluster call themselves in events. Source: kubernetes/pkg/controller, k8s.io/kubernetes."""
GUARDED = frozenset(
    {
        *("Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"),
        *("ReplicationController", "HorizontalPodAutoscaler", "Node"),
    }
)
"""Kinds of which the cluster's own components tell. Of others whoever provides them does: a provisioner, an Ingress
controller."""
_SCHEDULER = re.compile(r"[a-z0-9-]*scheduler")


def is_of_cluster(event: Obj) -> bool:
    """Whether an event says that a component of the cluster wrote it, or is of a kind that others tell of."""
    kind = text(event, "involvedObject", "kind")
    if kind not in GUARDED:
        return True
    author = text(event, "reportingComponent") or text(event, "source", "component")
    return author in CLUSTER or bool(_SCHEDULER.fullmatch(author))
