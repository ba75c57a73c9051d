"""Reports on ValidatingAdmissionPolicies: which generation was looked at, and what its type check warns of.

Source: kube-controller-manager, pkg/controller/validatingadmissionpolicystatus
"""

from kubeworld.admission.cel.decide import POLICIES
from kubeworld.admission.cel.typecheck import expression_warnings
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World


class PolicyStatusController:
    """Writes the status of a policy once for each generation."""

    name = "validatingadmissionpolicy-status-controller"
    watches = (POLICIES,)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """The policy itself."""
        return [] if change.verb == "DELETED" else [(POLICIES, change.name)]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Check what has not been checked yet."""
        policy = world.store.get(POLICIES, *name)
        if policy is None:
            return
        generation = policy["metadata"].get("generation", 1)
        status = policy.get("status") or {}
        if status.get("observedGeneration") == generation:
            return
        warnings = expression_warnings(world, policy)
        checking: Obj = {"expressionWarnings": warnings} if warnings else {}
        new = {**status, "observedGeneration": generation, "typeChecking": checking}
        world.store.update(POLICIES, {**policy, "status": new})
