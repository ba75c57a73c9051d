"""What an init container does, from its command line: waits for somebody, migrates a schema, or just finishes.

A script that loops until a name resolves or a port answers ends when it does, whenever that is; a migration ends
with an error where its database is not to be reached. Whatever else a command may be is taken to do its work.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.configuration import current_values
from aoi.worlds.behaviour.launch import environment_of
from aoi.worlds.behaviour.network import Network
from aoi.worlds.behaviour.noise import unit
from kubeworld.machine.runtime import ContainerPlan, ExitPlan
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

PATIENCE_MS = 10_000
"""How often somebody who waits is asked whether it has come."""
DONE_MS = 900
_SHELLS = ("sh", "bash", "ash", "dash")
_LOOP = re.compile(r"(?:until|while\s+!)\s+(?P<tool>nc|nslookup|pg_isready|wget|curl)\s+(?P<words>[^;|&>]*)")
_SLEEP = re.compile(r"\bsleep\s+(\d{1,4})\b")
_ECHO = re.compile(r"\bdo\b.*?\becho\s+([\"']?)([^;\"']+)\1")
_VARIABLE = re.compile(r"\$(?:\((\w+)\)|\{(\w+)\}|(\w+))")
_URL = re.compile(r"([a-z][a-z0-9+]*)://(?:[^@/\s]*@)?([^/:?\s]+)(?::(\d+))?")
DRIVERS: Mapping[str, int] = {"postgres": 5432, "postgresql": 5432, "mongodb": 27017, "mysql": 3306, "redis": 6379}
"""Schemes of databases that a migration tool has a driver for -> the port that they mean."""


@dataclass(frozen=True, slots=True)
class Course:
    """How things stand with a task: it is over with a code, or goes on."""

    code: int | None
    """None while it waits."""
    says: tuple[str, ...] = ()
    """What it writes at its end, or each time that it tries."""
    every_ms: int = 2_000


def is_task(pod: Obj, container: Obj) -> bool:
    """Whether it is there to finish: an init container that does not stay."""
    inits = pod["spec"].get("initContainers") or ()
    return any(init["name"] == container["name"] for init in inits) and container.get("restartPolicy") != "Always"


def plan(world: World, application: Application, pod: Obj, container: Obj, pull_ms: int) -> ContainerPlan:
    """What an init container does that starts, or goes on, now."""
    course = course_of(world, application, pod, container)
    if course.code is None:
        return ContainerPlan(pull_ms=pull_ms, ready_after_ms=200, ask_again_ms=PATIENCE_MS)
    after_ms = DONE_MS + int(400 * unit(world.seed, "task", pod["metadata"]["name"], container["name"]))
    end = ExitPlan(after_ms, course.code, "Error" if course.code else "Completed")
    return ContainerPlan(pull_ms=pull_ms, ready_after_ms=200, exit=end)


def course_of(world: World, application: Application, pod: Obj, container: Obj) -> Course:
    """How it fares in the world as it is."""
    environment = environment_of(container, current_values(world, application.namespace))
    words = [
        _expanded(word, environment) for word in (*(container.get("command") or ()), *(container.get("args") or ()))
    ]
    if not words:
        return Course(0)
    program = words[0].rpartition("/")[2]
    if program in _SHELLS and "-c" in words[:-1]:
        script = words[words.index("-c") + 1]
        loop = _LOOP.search(script)
        return _waiting(Network(world, application), pod, script, loop) if loop else Course(0)
    if program == "migrate" and "-database" in words[:-1]:
        return _migration(Network(world, application), pod, words[words.index("-database") + 1])
    return Course(0)


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    """With its variables; an unknown one stays as written in Kubernetes' own form, and is empty in the shell's."""
    return _VARIABLE.sub(lambda m: environment.get(m[1] or m[2] or m[3], m[0] if m[1] else ""), text)


def _waiting(network: Network, pod: Obj, script: str, loop: re.Match[str]) -> Course:
    tool, host, port = loop["tool"], *_target(loop["tool"], loop["words"].split())
    # A script without anybody to ask for (its variables are empty) fails to ask, and whoever wrote it never saw it.
    word = network.knock(pod, host, port) if host else "ok"
    if word == "ok":
        return Course(0)
    sleep, echo = _SLEEP.search(script), _ECHO.search(script)
    says = (_complaint(tool, host, port, word), *((echo[2].strip(),) if echo else ()))
    return Course(None, says, max(1, int(sleep[1]) if sleep else 1) * 1_000)


def _target(tool: str, words: list[str]) -> tuple[str, str]:
    """(host, port) that a tool asks for; an empty port where it asks for the name alone."""
    if tool in ("wget", "curl"):
        url = next((match for word in words if (match := re.match(r"https?://([^/:\s]+)(?::(\d+))?", word))), None)
        return (url[1], url[2] or "80") if url else ("", "")
    if tool == "pg_isready":
        given = dict(pairwise(words))
        return given.get("-h", ""), given.get("-p", "5432")
    plain = [word for word in words if not word.startswith("-")]
    if tool == "nslookup":
        return (plain[0], "") if plain else ("", "")
    return (plain[-2], plain[-1]) if len(plain) > 1 else ("", "")


def _complaint(tool: str, host: str, port: str, word: str) -> str:
    """In the words of busybox and of libpq."""
    if tool == "nslookup":
        return f"nslookup: can't resolve '{host}'"
    if tool == "pg_isready":
        return f"{host}:{port} - no response"
    if word == "nohost":
        return f"{tool}: bad address '{host}'"
    reason = "Connection refused" if word == "refused" else "Connection timed out"
    return f"{tool}: can't connect to remote host ({host}:{port}): {reason}"


def _migration(network: Network, pod: Obj, database: str) -> Course:
    """`migrate -database URL up`, in the words of golang-migrate."""
    if not database:
        return Course(1, ("error: failed to parse scheme from database URL: URL cannot be empty",))
    url = _URL.match(database)
    if url is None:
        return Course(1, ("error: failed to parse scheme from database URL: no scheme",))
    scheme, host, port = url[1], url[2], url[3]
    if scheme not in DRIVERS:
        return Course(1, (f"error: database driver: unknown driver {scheme} (forgotten import?)",))
    at = port or str(DRIVERS[scheme])
    word = network.knock(pod, host, at)
    if word == "ok":
        return Course(0, ("no change",))
    said = {
        "nohost": f"dial tcp: lookup {host} on 10.96.0.10:53: no such host",
        "dns": f"lookup {host} on 10.96.0.10:53: read udp 10.96.0.10:53: i/o timeout",
        "refused": f"dial tcp {host}:{at}: connect: connection refused",
    }
    return Course(1, (f"error: {said.get(word, f'dial tcp {host}:{at}: i/o timeout')}",))
