"""`Api.handle`: one request in, one answer out. No I/O, no threads; writes go through the store."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from kubeworld.api import aggregated, deletes, logs, metrics, pods, reviews, writes
from kubeworld.api.discovery import discover
from kubeworld.api.health import health, paths
from kubeworld.api.openapi import openapi
from kubeworld.api.options import check_options
from kubeworld.api.policies import ask_policies
from kubeworld.api.reads import list_bytes, page, stored, whole_list
from kubeworld.api.results import Call, Exec, Forward, json_response
from kubeworld.api.scale import scale
from kubeworld.api.strict import read_object
from kubeworld.api.tokens import Tokens
from kubeworld.api.watch import Watch
from kubeworld.controllers.nodes import present
from kubeworld.kinds import errors
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.metrics import METRICS
from kubeworld.kinds.namespace import NAMESPACE
from kubeworld.kinds.registry import Registry
from kubeworld.kinds.reviews import REVIEWS
from kubeworld.kinds.table import table_of, wants_table
from kubeworld.kinds.versions import shown
from kubeworld.machine.identity import ANONYMOUS, AUTHENTICATED, Identity, service_account
from kubeworld.machine.rbac import Access, Authorizer
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

AUDIT_LIMIT = 20_000
"""Requests remembered, newest last."""
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get", "HEAD": "get"}
Result = Response | Watch | Exec | Forward
Pairs = tuple[tuple[str, str], ...]
Handler = Callable[[World, Call], Any]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who asked for what, and what the answer was."""

    at_ms: int
    user: str
    verb: str
    resource: str
    """With its subresource: `pods/log`. The path itself for non-resource requests."""
    namespace: str
    name: str
    code: int
    dry_run: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    """What admission policies published, and the validations that failed where a binding audits."""


