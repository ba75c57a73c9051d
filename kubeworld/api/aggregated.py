"""Versions of groups that a Service answers for: what is said when it does not, and what discovery shows of them.

Source: k8s.io/kube-aggregator/pkg/apiserver/handler_proxy.go and k8s.io/apiserver/pkg/endpoints/discovery/aggregated
"""

from kubeworld.kinds.api_service import API_SERVICE, is_available
from kubeworld.kinds.errors import ApiError
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def elsewhere(world: World) -> list[Obj]:
    """The APIServices that this server does not answer for itself, the preferred ones first."""
    found = [obj for obj in world.store.objects(API_SERVICE.table) if obj["spec"].get("service")]
    return sorted(found, key=lambda obj: (-obj["spec"]["groupPriorityMinimum"], -obj["spec"]["versionPriority"]))


def of(world: World, group: str, version: str) -> Obj | None:
    """The APIService of a version that a Service answers for."""
    obj = world.store.get(API_SERVICE.table, "", f"{version}.{group}")
    return obj if obj is not None and obj["spec"].get("service") else None


def check_reachable(world: World, group: str, version: str, *, is_served: bool) -> None:
    """Refuse a request that would be handed on to nobody. Raises: ApiError 503."""
    obj = of(world, group, version)
    if obj is None or (is_served and is_available(obj)):
        return
    raise unavailable()


def unavailable() -> ApiError:
    """503. The aggregator says two words in plain text, which clients tell in these."""
    return ApiError(503, "ServiceUnavailable", "the server is currently unable to handle the request", {})
