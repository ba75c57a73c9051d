"""Container and workload state, as `kubectl describe pods` and `kubectl describe deployment` print it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from re import compile as pattern

from aoi.agents.compressor.observation import Finding, Line, Observation, finding
from aoi.agents.topology import Topology
from aoi.estate.rules.probes import Patience

WAITING = {
    "CrashLoopBackOff": "crashloop",
    "ImagePullBackOff": "imagepull",
    "ErrImagePull": "imagepull",
    "ErrImageNeverPull": "imagepull",
    "RegistryUnavailable": "imagepull",
    "InvalidImageName": "badimagename",
    "CreateContainerConfigError": "configerror",
    "CreateContainerError": "starterror",
    "RunContainerError": "starterror",
    "StartError": "starterror",
    "PodInitializing": "initwait",
}
"""Reason of a waiting container -> signal."""
RUNNING = "Running"
RESTARTS = 2
"""One restart in a pod's life is ordinary: a dependency was not up yet."""
TERMINATED = {"OOMKilled": "oomkilled", "StartError": "starterror", "ContainerCannotRun": "starterror"}

_MISSING_CONFIG = pattern(r'(?:configmap|secret) "[^"]+" not found')
_MISSING_KEY = pattern(r"couldn't find key ")
_NO_PROGRAM = pattern(r"executable file not found|no such file or directory|exec format error|exec: \"")
_SAID = (("missingconfig", _MISSING_CONFIG), ("missingkey", _MISSING_KEY), ("badcommand", _NO_PROGRAM))
_TIMING = pattern(r"delay=(\d+)s timeout=\d+s period=(\d+)s #success=\d+ #failure=(\d+)")
_REPLICAS = pattern(r"(\d+) desired(?: \| (\d+) updated)? \| (\d+) total(?: \| (\d+) available \| (\d+) unavailable)?")


@dataclass
class _Pod:
    """What has been read of one pod so far."""

    name: str
    is_pending: bool = False
    container: str = ""
    in_containers: str = ""
    state: str = ""
    """`State` or `Last State`: what a `Reason` below it is about."""
    is_waiting: bool = False
    is_running: bool = False
    last: dict[str, str] = field(default_factory=dict)
    """Fields of the last state of the container that is read, and its number of restarts."""


def pods(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Signals of `kubectl describe pods`: waiting and terminated reasons, readiness, restarts, eviction."""
    every = list(_pods(observation, topology))
    alive = {signal.subject for signal in every if signal.word == RUNNING}
    for signal in every:
        # A pod that was evicted stays as a record: beside one that runs it is history.
        if signal.word != RUNNING and not (signal.word in ("evicted", "preempted") and signal.subject in alive):
            yield signal


def _pods(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Signals pod by pod, and `RUNNING` for one that runs."""
    pod = _Pod("")
    for line in observation.lines:
        key, _, value = line.text.partition(":")
        value = value.strip()
        if not line.indent and key == "Name":
            pod = _Pod(topology.owner(value) or "")
        if not pod.name:
            continue
        if not line.indent:
            pod.in_containers = key if key in ("Containers", "Init Containers") else ""
            yield from _of_pod(observation, pod, line, key, value)
        elif pod.in_containers:
            yield from _of_container(observation, pod, line, key, value)


def _of_pod(observation: Observation, pod: _Pod, line: Line, key: str, value: str) -> Iterator[Finding]:
    if key == "Status":
        if value == RUNNING:
            yield finding(RUNNING, pod.name, observation, line)
        if value.startswith("Pending"):
            pod.is_pending = True
            yield finding("pending", pod.name, observation, line)
        if value.startswith("Terminating"):
            yield finding("terminating", pod.name, observation, line)
    if key == "Reason" and value in ("Evicted", "Preempting"):
        yield finding("evicted" if value == "Evicted" else "preempted", pod.name, observation, line)


def _of_container(observation: Observation, pod: _Pod, line: Line, key: str, value: str) -> Iterator[Finding]:
    if key in ("State", "Last State"):
        _enter(pod, key, value)
    elif key == "Reason":
        word = WAITING.get(value) if pod.state == "State" and pod.is_waiting else TERMINATED.get(value)
        if word == "initwait" and pod.in_containers == "Init Containers":
            word = None
        if word:
            yield finding(word, pod.name, observation, line)
    elif key == "Message":
        for word, expression in _SAID:
            if expression.search(value):
                yield finding(word, pod.name, observation, line)
    elif key == "Ready" and value == "False" and pod.in_containers == "Containers":
        if pod.is_running:
            yield finding("notready", pod.name, observation, line)
    elif key in ("Exit Code", "Started", "Finished") and pod.state == "Last State":
        pod.last[key] = value
    elif key == "Restart Count" and value.isdigit() and int(value) >= RESTARTS:
        pod.last[key] = value
        yield finding("restarted", pod.name, observation, line)
    elif key in ("Liveness", "Startup") and _is_killed_by(pod.last, value):
        yield finding("liveness", pod.name, observation, line)


def _enter(pod: _Pod, key: str, value: str) -> None:
    """What follows is about a state of a container, the present one before the last."""
    pod.state = key
    if key == "State":
        pod.last = {}
        pod.is_waiting, pod.is_running = value == "Waiting", value == "Running"


def _is_killed_by(last: Mapping[str, str], probe: str) -> bool:
    """Whether a container that keeps ending lives as long as a probe lets it: what events said an hour ago is gone."""
    timing = _TIMING.search(probe)
    if timing is None or not {"Restart Count", "Exit Code", "Started", "Finished"} <= last.keys():
        return False
    began, ended = parsedate_to_datetime(last["Started"]), parsedate_to_datetime(last["Finished"])
    patience = Patience(*map(int, timing.groups()))
    return patience.fits((ended - began).total_seconds(), int(last["Exit Code"]))


def workload(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Signals of `kubectl describe deployment|statefulset`: replicas wanted and reached, failing conditions."""
    subject = ""
    for line in observation.lines:
        key, _, value = line.text.partition(":")
        if not line.indent and key == "Name":
            subject = topology.owner(value.strip()) or ""
        elif subject and not line.indent and key == "Replicas":
            counts = _REPLICAS.search(value)
            if counts and int(counts[1]) == 0:
                yield finding("zeroreplicas", subject, observation, line)
            elif counts and counts[5] and int(counts[5]) > 0:
                # A rollout whose new pods do not come up keeps more pods than it wants.
                word = "stalled" if int(counts[3]) > int(counts[1]) else "notready"
                yield finding(word, subject, observation, line)
        elif subject and line.indent:
            yield from _condition(observation, subject, line)


def _condition(observation: Observation, subject: str, line: Line) -> Iterator[Finding]:
    match line.text.split():
        case ["Progressing", "False", "ProgressDeadlineExceeded"]:
            yield finding("stalled", subject, observation, line)
        case ["ReplicaFailure", "True", _]:
            yield finding("stalled", subject, observation, line)
