"""What admission does to objects before they are stored: defaults from LimitRanges, and refusals.

Pure functions over the world. The API calls `admit` for creations and updates; controllers that create pods call
`admit_created_pod`. Messages are those of the admission plugins, in the order in which kube-apiserver runs them.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""

from dataclasses import replace

from kubeworld.admission import claims, limits, quota
from kubeworld.admission.cel import decide
from kubeworld.admission.cel.matching import Request
from kubeworld.admission.webhooks import dispatch
from kubeworld.admission.webhooks.hooks import MUTATING
from kubeworld.controllers.protection import protected
from kubeworld.kinds.catalogue import BY_TABLE
from kubeworld.kinds.errors import ApiError, unprocessable
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.pod import POD
from kubeworld.kinds.priority_class import PRIORITY_CLASS, SYSTEM_CLASSES
from kubeworld.kinds.runtime_class import RUNTIME_CLASS
from kubeworld.kinds.shared.pod_defaults import pod_spec, qos_class
from kubeworld.kinds.validation import errors_of
from kubeworld.machine.admission import Refused
from kubeworld.machine.identity import service_account
from kubeworld.machine.schema.conform import conformed
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World


def admit(world: World, resource: str, obj: Obj, previous: Obj | None = None) -> Obj:
    """The object as it may be stored. `previous` is the stored one on an update. Raises: Refused."""
    if previous is None and resource == "pods":
        return _admit_defaulted(world, obj)
    namespace = obj["metadata"].get("namespace", "")
    if previous is None and namespace:
        _check_namespace(world, resource, obj)
    if resource == "persistentvolumeclaims" and previous is None:
        limits.check_claim(world, obj)
        obj = claims.with_default_class(world, obj)
    elif resource == "persistentvolumeclaims" and previous is not None:
        claims.check_resize(world, obj, previous)
    kind = BY_TABLE.get(resource)
    if kind is not None and previous is None:
        obj = protected(kind, obj)
    if namespace:
        quota.check(world, resource, obj, previous)
    return obj


def _admit_defaulted(world: World, pod: Obj) -> Obj:
    """A new pod whose defaults are filled in, checked. Raises: Refused.

    Plugins in order: NamespaceLifecycle, LimitRanger, ServiceAccount, PodSecurity, Priority, RuntimeClass,
    ResourceQuota.
    """
    _check_namespace(world, "pods", pod)
    pod = limits.admit_pod(world, pod)
    pod = _set_pull_secrets(pod, _service_account(world, pod))
    _check_pod_security(world, pod)
    pod = _set_runtime(world, _set_priority(world, pod))
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(pod["spec"])}
    quota.check(world, "pods", pod, None)
    return pod


def admit_pod(world: World, pod: Obj) -> Obj:
    """A new pod with defaults, checked. Raises: Refused."""
    return _admit_defaulted(world, {**pod, "spec": pod_spec(pod.get("spec") or {}, is_pod=True)})


def admit_created_pod(world: World, pod: Obj, component: str) -> Obj:
    """The same for a pod that a controller creates, and what webhooks and policies say to that. Raises: Refused.

    The API asks them itself, about what it is sent.
    """
    has_hooks = dispatch.is_concerned(world)
    if not has_hooks and not world.store.objects(decide.BINDINGS):
        return admit_pod(world, pod)
    identity = service_account("kube-system", _ACCOUNTS.get(component, component))
    meta = pod["metadata"]
    request = Request(POD, "CREATE", meta["name"], meta["namespace"], identity, new=None, old=None)
    try:
        pod = admit_pod(world, _mutated_pod(world, request, pod))
        request = replace(request, new=pod)
        verdict = decide.check(world, request)
        if verdict is not None and verdict.denials:
            denial = verdict.denials[0]
            raise Refused(f'pods "{meta["name"]}" is forbidden: {denial.message}', denial.code, denial.reason)
        if has_hooks:
            dispatch.validate(world, request)
    except ApiError as error:
        raise Refused(error.message, error.code, error.reason) from error
    return pod


def _mutated_pod(world: World, request: Request, pod: Obj) -> Obj:
    """A controller's pod as the mutating webhooks want it, if any does. Raises: ApiError."""
    if not world.store.objects(MUTATING):
        return pod
    meta = pod["metadata"]

    def redo(_: Kind, patched: Obj) -> Obj:
        try:
            clean, _ignored = conformed(patched, POD.schema)
        except TypeError as error:
            raise ApiError(500, "InternalError", f"Internal error occurred: {error}") from error
        return {**clean, "spec": pod_spec(clean.get("spec") or {}, is_pod=True)}

    hidden = ("name",) if meta.get("generateName") else ()
    seen = {key: value for key, value in meta.items() if key not in hidden}
    defaulted: Obj = {**pod, "metadata": seen, "spec": pod_spec(pod.get("spec") or {}, is_pod=True)}
    asked = replace(request, new=defaulted, name="" if hidden else request.name)
    new, _ = dispatch.mutate(world, asked, redo)
    if new is None or new is defaulted:
        return pod
    new = {**new, "metadata": {**new["metadata"], "name": meta["name"], "namespace": meta["namespace"]}}
    if wrong := errors_of(POD, new, None):
        raise unprocessable(POD, meta["name"], wrong)
    return new


