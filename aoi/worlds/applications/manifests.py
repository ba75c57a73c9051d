"""The ordinary Kubernetes objects of an application, with the fields that the API server defaults.

`deploy` commits them as an installer would: configuration first, data before services. Nothing here knows of
faults; `objects` is what a healthy installation consists of.
"""

import base64
from collections.abc import Iterator
from typing import Any

import orjson

from aoi.records.base import sha256_hex
from aoi.worlds.applications.delivery import place_of
from aoi.worlds.applications.installation import Attendant, ProbeSpec, Revision, ServiceSpec
from aoi.worlds.applications.spec import Application, Component, Setting
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

STORAGE_CLASS = "standard"
CLAIM_SIZE = "1Gi"
HELM_RELEASE = "meta.helm.sh/release-name"


def deploy(world: World, application: Application) -> None:
    """Commit every object of the application and settle. Raises: KeyError if its namespace is already taken."""
    for resource, obj in objects(application):
        world.store.create(resource, obj)
    start_databases(world, application)
    world.settle()


def start_databases(world: World, application: Application) -> None:
    """Fill `world.state["databases"]` as the databases' init scripts do."""
    databases = dict(world.state.get("databases", {}))
    for component in application.components:
        if component.database is not None:
            databases[component.name] = {
                "auth": component.database.auth,
                "users": accounts(component),
            }
    world.state["databases"] = databases


def accounts(component: Component) -> dict[str, Any]:
    """What the init script of a database makes: user -> password and grants."""
    users = component.database.users if component.database else ()
    return {user.name: {"password": user.password, "grants": [list(grant) for grant in user.grants]} for user in users}


def objects(application: Application) -> Iterator[tuple[str, Obj]]:
    """(resource, object) in the order of installation."""
    namespace = application.namespace
    for name in application.namespaces:
        yield "namespaces", namespace_object(name)
        yield "serviceaccounts", _object("v1", "ServiceAccount", name, "default", {})
        yield "configmaps", _object("v1", "ConfigMap", name, "kube-root-ca.crt", {}, data={"ca.crt": CA_TEXT})
    for name in dict.fromkeys(c.service_account for c in application.components if c.service_account):
        yield "serviceaccounts", _object("v1", "ServiceAccount", namespace, name, _labels(application))
    for name, data in application.config_maps().items():
        held = _object("v1", "ConfigMap", namespace, name, _labels(application), data=data)
        yield "configmaps", _released(application, held)
    for name, data in application.secrets().items():
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        kept = _object("v1", "Secret", namespace, name, _labels(application), type="Opaque", data=encoded)
        yield "secrets", _released(application, kept)
    if application.pull_secret:
        yield "secrets", _pull_secret(application)
    for component in application.components:
        yield from _claims(application, component)
    for service in application.services:
        yield "services", service_object(application, service)
    for component in sorted(application.components, key=lambda item: item.kind not in ("database", "infrastructure")):
        yield component.resource, workload_object(application, component)


def _pull_secret(application: Application) -> Obj:
    """Credentials for the registry of the private images, as `kubectl create secret docker-registry` writes them."""
    hosts = sorted({place_of(image.repository)[0] for image in application.images if image.is_private})
    token = sha256_hex(f"{application.key}/{application.seed}/pull".encode())[:20]
    auth = base64.b64encode(f"puller:{token}".encode()).decode()
    auths = {host: {"username": "puller", "password": token, "auth": auth} for host in hosts}
    data = {".dockerconfigjson": base64.b64encode(orjson.dumps({"auths": auths})).decode()}
    content: Obj = {"type": "kubernetes.io/dockerconfigjson", "data": data}
    return _object("v1", "Secret", application.namespace, application.pull_secret, _labels(application), **content)


