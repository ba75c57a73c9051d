"""Pods and pod templates as `kubectl describe` prints them."""

from collections.abc import Sequence
from typing import Any

from aoi.agents.kubectl.page import Obj, Page, moment


def describe_pod(page: Page, pod: Obj) -> None:
    """Everything but the events."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    page.field(0, "Name", metadata["name"])
    page.field(0, "Namespace", metadata.get("namespace", ""))
    page.field(0, "Priority", spec.get("priority", 0))
    page.field(0, "Service Account", spec.get("serviceAccountName", "default"))
    page.field(0, "Node", f"{spec['nodeName']}/{status.get('hostIP', '')}" if spec.get("nodeName") else "<none>")
    if status.get("startTime"):
        page.field(0, "Start Time", moment(status["startTime"]))
    page.mapping(0, "Labels", metadata.get("labels"))
    page.annotations(0, metadata.get("annotations"))
    if metadata.get("deletionTimestamp"):
        page.field(0, "Status", f"Terminating (since {moment(metadata['deletionTimestamp'])})")
    else:
        page.field(0, "Status", status.get("phase", ""))
    for key in ("reason", "message"):
        if status.get(key):
            page.field(0, key.capitalize(), status[key])
    page.field(0, "IP", status.get("podIP", ""))
    _ips(page, status)
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller"):
            page.field(0, "Controlled By", f"{owner['kind']}/{owner['name']}")
    _containers(page, "Init Containers", spec.get("initContainers"), status.get("initContainerStatuses"), level=0)
    _containers(page, "Containers", spec.get("containers"), status.get("containerStatuses") or [], level=0)
    if status.get("conditions"):
        page.line(0, "Conditions:")
        page.line(1, "Type\tStatus")
        for condition in status["conditions"]:
            page.line(1, f"{condition['type']}\t{condition['status']} ")
    _volumes(page, spec.get("volumes"), level=0)
    page.field(0, "QoS Class", status.get("qosClass", "BestEffort"))
    page.mapping(0, "Node-Selectors", spec.get("nodeSelector"))
    page.many(0, "Tolerations", [toleration(item) for item in spec.get("tolerations") or []])


def describe_template(page: Page, template: Obj, *, level: int = 0) -> None:
    """A workload's pod template."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    page.line(level, "Pod Template:")
    page.mapping(level + 1, "Labels", metadata.get("labels"))
    if metadata.get("annotations"):
        page.annotations(level + 1, metadata["annotations"])
    if spec.get("serviceAccountName"):
        page.field(level + 1, "Service Account", spec["serviceAccountName"])
    _containers(page, "Init Containers", spec.get("initContainers"), None, level=level + 1)
    _containers(page, "Containers", spec.get("containers") or [], None, level=level + 1)
    _volumes(page, spec.get("volumes"), level=level + 1)
    if spec.get("affinity"):
        page.field(level + 1, "Affinity", _flat(spec["affinity"]))
    page.mapping(level + 1, "Node-Selectors", spec.get("nodeSelector"))
    page.many(level + 1, "Tolerations", [toleration(item) for item in spec.get("tolerations") or []])


def toleration(item: Obj) -> str:
    """`key=value:Effect op=Exists for 300s`."""
    text = item.get("key", "")
    if item.get("value"):
        text += f"={item['value']}"
    if item.get("effect"):
        text += f":{item['effect']}"
    if item.get("operator") == "Exists":
        text += " op=Exists"
    if item.get("tolerationSeconds") is not None:
        text += f" for {item['tolerationSeconds']}s"
    return text.strip()


def _ips(page: Page, status: Obj) -> None:
    addresses = [entry["ip"] for entry in status.get("podIPs") or [] if entry.get("ip")]
    if not addresses:
        page.field(0, "IPs", "<none>")
        return
    page.line(0, "IPs:")
    for address in addresses:
        page.field(1, "IP", address)


