"""The Compressor: observations of one iteration in, ranked signals with citations out.

Deterministic and stateless: rules on the text alone, never a comparison with a healthy world. It is the only
way from raw bytes to the Observer.
"""

from collections.abc import Iterator, Sequence

from aoi.agents.compressor import (
    configuration,
    containers,
    events,
    logs,
    placement,
    services,
    telemetry,
    templates,
)
from aoi.agents.compressor.mining import condense
from aoi.agents.compressor.observation import Finding, Observation
from aoi.agents.compressor.ranking import rank
from aoi.agents.kubectl.kinds import BY_WORD
from aoi.agents.topology import Topology
from aoi.language.handles import Handles
from aoi.records.episode import Citation, Signal

__all__ = ["Compressor", "Observation", "condense"]

_STATUSES = "get pods json"
_WORKLOADS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")


class Compressor:
    """Turns what the Probe saw into what the Observer may see."""

    def __init__(self, topology: Topology, handles: Handles) -> None:
        self._topology = topology
        self._handles = handles

    def signals(self, target: str, observations: Sequence[Observation]) -> tuple[Signal, ...]:
        """Ranked signals about `target` (a real name); `healthy` if the text shows nothing wrong with it.

        An unreadable observation shows nothing, and nothing is absent for not being in one that was cut.
        Findings about other components than the target are dropped: a check answers the question that was asked.
        """
        readable = [seen for seen in observations if seen.data and seen.evidence != "unreadable"]
        if not readable:
            return ()
        nodes = self._topology.nodes
        about = [f for f in self._findings(target, readable) if target in (f.subject, f.other) or f.subject in nodes]
        ranked = rank(about, target)
        sound = [observation for observation in readable if _says_something(observation)]
        if not ranked and sound and not _hides_statuses(readable):
            ranked = [Finding("healthy", target, None, sound[0], 0, len(sound[0].data))]
        signals = (self._signal(finding) for finding in ranked)
        return tuple(signal for signal in signals if signal is not None)

    def _signal(self, finding: Finding) -> Signal | None:
        """With handles for names; None if a name has no handle in this episode."""
        subject = self._handle(finding.subject)
        other = self._handle(finding.other) if finding.other else None
        if subject is None or (finding.other and other is None):
            return None
        citation = Citation(
            observation=finding.observation.digest, start_byte=finding.start, end_byte=max(finding.start, finding.end)
        )
        return Signal(word=finding.word, subject=subject, other=other, citation=citation)

    def _handle(self, name: str) -> str | None:
        return self._handles.component(name) or self._handles.node(name)

    def _findings(self, target: str, observations: Sequence[Observation]) -> Iterator[Finding]:
        topology = self._topology
        by_shape: dict[str, Observation] = {}
        for observation in observations:
            shape = _shape(observation.line)
            by_shape[shape] = observation
            yield from _alone(shape, observation, target, topology)
        described = by_shape.get("describe workload")
        service = by_shape.get("describe services")
        if service and service.evidence == "absent":
            yield from services.missing(service, described, topology)
        # What follows finds something absent in one of two texts: it needs that one to its end.
        whole = {shape: observation for shape, observation in by_shape.items() if observation.is_whole}
        if service and described and {"describe services", "describe workload"} <= whole.keys():
            yield from services.endpoints(service, described, topology)
        if (manifest := by_shape.get("get workload json")) and (maps := whole.get("get configmaps json")):
            yield from configuration.configuration(manifest, maps, whole.get("get services"), topology)
        if described and (claims := whole.get("get persistentvolumeclaims")):
            yield from placement.storage(described, claims, topology)


def _alone(  # noqa: PLR0912 - one line a shape reads better than a table of unlike signatures
    shape: str, observation: Observation, target: str, topology: Topology
) -> Iterator[Finding]:
    """Findings that one observation shows by itself."""
    match shape:
        case "describe pods":
            yield from containers.pods(observation, topology)
        case "describe workload":
            yield from containers.workload(observation, topology)
            yield from templates.probe_ports(observation, topology)
        case "events":
            yield from events.events(observation, topology)
        case shape if shape == _STATUSES:
            yield from events.statuses(observation, topology)
        case "logs" | "logs previous":
            yield from logs.logs(observation, target, topology, is_previous=shape != "logs")
        case "get replicasets json" | "get controllerrevisions json":
            yield from templates.revisions(observation, topology)
        case "get endpointslices json":
            yield from services.strangers(observation, target, topology)
        case "get networkpolicies json":
            yield from placement.policies(observation, topology)
        case "get persistentvolumes":
            yield from placement.released(observation, topology)
        case "describe resourcequotas":
            yield from placement.quotas(observation, target)
        case "get nodes":
            yield from placement.nodes(observation, topology)
        case "describe nodes":
            yield from placement.taints(observation, topology)
        case "prom metrics":
            yield from telemetry.metrics(observation, target)
        case "jaeger traces":
            yield from telemetry.traces(observation, target, topology)
        case _ if shape.endswith("chaos json") or shape == "get schedules json":
            yield from placement.chaos(observation, topology)


def _hides_statuses(observations: Sequence[Observation]) -> bool:
    """Whether the status of some pod was asked for and not shown: then nobody is healthy for want of an event."""
    return any(_shape(seen.line) == _STATUSES and templates.is_cut(seen) for seen in observations)


def _says_something(observation: Observation) -> bool:
    """Whether silence in this text means health: an error does not, nor a part, nor a thing that is not there.

    A log is the end of one at best: of it silence in what there is has to do. Of the status of pods only what events
    repeat is read, so its silence says nothing.
    """
    shape = _shape(observation.line)
    is_log = shape.startswith("logs")
    return (
        shape != _STATUSES
        and (observation.is_whole or (is_log and not observation.is_error))
        and not observation.text.startswith(("No resources found", "No metrics", "No traces", "No series"))
    )


def _shape(line: str) -> str:
    """What a command line asks for, by verb and resource: the key of the rules that fit its output."""
    words = [word for word in line.split() if not word.startswith("-")]
    if words[:1] != ["kubectl"]:
        return " ".join(words[:2])
    verb = words[1] if len(words) > 1 else ""
    if verb == "logs":
        return "logs previous" if "--previous" in line.split() else "logs"
    if verb not in ("get", "describe") or len(words) < 3:
        return verb
    readable = BY_WORD.get(words[2].partition("/")[0].partition(",")[0])
    key = readable.key if readable else ""
    resource = "workload" if key in _WORKLOADS else key.partition(".")[0]
    return f"{verb} {resource}" + (" json" if "-o json" in line else "")
