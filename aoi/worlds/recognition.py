"""Clusters in which other people install applications: what runs is known by its image, not by who wrote the manifest.

A namespace whose workloads run an image that belongs to a known application is that application, in whatever namespace
and with whatever releases: its programs call, log and fail as they do in our own installation of it. A workload is the
component of its name, or the one whose command it runs. What the manifests configure (addresses in ConfigMaps, tags of
releases) is theirs: addresses are those that are compiled in, and every tag exists but those that are known to be
broken. One application is recognised at a time, in the first namespace by name; all else runs plainly.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aoi.worlds import sampling
from aoi.worlds.applications import manifests
from aoi.worlds.applications.delivery import DOCKER, place_of
from aoi.worlds.applications.installation import Installed
from aoi.worlds.applications.spec import Application, Component, Image
from aoi.worlds.behaviour import mongo
from aoi.worlds.behaviour.conditions import Conditions
from aoi.worlds.behaviour.launch import launch, split_image
from aoi.worlds.behaviour.memory import Recorder
from aoi.worlds.behaviour.network import is_ready
from aoi.worlds.runtime import AppRuntime
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.runtime import ContainerPlan, ExitPlan, LogLine, ProbeAnswer, Usage
from kubeworld.machine.store import Change, Name, Obj
from kubeworld.machine.world import World

WORKLOADS = ("deployments.apps", "statefulsets.apps")
ALIASES = {"yinfangchen/hotel-reservation": "yinfangchen/hotelreservation"}
"""Repositories that hold the same programs as one that is known."""
STATE = ("telemetry", "telemetry_due", "configuration", "databases")
"""What a world remembers of the application that runs in it."""
Arrange = Callable[[World, Application, Conditions], None]
INIT_FOLDER = "/docker-entrypoint-initdb.d"
UNMADE = "is_unmade"
_LOAD = re.compile(r"(?:^|[ /])wrk2? .*?-d ?(\d+)(s|m|h)?(?: |$)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


class _Recognised:
    """What was recognised in a world, and from which objects."""

    def __init__(self, world: World) -> None:
        self.seen: tuple[int, ...] = ()
        self.objects: list[Obj] = []
        """Held, so that no other object gets their identity."""
        self.revision: tuple[object, int] = (None, -1)
        self.place: tuple[str, str] | None = None
        self.installed: dict[str, Installed] = {}
        self.runtime: AppRuntime | None = None


class RecognisingRuntime:
    """`Runtime` of a cluster that may run any of some known applications, or anything else."""

    probe_inputs: tuple[str, ...] = ()

    def __init__(self, known: tuple[Application, ...]) -> None:
        self.known = known
        self._plain = PlainRuntime()
        self._owners = {_plain(image.repository): one for one in known for image in one.images if _is_own(one, image)}

    def application_in(self, world: World) -> Application | None:
        """What is recognised in the world as it is."""
        found = self._in(world)
        return found.application if found else None

    def plan(self, world: World, pod: Obj, container: Obj, attempt: int) -> ContainerPlan:
        """As the application's program, or plainly; a load generator runs for as long as it is told."""
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        load = _LOAD.search(" ".join(words))
        if load and pod["spec"].get("restartPolicy", "Always") != "Always":
            return ContainerPlan(exit=ExitPlan(int(load[1]) * _SECONDS[load[2] or ""] * 1000, 0, "Completed"))
        return self._of(world, pod).plan(world, pod, container, attempt)

    def probe(self, world: World, pod: Obj, container: Obj, probe: Obj) -> ProbeAnswer:
        """As the application's program, or plainly."""
        return self._of(world, pod).probe(world, pod, container, probe)

    def log(self, world: World, pod: Obj, container: str, *, previous: bool) -> list[LogLine]:
        """As the application's program, or plainly."""
        return self._of(world, pod).log(world, pod, container, previous=previous)

    def usage(self, world: World, pod: Obj, container: Obj) -> Usage:
        """As the application's program, or plainly."""
        return self._of(world, pod).usage(world, pod, container)

    def exec(self, world: World, pod: Obj, container: str, command: list[str]) -> tuple[int, bytes, bytes]:
        """As the application's program, or plainly."""
        return self._of(world, pod).exec(world, pod, container, command)

    def _of(self, world: World, pod: Obj) -> AppRuntime | PlainRuntime:
        found = self._in(world)
        owns = found is not None and pod["metadata"].get("namespace") in found.application.namespaces
        return found if found is not None and owns else self._plain

    def _in(self, world: World) -> AppRuntime | None:
        memo = world.part(_Recognised)
        revision = (world.store.log, world.store.revision)
        if memo.revision[0] is revision[0] and memo.revision[1] == revision[1]:
            return memo.runtime
        memo.revision = revision
        objects = [obj for resource in WORKLOADS for obj in world.store.objects(resource)]
        seen = tuple(id(obj) for obj in objects)
        if seen != memo.seen:
            memo.seen, memo.objects = seen, objects
            self._recognise(world, memo)
        return memo.runtime

    def _recognise(self, world: World, memo: _Recognised) -> None:
        """Anew, unless it comes out as it was: an application keeps its identity while it stands."""
        owned: dict[str, Application] = {}
        for obj in memo.objects:
            for container in obj["spec"]["template"]["spec"]["containers"]:
                known = self._owners.get(_repository(container))
                if known is not None:
                    owned.setdefault(obj["metadata"]["namespace"], known)
        if not owned:
            memo.place, memo.runtime = None, None
            memo.installed.clear()
            return
        namespace, known = min(owned.items())
        workloads = [obj for obj in memo.objects if obj["metadata"]["namespace"] == namespace]
        installed = _installed(known, workloads)
        # A workload that is away for a while (deleted, to be applied again) is still what it was.
        place = (known.key, namespace)
        if memo.place == place and installed.items() <= memo.installed.items():
            return
        memo.place, memo.installed = place, installed
        adapted = _adapted(known, namespace, installed)
        entry = adapted.by_name[adapted.workload.entry].workload
        workload = next((obj for obj in workloads if obj["metadata"]["name"] == entry), None)
        interval_ms = sampling.interval_ms(world, workload, adapted.workload.rps, known.trace_interval_ms)
        memo.runtime = AppRuntime(replace(adapted, trace_interval_ms=interval_ms))


