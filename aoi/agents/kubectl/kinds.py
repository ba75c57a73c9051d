"""Resource words of the command line: plural, singular, short name -> what may be read."""

from collections.abc import Mapping

from aoi.access.reading import READABLES, Readable

_WORDS: Mapping[str, tuple[str, ...]] = {
    "pods": ("pod", "po"),
    "services": ("service", "svc"),
    "endpoints": ("ep",),
    "events": ("event", "ev"),
    "configmaps": ("configmap", "cm"),
    "persistentvolumeclaims": ("persistentvolumeclaim", "pvc"),
    "resourcequotas": ("resourcequota", "quota"),
    "limitranges": ("limitrange", "limits"),
    "serviceaccounts": ("serviceaccount", "sa"),
    "nodes": ("node", "no"),
    "namespaces": ("namespace", "ns"),
    "persistentvolumes": ("persistentvolume", "pv"),
    "deployments.apps": ("deployments", "deployment", "deploy", "deployment.apps"),
    "replicasets.apps": ("replicasets", "replicaset", "rs", "replicaset.apps"),
    "statefulsets.apps": ("statefulsets", "statefulset", "sts", "statefulset.apps"),
    "daemonsets.apps": ("daemonsets", "daemonset", "ds", "daemonset.apps"),
    "controllerrevisions.apps": ("controllerrevisions", "controllerrevision"),
    "jobs.batch": ("jobs", "job", "job.batch"),
    "cronjobs.batch": ("cronjobs", "cronjob", "cj", "cronjob.batch"),
    "horizontalpodautoscalers.autoscaling": ("horizontalpodautoscalers", "horizontalpodautoscaler", "hpa"),
    "networkpolicies.networking.k8s.io": ("networkpolicies", "networkpolicy", "netpol"),
    "ingresses.networking.k8s.io": ("ingresses", "ingress", "ing"),
    "endpointslices.discovery.k8s.io": ("endpointslices", "endpointslice"),
    "poddisruptionbudgets.policy": ("poddisruptionbudgets", "poddisruptionbudget", "pdb"),
    "storageclasses.storage.k8s.io": ("storageclasses", "storageclass", "sc"),
    "priorityclasses.scheduling.k8s.io": ("priorityclasses", "priorityclass", "pc"),
    "networkchaos.chaos-mesh.org": ("networkchaos",),
    "podchaos.chaos-mesh.org": ("podchaos",),
    "stresschaos.chaos-mesh.org": ("stresschaos",),
    "iochaos.chaos-mesh.org": ("iochaos",),
    "dnschaos.chaos-mesh.org": ("dnschaos",),
    "httpchaos.chaos-mesh.org": ("httpchaos",),
    "timechaos.chaos-mesh.org": ("timechaos",),
    "schedules.chaos-mesh.org": ("schedules", "schedule"),
}

BY_WORD: Mapping[str, Readable] = {word: READABLES[key] for key, words in _WORDS.items() for word in (key, *words)}

ALL: tuple[Readable, ...] = tuple(
    READABLES[key]
    for key in (
        "pods", "services", "daemonsets.apps", "deployments.apps", "replicasets.apps", "statefulsets.apps",
        "horizontalpodautoscalers.autoscaling", "cronjobs.batch", "jobs.batch",
    )
)  # fmt: skip
"""What `kubectl get all` means, in kubectl's order."""

WORKLOADS = frozenset({"deployments.apps", "statefulsets.apps", "daemonsets.apps"})
"""What `rollout` takes."""
LOGGED = WORKLOADS | {"pods", "replicasets.apps", "jobs.batch", "services"}
"""What `logs` takes: a pod, or something whose pods can be found."""

SINGULAR: Mapping[str, str] = {
    key: next((w for w in words if READABLES[key].kind.lower() == w), READABLES[key].resource)
    for key, words in _WORDS.items()
}
"""GroupResource -> the word before the slash in `-o name` and in `rollout` messages."""
