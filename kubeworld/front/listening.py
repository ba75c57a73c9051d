"""HTTP of whatever listens in pods, on loopback: how connections from outside reach it.

A front is told which program answers on a port of a pod (`Listening`). What it answers is a function of a path, a
query and a method; HTTP itself is spoken here.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from kubeworld.kinds import conditions
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Query = tuple[tuple[str, str], ...]
FORM = "application/x-www-form-urlencoded"


class Answer(Protocol):
    """What a program says to one request."""

    @property
    def status(self) -> int:
        """Of HTTP."""
        ...

    @property
    def body(self) -> bytes:
        """As it is sent."""
        ...

    @property
    def content_type(self) -> str:
        """Its media type."""
        ...


Listener = Callable[[str, Query, str], Answer]
"""(path, query, method) -> answer; the fields of a form count as query."""
Listening = Callable[[World, Obj, int], Listener | None]
"""(world, pod, port) -> the program that listens there and speaks HTTP, None if nothing does."""
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def nothing(world: World, pod: Obj, port: int) -> Listener | None:
    """Of a cluster whose containers nobody described."""
    return None


def behind(world: World, namespace: str, name: str, port: int) -> tuple[Obj, int] | None:
    """(a ready pod, its port) behind a port of a Service, by its EndpointSlices; None if there is none."""
    service = world.store.get("services", namespace, name)
    declared = ((service or {}).get("spec") or {}).get("ports") or ()
    chosen = next((one for one in declared if one["port"] == port), None)
    if chosen is None:
        return None
    for item in world.store.objects("endpointslices.discovery.k8s.io", namespace):
        if (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != name:
            continue
        ports = {one.get("name") or "": one.get("port") for one in item.get("ports") or ()}
        number = ports.get(chosen.get("name") or "")
        for endpoint in item.get("endpoints") or ():
            target = endpoint.get("targetRef") or {}
            pod = world.store.get("pods", namespace, target.get("name", ""))
            if number and pod is not None and conditions.is_true(pod, "Ready"):
                return pod, number
    return None


async def answer(request: web.BaseRequest, listener: Listener, prefix: str = "") -> web.StreamResponse:
    """One request to a program, which does not see the prefix of its path."""
    if request.method not in ("GET", "HEAD", "POST"):
        return web.Response(status=405, text="Method Not Allowed\n", headers={"Allow": "GET, HEAD, POST"})
    path, _, query = request.raw_path.removeprefix(prefix).partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    if request.method == "POST":
        body = await request.read()
        if request.content_type == FORM:
            pairs += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    said = listener(unquote(path) or "/", tuple(pairs), request.method)
    return web.Response(status=said.status, body=said.body, headers={"Content-Type": said.content_type})