def namespace_object(name: str) -> Obj:
    """A namespace as the API server stores it."""
    labels = {"kubernetes.io/metadata.name": name}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def service_object(application: Application, service: ServiceSpec) -> Obj:
    """A Service with an allocated cluster IP."""
    index = application.services.index(service)
    digest = bytes.fromhex(sha256_hex(f"{application.key}/{application.seed}/ip".encode()))
    address = f"10.{96 + digest[0] % 12}.{digest[1]}.{10 + index * 7 % 240}"
    component = application.by_name[service.component]
    ports: list[dict[str, Any]] = []
    for port in service.ports:
        ports.append({"name": port.name, "port": port.port, "protocol": port.protocol, "targetPort": port.target})
        if service.kind == "NodePort":
            ports[-1]["nodePort"] = 30000 + int.from_bytes(digest[2:4], "big") % 2700 + index
    spec = {
        "clusterIP": address,
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": ports,
        "selector": application.selector_of(component),
        "sessionAffinity": "None",
        "type": service.kind,
    }
    if service.kind == "NodePort":
        spec["externalTrafficPolicy"] = "Cluster"
    if service.kind == "Headless":
        spec |= {"clusterIP": "None", "clusterIPs": ["None"], "type": "ClusterIP"}
    labels, namespace = _labels(application, component), application.namespace_of(component)
    service_status: Obj = {"loadBalancer": {}}
    return _annotated(
        application, _object("v1", "Service", namespace, service.name, labels, spec=spec, status=service_status)
    )


def workload_object(application: Application, component: Component, revision: Revision | None = None) -> Obj:
    """Its Deployment or StatefulSet, at an earlier recorded release if `revision` is given."""
    if component.workload_kind == "StatefulSet":
        return _annotated(application, _stateful_set(application, component, revision))
    labels = _labels(application, component)
    spec = {
        "progressDeadlineSeconds": component.rollout_s,
        "replicas": component.replicas,
        "revisionHistoryLimit": 10,
        "selector": {"matchLabels": application.selector_of(component)},
        "strategy": _strategy(component),
        "template": _template(application, component, revision),
    }
    namespace = application.namespace_of(component)
    return _annotated(application, _object("apps/v1", "Deployment", namespace, component.workload, labels, spec=spec))


def _annotated(application: Application, obj: Obj) -> Obj:
    """With what the tool that installs the application writes on workloads and Services."""
    if application.release_annotations:
        obj["metadata"]["annotations"] = dict(application.release_annotations)
    return obj


def _released(application: Application, obj: Obj) -> Obj:
    """With what Helm writes on everything that it installs; other tools leave configuration as it is."""
    return _annotated(application, obj) if HELM_RELEASE in dict(application.release_annotations) else obj


def _stateful_set(application: Application, component: Component, revision: Revision | None) -> Obj:
    """With a claim for each pod. Parallel, since an ordered set waits for ever for a pod that cannot get ready."""
    spec: Obj = {
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "podManagementPolicy": "Parallel",
        "replicas": component.replicas,
        "revisionHistoryLimit": 10,
        "selector": {"matchLabels": application.selector_of(component)},
        "serviceName": component.name,
        "template": _template(application, component, revision),
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
    }
    claims = [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": mount.name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": CLAIM_SIZE}},
                "storageClassName": STORAGE_CLASS,
                "volumeMode": "Filesystem",
            },
            "status": {"phase": "Pending"},
        }
        for mount in component.mounts
        if mount.source == "claim"
    ]
    if claims:
        spec["volumeClaimTemplates"] = claims
    labels, namespace = _labels(application, component), application.namespace_of(component)
    return _object("apps/v1", "StatefulSet", namespace, component.workload, labels, spec=spec)


def _strategy(component: Component) -> Obj:
    if any(mount.source == "claim" for mount in component.mounts):
        return {"type": "Recreate"}  # two pods cannot share a ReadWriteOnce volume
    if component.rolls:
        return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}


