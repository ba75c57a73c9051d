"""Validation of pod specs, in pods and in templates, with Kubernetes' texts."""

import re
from collections.abc import Iterator

from kubeworld.kinds.field_errors import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid,
    not_in_object,
    required,
    unsupported,
)
from kubeworld.kinds.shared.formats import LABEL, LABEL_TEXT, port_errors, port_name
from kubeworld.machine.quantities import parse
from kubeworld.machine.store import Obj

_ENV = re.compile(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")


def pod_spec_errors(spec: Obj, path: str, claims: frozenset[str] = frozenset()) -> Iterator[FieldError]:
    """Problems of a pod spec; `path` is where it stands, `claims` the volumes that a StatefulSet adds to it."""
    volumes: set[str] = set()
    for at, volume in enumerate(spec.get("volumes") or ()):
        where = f"{path}.volumes[{at}]"
        name = volume.get("name")
        if not name:
            yield required(f"{where}.name")
        elif name in volumes:
            yield duplicate(f"{where}.name", name)
        elif not LABEL.match(name):
            yield invalid(f"{where}.name", name, LABEL_TEXT)
        volumes.add(name or "")
    volumes |= claims
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    names: set[str] = set()
    for field in ("containers", "initContainers"):
        for at, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{at}]"
            if container.get("name") in names:
                yield duplicate(f"{where}.name", container["name"])
            names.add(container.get("name", ""))
            yield from _container_errors(container, where, volumes)
    policy = spec.get("restartPolicy", "Always")
    if policy not in ("Always", "OnFailure", "Never"):
        yield unsupported(f"{path}.restartPolicy", policy, ("Always", "OnFailure", "Never"))
    dns = spec.get("dnsPolicy", "ClusterFirst")
    if dns not in _DNS_POLICIES:
        yield unsupported(f"{path}.dnsPolicy", dns, _DNS_POLICIES)
    for at, toleration in enumerate(spec.get("tolerations") or ()):
        yield from _toleration_errors(toleration, f"{path}.tolerations[{at}]")
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        value = spec["terminationGracePeriodSeconds"]
        yield invalid(f"{path}.terminationGracePeriodSeconds", value, "must be greater than or equal to 0")


def _toleration_errors(toleration: Obj, path: str) -> Iterator[FieldError]:
    operator, effect = toleration.get("operator") or "Equal", toleration.get("effect") or "NoExecute"
    if operator not in ("Equal", "Exists"):
        yield unsupported(f"{path}.operator", operator, ("Equal", "Exists"))
    elif operator == "Exists" and toleration.get("value"):
        yield invalid(f"{path}.operator", toleration["value"], "value must be empty when `operator` is 'Exists'")
    elif operator == "Equal" and not toleration.get("key"):
        yield invalid(
            f"{path}.operator",
            operator,
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        )
    if effect not in _EFFECTS:
        yield unsupported(f"{path}.effect", effect, _EFFECTS)
    elif "tolerationSeconds" in toleration and effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid(f"{path}.effect", effect, why)


def _container_errors(container: Obj, path: str, volumes: set[str]) -> Iterator[FieldError]:
    name = container.get("name")
    if not name:
        yield required(f"{path}.name")
    elif not LABEL.match(name):
        yield invalid(f"{path}.name", name, LABEL_TEXT)
    image = container.get("image")
    if not image:
        yield required(f"{path}.image")
    elif image != image.strip():
        yield invalid(f"{path}.image", image, "must not have leading or trailing whitespace")
    policy = container.get("imagePullPolicy", "Always")
    if policy not in _PULL_POLICIES:
        yield unsupported(f"{path}.imagePullPolicy", policy, _PULL_POLICIES)
    yield from _port_errors(container, path)
    for at, item in enumerate(container.get("env") or ()):
        yield from _env_errors(item, f"{path}.env[{at}]")
    yield from _mount_errors(container, path, volumes)
    yield from _resource_errors(container.get("resources") or {}, f"{path}.resources")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            yield from _probe_errors(container[probe], f"{path}.{probe}", must_be_one=probe != "readinessProbe")


def _mount_errors(container: Obj, path: str, volumes: set[str]) -> Iterator[FieldError]:
    mounts: set[str] = set()
    for at, mount in enumerate(container.get("volumeMounts") or ()):
        where = f"{path}.volumeMounts[{at}]"
        if not mount.get("name"):
            yield required(f"{where}.name")
        elif mount["name"] not in volumes:
            yield not_in_object(f"{where}.name", mount["name"])
        if not mount.get("mountPath"):
            yield required(f"{where}.mountPath")
        elif mount["mountPath"] in mounts:
            yield invalid(f"{where}.mountPath", mount["mountPath"], "must be unique")
        mounts.add(mount.get("mountPath", ""))


def _port_errors(container: Obj, path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for at, port in enumerate(container.get("ports") or ()):
        where = f"{path}.ports[{at}]"
        number = port.get("containerPort", 0)
        if not number:
            yield required(f"{where}.containerPort")
        else:
            yield from port_errors(f"{where}.containerPort", number)
        if port.get("name"):
            yield from port_name(f"{where}.name", port["name"])
            if port["name"] in seen:
                yield duplicate(f"{where}.name", port["name"])
        seen.add(port.get("name", ""))
        if port.get("protocol", "TCP") not in ("SCTP", "TCP", "UDP"):
            yield unsupported(f"{where}.protocol", port["protocol"], ("SCTP", "TCP", "UDP"))


def _env_errors(item: Obj, path: str) -> Iterator[FieldError]:
    name = item.get("name")
    if not name:
        yield required(f"{path}.name")
    elif not _ENV.match(name):
        why = (
            "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and "
            "must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for "
            "validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
        )
        yield invalid(f"{path}.name", name, why)
    source = item.get("valueFrom")
    if source is not None:
        if item.get("value"):
            yield invalid(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
        if len(source) != 1:
            yield invalid(
                f"{path}.valueFrom",
                "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
            )


def _resource_errors(resources: Obj, path: str) -> Iterator[FieldError]:
    limits = resources.get("limits") or {}
    for field in ("limits", "requests"):
        for name, value in (resources.get(field) or {}).items():
            if parse(str(value)) < 0:
                yield invalid(f"{path}.{field}[{name}]", value, "must be greater than or equal to 0")
    for name, value in (resources.get("requests") or {}).items():
        if name in limits and parse(str(value)) > parse(str(limits[name])):
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid(f"{path}.requests", str(value), why)


def _probe_errors(probe: Obj, path: str, *, must_be_one: bool) -> Iterator[FieldError]:
    handlers = [handler for handler in _HANDLERS if handler in probe]
    if not handlers:
        yield required(path, "must specify a handler type")
    for extra in handlers[1:]:
        yield forbidden_field(f"{path}.{extra}", "may not specify more than 1 handler type")
    if must_be_one and probe.get("successThreshold", 1) != 1:
        yield invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")
    for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"):
        if probe.get(field, 0) < 0:
            yield invalid(f"{path}.{field}", probe[field], "must be greater than or equal to 0")
    for handler in ("httpGet", "tcpSocket", "grpc"):
        port = (probe.get(handler) or {}).get("port", 1)
        if isinstance(port, int):
            yield from port_errors(f"{path}.{handler}.port", port)