_ACCOUNTS = {"daemonset-controller": "daemon-set-controller"}
"""Service accounts of controllers that are not called as their events are."""


def _check_namespace(world: World, resource: str, obj: Obj) -> None:
    name, namespace = obj["metadata"].get("name", ""), obj["metadata"].get("namespace", "")
    stored = world.store.get("namespaces", "", namespace)
    if stored is None:
        if namespace in ("default", "kube-system", "kube-public", "kube-node-lease"):
            return
        raise Refused(f'namespaces "{namespace}" not found', 404, "NotFound")
    if "deletionTimestamp" in stored["metadata"]:
        raise Refused(
            f'{resource} "{name}" is forbidden: unable to create new content in namespace {namespace} '
            "because it is being terminated"
        )


def _service_account(world: World, pod: Obj) -> Obj:
    """The account that a pod runs as. Raises: Refused if there is none."""
    name, namespace = pod["spec"]["serviceAccountName"], pod["metadata"]["namespace"]
    if (account := world.store.get("serviceaccounts", namespace, name)) is not None:
        return account
    if name == "default" and world.store.get("namespaces", "", namespace) is None:
        return {}
    raise Refused(
        f'pods "{pod["metadata"]["name"]}" is forbidden: error looking up service account {namespace}/{name}: '
        f'serviceaccount "{name}" not found'
    )


def _set_pull_secrets(pod: Obj, account: Obj) -> Obj:
    """A pod that names no pull secrets gets its account's.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/
    """
    secrets = account.get("imagePullSecrets")
    if not secrets or pod["spec"].get("imagePullSecrets"):
        return pod
    new, spec = fork(pod, "spec")
    spec["imagePullSecrets"] = list(secrets)
    return new


def _set_priority(world: World, pod: Obj) -> Obj:
    name = pod["spec"].get("priorityClassName")
    new, spec = fork(pod, "spec")
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    if not name:
        default = next((c for c in world.store.objects(PRIORITY_CLASS.table) if c.get("globalDefault")), None)
        if default is not None:
            spec["priorityClassName"] = default["metadata"]["name"]
        spec["priority"] = default["value"] if default else 0
        return new
    stored = world.store.get(PRIORITY_CLASS.table, "", name)
    if stored is None and name not in SYSTEM_CLASSES:
        raise Refused(f'pods "{pod["metadata"]["name"]}" is forbidden: no PriorityClass with name {name} was found')
    spec["priority"] = stored["value"] if stored else SYSTEM_CLASSES[name]
    if stored and stored.get("preemptionPolicy"):
        spec["preemptionPolicy"] = stored["preemptionPolicy"]
    return new


def _set_runtime(world: World, pod: Obj) -> Obj:
    """What a RuntimeClass adds to a pod that names it: its overhead, and where it may run."""
    name = pod["spec"].get("runtimeClassName")
    if not name:
        return pod
    runtime = world.store.get(RUNTIME_CLASS.table, "", name)
    about = f'pods "{pod["metadata"]["name"]}" is forbidden: pod rejected'
    if runtime is None:
        raise Refused(f'{about}: RuntimeClass "{name}" not found')
    new, spec = fork(pod, "spec")
    overhead = (runtime.get("overhead") or {}).get("podFixed")
    if overhead:
        if spec.get("overhead") not in (None, overhead):
            raise Refused(f"{about}: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        spec["overhead"] = overhead
    scheduling = runtime.get("scheduling") or {}
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if (spec.get("nodeSelector") or {}).get(key, value) != value:
            raise Refused(f"{about}: conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}")
        spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), key: value}
    extra = [item for item in scheduling.get("tolerations") or () if item not in (spec.get("tolerations") or ())]
    if extra:
        spec["tolerations"] = [*(spec.get("tolerations") or ()), *extra]
    return new


