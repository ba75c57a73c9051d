"""podFailurePolicy of Jobs: what the failure of a pod means, by its exit codes or its conditions.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy and
pkg/controller/job/pod_failure_policy.go
"""

from kubeworld.kinds import conditions
from kubeworld.machine.store import Obj


def judge(job: Obj, pod: Obj) -> tuple[str, str]:
    """(action, message) of the first rule that matches a failed pod; `Count` if none does."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    for at, rule in enumerate(rules):
        cause = _by_exit_code(rule.get("onExitCodes"), pod) or _by_condition(rule.get("onPodConditions") or (), pod)
        if cause:
            return rule.get("action", "Count"), f"{cause} matching {rule.get('action')} rule at index {at}"
    return "Count", ""


def _by_exit_code(wanted: Obj | None, pod: Obj) -> str:
    if not wanted:
        return ""
    status, meta = pod.get("status") or {}, pod["metadata"]
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        # Rules are about failures: a container that ended with 0 matches none, whatever its operator is
        # (getMatchingContainerFromList).
        ended = (container.get("state") or {}).get("terminated")
        if (
            not ended
            or not ended.get("exitCode")
            or wanted.get("containerName", container["name"]) != container["name"]
        ):
            continue
        code = ended["exitCode"]
        if (code in wanted.get("values", ())) is (wanted.get("operator") == "In"):
            return (
                f"Container {container['name']} for pod {meta['namespace']}/{meta['name']} failed with exit code {code}"
            )
    return ""


def _by_condition(patterns: tuple[Obj, ...], pod: Obj) -> str:
    for pattern in patterns:
        condition = conditions.find((pod.get("status") or {}).get("conditions"), pattern["type"])
        if condition is not None and condition["status"] == pattern.get("status", "True"):
            meta = pod["metadata"]
            return f"Pod {meta['namespace']}/{meta['name']} has condition {pattern['type']}"
    return ""