def _containers(page: Page, title: str, containers: Sequence[Obj] | None, statuses: Any, *, level: int) -> None:
    """Containers of a pod (`statuses` given) or of a template (None)."""
    if not containers and title.startswith("Init"):
        return
    page.line(level, f"{title}:")
    by_name = {status["name"]: status for status in statuses or []}
    for container in containers or []:
        page.line(level + 1, f"{container['name']}:")
        status = by_name.get(container["name"])
        if status:
            page.field(level + 2, "Container ID", status.get("containerID", ""))
        page.field(level + 2, "Image", container.get("image", ""))
        if status:
            page.field(level + 2, "Image ID", status.get("imageID", ""))
        _ports(page, container.get("ports") or [], level + 2)
        _lines(page, "Command", container.get("command"), level + 2)
        _lines(page, "Args", container.get("args"), level + 2)
        if status:
            _state(page, "State", status.get("state") or {}, level + 2)
            if status.get("lastState"):
                _state(page, "Last State", status["lastState"], level + 2)
            page.field(level + 2, "Ready", str(bool(status.get("ready"))))
            page.field(level + 2, "Restart Count", status.get("restartCount", 0))
        _resources(page, container.get("resources") or {}, level + 2)
        for kind in ("liveness", "readiness", "startup"):
            if container.get(f"{kind}Probe"):
                page.field(level + 2, kind.capitalize(), probe(container[f"{kind}Probe"]))
        _environment(page, container, level + 2)
        _mounts(page, container.get("volumeMounts") or [], level + 2)


def _ports(page: Page, ports: Sequence[Obj], level: int) -> None:
    plural = "s" if len(ports) > 1 else ""
    named = [f"{port['containerPort']}/{port.get('protocol', 'TCP')}" for port in ports]
    named = [f"{text} ({port['name']})" if port.get("name") else text for text, port in zip(named, ports, strict=True)]
    hosts = [f"{port.get('hostPort', 0)}/{port.get('protocol', 'TCP')}" for port in ports]
    page.field(level, f"Port{plural}", ", ".join(named) or "<none>")
    page.field(level, f"Host Port{plural}", ", ".join(hosts) or "<none>")


def _lines(page: Page, key: str, values: Sequence[str] | None, level: int) -> None:
    if values:
        page.line(level, f"{key}:")
        for value in values:
            page.line(level + 1, str(value))


def _state(page: Page, key: str, state: Obj, level: int) -> None:
    for name, detail in state.items():
        page.field(level, key, name.capitalize())
        if detail.get("reason"):
            page.field(level + 1, "Reason", detail["reason"])
        if detail.get("message"):
            page.field(level + 1, "Message", detail["message"])
        if name == "terminated":
            page.field(level + 1, "Exit Code", detail.get("exitCode", 0))
        if detail.get("startedAt"):
            page.field(level + 1, "Started", moment(detail["startedAt"]))
        if detail.get("finishedAt"):
            page.field(level + 1, "Finished", moment(detail["finishedAt"]))
        return
    page.field(level, key, "Waiting")


def _resources(page: Page, resources: Obj, level: int) -> None:
    for key in ("limits", "requests"):
        if resources.get(key):
            page.line(level, f"{key.capitalize()}:")
            for name, value in sorted(resources[key].items()):
                page.field(level + 1, name, value)


def probe(spec: Obj) -> str:
    """`http-get http://:8080/healthz delay=0s timeout=1s period=10s #success=1 #failure=3`."""
    timing = (
        f"delay={spec.get('initialDelaySeconds', 0)}s timeout={spec.get('timeoutSeconds', 1)}s "
        f"period={spec.get('periodSeconds', 10)}s #success={spec.get('successThreshold', 1)} "
        f"#failure={spec.get('failureThreshold', 3)}"
    )
    if http := spec.get("httpGet"):
        scheme = http.get("scheme", "HTTP").lower()
        return f"http-get {scheme}://{http.get('host', '')}:{http.get('port')}{http.get('path', '/')} {timing}"
    if tcp := spec.get("tcpSocket"):
        return f"tcp-socket {tcp.get('host', '')}:{tcp.get('port')} {timing}"
    if grpc := spec.get("grpc"):
        return f"grpc <pod>:{grpc.get('port')} {grpc.get('service') or ''} {timing}"
    command = (spec.get("exec") or {}).get("command") or []
    return f"exec [{' '.join(command)}] {timing}"