def _check_pod_security(world: World, pod: Obj) -> None:
    """The enforce level of Pod Security admission, for `baseline` and `restricted`.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    namespace = world.store.get("namespaces", "", pod["metadata"]["namespace"])
    labels = (namespace or {"metadata": {}})["metadata"].get("labels") or {}
    level = labels.get("pod-security.kubernetes.io/enforce")
    if level not in ("baseline", "restricted"):
        return
    version = labels.get("pod-security.kubernetes.io/enforce-version", "latest")
    violations = _security_violations(pod, level)
    if violations:
        raise Refused(
            f'pods "{pod["metadata"]["name"]}" is forbidden: violates PodSecurity "{level}:{version}": '
            + ", ".join(violations)
        )


def _security_violations(pod: Obj, level: str) -> list[str]:
    """In the order and the words of k8s.io/pod-security-admission; what it checks beyond these is let through."""
    spec = pod["spec"]
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    host = _host_violations(spec, containers, level)
    if level == "baseline":
        return host
    violations: list[str] = []

    def failing(rule: str, bad: list[str], remedy: str) -> None:
        if bad:
            violations.append(f"{rule} ({_listed('container', bad)} must set {remedy})")

    def context(container: Obj, key: str) -> object:
        own = container.get("securityContext") or {}
        return own.get(key, (spec.get("securityContext") or {}).get(key))

    escalating = [c["name"] for c in containers if context(c, "allowPrivilegeEscalation") is not False]
    failing("allowPrivilegeEscalation != false", escalating, "securityContext.allowPrivilegeEscalation=false")
    keeping = [
        c["name"]
        for c in containers
        if "ALL" not in (((c.get("securityContext") or {}).get("capabilities") or {}).get("drop") or ())
    ]
    failing("unrestricted capabilities", keeping, 'securityContext.capabilities.drop=["ALL"]')
    violations += host
    as_root = [c["name"] for c in containers if context(c, "runAsNonRoot") is not True]
    if as_root:
        names = ", ".join(f'"{name}"' for name in as_root)
        noun = "container" if len(as_root) == 1 else "containers"
        violations.append(f"runAsNonRoot != true (pod or {noun} {names} must set securityContext.runAsNonRoot=true)")
    unconfined = [c["name"] for c in containers if not context(c, "seccompProfile")]
    if unconfined:
        names = ", ".join(f'"{name}"' for name in unconfined)
        noun = "container" if len(unconfined) == 1 else "containers"
        violations.append(
            f"seccompProfile (pod or {noun} {names} must set securityContext.seccompProfile.type to "
            '"RuntimeDefault" or "Localhost")'
        )
    return violations


def _host_violations(spec: Obj, containers: list[Obj], level: str) -> list[str]:
    """What of the host a pod would reach. `restricted` words volumes otherwise than `baseline`."""
    violations = []
    shared = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    if shared:
        violations.append(f"host namespaces ({', '.join(shared)})")
    volumes = [volume["name"] for volume in spec.get("volumes") or () if volume.get("hostPath")]
    if volumes and level == "baseline":
        violations.append(f"hostPath volumes ({_listed('volume', volumes)})")
    ports = {c["name"]: [str(p["hostPort"]) for p in c.get("ports") or () if p.get("hostPort")] for c in containers}
    bound = [name for name, numbers in ports.items() if numbers]
    if bound:
        numbers = sorted({number for own in ports.values() for number in own}, key=int)
        verb = "uses" if len(bound) == 1 else "use"
        noun = "hostPort" if len(numbers) == 1 else "hostPorts"
        violations.append(f"hostPort ({_listed('container', bound)} {verb} {noun} {', '.join(numbers)})")
    privileged = [c["name"] for c in containers if (c.get("securityContext") or {}).get("privileged")]
    if privileged:
        violations.append(
            f"privileged ({_listed('container', privileged)} must not set securityContext.privileged=true)"
        )
    if volumes and level == "restricted":
        verb = "uses" if len(volumes) == 1 else "use"
        violations.append(
            f'restricted volume types ({_listed("volume", volumes)} {verb} restricted volume type "hostPath")'
        )
    return violations


def _listed(noun: str, names: list[str]) -> str:
    return f"{noun if len(names) == 1 else noun + 's'} " + ", ".join(f'"{name}"' for name in names)
