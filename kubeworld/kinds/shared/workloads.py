"""What the kinds that make pods share: their template, its columns and its checks."""

import re
from collections.abc import Iterator

from kubeworld.kinds.field_errors import FieldError, invalid, required, unsupported
from kubeworld.kinds.shared.columns import NONE
from kubeworld.kinds.shared.formats import IMMUTABLE
from kubeworld.kinds.shared.pod_checks import pod_spec_errors
from kubeworld.kinds.shared.pod_defaults import pod_spec
from kubeworld.machine import selectors
from kubeworld.machine.store import Obj

TEMPLATE_COLUMNS = "Containers/1, Images/1, Selector/1"


def workload_defaults(obj: Obj, defaults: Obj) -> Obj:
    """`obj` with these defaults in its spec, and those of its pod template."""
    spec: Obj = {**defaults, **(obj.get("spec") or {})}
    if "template" in spec:
        spec["template"] = defaulted_template(spec)
    return {**obj, "spec": spec}


def defaulted_template(spec: Obj) -> Obj:
    """The pod template of a spec, with defaults."""
    template = spec.get("template") or {}
    metadata = {"creationTimestamp": None, **(template.get("metadata") or {})}
    return {**template, "metadata": metadata, "spec": pod_spec(template.get("spec") or {})}


def containers_and_images(spec: Obj) -> list[str]:
    """The two wide columns of workloads."""
    containers = spec.get("containers") or ()
    return [",".join(item["name"] for item in containers), ",".join(item.get("image", "") for item in containers)]


def template_cells(obj: Obj) -> list[str]:
    """Containers, images and selector of a workload."""
    spec = obj.get("spec") or {}
    pod = (spec.get("template") or {}).get("spec") or {}
    return [*containers_and_images(pod), selectors.written(spec.get("selector")) or NONE]


_PERCENT = re.compile(r"[0-9]{1,9}%")
_PERCENT_TEXT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


def share_errors(spec: Obj, path: str) -> Iterator[FieldError]:
    """Numbers of pods that are given as text must be percentages."""
    for name in ("minAvailable", "maxUnavailable", "maxSurge"):
        value = spec.get(name)
        if isinstance(value, str) and not _PERCENT.fullmatch(value):
            yield invalid(f"{path}.{name}", value, _PERCENT_TEXT)
        elif isinstance(value, int) and value < 0:
            yield invalid(f"{path}.{name}", value, "must be greater than or equal to 0")
    for name in ("strategy", "updateStrategy", "rollingUpdate"):
        if isinstance(spec.get(name), dict):
            yield from share_errors(spec[name], f"{path}.{name}")


def workload_errors(new: Obj, old: Obj | None, *, policies: tuple[str, ...] = ("Always",)) -> Iterator[FieldError]:
    """Counts, selector and template; `policies` are the restart policies that its pods may have."""
    spec = new.get("spec") or {}
    yield from not_negative_errors(spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
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
        yield from finite_errors(template, "spec")


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


def not_negative_errors(spec: Obj, *fields: str) -> Iterator[FieldError]:
    """Numbers below zero among these fields."""
    for field in fields:
        if (spec.get(field) or 0) < 0:
            yield invalid(f"spec.{field}", spec[field], "must be greater than or equal to 0")


def finite_errors(template: Obj, path: str) -> Iterator[FieldError]:
    """Pods of a Job end."""
    if (template.get("spec") or {}).get("restartPolicy", "Always") not in ("OnFailure", "Never"):
        yield required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