class RecognisingRecorder:
    """Remembers the past of whatever application is recognised, from when it was installed."""

    name = Recorder.name
    watches = (*Recorder.watches, *WORKLOADS)
    KEY = "recognised"

    def __init__(self, runtime: RecognisingRuntime, arrange: Arrange | None = None) -> None:
        self._runtime = runtime
        self._arrange = arrange

    def wakes_for(self, world: World, change: Change) -> list[tuple[str, Name]]:
        """As the recorder of the application that stands now."""
        application = self._noticed(world)
        if application is None:
            return []
        if not world.state.get("configuration"):
            return [("", Recorder.CONFIGURATION)]
        return [] if change.resource in WORKLOADS else Recorder(application).wakes_for(world, change)

    def reconcile(self, world: World, resource: str, name: Name) -> None:
        """Record, or arrange to."""
        application = self._noticed(world)
        if application is not None:
            _initialise(world, application)
            Recorder(application, self._arrange).reconcile(world, resource, name)

    def _noticed(self, world: World) -> Application | None:
        """What stands now. A new installation has no past, and its databases the accounts of their init scripts."""
        application = self._runtime.application_in(world)
        place = (application.key, application.namespace) if application else None
        if place != world.state.get(self.KEY):
            world.state[self.KEY] = place
            for part in STATE:
                world.state.pop(part, None)
            if application is not None:
                world.state["databases"] = {
                    component.name: {"auth": False, "users": dict[str, Any](), UNMADE: component.database.auth}
                    for component in application.components
                    if component.database is not None
                }
        return application


