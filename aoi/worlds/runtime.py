"""What runs inside the containers of an application: the kubelet's questions, answered from the world's state.

`AppRuntime` is a pure function of the world (and of what memory.py recorded of its past). Images that the
application does not own run as `PlainRuntime`.
"""

from typing import Protocol, runtime_checkable

from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour import disks, exits, mongo, registries, tasks
from aoi.worlds.behaviour.conditions import observe
from aoi.worlds.behaviour.configuration import current_values, values_at
from aoi.worlds.behaviour.launch import Launch, attendant_of, launch
from aoi.worlds.behaviour.network import container_status, started_ms
from aoi.worlds.behaviour.noise import unit
from aoi.worlds.behaviour.traffic import Traffic, evaluate
from aoi.worlds.behaviour.usage import usage_at
from aoi.worlds.telemetry import logs
from kubeworld.behaviours import DescribedRuntime
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.runtime import ContainerPlan, ExitPlan, LogLine, ProbeAnswer, Usage
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


@runtime_checkable
class HostsApplication(Protocol):
    """A runtime that may have an application in it."""

    def application_in(self, world: World) -> Application | None:
        """What runs in the world as it is."""
        ...


class AppRuntime:
    """`Runtime` of one application's images."""

    probe_inputs: tuple[str, ...] = ()

    def __init__(self, application: Application) -> None:
        self.application = application
        self._plain = PlainRuntime()

    def application_in(self, world: World) -> Application:
        """The one that it was made for."""
        return self.application

    def plan(  # noqa: PLR0911 - one plan per way to start
        self, world: World, pod: Obj, container: Obj, attempt: int
    ) -> ContainerPlan:
        """What the container does if it starts now."""
        if not self._owns(pod):
            return self._plain.plan(world, pod, container, attempt)
        attendant = attendant_of(self.application, container)
        if attendant is not None:
            done = ExitPlan(attendant.runs_ms, 0, "Completed") if attendant.runs_ms else None
            return ContainerPlan(pull_ms=900, ready_after_ms=200, exit=done)
        program = launch(self.application, pod, container, current_values(world, self.application.namespace))
        pull_ms = 200 + int(1800 * unit(world.seed, "pull", container.get("image", "")))
        error = registries.pull_error(world, self.application, pod, container.get("image", ""))
        if error is not None:
            return ContainerPlan(pull_ms=pull_ms, image_error=error)
        if program.image == "missing":
            return ContainerPlan(pull_ms=pull_ms, image_error="not_found")
        if program.image == "invalid":
            return ContainerPlan(image_error="invalid_name")
        if program.start_error:
            return ContainerPlan(pull_ms=pull_ms, start_error=program.start_error)
        component = program.component
        if component is None:
            if program.image == "foreign" and pod["spec"].get("restartPolicy", "Always") != "Always":
                return self._plain.plan(world, pod, container, attempt)
            if tasks.is_task(pod, container):
                return tasks.plan(world, self.application, pod, container, pull_ms)
            return ContainerPlan(pull_ms=pull_ms)
        ending = exits.ending(world, self.application, pod, program, world.clock.now_ms)
        return ContainerPlan(
            pull_ms=pull_ms,
            ready_after_ms=component.start_ms,
            exit=ExitPlan(ending.after_ms, ending.code, ending.reason) if ending else None,
            evict=disks.excess(component, pod, container),
            stop_ms=300 + int(900 * unit(world.seed, "stop", pod["metadata"]["name"])),
            stop_code=0 if component.dialect in ("zap", "zerolog", "zerolog-console", "mongod", "redis") else 143,
        )

    def probe(self, world: World, pod: Obj, container: Obj, probe: Obj) -> ProbeAnswer:
        """By port and path of the program that runs; exec probes by the tools in its image."""
        if not self._owns(pod):
            return self._plain.probe(world, pod, container, probe)
        program = self._running(world, pod, container)
        if program.component is None:
            return ProbeAnswer(True) if program.image == "foreign" else _refused(pod, container, probe, 0)
        started = started_ms(world, pod, container["name"])
        up_at = (started if started is not None else world.clock.now_ms) + program.component.start_ms
        return _answer(world, pod, container, probe, program, up_at)

    def log(self, world: World, pod: Obj, container: str, *, previous: bool) -> list[LogLine]:
        """The newest lines of the log, oldest first."""
        if not self._owns(pod):
            return self._plain.log(world, pod, container, previous=previous)
        return logs.log(world, self.application, pod, container, previous=previous)

    def usage(self, world: World, pod: Obj, container: Obj) -> Usage:
        """CPU and memory now, with noise; memory never above its limit."""
        if not self._owns(pod):
            return self._plain.usage(world, pod, container)
        program = self._running(world, pod, container)
        if program.component is None:
            return self._plain.usage(world, pod, container)
        return usage_at(world, self.application, pod, program, world.clock.now_ms)

    def exec(self, world: World, pod: Obj, container: str, command: list[str]) -> tuple[int, bytes, bytes]:
        """A mongo shell in database pods; a few harmless commands where the image has a shell."""
        if not self._owns(pod):
            return self._plain.exec(world, pod, container, command)
        spec = next((item for item in pod["spec"]["containers"] if item["name"] == container), None)
        status = container_status(pod, container)
        if spec is None or status is None or "running" not in (status.get("state") or {}):
            return 1, b"", f'error: container "{container}" is not running'.encode()
        return mongo.execute(world, self.application, self._running(world, pod, spec), command, pod)

    def _owns(self, pod: Obj) -> bool:
        return pod["metadata"].get("namespace") in self.application.namespaces

    def _running(self, world: World, pod: Obj, container: Obj) -> Launch:
        started = started_ms(world, pod, container["name"])
        if started is None:
            values = current_values(world, self.application.namespace)
        else:
            values = values_at(world, started + 999)
        return launch(self.application, pod, container, values)