def _template(application: Application, component: Component, revision: Revision | None) -> Obj:
    main, sidecars = _container(application, component, revision), [attendant_object(a) for a in component.sidecars]
    spec: Obj = {
        "containers": [*sidecars, main] if component.sidecars_lead else [main, *sidecars],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }
    if volumes := list(_volumes(application, component)):
        spec["volumes"] = volumes
    image = application.by_repository.get(component.image)
    if image is not None and image.is_private:
        spec["imagePullSecrets"] = [{"name": application.pull_secret}]
    if component.inits:
        spec["initContainers"] = [attendant_object(attendant) for attendant in component.inits]
    if component.service_account:
        spec |= {"serviceAccount": component.service_account, "serviceAccountName": component.service_account}
    # The API server writes the null; without it, the first unrelated write would count as a change of the template.
    meta: Obj = {"creationTimestamp": None, "labels": application.labels_of(component)}
    annotations = dict(application.pod_annotations)
    if component.sidecars and component.sidecars_lead:
        annotations["kubectl.kubernetes.io/default-container"] = component.container
    if annotations:
        meta["annotations"] = annotations
    return {"metadata": meta, "spec": spec}


def _pull_policy(tag: str) -> str:
    """What the API server fills in where a manifest says nothing."""
    return "Always" if tag == "latest" else "IfNotPresent"