def _initialise(world: World, application: Application) -> None:
    """Databases that run for the first time make their accounts, as the scripts say that are mounted for it.

    Images of databases run these before they ask anybody who he is. Where none is mounted, the accounts are those that
    the application's programs log in with.
    """
    for name, state in world.state.get("databases", {}).items():
        if not state.get(UNMADE):
            continue
        for pod in world.store.objects("pods", application.namespace):
            component = application.component_of(pod)
            if component is None or component.name != name or not is_ready(pod):
                continue
            scripts = mongo.mounted(world, pod, INIT_FOLDER)
            for container in pod["spec"]["containers"]:
                program = launch(application, pod, container, {})
                for path in scripts:
                    mongo.execute(world, application, program, ["bash", path], pod)
            known = world.state["databases"]
            users = known[name]["users"] if scripts else manifests.accounts(component)
            world.state["databases"] = {**known, name: {"auth": True, "users": users, UNMADE: False}}
            break


def _repository(container: Obj) -> str:
    repository, _ = split_image(container.get("image", ""))
    return _plain(repository)


def _plain(repository: str) -> str:
    """A repository as it is known here, however Docker Hub is spelt."""
    registry, path = place_of(repository)
    return ALIASES.get(path, path) if registry == DOCKER else repository


def _is_own(application: Application, image: Image) -> bool:
    """Whether an image is built for this application: it holds the program of a gateway or a service."""
    owners = {owner for _, owner in (*image.binaries, *image.by_tag) if owner}
    return any(application.by_name[owner].kind in ("gateway", "service") for owner in owners)


def _installed(known: Application, workloads: list[Obj]) -> dict[str, Installed]:
    """Components -> the workload that stands for each: that of its name, or one that runs its command."""
    by_name = {component.workload: component for component in known.components}
    commands = {
        command: owner for image in known.images if _is_own(known, image) for command, owner in image.binaries if owner
    }
    repositories = {_plain(repository) for repository in known.by_repository}
    found: dict[str, Installed] = {}
    left: list[Obj] = []
    for obj in workloads:
        component = by_name.get(obj["metadata"]["name"])
        if component is None:
            left.append(obj)
        else:
            found[component.name] = _standing(component, obj)
    for obj in left:
        for container in obj["spec"]["template"]["spec"]["containers"]:
            name = commands.get((container.get("command") or [""])[0])
            if name is not None and _repository(container) in repositories:
                found.setdefault(name, _standing(known.by_name[name], obj))
    return found


def _standing(component: Component, obj: Obj) -> Installed:
    labels = obj["spec"]["template"]["metadata"].get("labels") or {}
    selector = (obj["spec"].get("selector") or {}).get("matchLabels") or labels
    return Installed(
        component.role, obj["metadata"]["name"], tuple(sorted(labels.items())), tuple(sorted(selector.items()))
    )


def _adapted(known: Application, namespace: str, installed: dict[str, Installed]) -> Application:
    """The application as somebody else installed it."""
    components = tuple(
        replace(
            component,
            installed=installed.get(component.name, component.installed),
            namespace="",
            settings=tuple(s for s in component.settings if s.source == "env" and not s.essential),
            history=(),
            # What monitors it is whatever release they chose, and knows its own paths.
            health_path="" if component.kind == "infrastructure" else component.health_path,
        )
        for component in known.components
    )
    images = tuple(replace(image, is_any_tag=True) for image in known.images)
    aliases = tuple(
        replace(image, repository=alias)
        for alias, repository in ALIASES.items()
        for image in images
        if _plain(image.repository) == repository
    )
    return replace(
        known,
        namespace=namespace,
        components=components,
        images=(*images, *aliases),
        extra_config_maps=(),
        common_labels=(),
    )