def _environment(page: Page, container: Obj, level: int) -> None:
    if sources := container.get("envFrom"):
        page.line(level, "Environment Variables from:")
        for source in sources:
            kind, ref = ("ConfigMap", source["configMapRef"]) if "configMapRef" in source else (
                "Secret", source.get("secretRef") or {})  # fmt: skip
            page.line(level + 1, f"{ref.get('name', '')}\t{kind}\tOptional: {str(bool(ref.get('optional'))).lower()}")
    variables = container.get("env")
    if not variables:
        page.field(level, "Environment", "<none>")
        return
    page.line(level, "Environment:")
    for variable in variables:
        page.line(level + 1, f"{variable['name']}:\t{_variable(variable)}")


def _variable(variable: Obj) -> str:
    source = variable.get("valueFrom") or {}
    if ref := source.get("fieldRef"):
        return f" ({ref.get('apiVersion', 'v1')}:{ref.get('fieldPath', '')})"
    if ref := source.get("resourceFieldRef"):
        return f"0 ({ref.get('resource', '')})"
    for key, words in (("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")):
        if ref := source.get(key):
            optional = str(bool(ref.get("optional"))).lower()
            return f"<set to the key '{ref.get('key', '')}' {words} '{ref.get('name', '')}'>\tOptional: {optional}"
    return str(variable.get("value", "")).replace("\t", " ")


def _mounts(page: Page, mounts: Sequence[Obj], level: int) -> None:
    if not mounts:
        page.field(level, "Mounts", "<none>")
        return
    page.line(level, "Mounts:")
    for mount in sorted(mounts, key=lambda item: item.get("mountPath", "")):
        flags = "ro" if mount.get("readOnly") else "rw"
        path = f',path="{mount["subPath"]}"' if mount.get("subPath") else ""
        page.line(level + 1, f"{mount.get('mountPath')} from {mount.get('name')} ({flags}{path})")


_VOLUME_TYPES = {
    "configMap": "ConfigMap (a volume populated by a ConfigMap)",
    "secret": "Secret (a volume populated by a Secret)",
    "emptyDir": "EmptyDir (a temporary directory that shares a pod's lifetime)",
    "persistentVolumeClaim": "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
    "hostPath": "HostPath (bare host directory volume)",
    "projected": "Projected (a volume that contains injected data from multiple sources)",
    "downwardAPI": "DownwardAPI (a volume populated by information about the pod)",
}
_VOLUME_FIELDS = {
    "configMap": (("Name", "name"), ("Optional", "optional")),
    "secret": (("SecretName", "secretName"), ("Optional", "optional")),
    "emptyDir": (("Medium", "medium"), ("SizeLimit", "sizeLimit")),
    "persistentVolumeClaim": (("ClaimName", "claimName"), ("ReadOnly", "readOnly")),
    "hostPath": (("Path", "path"), ("HostPathType", "type")),
}


def _volumes(page: Page, volumes: Sequence[Obj] | None, *, level: int) -> None:
    if not volumes:
        page.field(level, "Volumes", "<none>")
        return
    page.line(level, "Volumes:")
    for volume in volumes:
        page.line(level + 1, f"{volume['name']}:")
        kind = next((key for key in volume if key != "name"), "")
        page.field(level + 2, "Type", _VOLUME_TYPES.get(kind, kind))
        for title, key in _VOLUME_FIELDS.get(kind, ()):
            value = (volume[kind] or {}).get(key, "<unset>" if key == "sizeLimit" else "")
            page.field(level + 2, title, str(bool(value)).lower() if key in ("optional", "readOnly") else value)


def _flat(value: Any) -> str:
    """A nested structure in one line, keys sorted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flat(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flat(item) for item in value) + "]"
    return str(value)
