"""PodDisruptionBudgets: how many pods may be evicted now.

Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/ and pkg/controller/disruption.
"""

from kubeworld.controllers import rollout
from kubeworld.kinds import conditions
from kubeworld.kinds.owners import controller_of, resource_of
from kubeworld.kinds.pod import is_active, is_ready
from kubeworld.machine import selectors
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

RESOURCE = "poddisruptionbudgets.policy"


class DisruptionController:
    """Keeps the status of budgets."""

    name = "disruption"
    watches = (RESOURCE, "pods", "replicasets.apps", "statefulsets.apps", "deployments.apps")

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The budget; for a pod, those that select it; for a workload that was scaled, those of its namespace."""
        if change.resource == RESOURCE:
            return [] if change.verb == "DELETED" else [(RESOURCE, change.name)]
        budgets = world.store.objects(RESOURCE, change.name[0])
        if not budgets:
            return []
        if change.resource != "pods":
            # Percentages are of what the workload asks for, so its size matters and its status does not.
            if change.previous is not None and change.obj.get("spec") is change.previous.get("spec"):
                return []
            return [(RESOURCE, (change.name[0], budget["metadata"]["name"])) for budget in budgets]
        labels = change.obj["metadata"].get("labels")
        return [
            (RESOURCE, (change.name[0], budget["metadata"]["name"]))
            for budget in budgets
            if selectors.matches(budget["spec"].get("selector"), labels)
        ]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Count healthy pods against what the budget asks for."""
        budget = world.store.get(RESOURCE, *name)
        if budget is None:
            return
        spec = budget.get("spec") or {}
        selector = spec.get("selector") or {}
        selected = [
            pod
            for pod in world.store.pods_labelled(name[0], selector.get("matchLabels") or {})
            if is_active(pod) and selectors.matches(spec.get("selector"), pod["metadata"].get("labels"))
        ]
        healthy = sum(is_ready(pod) for pod in selected)
        # Percentages round up, of minAvailable as of maxUnavailable (getExpectedPodCount).
        if "maxUnavailable" in spec:
            expected = _expected(world, selected)
            desired = max(0, expected - rollout.scaled(spec["maxUnavailable"], expected, up=True))
        elif isinstance(spec.get("minAvailable", 1), int):
            expected, desired = len(selected), spec.get("minAvailable", 1)
        else:
            expected = _expected(world, selected)
            desired = rollout.scaled(spec["minAvailable"], expected, up=True)
        # A budget that selects nothing allows nothing, so that its first pods are safe before they are counted
        # (updatePdbStatus).
        allowed = max(0, healthy - desired) if expected else 0
        status = {
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": budget["metadata"]["generation"],
        }
        status["conditions"] = conditions.with_condition(
            (budget.get("status") or {}).get("conditions") or [],
            world.clock.rfc3339(),
            type_="DisruptionAllowed",
            status="True" if allowed else "False",
            reason="SufficientPods" if allowed else "InsufficientPods",
            observedGeneration=budget["metadata"]["generation"],
        )
        if status != budget.get("status"):
            world.store.update(RESOURCE, {**budget, "status": status})


def _expected(world: World, selected: list[Obj]) -> int:
    """The replicas that the pods' controllers ask for; a bare pod counts as one."""
    total = 0
    seen: set[str] = set()
    for pod in selected:
        reference = controller_of(pod)
        if reference is None:
            total += 1
            continue
        if reference["uid"] in seen:
            continue
        seen.add(reference["uid"])
        resource = resource_of(reference["apiVersion"], reference["kind"])
        owner = world.store.get(resource, pod["metadata"]["namespace"], reference["name"])
        total += (owner or {"spec": {}})["spec"].get("replicas", 1)
    return total
