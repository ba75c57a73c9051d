"""Validation on create and on update: the required fields, ranges and immutable fields that matter."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from kubeworld.kinds.errors import FieldError, duplicate, forbidden_field, invalid, required, unsupported
from kubeworld.kinds.formats import (
    DNS_1035,
    DNS_1035_TEXT,
    IMMUTABLE,
    LABEL,
    LABEL_TEXT,
    SUBDOMAIN,
    SUBDOMAIN_TEXT,
    port_errors,
)
from kubeworld.kinds.resources import ResourceType
from kubeworld.kinds.schedule import is_zone, schedule_problem
from kubeworld.kinds.validation_data import data_errors, secret_errors
from kubeworld.kinds.validation_limits import limit_range_errors, priority_class_errors, quota_errors
from kubeworld.kinds.validation_network import ingress_errors, network_policy_errors
from kubeworld.kinds.validation_pod import pod_spec_errors
from kubeworld.machine import selectors
from kubeworld.machine.store import Obj

_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_LABEL_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NAME_RULES = {"services": (DNS_1035, DNS_1035_TEXT, 63), "namespaces": (LABEL, LABEL_TEXT, 63)}
_PERCENT = re.compile(r"[0-9]{1,9}%")
_PERCENT_TEXT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)
_FREE_NAMES = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})


def errors_of(kind: ResourceType, new: Obj, old: Obj | None) -> list[FieldError]:
    """What is wrong with an object before it is committed; `old` is None on create."""
    errors = list(_metadata_errors(kind, new))
    if kind.group in ("apps", "policy"):
        errors += _bad_shares(new.get("spec") or {}, "spec")
    checker = _CHECKERS.get(kind.table)
    if checker:
        errors += checker(new, old)
    return errors


def _bad_shares(spec: Obj, path: str) -> Iterator[FieldError]:
    """Numbers of pods that are given as text must be percentages."""
    for name in ("minAvailable", "maxUnavailable", "maxSurge"):
        value = spec.get(name)
        if isinstance(value, str) and not _PERCENT.fullmatch(value):
            yield invalid(f"{path}.{name}", value, _PERCENT_TEXT)
        elif isinstance(value, int) and value < 0:
            yield invalid(f"{path}.{name}", value, "must be greater than or equal to 0")
    for name in ("strategy", "updateStrategy", "rollingUpdate"):
        if isinstance(spec.get(name), dict):
            yield from _bad_shares(spec[name], f"{path}.{name}")


def _metadata_errors(kind: ResourceType, obj: Obj) -> Iterator[FieldError]:
    meta = obj["metadata"]
    name = meta.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from _name_errors(kind, name)
    for key, value in (meta.get("labels") or {}).items():
        if not _LABEL_VALUE.match(value):
            yield invalid("metadata.labels", value, _LABEL_TEXT)
        elif len(value) > 63:
            yield invalid("metadata.labels", value, "must be no more than 63 characters")
        elif not key or len(key) > 316:
            yield invalid("metadata.labels", key, "name part must be non-empty")


def _name_errors(kind: ResourceType, name: str) -> Iterator[FieldError]:
    if kind.plural in _FREE_NAMES:
        if "/" in name or "%" in name or name in (".", ".."):
            yield invalid("metadata.name", name, "may not contain '/' or '%'")
        return
    pattern, text, longest = _NAME_RULES.get(kind.table, (SUBDOMAIN, SUBDOMAIN_TEXT, 253))
    if not pattern.match(name):
        yield invalid("metadata.name", name, text)
    elif len(name) > longest:
        yield invalid("metadata.name", name, f"must be no more than {longest} characters")


def _workload(new: Obj, old: Obj | None, *, policies: tuple[str, ...] = ("Always",)) -> Iterator[FieldError]:
    spec = new.get("spec") or {}
    yield from _not_negative(spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    template = spec.get("template") or {}
    if "Always" in policies:
        yield from _selector(spec, template, old)
    volumes = spec.get("volumeClaimTemplates") or ()
    claims = frozenset((claim.get("metadata") or {}).get("name", "") for claim in volumes)
    yield from pod_spec_errors(template.get("spec") or {}, "spec.template.spec", claims)
    if "Always" in policies:
        policy = (template.get("spec") or {}).get("restartPolicy", "Always")
        if policy not in policies:
            yield unsupported("spec.template.spec.restartPolicy", policy, policies)
    else:
        yield from _finite(template, "spec")


def _selector(spec: Obj, template: Obj, old: Obj | None) -> Iterator[FieldError]:
    selector = spec.get("selector")
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selector or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        yield (
            required("spec.selector")
            if selector is None
            else invalid("spec.selector", selector, "empty selector is invalid for deployment")
        )
    elif not selectors.matches(selector, labels):
        yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    if old and selector != old["spec"].get("selector"):
        yield FieldError(
            "spec.selector", "FieldValueInvalid", f"Invalid value: {_go_selector(selector or {})}: {IMMUTABLE}"
        )


def _go_selector(selector: Obj) -> str:
    labels = ", ".join(f'"{key}":"{value}"' for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "[]v1.LabelSelectorRequirement(nil)" if not selector.get("matchExpressions") else "[...]"
    return f"v1.LabelSelector{{MatchLabels:map[string]string{{{labels}}}, MatchExpressions:{expressions}}}"


def _not_negative(spec: Obj, *fields: str) -> Iterator[FieldError]:
    for field in fields:
        if (spec.get(field) or 0) < 0:
            yield invalid(f"spec.{field}", spec[field], "must be greater than or equal to 0")


def _deployment(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from _workload(new, old)
    strategy = new["spec"].get("strategy") or {}
    if strategy.get("type") not in ("Recreate", "RollingUpdate"):
        yield unsupported("spec.strategy.type", strategy.get("type", ""), ("Recreate", "RollingUpdate"))
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling:
        why = "may not be specified when strategy `type` is 'Recreate'"
        yield forbidden_field("spec.strategy.rollingUpdate", why)
    if rolling and rolling.get("maxUnavailable") in (0, "0", "0%") and rolling.get("maxSurge") in (0, "0", "0%"):
        why = "may not be 0 when `maxSurge` is 0"
        yield invalid("spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], why)


_STATEFUL_OPEN = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _stateful_set(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from _workload(new, None)
    spec = new["spec"]
    if spec.get("podManagementPolicy", "Parallel") not in ("OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", spec["podManagementPolicy"], "must be 'OrderedReady' or 'Parallel'")
    if (spec.get("updateStrategy") or {}).get("type", "OnDelete") not in ("RollingUpdate", "OnDelete"):
        yield invalid("spec.updateStrategy", spec["updateStrategy"], "must be 'RollingUpdate' or 'OnDelete'")
    if old and _closed(new["spec"], _STATEFUL_OPEN) != _closed(old["spec"], _STATEFUL_OPEN):
        why = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        )
        yield forbidden_field("spec", why)


def _closed(spec: Obj, open_fields: tuple[str, ...]) -> Obj:
    return {key: value for key, value in spec.items() if key not in open_fields}


def _job(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from _workload(new, old, policies=("OnFailure", "Never"))
    yield from _not_negative(new["spec"], "completions", "parallelism", "backoffLimit")
    if old:
        for field in ("selector", "template", "completionMode"):
            if new["spec"].get(field) != old["spec"].get(field):
                yield FieldError(f"spec.{field}", "FieldValueInvalid", f"Invalid value: {field}: {IMMUTABLE}")


def _finite(template: Obj, path: str) -> Iterator[FieldError]:
    """Pods of a Job end."""
    if (template.get("spec") or {}).get("restartPolicy", "Always") not in ("OnFailure", "Never"):
        yield required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def _cron_job(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    schedule = spec.get("schedule", "")
    if not schedule:
        yield required("spec.schedule")
    elif problem := schedule_problem(schedule):
        yield invalid("spec.schedule", schedule, problem)
    if "timeZone" in spec and not is_zone(spec["timeZone"]):
        yield invalid("spec.timeZone", spec["timeZone"], f"unknown time zone {spec['timeZone']}")
    policies = ("Allow", "Forbid", "Replace")
    if spec.get("concurrencyPolicy", "Allow") not in policies:
        yield unsupported("spec.concurrencyPolicy", spec["concurrencyPolicy"], policies)
    yield from _not_negative(spec, "startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    template = ((spec.get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
    yield from pod_spec_errors(template.get("spec") or {}, "spec.jobTemplate.spec.template.spec")
    yield from _finite(template, "spec.jobTemplate.spec")


_POD_TEXT = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def _pod(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    yield from pod_spec_errors(new.get("spec") or {}, "spec")
    if old and _frozen_pod(new["spec"]) != _frozen_pod(old["spec"]):
        yield forbidden_field("spec", _POD_TEXT)


def _frozen_pod(spec: Obj) -> Obj:
    """The part of a pod's spec that an update may not touch. Ephemeral containers have their own subresource."""
    rest = _closed(spec, ("activeDeadlineSeconds", "tolerations", "nodeName", "schedulingGates", "ephemeralContainers"))
    for field in ("containers", "initContainers"):
        rest[field] = [_closed(item, ("image", "imagePullPolicy")) for item in spec.get(field) or ()]
    return rest


