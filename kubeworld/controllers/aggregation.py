"""Aggregated ClusterRoles: their rules are those of the ClusterRoles that their selectors match.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles and
pkg/controller/clusterroleaggregation.
"""

from kubeworld.machine import selectors
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

RESOURCE = "clusterroles.rbac.authorization.k8s.io"


class RoleAggregation:
    """Keeps the rules of aggregated roles up to date; what somebody else writes there is replaced."""

    name = "clusterrole-aggregation"
    watches = (RESOURCE,)

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """Every aggregated role: any of them may select the one that changed."""
        roles = [role for role in world.store.objects(RESOURCE) if role.get("aggregationRule")]
        return [(RESOURCE, ("", role["metadata"]["name"])) for role in roles]

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Collect the rules, each once, in the order of the roles' names."""
        role = world.store.get(RESOURCE, *name)
        if role is None or not role.get("aggregationRule"):
            return
        wanted = role["aggregationRule"].get("clusterRoleSelectors") or ()
        rules: list[Obj] = []
        for other in world.store.objects(RESOURCE):
            # A role that matches its own selector would keep rules that no other role has any more.
            if other["metadata"]["name"] == name[1]:
                continue
            if any(selectors.matches(selector, other["metadata"].get("labels")) for selector in wanted):
                rules += [rule for rule in other.get("rules") or () if rule not in rules]
        if rules != (role.get("rules") or []):
            world.store.update(RESOURCE, {**role, "rules": rules})
