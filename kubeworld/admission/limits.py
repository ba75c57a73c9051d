"""LimitRange: defaults for what containers do not say, and refusal of what lies outside.

Source: https://kubernetes.io/docs/concepts/policy/limit-range/; messages of plugin/pkg/admission/limitranger.
"""

from kubeworld.machine import quantities
from kubeworld.machine.admission import Refused
from kubeworld.machine.store import Obj, fork
from kubeworld.machine.world import World


def admit_pod(world: World, pod: Obj) -> Obj:
    """The pod with defaults from the namespace's LimitRanges. Raises: Refused."""
    ranges = world.store.objects("limitranges", pod["metadata"]["namespace"])
    for limit_range in ranges:
        for item in limit_range["spec"].get("limits") or ():
            if item["type"] == "Container":
                pod = _default(pod, item)
    problems: list[str] = []
    for limit_range in ranges:
        for item in limit_range["spec"].get("limits") or ():
            if item["type"] == "Container":
                for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
                    requests = quantities.container_amounts(container, "requests")
                    ceilings = quantities.container_amounts(container, "limits")
                    problems += _violations(item, "Container", requests, ceilings)
            elif item["type"] == "Pod":
                requests, ceilings = quantities.pod_amounts(pod, "requests"), quantities.pod_amounts(pod, "limits")
                problems += _violations(item, "Pod", requests, ceilings)
    if problems:
        text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
        raise Refused(f'pods "{pod["metadata"]["name"]}" is forbidden: {text}')
    return pod


def check_claim(world: World, claim: Obj) -> None:
    """Storage bounds of PersistentVolumeClaims. Raises: Refused."""
    wanted = quantities.amounts(((claim["spec"].get("resources") or {}).get("requests")) or {})
    for limit_range in world.store.objects("limitranges", claim["metadata"]["namespace"]):
        for item in limit_range["spec"].get("limits") or ():
            if item["type"] != "PersistentVolumeClaim":
                continue
            problems = _violations(item, "PersistentVolumeClaim", wanted, wanted)
            if problems:
                raise Refused(f'persistentvolumeclaims "{claim["metadata"]["name"]}" is forbidden: {problems[0]}')


def _default(pod: Obj, item: Obj) -> Obj:
    """`default` fills missing limits, `defaultRequest` missing requests (then limits fill requests)."""
    ceilings = item.get("default") or {}
    requests = item.get("defaultRequest") or {}
    # A bound is its own default: max defaults the limit, min the request (SetDefaults_LimitRangeItem).
    ceilings = {**(item.get("max") or {}), **ceilings}
    requests = {**(item.get("min") or {}), **ceilings, **requests}
    if not ceilings and not requests:
        return pod
    new, spec = fork(pod, "spec")
    for group in ("initContainers", "containers"):
        if spec.get(group):
            spec[group] = [_default_container(container, ceilings, requests) for container in spec[group]]
    return new


def _default_container(container: Obj, ceilings: Obj, requests: Obj) -> Obj:
    resources = container.get("resources") or {}
    own_limits, own_requests = resources.get("limits") or {}, resources.get("requests") or {}
    new: Obj = {**resources}
    if merged := {**ceilings, **own_limits}:
        new["limits"] = merged
    if merged := {**requests, **own_requests}:
        new["requests"] = merged
    return {**container, "resources": new}


def _violations(item: Obj, type_: str, requests: dict[str, int], ceilings: dict[str, int]) -> list[str]:
    violations: list[str] = []
    for name, bound in sorted((item.get("min") or {}).items()):
        if name not in requests:
            violations.append(f"minimum {name} usage per {type_} is {bound}.  No request is specified")
        elif requests[name] < quantities.amount(name, bound):
            asked = quantities.write(name, requests[name])
            violations.append(f"minimum {name} usage per {type_} is {bound}, but request is {asked}")
    for name, bound in sorted((item.get("max") or {}).items()):
        if name not in ceilings:
            violations.append(f"maximum {name} usage per {type_} is {bound}.  No limit is specified")
        elif ceilings[name] > quantities.amount(name, bound):
            asked = quantities.write(name, ceilings[name])
            violations.append(f"maximum {name} usage per {type_} is {bound}, but limit is {asked}")
    for name, ratio in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        if requests.get(name) and ceilings.get(name) and ceilings[name] > quantities.parse(ratio) * requests[name]:
            provided = ceilings[name] / requests[name]
            violations.append(
                f"{name} max limit to request ratio per {type_} is {ratio}, but provided ratio is {provided:f}"
            )
    return violations