def _service(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec["type"] not in types:
        yield unsupported("spec.type", spec["type"], types)
    ports = spec.get("ports") or ()
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            yield required("spec.externalName")
    elif not ports and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    names: set[str] = set()
    pairs: set[tuple[Any, Any]] = set()
    for at, port in enumerate(ports):
        where = f"spec.ports[{at}]"
        if len(ports) > 1 and not port.get("name"):
            yield required(f"{where}.name")
        elif port.get("name") in names:
            yield duplicate(f"{where}.name", port["name"])
        names.add(port.get("name", ""))
        pair = (port.get("protocol"), port.get("port"))
        if pair in pairs:
            yield duplicate(where, port)
        pairs.add(pair)
        yield from _service_port(port, where)
    if old and old["spec"].get("clusterIP") and spec["type"] != "ExternalName" != old["spec"]["type"]:
        before, after = old["spec"]["clusterIP"], spec.get("clusterIP")
        if before != after:
            yield FieldError(
                "spec.clusterIPs[0]", "FieldValueInvalid", f'Invalid value: ["{after or ""}"]: may not change once set'
            )


def _service_port(port: Obj, where: str) -> Iterator[FieldError]:
    target = port.get("targetPort")
    yield from port_errors(f"{where}.port", port.get("port", 0))
    if isinstance(target, int):
        yield from port_errors(f"{where}.targetPort", target)
    node_port = port.get("nodePort")
    if node_port and not 30000 <= node_port <= 32767:
        yield invalid(
            f"{where}.nodePort",
            node_port,
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        )


_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def _access_modes(spec: Obj) -> Iterator[FieldError]:
    for mode in spec.get("accessModes") or ():
        if mode not in _ACCESS_MODES:
            yield unsupported("spec.accessModes", mode, _ACCESS_MODES)


def _claim(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    yield from _access_modes(spec)
    if not ((spec.get("resources") or {}).get("requests") or {}).get("storage"):
        yield required("spec.resources[storage]")
    open_fields = ("resources", "volumeName", "volumeAttributesClassName")
    if old and _closed(spec, open_fields) != _closed(old["spec"], open_fields):
        why = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        )
        yield forbidden_field("spec", why)


def _volume(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    if not (spec.get("capacity") or {}).get("storage"):
        yield required("spec.capacity")


def _autoscaler(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new["spec"]
    if spec.get("maxReplicas", 0) < 1:
        yield invalid("spec.maxReplicas", spec.get("maxReplicas", 0), "must be greater than 0")
    elif spec.get("minReplicas", 1) > spec["maxReplicas"]:
        yield invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than or equal to `minReplicas`")
    if not (spec.get("scaleTargetRef") or {}).get("name"):
        yield required("spec.scaleTargetRef.name")


def _binding(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    reference = new.get("roleRef") or {}
    if not reference.get("name"):
        yield required("roleRef.name")
    if reference.get("kind") not in ("Role", "ClusterRole"):
        yield unsupported("roleRef.kind", reference.get("kind", ""), ("ClusterRole", "Role"))
    if old and reference != old.get("roleRef"):
        yield invalid("roleRef", reference, "cannot change roleRef")


def _disruption_budget(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    spec = new.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")


_CHECKERS: dict[str, Callable[[Obj, Obj | None], Iterator[FieldError]]] = {
    "pods": _pod,
    "services": _service,
    "configmaps": data_errors,
    "secrets": secret_errors,
    "limitranges": limit_range_errors,
    "resourcequotas": quota_errors,
    "priorityclasses.scheduling.k8s.io": priority_class_errors,
    "ingresses.networking.k8s.io": ingress_errors,
    "networkpolicies.networking.k8s.io": network_policy_errors,
    "persistentvolumeclaims": _claim,
    "persistentvolumes": _volume,
    "deployments.apps": _deployment,
    "replicasets.apps": _workload,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _workload,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "horizontalpodautoscalers.autoscaling": _autoscaler,
    "poddisruptionbudgets.policy": _disruption_budget,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
}