class Api:
    """The API server of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.audit: deque[AuditRecord] = deque(maxlen=AUDIT_LIMIT)
        self.registry = Registry(world.store)
        self.authorizer = Authorizer(world.store)
        self.tokens = Tokens(world)

    def handle(
        self,
        method: str,
        path: str,
        query: Iterable[tuple[str, str]] | Mapping[str, str] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        identity: Identity | None = None,
    ) -> Result:
        """Answer one request. Refusals are responses, not exceptions; no identity means anonymous."""
        who = identity or ANONYMOUS
        pairs = _pairs(query)
        lowered = {key.lower(): value for key, value in headers.items()} if headers else {}
        call: Call | None = None
        try:
            if "impersonate-user" in lowered:
                who = self._impersonated(who, lowered)
            call = self._route(method, path, pairs, lowered, body, who)
            result: Result = self._serve(call) if call else self._plain(method, path, dict(pairs), lowered, who)
        except errors.ApiError as error:
            result = error.response()
        # Bodies are bounded in depth when they are read, but patches can still build deeper ones.
        except RecursionError:
            result = errors.bad_request("the object is nested too deeply").response()
        if call is not None and call.warnings and isinstance(result, Response):
            result = replace(result, headers={**result.headers, "Warning": _warning(call.warnings)})
        self._record(call, method, path, who, result)
        return result

    def _route(
        self,
        method: str,
        path: str,
        pairs: Pairs,
        headers: Mapping[str, str],
        body: bytes,
        identity: Identity,
    ) -> Call | None:
        """The resource request that a path means, or None for a non-resource path. Raises: ApiError 404, 405."""
        parts = _split(path)
        if len(parts) > 2 and parts[0] == "api":
            group, version, rest = "", parts[1], parts[2:]
        elif len(parts) > 3 and parts[0] == "apis":
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            return None
        namespace = ""
        # namespaces/x/status is a subresource of the namespace; namespaces/x/pods lies in it.
        if rest[0] == "namespaces" and len(rest) > 2 and (group or rest[2] not in ("status", "finalize")):
            namespace, rest = rest[1], rest[2:]
        kind = self.registry.find(group, version, rest[0])
        if kind is None or kind in METRICS:
            aggregated.check_reachable(self.world, group, version, is_served=kind is not None)
        if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
            raise errors.unknown_path()
        name = rest[1] if len(rest) > 1 else ""
        subresource = rest[2] if len(rest) > 2 else ""
        if (kind.namespaced and name and not namespace) or (subresource and subresource not in kind.subresources):
            raise errors.unknown_path()
        verb = _VERBS.get(method)
        if verb is None:
            raise errors.method_not_allowed()
        # Of a parameter given twice the first counts, as with url.Values.Get.
        query = dict(reversed(pairs))
        if not name and verb in ("get", "delete"):
            watching = query.get("watch") in ("true", "1")
            verb = "deletecollection" if verb == "delete" else "watch" if watching else "list"
        check_options(verb, query, headers)
        # A namespace is authorized as if it lay in itself, so that a Role can grant reading its own.
        scope = name if kind is NAMESPACE and name else namespace
        return Call(method, verb, kind, scope, name, subresource, query, headers, body, identity, pairs)

    def _serve(self, call: Call) -> Result:
        kind = call.kind
        resource = f"{kind.plural}/{call.subresource}" if call.subresource else kind.plural
        # A WebSocket opens these with a GET; since v1.35 that needs `create` too, and so it does here.
        verb = "create" if call.subresource in ("exec", "portforward") else call.verb
        access = Access(verb, kind.group, resource, call.namespace, call.name)
        # Before anything is looked up: a refusal does not tell whether the object exists.
        if not call.identity.is_admin and not self.authorizer.allows(call.identity, access):
            raise denied(kind, call.identity, access)
        if call.subresource:
            return self._serve_subresource(call)
        if kind in REVIEWS:
            if call.verb != "create":
                raise errors.method_not_allowed()
            return reviews.review(self.authorizer, self.tokens, call)
        if call.verb not in kind.verbs or not _fits(call.verb, call.name):
            raise errors.method_not_allowed()
        handler = metrics.metrics if kind in METRICS else _HANDLERS[call.verb]
        result: Result = handler(self.world, call)
        return result

    def _serve_subresource(self, call: Call) -> Result:
        if call.verb not in call.kind.subresources[call.subresource].verbs:
            raise errors.method_not_allowed()
        if call.subresource == "token":
            return reviews.token_request(self.tokens, self.world, call)
        result: Result = _SUBRESOURCES[call.subresource](self.world, call)
        return result

    def _plain(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], identity: Identity
    ) -> Response:
        """Health, version, discovery and OpenAPI. Raises: ApiError 403, 404, 406."""
        verb = _VERBS.get(method, "get")
        if not self.authorizer.allows_path(identity, verb, path):
            message = f'forbidden: User "{identity.name}" cannot {verb} path "{path}"'
            raise errors.ApiError(403, "Forbidden", message, {})
        if verb != "get":
            raise errors.method_not_allowed()
        if (answer := health(path.rstrip("/"), query)) is not None:
            return answer
        if path == "/":
            return json_response({"paths": paths(self.registry)})
        if path.rstrip("/") == "/version":
            return json_response(VERSION)
        served = None
        if path.startswith(("/api", "/apis")):
            served = discover(self.world, self.registry, path, headers.get("accept", ""))
        elif path.startswith("/openapi/v3"):
            served = openapi(self.registry, path)
        elif path.startswith("/openapi/v2"):
            if OPENAPI_V2 not in headers.get("accept", ""):
                raise errors.ApiError(406, "NotAcceptable", "only OpenAPI v3 is served", {})
            served = Response(200, EMPTY_OPENAPI_V2, OPENAPI_V2.replace("@", "."))
        if served is None:
            raise errors.unknown_path()
        return served

    def _impersonated(self, who: Identity, headers: Mapping[str, str]) -> Identity:
        """Who the caller asks to be, if it may. Raises: ApiError 403."""
        name = headers["impersonate-user"]
        groups = tuple(part.strip() for part in headers.get("impersonate-group", "").split(",") if part.strip())
        # The user and every group need a permission of their own: a group could be system:masters.
        for resource, wanted in (("users", name), *(("groups", group) for group in groups)):
            access = Access("impersonate", "", resource, "", wanted)
            if not self.authorizer.allows(who, access):
                what = (
                    f'User "{who.name}" cannot impersonate resource "{resource}" in API group "" at the cluster scope'
                )
                details = {"name": wanted, "kind": resource}
                raise errors.ApiError(403, "Forbidden", f'{resource} "{wanted}" is forbidden: {what}', details)
        # Impersonating a service account brings its groups along; they need not be named.
        account = Identity(name).service_account
        if account is not None and not groups:
            return service_account(*account)
        return Identity(name, (*groups, AUTHENTICATED))

    def _record(self, call: Call | None, method: str, path: str, identity: Identity, result: Result) -> None:
        code = result.status if isinstance(result, Response) else 200
        now = self.world.clock.now_ms
        if call is None:
            self.audit.append(AuditRecord(now, identity.name, _VERBS.get(method, method.lower()), path, "", "", code))
            return
        resource = call.kind.qualified + (f"/{call.subresource}" if call.subresource else "")
        where = call.namespace, call.name
        record = AuditRecord(now, identity.name, call.verb, resource, *where, code, call.is_dry_run, call.annotations)
        self.audit.append(record)


def _warning(texts: Iterable[str]) -> str:
    """The header that kubectl prints. A header is one line, whatever an expression looks like."""
    escaped = (" ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return ", ".join(f'299 - "{text}"' for text in escaped)


VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.6+kubeworld",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-06-17T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
"""The release whose schemas and behaviour are followed; the suffix says that it is not that program."""


OPENAPI_V2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
"""As clients ask for it. As in kube-apiserver, the answer has a dot for the `@`, which no media type may hold."""
EMPTY_OPENAPI_V2 = b"\x0a\x032.0\x12\x13\x0a\x0aKubernetes\x12\x05v1.32\x42\x00"
"""A document of version 2 that describes nothing (swagger, info, paths): kubectl asks for it when version 3 lacks the
group of an object, and only goes on to say that it knows no such kind if it gets one."""


def _pairs(query: Iterable[tuple[str, str]] | Mapping[str, str]) -> Pairs:
    if isinstance(query, Mapping):
        return tuple((str(key), str(value)) for key, value in query.items())
    return tuple(query)


def _split(path: str) -> list[str]:
    """Segments of a path, decoded one by one: an encoded slash stays inside its segment and is refused."""
    parts = path.strip("/").split("/")
    if "%" in path:
        parts = [unquote(part) for part in parts]
        if any("/" in part for part in parts):
            raise errors.unknown_path()
    if len(parts) > 1 and ("" in parts or "." in parts or ".." in parts):
        raise errors.unknown_path()
    return parts


def _fits(verb: str, name: str) -> bool:
    """Whether the verb is for objects or for collections, as the path is."""
    return bool(name) is (verb in ("get", "update", "patch", "delete"))


def denied(kind: Kind, identity: Identity, access: Access) -> errors.ApiError:
    """The authorizer's 403, word for word."""
    where = f'in the namespace "{access.namespace}"' if access.namespace else "at the cluster scope"
    what = f'cannot {access.verb} resource "{access.resource}" in API group "{access.group}" {where}'
    return errors.forbidden(kind, access.name, f'User "{identity.name}" {what}')