def attendant_object(attendant: Attendant) -> Obj:
    """The container of a program beside the application's own."""
    container: Obj = {
        "name": attendant.name,
        "image": f"{attendant.image}:{attendant.tag}",
        "imagePullPolicy": _pull_policy(attendant.tag),
        "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    if attendant.command:
        container["command"] = list(attendant.command)
    if attendant.port:
        container["ports"] = [{"containerPort": attendant.port, "protocol": "TCP"}]
    if attendant.mounts:
        container["volumeMounts"] = [{"mountPath": path, "name": name} for name, path in attendant.mounts]
    return container


def _container(application: Application, component: Component, revision: Revision | None) -> Obj:
    tag = revision.tag if revision else component.tag
    container: Obj = {
        "name": component.container,
        "image": f"{component.image}:{tag}",
        "imagePullPolicy": _pull_policy(tag),
        **({"ports": _ports(application, component)} if component.declares_port else {}),
        "resources": resources_object(component),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    if component.command:
        container["command"] = list(component.command)
    if component.args:
        container["args"] = list(component.args)
    overrides = dict(revision.env) if revision else {}
    env = [_env(setting, overrides) for setting in component.settings if setting.source != "config_file"]
    if env:
        container["env"] = env
    mounts = [{"mountPath": path, "name": name} for name, path in _mount_paths(application, component)]
    if mounts:
        container["volumeMounts"] = mounts
    for probe in component.probes:
        container[probe.kind] = probe_object(component, probe)
    return container


def _ports(application: Application, component: Component) -> list[Obj]:
    first: Obj = {"containerPort": component.port, "protocol": "TCP"}
    if application.names_ports:
        first["name"] = _port_name(component)
    others = [{"containerPort": p, "protocol": component.protocol_of(p)} for p in component.extra_ports]
    return [first, *others]


def _port_name(component: Component) -> str:
    return {"http": "http", "grpc": "grpc", "thrift": "thrift"}.get(component.protocol, "tcp")


def resources_object(component: Component) -> Obj:
    """`resources` of the container; zero values are left out."""
    wanted = component.resources
    requests = {"cpu": wanted.cpu_request_m, "memory": wanted.memory_request_bytes}
    limits = {"cpu": wanted.cpu_limit_m, "memory": wanted.memory_limit_bytes}
    result = {}
    for key, amounts in (("limits", limits), ("requests", requests)):
        written = {name: quantities.write(name, amount) for name, amount in amounts.items() if amount}
        if written:
            result[key] = written
    return result


def probe_object(component: Component, probe: ProbeSpec) -> Obj:
    """A probe with the API server's defaults."""
    result: Obj = {
        "failureThreshold": probe.failure_threshold,
        "initialDelaySeconds": probe.initial_delay_s,
        "periodSeconds": probe.period_s,
        "successThreshold": 1,
        "timeoutSeconds": 1,
    }
    match probe.handler:
        case "http":
            result["httpGet"] = {"path": probe.path, "port": probe.port or component.port, "scheme": "HTTP"}
        case "tcp":
            result["tcpSocket"] = {"port": probe.port or component.port}
        case "grpc":
            result["grpc"] = {"port": probe.port or component.port, "service": ""}
        case "exec":
            result["exec"] = {"command": list(probe.command)}
    return result


def _env(setting: Setting, overrides: dict[str, str]) -> Obj:
    if setting.source == "config_env":
        return {"name": setting.name, "valueFrom": {"configMapKeyRef": {"key": setting.key, "name": setting.holder}}}
    if setting.source == "secret_env":
        return {"name": setting.name, "valueFrom": {"secretKeyRef": {"key": setting.key, "name": setting.holder}}}
    if setting.source == "field":
        return {"name": setting.name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": setting.key}}}
    return {"name": setting.name, "value": overrides.get(setting.name, setting.value)}


def _config_file_holders(component: Component) -> list[str]:
    return list(dict.fromkeys(s.holder for s in component.settings if s.source == "config_file"))


def _mount_paths(application: Application, component: Component) -> Iterator[tuple[str, str]]:
    for mount in component.mounts:
        if mount.path:
            yield mount.name, mount.path
    for _ in _config_file_holders(component)[:1]:
        yield "config", application.config_folder


def _volumes(application: Application, component: Component) -> Iterator[Obj]:
    for mount in component.mounts:
        if mount.source == "claim" and component.workload_kind == "StatefulSet":
            continue  # its claims come from a template
        if mount.source == "claim":
            yield {"name": mount.name, "persistentVolumeClaim": {"claimName": claim_name(application, mount.name)}}
        elif mount.source == "empty":
            yield {"name": mount.name, "emptyDir": {}}
        else:
            yield {"name": mount.name, "configMap": {"defaultMode": 420, "name": mount.holder or mount.name}}
    for holder in _config_file_holders(component)[:1]:
        yield {"name": "config", "configMap": {"defaultMode": 420, "name": holder}}


def claim_name(application: Application, mount: str) -> str:
    """Name of a PersistentVolumeClaim: `geo-pvc` in HotelReservation, the mount's own name elsewhere."""
    return f"{mount}-pvc" if application.key == "hotel_reservation" else mount


def _claims(application: Application, component: Component) -> Iterator[tuple[str, Obj]]:
    """A hand-made volume and the claim that asks for it, as AIOpsLab's manifests have them."""
    for mount in component.mounts:
        if mount.source != "claim" or component.workload_kind == "StatefulSet":
            continue
        claim = claim_name(application, mount.name)
        hotel = application.key == "hotel_reservation"
        volume = f"{mount.name}-pv" if hotel else f"{application.namespace}-{mount.name}"
        size, labels = CLAIM_SIZE, _labels(application, component)
        yield (
            "persistentvolumes",
            _object(
                "v1",
                "PersistentVolume",
                "",
                volume,
                labels,
                spec={
                    "accessModes": ["ReadWriteOnce"],
                    "capacity": {"storage": size},
                    "hostPath": {"path": f"/data/volumes/{volume}", "type": "DirectoryOrCreate"},
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": f"{mount.name}-storage" if hotel else STORAGE_CLASS,
                    "volumeMode": "Filesystem",
                },
                status={"phase": "Available"},
            ),
        )
        yield (
            "persistentvolumeclaims",
            _object(
                "v1",
                "PersistentVolumeClaim",
                application.namespace,
                claim,
                labels,
                spec={
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": size}},
                    "storageClassName": f"{mount.name}-storage" if hotel else STORAGE_CLASS,
                    "volumeMode": "Filesystem",
                    "volumeName": volume,
                },
                status={"phase": "Pending"},
            ),
        )


def _labels(application: Application, component: Component | None = None) -> dict[str, str]:
    own = application.common_labels if component is None else application.labels_of(component).items()
    return dict((*application.release_labels, *own))


def _object(api_version: str, kind: str, namespace: str, name: str, labels: dict[str, str], **content: Any) -> Obj:
    metadata: Obj = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


CA_TEXT = "-----BEGIN CERTIFICATE-----\n(cluster certificate authority)\n-----END CERTIFICATE-----\n"
