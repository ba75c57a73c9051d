"""Defaults of every kind but pods' innards: what a stored object holds that its manifest did not say."""

import base64
from collections.abc import Callable
from typing import Any

from kubeworld.kinds.defaults_pod import pod_spec, qos_class
from kubeworld.kinds.defaults_policy import admission_binding, admission_policy
from kubeworld.kinds.defaults_service import service
from kubeworld.kinds.resources import ResourceType
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Defaulter = Callable[[World, Obj], Obj]


def apply_defaults(world: World, kind: ResourceType, obj: Obj) -> Obj:
    """`obj` as the API server would store it. Also for whoever writes through the store."""
    defaulter = _DEFAULTERS.get(kind.table)
    return defaulter(world, obj) if defaulter else obj


def _template(spec: Obj) -> Obj:
    template = spec.get("template") or {}
    metadata = {"creationTimestamp": None, **(template.get("metadata") or {})}
    return {**template, "metadata": metadata, "spec": pod_spec(template.get("spec") or {})}


def _workload(extra: dict[str, Any]) -> Defaulter:
    def apply(world: World, obj: Obj) -> Obj:
        spec: Obj = {**extra, **(obj.get("spec") or {})}
        if "template" in spec:
            spec["template"] = _template(spec)
        return {**obj, "spec": spec}

    return apply