def _get(world: World, call: Call) -> Response:
    obj = stored(world, call.kind, call.namespace, call.name)
    if wants_table(call.headers.get("accept", "")):
        return _table(world, call, [obj], {"resourceVersion": obj["metadata"]["resourceVersion"]})
    if call.kind.has_heartbeat:
        obj = present(world, call.kind.table, obj)
    return json_response(shown(call.kind, obj))


def _list(world: World, call: Call) -> Response:
    is_table, has_heartbeats = wants_table(call.headers.get("accept", "")), call.kind.has_heartbeat
    if not is_table and not has_heartbeats and (whole := whole_list(world, call)) is not None:
        return Response(200, whole)
    objects, meta = page(world, call)
    if is_table:
        return _table(world, call, objects, meta)
    if has_heartbeats:
        objects = [present(world, call.kind.table, obj) for obj in objects]
    return Response(200, list_bytes(call.kind, objects, meta))


def _table(world: World, call: Call, objects: list[Obj], meta: dict[str, Any]) -> Response:
    now_ms = world.clock.epoch_ms + world.clock.now_ms
    return json_response(table_of(call.kind, objects, meta, now_ms, call.query.get("includeObject", "Metadata")))


def _status(world: World, call: Call) -> Response:
    return {"get": _get, "update": writes.update, "patch": writes.patch}[call.verb](world, call)


def _finalize(world: World, call: Call) -> Response:
    """PUT finalize: the namespace goes when its last finalizer does."""
    old = stored(world, call.kind, call.namespace, call.name)
    wanted = read_object(call)
    spec = {**old["spec"], "finalizers": (wanted.get("spec") or {}).get("finalizers") or []}
    ask_policies(world, call, "UPDATE", {**old, "spec": spec}, old)
    saved = writes.commit(world, call, old, {**old, "spec": spec})
    if not spec["finalizers"] and saved["metadata"].get("deletionTimestamp") and not call.is_dry_run:
        world.store.delete("namespaces", "", call.name)
    return writes.answer(call, saved)


_HANDLERS: dict[str, Handler] = {
    "get": _get,
    "list": _list,
    "watch": Watch,
    "create": writes.create,
    "update": writes.update,
    "patch": writes.patch,
    "delete": deletes.delete,
    "deletecollection": deletes.delete_collection,
}
_SUBRESOURCES: dict[str, Handler] = {
    "status": _status,
    "scale": scale,
    "log": logs.log,
    "exec": pods.run_command,
    "portforward": pods.forward_ports,
    "eviction": pods.evict,
    "binding": pods.bind,
    "finalize": _finalize,
}


def api_of(world: World) -> Api:
    """The one API server of a world: all its transports share the audit log and the caches."""
    return world.part(Api)