def application_of(world: World) -> Application | None:
    """What runs in a world, if it was made for an application, or one is recognised in it."""
    runtime = world.runtime.base if isinstance(world.runtime, DescribedRuntime) else world.runtime
    return runtime.application_in(world) if isinstance(runtime, HostsApplication) else None


def applications_of(world: World) -> tuple[Application, ...]:
    """All that run in a world."""
    application = application_of(world)
    return () if application is None else (application,)


def traffic(world: World) -> Traffic:
    """Traffic now. Raises: ValueError if the world's runtime has no application."""
    application = application_of(world)
    if application is None:
        raise ValueError(f"{type(world.runtime).__name__} runs no application, so there is no traffic")
    return evaluate(application, observe(world, application))


def _answer(  # noqa: PLR0911 - one answer per way to fail
    world: World, pod: Obj, container: Obj, probe: Obj, program: Launch, up_at: int
) -> ProbeAnswer:
    component = program.component
    assert component is not None
    if "exec" in probe:
        return _exec_probe(world, component, probe, up_at)
    kind, handler = next((kind, probe[kind]) for kind in ("httpGet", "tcpSocket", "grpc") if kind in probe)
    port = _port_number(container, handler.get("port"))
    if world.clock.now_ms < up_at:
        return ProbeAnswer(False, _refused(pod, container, probe, port).message, until_ms=up_at)
    if port != program.port and port not in component.extra_ports:
        return _refused(pod, container, probe, port)
    if (
        kind == "httpGet"
        and component.protocol == "http"
        and component.health_path
        and handler.get("path", "/") not in (component.health_path, "/")
    ):
        return ProbeAnswer(False, "HTTP probe failed with statuscode: 404")
    if kind == "httpGet" and component.protocol != "http" and component.kind != "gateway":
        return ProbeAnswer(False, f'Get "{_url(pod, handler, port)}": net/http: HTTP/1.x transport connection broken')
    if kind == "grpc" and component.protocol != "grpc":
        return ProbeAnswer(False, "error: health rpc probe failed: rpc error: code = Unimplemented")
    return ProbeAnswer(True)


def _exec_probe(world: World, component: Component, probe: Obj, up_at: int) -> ProbeAnswer:
    command = probe["exec"].get("command") or [""]
    if command[0] not in ("mongo", "mongosh", "redis-cli", "pg_isready", "psql", "sh", "bash", "cat", "ls"):
        return ProbeAnswer(False, f'exec: "{command[0]}": executable file not found in $PATH')
    if world.clock.now_ms < up_at:
        return ProbeAnswer(False, f"could not connect to server: 127.0.0.1:{component.port}", until_ms=up_at)
    return ProbeAnswer(True)


def _refused(pod: Obj, container: Obj, probe: Obj, port: int) -> ProbeAnswer:
    ip = pod.get("status", {}).get("podIP", "")
    if "httpGet" in probe:
        port = port or _port_number(container, probe["httpGet"].get("port"))
        dial = f"dial tcp {ip}:{port}: connect: connection refused"
        return ProbeAnswer(False, f'Get "{_url(pod, probe["httpGet"], port)}": {dial}')
    if "grpc" in probe:
        return ProbeAnswer(False, f'timeout: failed to connect service "{ip}:{port}" within 1s: connection refused')
    return ProbeAnswer(False, f"dial tcp {ip}:{port}: connect: connection refused")


def _url(pod: Obj, handler: Obj, port: int) -> str:
    return f"http://{pod.get('status', {}).get('podIP', '')}:{port}{handler.get('path', '/')}"


def _port_number(container: Obj, port: int | str | None) -> int:
    """A probe's port by number or by the name of a declared port; 0 if there is none of that name."""
    if isinstance(port, int):
        return port
    for declared in container.get("ports") or ():
        if declared.get("name") == port:
            return declared["containerPort"]
    return int(port) if port and port.isdigit() else 0
