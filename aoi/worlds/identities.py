"""Who AOI is to the clusters of its worlds: the service accounts that `deploy/rbac` makes on real ones."""

from kubeworld.bootstrap import _READ, _VIEW, RBAC, Rule, _binding, _role, _rules
from kubeworld.machine.identity import service_account
from kubeworld.machine.world import World

NAMESPACE = "aoi"
PROBE = service_account(NAMESPACE, "probe")
EXECUTOR = service_account(NAMESPACE, "executor")
# What AOI's own identities may do where no application says which namespaces matter. Never Secrets.
_CLUSTER_READ: tuple[Rule, ...] = (
    (("",), ("namespaces", "nodes", "persistentvolumes"), _READ),
    (("storage.k8s.io",), ("storageclasses",), _READ),
    (("scheduling.k8s.io",), ("priorityclasses",), _READ),
    (("metrics.k8s.io",), ("nodes",), _READ),
    (("chaos-mesh.org",), ("networkchaos", "podchaos"), _READ),
)
_EXECUTOR: tuple[Rule, ...] = (
    (("apps",), ("daemonsets", "deployments", "statefulsets"), ("patch",)),
    (("apps",), ("deployments/scale", "statefulsets/scale"), ("patch",)),
    (("",), ("configmaps", "services"), ("patch",)),
    (("",), ("configmaps",), ("create",)),
    (("",), ("pods",), ("delete",)),
    (("",), ("nodes",), ("patch",)),
    (("chaos-mesh.org",), ("networkchaos", "podchaos"), ("delete",)),
)


def add_identities(world: World) -> None:
    """The Probe and the Executor, over all namespaces."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    world.store.create("namespaces", namespace)
    granted = (("probe", (*_VIEW, *_CLUSTER_READ)), ("executor", (*_VIEW, *_CLUSTER_READ, *_EXECUTOR)))
    for name, rules in granted:
        meta = {"name": name, "namespace": "aoi"}
        world.store.create("serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        world.store.create(f"clusterroles.{RBAC}", _role(f"aoi-{name}", _rules(rules), {}))
        subject = {"kind": "ServiceAccount", "name": name, "namespace": "aoi"}
        world.store.create(f"clusterrolebindings.{RBAC}", _binding(f"aoi-{name}", subject))
