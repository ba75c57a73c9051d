"""Subresources of pods but for their logs: exec, port-forward, eviction, binding."""

from typing import Any

from kubeworld.api.deletes import delete_object
from kubeworld.api.policies import ask_policies
from kubeworld.api.reads import stored
from kubeworld.api.results import Call, Exec, Forward, json_response
from kubeworld.api.strict import read_object
from kubeworld.kinds import conditions, errors
from kubeworld.kinds.node import is_down
from kubeworld.kinds.pod import POD
from kubeworld.machine import selectors
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

KUBELET_PORT = 10250


def container_of(pod: Obj, wanted: str, *, purpose: str = "log") -> str:
    """The named container, or the only one. Raises: ApiError 400."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    names = [container["name"] for container in spec.get("containers") or ()]
    init = [container["name"] for container in spec.get("initContainers") or ()]
    if wanted:
        if wanted not in names + init:
            raise errors.bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(names) == 1:
        return str(names[0])
    extra = f" or one of the init containers: [{' '.join(init)}]" if init and purpose == "log" else ""
    raise errors.bad_request(
        f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]{extra}"
    )


def container_status(pod: Obj, container: str) -> Obj:
    """Its containerStatuses entry, or {}."""
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for entry in status.get(field) or ():
            if entry["name"] == container:
                own: Obj = entry
                return own
    return {}


def kubelet_refusal(world: World, pod: Obj) -> str | None:
    """What kube-apiserver hears when it connects to the pod's kubelet, if that does not run."""
    if not is_down(world, pod["spec"]["nodeName"]):
        return None
    return f"dial tcp {kubelet_address(world, pod)}: connect: connection refused"


def kubelet_address(world: World, pod: Obj) -> str:
    """Host and port of the pod's kubelet."""
    node = world.store.get("nodes", "", pod["spec"]["nodeName"])
    addresses = ((node or {}).get("status") or {}).get("addresses") or ()
    internal = [address["address"] for address in addresses if address["type"] == "InternalIP"]
    return f"{internal[0] if internal else pod['spec']['nodeName']}:{KUBELET_PORT}"


def run_command(world: World, call: Call) -> Exec:
    """POST or GET exec. Raises: ApiError 400, 404."""
    pod = stored(world, POD, call.namespace, call.name)
    container = container_of(pod, call.query.get("container", ""), purpose="exec")
    command = [value for key, value in call.pairs if key == "command"]
    if not command:
        raise errors.bad_request("you must specify at least 1 command")
    streams = {name: True for name in ("stdin", "stdout", "stderr", "tty") if call.flag(name)}
    # Admission looks at the options of a connection before anybody looks at the pod (ConnectResource).
    options = {"kind": "PodExecOptions", "apiVersion": "v1", **streams, "container": container, "command": command}
    ask_policies(world, call, "CONNECT", options)
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        phase = pod["status"]["phase"]
        raise errors.bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")
    if not pod["spec"].get("nodeName"):
        raise errors.bad_request(f"pod {call.name} does not have a host assigned")
    if refusal := kubelet_refusal(world, pod):
        raise errors.ApiError(500, "InternalError", f"error dialing backend: {refusal}")
    if not (container_status(pod, container).get("state") or {}).get("running"):
        raise errors.ApiError(500, "InternalError", f'container not found ("{container}")')
    return Exec(*world.runtime.exec(world, pod, container, command))


def forward_ports(world: World, call: Call) -> Forward:
    """POST or GET portforward. Raises: ApiError 400, 404, 500."""
    pod = stored(world, POD, call.namespace, call.name)
    ports = [int(value) for key, value in call.pairs if key == "ports" and value.isdigit()]
    options = {"kind": "PodPortForwardOptions", "apiVersion": "v1", **({"ports": ports} if ports else {})}
    ask_policies(world, call, "CONNECT", options)
    if not pod["spec"].get("nodeName"):
        raise errors.bad_request(f"pod {call.name} does not have a host assigned")
    if refusal := kubelet_refusal(world, pod):
        raise errors.ApiError(500, "InternalError", f"error dialing backend: {refusal}")
    return Forward(call.namespace, call.name, pod["metadata"]["uid"])


def evict(world: World, call: Call) -> Response:
    """POST eviction: a delete that respects disruption budgets. Raises: ApiError 429, 404, 409."""
    pod = stored(world, POD, call.namespace, call.name)
    body = read_object(call) if call.body else {}
    options: dict[str, Any] = body.get("deleteOptions") or {}
    if options.get("dryRun"):
        call.query = {**call.query, "dryRun": "All"}
    named = {"metadata": {"name": call.name, "namespace": call.namespace}}
    ask_policies(world, call, "CREATE", {"kind": "Eviction", "apiVersion": "policy/v1", **named, **body})
    # Pods that serve nobody are spent without a budget (canIgnorePDB).
    if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed", "Pending"):
        _spend_budget(world, call, pod)
    delete_object(world, call, pod, options)
    return json_response({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _spend_budget(world: World, call: Call, pod: Obj) -> None:
    table = "poddisruptionbudgets.policy"
    labels = pod["metadata"].get("labels") or {}
    budgets = [
        budget
        for budget in world.store.objects(table, call.namespace)
        if selectors.matches((budget.get("spec") or {}).get("selector"), labels)
    ]
    if len(budgets) > 1:
        why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise errors.ApiError(500, "InternalError", why)
    for budget in budgets:
        status = budget.get("status") or {}
        if _is_spared(budget, status, pod):
            continue
        if status.get("disruptionsAllowed", 0) < 1:
            raise _over_budget(budget["metadata"]["name"], status)
        if not call.is_dry_run:
            # At once, and not when the controller counts again: two evictions in one instant must not share one
            # allowance.
            spent = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1}
            world.store.update(table, {**budget, "status": spent})


def _is_spared(budget: Obj, status: Obj, pod: Obj) -> bool:
    """An unready pod costs nothing where the budget always allows it, or where enough others are healthy."""
    if conditions.is_true(pod, "Ready"):
        return False
    desired = status.get("desiredHealthy", 0)
    always = (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
    return always or status.get("currentHealthy", 0) >= desired > 0


def _over_budget(name: str, status: Obj) -> errors.ApiError:
    """429 without Retry-After: a client that is told when to retry does so by itself, and never reports or gives up."""
    if "disruptionsAllowed" in status:
        counts = (
            f"needs {status.get('desiredHealthy', 0)} healthy pods and has {status.get('currentHealthy', 0)} currently"
        )
    else:
        counts = "is still being processed by the server."
    cause = {"reason": "DisruptionBudget", "message": f"The disruption budget {name} {counts}"}
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return errors.ApiError(429, "TooManyRequests", message, {"causes": [cause]})


def bind(world: World, call: Call) -> Response:
    """POST binding: what a scheduler sends. Raises: ApiError 400, 404, 409."""
    pod = stored(world, POD, call.namespace, call.name)
    body = read_object(call)
    target = (body.get("target") or {}).get("name")
    if not target:
        raise errors.bad_request("target.name: Required value")
    if pod["spec"].get("nodeName"):
        raise errors.conflict(
            POD, call.name, f'pod {call.name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        )
    ask_policies(world, call, "CREATE", {"kind": "Binding", "apiVersion": "v1", **body})
    if not call.is_dry_run:
        world.store.update("pods", {**pod, "spec": {**pod["spec"], "nodeName": target}})
    return json_response({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)
