"""Plain HTTP on loopback beside a front's HTTPS: faces of whole worlds, and the NodePorts of their Services."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from kubeworld.front.listening import Handler, Listener, Listening, answer, behind
from kubeworld.machine.world import World

_LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
_KINDS = ("NodePort", "LoadBalancer")


@dataclass(frozen=True)
class Face:
    """What answers for a whole world on a port of its own, as a monitoring system of the cluster would."""

    name: str
    answer: Callable[[World], Listener]
    port: int = 0
    """0 takes a free one."""


@dataclass
class Doors:
    """Listeners that a front opens when it starts. Worlds are found as in the front: by `/w/NAME/` if they have ids."""

    worlds: Mapping[str, World]
    listening: Listening
    faces: tuple[Face, ...] = ()
    is_node_ports: bool = False
    """NodePorts of Services listen on loopback as they would on every node."""
    report: Callable[[str], None] = _LOG.warning
    """Told of NodePorts that could not be had."""
    before: Callable[[World], None] = lambda world: None
    """Called before each answer: lets the time pass that a request takes."""
    urls: dict[str, str] = field(default_factory=dict)
    """Face -> where it is, once it is served."""
    _servers: dict[int, tuple[asyncio.Server, web.Server]] = field(default_factory=dict)
    _refused: set[int] = field(default_factory=set)

    async def open(self) -> None:
        """Bind the faces. Raises: OSError."""
        for face in self.faces:
            opened = await _listen(partial(self._face, face), face.port)
            self.urls[face.name] = f"http://{HOST}:{opened[0].sockets[0].getsockname()[1]}"
            self._servers[-len(self._servers) - 1] = opened
        await self.follow()

    async def close(self) -> None:
        """Stop listening, and cut what is connected."""
        for number in list(self._servers):
            await self._shut(number)

    async def _shut(self, number: int) -> None:
        listener, server = self._servers.pop(number)
        listener.close()
        await server.shutdown(0)

    async def follow(self) -> None:
        """Have a listener for each NodePort that the Services name now, and none for others."""
        if not self.is_node_ports:
            return
        wanted = self._node_ports()
        for number in [number for number in self._servers if number > 0 and number not in wanted]:
            await self._shut(number)
        self._refused &= wanted.keys()
        for number in wanted.keys() - self._servers.keys() - self._refused:
            try:
                self._servers[number] = await _listen(partial(self._node_port, number), number)
            except OSError as error:
                self._refused.add(number)
                where = "/".join(wanted[number][1:3])
                self.report(f"NodePort {number} of Service {where} is not served on {HOST}: {_reason(error)}")

    def _node_ports(self) -> dict[int, tuple[World, str, str, int]]:
        """NodePort -> (world, namespace and name of the Service, its port). Of two worlds the first has it."""
        found: dict[int, tuple[World, str, str, int]] = {}
        for world in self.worlds.values():
            for service in world.store.objects("services"):
                spec, meta = service["spec"], service["metadata"]
                for port in spec.get("ports") or () if spec.get("type") in _KINDS else ():
                    if number := port.get("nodePort"):
                        found.setdefault(number, (world, meta["namespace"], meta["name"], port["port"]))
        return found

    async def _face(self, face: Face, request: web.BaseRequest) -> web.StreamResponse:
        prefix, world = "", self.worlds.get("")
        if request.raw_path.startswith("/w/"):
            name = request.raw_path[3:].partition("/")[0]
            prefix, world = f"/w/{name}", self.worlds.get(name)
        if world is None:
            known = ", ".join(f"/w/{name}/" for name in self.worlds)
            return web.Response(status=404, text=f"no such cluster; there are {known}\n")
        self.before(world)
        return await answer(request, face.answer(world), prefix)

    async def _node_port(self, number: int, request: web.BaseRequest) -> web.StreamResponse:
        found = self._node_ports().get(number)
        if found is not None:
            world, namespace, name, port = found
            self.before(world)
            target = behind(world, namespace, name, port)
            listener = self.listening(world, *target) if target else None
            if listener is not None:
                return await answer(request, listener)
        return _hang_up(request)


async def _listen(handler: Handler, port: int) -> tuple[asyncio.Server, web.Server]:
    """(what accepts, what speaks HTTP). Raises: OSError."""
    server = web.Server(handler, access_log=None)
    return await asyncio.get_running_loop().create_server(server, HOST, port), server


def _reason(error: OSError) -> str:
    """Without what the event loop adds to it."""
    return os.strerror(error.errno) if error.errno else str(error)


def _hang_up(request: web.BaseRequest) -> web.StreamResponse:
    """Nobody is behind it: the connection is reset, as kube-proxy has it refused."""
    if request.transport is not None:
        taken = request.transport.get_extra_info("socket")
        if taken is not None:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        request.transport.abort()
    return web.Response(status=503)
