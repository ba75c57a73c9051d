"""Health checks and the list of paths: what `kubectl get --raw` asks of a server first."""

from collections.abc import Mapping

from kubeworld.kinds.registry import Registry
from kubeworld.machine.response import Response

_HEALTH = ("/healthz", "/livez", "/readyz")
# A few of kube-apiserver's, so that `?verbose` and the single checks answer as tools expect.
_CHECKS = ("ping", "log", "etcd", "poststarthook/start-apiextensions-controllers", "poststarthook/crd-informer-synced")
_PATHS = ("/api", "/api/v1", "/apis", *_HEALTH, "/openapi/v2", "/openapi/v3", "/version")


def health(path: str, query: Mapping[str, str]) -> Response | None:
    """A health check or one of its parts; `?verbose` lists them."""
    root, _, part = path.strip("/").partition("/")
    if f"/{root}" not in _HEALTH or (part and part not in _CHECKS):
        return None
    if "verbose" not in query or part:
        return Response(200, b"ok", "text/plain")
    lines = [*(f"[+]{check} ok" for check in _CHECKS), f"{root} check passed", ""]
    return Response(200, "\n".join(lines).encode(), "text/plain")


def paths(registry: Registry) -> list[str]:
    """What `/` answers: the paths of every group and version, and those that are not of the API."""
    groups = {name for kind in registry.all() if kind.group for name in (kind.group, kind.api_version)}
    return [*(f"/apis/{name}" for name in sorted(groups)), *_PATHS]
