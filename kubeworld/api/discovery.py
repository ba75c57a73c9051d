"""What the server serves, in the aggregated form of kubectl and in the plain form of older clients."""

from typing import Any

from kubeworld.api import aggregated
from kubeworld.api.results import json_response
from kubeworld.kinds.api_service import is_available
from kubeworld.kinds.kind import Kind, Subresource
from kubeworld.kinds.registry import Registry
from kubeworld.machine.response import Response
from kubeworld.machine.world import World

# client-go tells the aggregated form by its content type; under any other it would read the plain one.
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
Groups = dict[str, dict[str, list[Kind]]]


def discover(world: World, registry: Registry, path: str, accept: str) -> Response | None:
    """Answer /api, /apis and what is under them; None for every other path. Raises: ApiError 503."""
    groups = _groups(registry)
    away = _unreachable(world, groups)
    parts = [part for part in path.split("/") if part]
    if parts in (["api"], ["apis"]) and "as=APIGroupDiscoveryList" in accept:
        # Clients before 1.30 know the beta only; one that names both gets the stable form.
        version = "v2beta1" if "v=v2beta1" in accept and "v=v2;" not in accept + ";" else "v2"
        chosen = {name: versions for name, versions in groups.items() if bool(name) is (parts[0] == "apis")}
        body = json_response(_aggregated(chosen, version, away)).body
        return Response(200, body, AGGREGATED.format(version))
    if parts == ["api"]:
        address = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}]
        return json_response({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": address})
    if parts == ["apis"]:
        listed = [_group(name, versions) for name, versions in groups.items() if name]
        return json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})
    if len(parts) == 2 and parts[0] == "apis" and parts[1] in groups:
        return json_response({"kind": "APIGroup", "apiVersion": "v1", **_group(parts[1], groups[parts[1]])})
    group, version = ("", parts[1]) if parts[0] == "api" and len(parts) == 2 else [*parts, "", "", ""][1:3]
    if (group, version) in away:
        raise aggregated.unavailable()
    if version in groups.get(group, {}):
        return json_response(_resource_list(group, version, groups[group][version]))
    return None


def _groups(registry: Registry) -> Groups:
    """Group -> version -> types, in the order of declaration: the preferred version comes first."""
    groups: Groups = {}
    for kind in registry.all():
        groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
    return groups


def _unreachable(world: World, groups: Groups) -> set[tuple[str, str]]:
    """(group, version) of those that other servers should answer for and do not; enters all of theirs in `groups`."""
    away: set[tuple[str, str]] = set()
    for obj in aggregated.elsewhere(world):
        group, version = obj["spec"]["group"], obj["spec"]["version"]
        groups.setdefault(group, {}).setdefault(version, [])
        if not is_available(obj):
            away.add((group, version))
            groups[group][version] = []
    return away


def _group(name: str, versions: dict[str, list[Kind]]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resource_list(group: str, version: str, kinds: list[Kind]) -> dict[str, Any]:
    resources: list[dict[str, Any]] = []
    for kind in kinds:
        entry: dict[str, Any] = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": sorted(kind.verbs),
        }
        if kind.short:
            entry["shortNames"] = list(kind.short)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        resources.append(entry)
        resources += [_plain_subresource(kind, name, sub) for name, sub in kind.subresources.items()]
    version_name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version_name, "resources": resources}


def _plain_subresource(kind: Kind, name: str, sub: Subresource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": sub.kind,
        "verbs": list(sub.verbs),
    }
    # A subresource of another group says so: scale is autoscaling/v1 everywhere, eviction policy/v1.
    if (sub.group, sub.version) != (kind.group, kind.version):
        entry |= {"group": sub.group, "version": sub.version}
    return entry


def _aggregated(groups: Groups, version: str, away: set[tuple[str, str]]) -> dict[str, Any]:
    items = []
    for name, versions in groups.items():
        listed = [
            {
                "version": group_version,
                "resources": [_aggregated_resource(kind) for kind in kinds],
                "freshness": "Stale" if (name, group_version) in away else "Current",
            }
            for group_version, kinds in versions.items()
        ]
        meta = {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None}
        items.append({"metadata": meta, "versions": listed})
    api_version = f"apidiscovery.k8s.io/{version}"
    return {"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items}


def _aggregated_resource(kind: Kind) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": sorted(kind.verbs),
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.subresources:
        entry["subresources"] = [
            {
                "subresource": name,
                "responseKind": {"group": sub.group, "version": sub.version, "kind": sub.kind},
                "verbs": list(sub.verbs),
            }
            for name, sub in kind.subresources.items()
        ]
    return entry
