"""What the cluster itself complains about: events, as `kubectl events` prints them, and what outlives them in the
status of pods."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from aoi.agents.compressor.observation import Finding, Observation, rows, span
from aoi.agents.compressor.templates import listed
from aoi.agents.topology import Topology
from aoi.estate.objects import Obj, entries, part, text

RECENT_S = 1_200
"""Older events are history: pods of finished rollouts complain about their last seconds."""
UNHEALTHY_REPEATS = 3
"""A probe that fails fewer times than this is a start or a stop."""

_RULES: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (reason, re.compile(message), word)
    for reason, message, word in (
        ("FailedScheduling", r"didn't match (?:Pod's )?node (?:affinity|selector)", "nodeselector"),
        (
            "FailedScheduling",
            r"untolerated taint \{node\.kubernetes\.io/(?:not-ready|unreachable|\w+-pressure)",
            "nodedown",
        ),
        ("FailedScheduling", r"untolerated taint|had taint", "tainted"),
        ("FailedScheduling", r"were unschedulable", "cordoned"),
        ("FailedScheduling", r"Insufficient ", "insufficient"),
        ("FailedScheduling", r"anti-affinity|topology spread constraints", "antiaffinity"),
        ("FailedScheduling", r"free ports", "hostport"),
        ("FailedScheduling", r'persistentvolumeclaim "[^"]+" not found', "noclaim"),
        ("FailedScheduling", r"unbound immediate PersistentVolumeClaims|volume node affinity", "unbound"),
        ("FailedCreate", r"exceeded quota|must specify (?:limits|requests)|failed quota", "quota"),
        ("FailedCreate", r"(?:maximum|minimum) (?:cpu|memory) usage|LimitRange|limit to request ratio", "limitrange"),
        ("FailedCreate", r"forbidden|PodSecurity|webhook", "forbidden"),
        ("Failed", r'(?:configmap|secret) "[^"]+" not found', "missingconfig"),
        ("Failed", r"couldn't find key ", "missingkey"),
        ("Failed", r"executable file not found|exec format error|no such file or directory", "badcommand"),
        ("Failed", r"InvalidImageName|couldn't parse image", "badimagename"),
        ("Failed", r"pull(?:ing)? image|ErrImage|ImagePullBackOff", "imagepull"),
        ("FailedMount", r'(?:configmap|secret) "[^"]+" not found', "missingconfig"),
        ("FailedMount", r"references non-existent (?:config|secret) key", "missingkey"),
        ("FailedAttachVolume", r"", "unbound"),
        ("InspectFailed", r"", "badimagename"),
        ("BackOff", r"pulling image", "imagepull"),
        ("BackOff", r"restarting failed", "crashloop"),
        ("Unhealthy", r"^Liveness|^Startup", "liveness"),
        ("Unhealthy", r"^Readiness", "readiness"),
        ("Killing", r"failed liveness probe", "liveness"),
        ("ProvisioningFailed", r"storageclass", "noclass"),
        ("FailedBinding", r"", "unbound"),
        ("Evicted", r"", "evicted"),
        ("TaintManagerEviction", r"", "evicted"),
        ("Preempted", r"", "preempted"),
        ("NodeNotReady", r"", "nodedown"),
        ("OOMKilling", r"", "oomkilled"),
        ("SystemOOM", r"", "oomkilled"),
        ("FailedGetResourceMetric", r"", "hpapinned"),
    )
)
_PULLING: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("tls", re.compile(r"x509|certificate|tls: ")),
    ("dns", re.compile(r"no such host|dial tcp: lookup|server misbehaving")),
    ("authfailed", re.compile(r"unauthorized|authorization failed|authentication required|no basic auth|\b40[13]\b")),
)
"""What a registry, or the way to it, has against a pull; of an image that is not there nothing."""
_SEEN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_COUNT = re.compile(r"\(x(\d+) over")


def events(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Signals of recent warnings, weighted by how often they were seen."""
    for line, row in rows(observation):
        kind, _, name = row.get("OBJECT", "").partition("/")
        subject = topology.owner(name) if kind.lower() != "node" else (name if name in topology.nodes else None)
        if subject is None:
            continue
        seen = row.get("LAST SEEN", "")
        times = int(match[1]) if (match := _COUNT.search(seen)) else 1
        if _age_s(seen) > RECENT_S:
            continue
        reason, message = row.get("REASON", ""), row.get("MESSAGE", "")
        if reason == "Unhealthy" and times < UNHEALTHY_REPEATS:
            continue
        yield from _complaints(observation, (line.start, line.end), subject, (reason, message, times))


def statuses(observation: Observation, topology: Topology) -> Iterator[Finding]:
    """Signals of `kubectl get pods -o json`: why a pod is not scheduled, and why a container waits.

    Events say so while it is new, and are gone after an hour; the status repeats it as long as it is so. `kubectl
    describe` prints the reason without the message.
    """
    for pod in listed(observation):
        name = text(pod, "metadata", "name")
        subject = topology.owner(name)
        if subject is None or text(pod, "metadata", "deletionTimestamp"):
            continue
        at = max(0, observation.text.find(f'"name": "{name}"'))
        for reason, state in _waits(pod):
            message = text(state, "message")
            cited = span(observation, f'"message": {orjson.dumps(message).decode("latin-1")}', at)
            # The state's own reason says of some messages what they are about.
            yield from _complaints(observation, cited, subject, (reason, f"{text(state, 'reason')}: {message}", 1))


def _waits(pod: Mapping[str, Any]) -> Iterator[tuple[str, Obj]]:
    """What keeps a pod from running, with the reason that events give for it."""
    for condition in entries(pod, "status", "conditions"):
        if (text(condition, "type"), text(condition, "status")) == ("PodScheduled", "False"):
            yield "FailedScheduling", condition
    for containers in ("initContainerStatuses", "containerStatuses"):
        for container in entries(pod, "status", containers):
            waiting = part(container, "state", "waiting")
            if text(waiting, "message"):
                yield "Failed", waiting


def _complaints(
    observation: Observation, cited: tuple[int, int], subject: str, event: tuple[str, str, int]
) -> Iterator[Finding]:
    reason, message, times = event
    seen: set[str] = set()
    for wanted, expression, word in _RULES:
        if wanted != reason or word in seen or not expression.search(message):
            continue
        seen.add(word)
        yield Finding(word, subject, None, observation, *cited, float(times))
        if word == "imagepull" and (why := next((w for w, said in _PULLING if said.search(message)), None)):
            yield Finding(why, subject, None, observation, *cited, float(times))
        if reason != "FailedScheduling":
            # Scheduling messages list every obstacle; elsewhere the first rule that fits is the whole story.
            return


def _age_s(seen: str) -> int:
    """Seconds of kubectl's short duration: `5m2s (x3 over 10m)` is 302."""
    match = _SEEN.match(seen)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
