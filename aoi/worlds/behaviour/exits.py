"""Why and when a program ends by itself.

A build for another machine or a broken one, an unusable command line or configuration, files of another release, a
memory limit or a leak, a database at start, a message that no consumer can bear.
"""

from dataclasses import dataclass
from typing import Literal

from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour import datafiles, disks, growth, options
from aoi.worlds.behaviour.conditions import Conditions
from aoi.worlds.behaviour.launch import Launch
from aoi.worlds.behaviour.memory import conditions_at
from aoi.worlds.behaviour.network import Network, admitted, main_container
from aoi.worlds.behaviour.noise import unit
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Why = Literal[
    "arm64",
    "buggy",
    "badargs",
    "missing",
    "invalid",
    "taken",
    "datafiles",
    "oom",
    "poisoned",
    "unauthorized",
    "authfailed",
    "badpassword",
    "unreachable",
    "readonly",
    "denied",
]
LOGGED_FATALLY = 1
"""What a Go program exits with whose logger ends it (`Fatal`); one that panics exits with 2."""
EXEC_FAILED = 255
"""What runc's init exits with if the kernel does not take the program (ENOEXEC)."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ends by itself."""

    why: Why
    after_ms: int
    code: int
    reason: Literal["Error", "OOMKilled"]
    detail: str = ""
    """Database component that did not let it in; setting, option or folder that is wrong; release of the files."""


def ending(world: World, application: Application, pod: Obj, program: Launch, at_ms: int) -> Ending | None:
    """How a program that starts at `at_ms` ends by itself, or None if it keeps running.

    For the present the network is looked at as it is; for the past, as it was recorded.
    """
    component = program.component
    if component is None:
        return None
    uid = pod["metadata"].get("uid", "")
    if (unable := _unable(component, program, uid) or _locked_out(component, pod, uid)) is not None:
        return unable
    if _is_taken(application, pod, program):
        return Ending("taken", component.start_ms + int(200 * unit(uid, "taken")), 1, "Error")
    limit = program.memory_limit_bytes
    if limit and limit < component.demand.peak_bytes:
        # Far below the steady need it dies while it loads; just below the peak, under load later on.
        share = limit / component.demand.peak_bytes
        after = 1_200 if share < 0.5 else 4_000 + int(26_000 * (share - 0.5) * 2)
        return Ending("oom", after + int(800 * unit(uid, "oom")), 137, "OOMKilled")
    return (
        _database_ending(world, application, pod, program, at_ms)
        or _poisoned(world, component, uid)
        or _grown(component, program, uid)
        or _flagged(world, application, program, at_ms)
    )


def _grown(component: Component, program: Launch, uid: str) -> Ending | None:
    """A program that leaks, at the moment at which its limit is used up."""
    leak, limit = program.tuning.leak_bytes_per_s, program.memory_limit_bytes
    if not leak or not limit:
        return None
    lasts_s = (limit - component.demand.memory_bytes) / leak
    return Ending("oom", int(lasts_s * 1000 * (0.92 + 0.16 * unit(uid, "leak"))), 137, "OOMKilled")


def _flagged(world: World, application: Application, program: Launch, at_ms: int) -> Ending | None:
    """A program that a flag has keep what it should give back."""
    if application.flags is None or program.component is None:
        return None
    speed = growth.bytes_per_s(application, conditions_at(world, application, at_ms), program.component.name)
    after_ms = growth.oom_after_ms(program.component, program.memory_limit_bytes, speed)
    return Ending("oom", after_ms, 137, "OOMKilled") if after_ms is not None else None


def _poisoned(world: World, component: Component, uid: str) -> Ending | None:
    """A consumer that is handed a message which it cannot bear, again after each restart: nobody acknowledged it."""
    if not world.state.get("queues", {}).get(component.name, {}).get("poison"):
        return None
    return Ending("poisoned", component.start_ms + 700 + int(900 * unit(uid, "poison")), 1, "Error")


def _locked_out(component: Component, pod: Obj, uid: str) -> Ending | None:
    """An engine that may not write its data."""
    trouble = disks.data_trouble(component, pod)
    if trouble is None:
        return None
    word, folder = trouble
    code = disks.EXIT_CODES.get(component.dialect, 1)
    return Ending(word, 300 + int(400 * unit(uid, "data")), code, "Error", folder)


def _unable(component: Component, program: Launch, uid: str) -> Ending | None:
    """What ends a program before it serves, on account of what it is and was given alone."""
    if program.image == "arm64":
        return Ending("arm64", 20 + int(60 * unit(uid, "exec")), EXEC_FAILED, "Error")
    if program.failure == "badargs":
        code = options.EXIT_CODES[component.dialect]
        return Ending("badargs", 40 + int(120 * unit(uid, "args")), code, "Error", program.failed_value)
    if program.failure:
        detail = program.failed.name if program.failed else ""
        return Ending(program.failure, 150 + int(350 * unit(uid, "config")), 1, "Error", detail)
    if program.image == "buggy":
        return Ending("buggy", 900 + int(400 * unit(uid, "buggy")), 2, "Error")
    if (refused := datafiles.refusal(component, program.tag)) is not None:
        code = datafiles.EXIT_CODES[component.dialect]
        return Ending("datafiles", 700 + int(500 * unit(uid, "files")), code, "Error", refused.written_by)
    return None


def _is_taken(application: Application, pod: Obj, program: Launch) -> bool:
    """Whether a container that starts before it in the same pod, and so in the same network, has its port already.

    The kubelet starts containers in their order, and what stands beside a program is up in less time than it.
    """
    containers = pod["spec"]["containers"]
    if len(containers) < 2:
        return False
    before = containers[: containers.index(main_container(application, pod))]
    return any(port["containerPort"] == program.port for other in before for port in other.get("ports") or ())


def _database_ending(world: World, application: Application, pod: Obj, program: Launch, at_ms: int) -> Ending | None:
    component = program.component
    assert component is not None
    conditions: Conditions | None = None
    for login in component.logins:
        if not login.at_start:
            continue
        name = login.database_component
        # A program in the pod of another is on no edge of the past: where policies let that pod go is how it fares.
        if at_ms >= world.clock.now_ms or program.own is not component:
            outcome = _outcome_now(world, application, pod, program, name)
        else:
            conditions = conditions or conditions_at(world, application, at_ms)
            edge = conditions.edge(component.name, name)
            outcome = max(edge.outcomes, key=lambda pair: pair[1])[0] if edge else "ok"
        if outcome in ("unauthorized", "authfailed", "badpassword"):
            code = LOGGED_FATALLY if outcome == "unauthorized" and component.dialect == "zerolog-console" else 2
            return Ending(outcome, 1_100 + int(500 * unit(pod["metadata"].get("uid", ""), "db")), code, "Error", name)
        if outcome != "ok":
            return Ending("unreachable", 10_000, 2, "Error", name)
    return None


def _outcome_now(world: World, application: Application, pod: Obj, program: Launch, database: str) -> str:
    """Through the network first; who gets through must be let in."""
    component = program.component
    assert component is not None
    network = Network(world, application)
    reach = network.reach_pod(pod, database, program.address_of(database, application))
    word = max(reach.outcomes, key=lambda pair: pair[1])[0]
    if word != "ok":
        return word
    login = next(item for item in component.logins if item.database_component == database)
    return admitted(world, login, program.password)