def _deployment(world: World, obj: Obj) -> Obj:
    base: Obj = {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}
    new = _workload(base)(world, obj)
    strategy: Obj = {"type": "RollingUpdate", **(new["spec"].get("strategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {
            "maxUnavailable": "25%",
            "maxSurge": "25%",
            **(strategy.get("rollingUpdate") or {}),
        }
    new["spec"]["strategy"] = strategy
    return new


def _stateful_set(world: World, obj: Obj) -> Obj:
    retention: Obj = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    base: Obj = {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": retention,
    }
    new = _workload(base)(world, obj)
    strategy: Obj = {"type": "RollingUpdate", **(new["spec"].get("updateStrategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"partition": 0, **(strategy.get("rollingUpdate") or {})}
    new["spec"]["updateStrategy"] = strategy
    if "volumeClaimTemplates" in new["spec"]:
        new["spec"]["volumeClaimTemplates"] = [
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}, **claim}
            | {"spec": {"volumeMode": "Filesystem", **(claim.get("spec") or {})}}
            for claim in new["spec"]["volumeClaimTemplates"]
        ]
    return new


def _daemon_set(world: World, obj: Obj) -> Obj:
    new = _workload({"revisionHistoryLimit": 10})(world, obj)
    strategy: Obj = {"type": "RollingUpdate", **(new["spec"].get("updateStrategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {"maxSurge": 0, "maxUnavailable": 1, **(strategy.get("rollingUpdate") or {})}
    new["spec"]["updateStrategy"] = strategy
    return new


_JOB_DEFAULTS = {
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "suspend": False,
    "podReplacementPolicy": "TerminatingOrFailed",
    "manualSelector": False,
}


def _job(world: World, obj: Obj) -> Obj:
    spec = obj.get("spec") or {}
    counts: Obj = {} if "parallelism" in spec and "completions" not in spec else {"completions": 1}
    new = _workload({**_JOB_DEFAULTS, **counts, "parallelism": 1})(world, obj)
    uid = new["metadata"].get("uid")
    if "selector" not in new["spec"] and uid and not new["spec"]["manualSelector"]:
        name = new["metadata"]["name"]
        labels = {
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": uid,
            "job-name": name,
        }
        template = new["spec"]["template"]
        metadata = {**template["metadata"], "labels": {**(template["metadata"].get("labels") or {}), **labels}}
        new["spec"]["template"] = {**template, "metadata": metadata}
        new["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    if not new["metadata"].get("labels"):
        labels = new["spec"].get("template", {}).get("metadata", {}).get("labels")
        new["metadata"] = {**new["metadata"], **({"labels": labels} if labels else {})}
    return new


def _cron_job(world: World, obj: Obj) -> Obj:
    base: Obj = {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    }
    new: Obj = {**obj, "spec": {**base, **(obj.get("spec") or {})}}
    template: Obj = new["spec"].get("jobTemplate") or {}
    job_spec = dict(template.get("spec") or {})
    if "template" in job_spec:
        job_spec["template"] = _template(job_spec)
    metadata = {"creationTimestamp": None, **(template.get("metadata") or {})}
    new["spec"]["jobTemplate"] = {**template, "metadata": metadata, "spec": job_spec}
    return new


def _pod(world: World, obj: Obj) -> Obj:
    spec = pod_spec(obj.get("spec") or {}, is_pod=True)
    status = obj.get("status") or {"phase": "Pending", "qosClass": qos_class(spec)}
    return {**obj, "spec": spec, "status": status}


def _secret(world: World, obj: Obj) -> Obj:
    new: Obj = {"type": "Opaque", **obj}
    plain = new.pop("stringData", None)
    if plain:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        new["data"] = {**(new.get("data") or {}), **encoded}
    return new


def _claim(world: World, obj: Obj) -> Obj:
    spec: Obj = {"volumeMode": "Filesystem", **(obj.get("spec") or {})}
    return {**obj, "spec": spec, "status": obj.get("status") or {"phase": "Pending"}}


def _volume(world: World, obj: Obj) -> Obj:
    base: Obj = {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"}
    return {**obj, "spec": {**base, **(obj.get("spec") or {})}, "status": obj.get("status") or {"phase": "Pending"}}


def _namespace(world: World, obj: Obj) -> Obj:
    meta = obj["metadata"]
    name = meta.get("name", "")
    labels = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": name}
    spec: Obj = {"finalizers": ["kubernetes"], **(obj.get("spec") or {})}
    return {
        **obj,
        "metadata": {**meta, "labels": labels},
        "spec": spec,
        "status": obj.get("status") or {"phase": "Active"},
    }


def _autoscaler(world: World, obj: Obj) -> Obj:
    spec: Obj = {"minReplicas": 1, **(obj.get("spec") or {})}
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "spec": spec}


def _network_policy(world: World, obj: Obj) -> Obj:
    spec: Obj = {"podSelector": {}, **(obj.get("spec") or {})}
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
    for direction in ("ingress", "egress"):
        if direction in spec:
            spec[direction] = [
                {**rule, "ports": [{"protocol": "TCP", **port} for port in rule["ports"]]}
                if rule.get("ports")
                else rule
                for rule in spec[direction]
            ]
    return {**obj, "spec": spec}


def _binding(world: World, obj: Obj) -> Obj:
    group = "rbac.authorization.k8s.io"
    subjects = [
        subject if subject.get("kind") == "ServiceAccount" else {"apiGroup": group, **subject}
        for subject in obj.get("subjects") or ()
    ]
    return {
        **obj,
        "roleRef": {"apiGroup": group, **(obj.get("roleRef") or {})},
        **({"subjects": subjects} if subjects else {}),
    }


def _slice(world: World, obj: Obj) -> Obj:
    return {**obj, "ports": [{"name": "", "protocol": "TCP", **port} for port in obj.get("ports") or ()]}


def _endpoints(world: World, obj: Obj) -> Obj:
    if not obj.get("subsets"):
        return obj
    subsets = [
        {**item, "ports": [{"protocol": "TCP", **port} for port in item["ports"]]} if item.get("ports") else item
        for item in obj["subsets"]
    ]
    return {**obj, "subsets": subsets}


def _limit_range(world: World, obj: Obj) -> Obj:
    limits = []
    for item in (obj.get("spec") or {}).get("limits") or ():
        new = dict(item)
        if item.get("type") == "Container":
            new["default"] = {**(item.get("max") or {}), **(item.get("default") or {})}
            new["defaultRequest"] = {**(item.get("min") or {}), **new["default"], **(item.get("defaultRequest") or {})}
            new = {key: value for key, value in new.items() if value or key not in ("default", "defaultRequest")}
        limits.append(new)
    return {**obj, "spec": {**(obj.get("spec") or {}), "limits": limits}}


def _storage_class(world: World, obj: Obj) -> Obj:
    return {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate", **obj}


def _priority_class(world: World, obj: Obj) -> Obj:
    return {"preemptionPolicy": "PreemptLowerPriority", **obj}


def _definition(world: World, obj: Obj) -> Obj:
    """A CustomResourceDefinition is established as soon as it is there."""
    spec: Obj = {"conversion": {"strategy": "None"}, **(obj.get("spec") or {})}
    names = spec.get("names") or {}
    kind = names.get("kind", "")
    spec["names"] = {"listKind": f"{kind}List", "singular": kind.lower(), **names}
    if obj.get("status"):
        return {**obj, "spec": spec}
    now = world.clock.rfc3339()
    stored = [version["name"] for version in spec.get("versions") or () if version.get("storage")]
    conditions = [
        {"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
        for type_, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    status = {"acceptedNames": spec["names"], "conditions": conditions, "storedVersions": stored}
    return {**obj, "spec": spec, "status": status}


_DEFAULTERS: dict[str, Defaulter] = {
    "pods": _pod,
    "services": service,
    "secrets": _secret,
    "namespaces": _namespace,
    "endpoints": _endpoints,
    "limitranges": _limit_range,
    "persistentvolumeclaims": _claim,
    "persistentvolumes": _volume,
    "deployments.apps": _deployment,
    "replicasets.apps": _workload({"replicas": 1}),
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "horizontalpodautoscalers.autoscaling": _autoscaler,
    "networkpolicies.networking.k8s.io": _network_policy,
    "endpointslices.discovery.k8s.io": _slice,
    "storageclasses.storage.k8s.io": _storage_class,
    "priorityclasses.scheduling.k8s.io": _priority_class,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
    "validatingadmissionpolicies.admissionregistration.k8s.io": admission_policy,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": admission_binding,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
}
