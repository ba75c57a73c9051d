"""What the programs say: the sentence in a log that explains a finding, and what healthy ones complain about.

Logs of what fails are read first, from the end backwards; then, as far as the budget goes, one pod of each component
that looks healthy, since whoever cannot reach something is often healthy in Kubernetes' eyes.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aoi.estate.components import Component
from aoi.estate.corroboration import Facts, Support
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, LogKey, Source, Tier, sentence
from aoi.estate.hosts import Host
from aoi.estate.logs.telling import Telling, last_lines, tell
from aoi.estate.objects import Obj, containers, is_ready, main_container, name, namespace, text
from aoi.estate.observation import Observation
from aoi.estate.reading import Reader
from aoi.estate.weighing import Heard, Told, distinct, ends_of, hosts_of, rivals, tells, weighed

TAIL = 200
"""Lines of a first look at what fails."""
DEEP = 5_000
"""Lines of a second look, where the first explained nothing."""
CALM_TAIL = 80
"""Lines of what looks healthy."""
CALM_S = 900
"""Seconds back that are looked at there: what is older is the past."""
MAX_FAILING = 40
"""Containers whose logs are read because they fail."""
MAX_CALM = 60
"""Pods whose logs are read though they look healthy."""
SHOWN = 3
"""Telling lines in a summary."""
LOUD = 0.08
"""Share of a log's lines above which a complaint is a state and not an accident."""
EXHAUSTED = frozenset({"diskfull", "readonly", "fds"})
"""Words that a program says of what it stands on: ready or not, it does not work."""
SHORT = 20
"""In a log of fewer lines than this, one counts."""
REPEATED = {0: 2, 1: 3, 2: 3}
"""By a telling line's weight: a healthy program that complains fewer times than this had a bad moment."""


def hear(estate: Estate, reader: Reader, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with what the logs say about them."""
    findings = list(findings)
    wanted = list(dict.fromkeys(key for finding in findings for key in finding.logs))
    if len(wanted) > MAX_FAILING:
        reader.skip("logs", "", f"{len(wanted) - MAX_FAILING} containers' logs: {MAX_FAILING} that fail were read")
    heard = _read(reader, wanted[:MAX_FAILING], TAIL)
    facts = Facts(estate, findings)
    told = {each.log.key for f in findings for each in weighed(facts, f, _logs_of(f, heard)) if tells(each)}
    long = [k for k in heard if k not in told and heard[k].observation.data.count(b"\n") >= TAIL]
    heard |= _read(reader, long, DEEP)
    return tuple(_explained(facts, finding, _logs_of(finding, heard)) for finding in findings)


def _logs_of(finding: Finding, heard: dict[LogKey, Heard]) -> list[Heard]:
    return [heard[key] for key in finding.logs if key in heard]


def _read(reader: Reader, keys: list[LogKey], tail: int, since_s: int | None = None) -> dict[LogKey, Heard]:
    texts = reader.logs(keys, tail=tail, since_s=since_s)
    heard = {}
    for key, log in zip(keys, texts, strict=True):
        span = f" --tail={tail}" + (f" --since={since_s}s" if since_s else "")
        heard[key] = Heard(key, Observation(key.command + span, log.data), tell(log.data) if log.data else ())
    return heard


def _explained(facts: Facts, finding: Finding, logs: list[Heard]) -> Finding:
    """With the most telling line of its logs. The attempt that died is preferred to the one that has just begun."""
    told = weighed(facts, finding, logs)
    if not told:
        return _with_end(finding, logs)
    best = told[0]
    host = next(iter(best.hosts), None)
    shown = distinct(told)[:SHOWN]
    ends = () if best.support is Support.SUPPORTED else ends_of(logs, shown)
    cited = [each.log.sighting(each.telling) for each in shown] + [log.sighting(line) for log, line in ends]
    changes: dict[str, Any] = {
        "summary": sentence(f"{finding.summary}. {_quoted(shown, ends)}{_resolved(host)}"),
        "sightings": (*cited, *finding.sightings),
        "hosts": tuple(host for each in told if each.telling.weight == 1 for host in each.hosts),
        "is_explained": best.support is Support.SUPPORTED,
    }
    if finding.word == "liveness" or best.support is Support.CONTRADICTED:
        return finding.having(**changes)  # what kills it is known; what it complains about may be why
    if finding.tier is Tier.ENDED or (finding.tier is Tier.SYMPTOM and _is_loud(best.log, best.telling)):
        changes |= _why(finding, best, _callee(finding, told), is_open=len(rivals(told)) > 1)
    return finding.having(**changes)


def _callee(finding: Finding, told: list[Told]) -> Host | None:
    """Whom its log complains about, whatever else it says."""
    hosts = [host for each in told if each.support > Support.CONTRADICTED for host in each.hosts]
    return next((host for host in hosts if host.component is None or host.component.identity != finding.owner), None)


def _why(finding: Finding, best: Told, host: Host | None, *, is_open: bool) -> dict[str, Any]:
    """What a telling line changes: all that it says if it is borne out, its word if it is at least the only one."""
    telling = best.telling
    changes: dict[str, Any] = {"host": host}
    if host is not None and host.component is not None:
        changes["other"] = host.component.identity
    if best.support is Support.ALONE and is_open:
        return changes
    if telling.word != "unclassified":
        changes["word"] = telling.word
    elif finding.word == "crashloop" and telling.weight < 3:
        changes["word"] = "unclassified"
    if best.support is Support.SUPPORTED:
        changes["tier"] = {0: Tier.TOLD, 1: Tier.CALLEE}.get(telling.weight, finding.tier)
        if finding.word == "initwait" and telling.weight <= 1:
            changes["standing"] = "failing"
    else:
        changes["is_lone"] = "word" in changes
    return changes


def _quoted(shown: list[Told], ends: Sequence[tuple[Heard, Telling]]) -> str:
    """The lines in words; with what else it ends with, where nobody bears out what seems to explain it."""
    lines, support = " | ".join(each.telling.text for each in shown), shown[0].support
    if support is Support.SUPPORTED:
        return f"Its log says: {lines}"
    alone = "Its log alone says why" if len(shown) == 1 and support is Support.ALONE else "Its log says, and it alone"
    return f"{alone}: {lines}" + (f". It ends with: {' | '.join(line.text for _, line in ends)}" if ends else "")


def _is_loud(log: Heard, telling: Telling, *, even_if_plain: bool = True) -> bool:
    """Whether a program that runs complains often enough for it to be a state. One that died has said its last."""
    lines = log.observation.data.count(b"\n")
    return (even_if_plain and telling.weight == 0) or (
        telling.count >= LOUD * lines and (telling.count > 2 or lines < SHORT)
    )


def _with_end(finding: Finding, logs: list[Heard]) -> Finding:
    """Nothing in it looks like an error: then its end is what there is to show, if it died."""
    spoken = next((log for log in logs if log.observation.data.strip()), None)
    if spoken is None or finding.tier not in (Tier.ENDED, Tier.SYMPTOM):
        return finding
    lines = last_lines(spoken.observation.data, 2)
    if not lines:
        return finding
    return finding.having(
        summary=sentence(f"{finding.summary}. Its log ends with: {' | '.join(line.text for line in lines)}"),
        sightings=(*finding.sightings, spoken.sighting(lines[-1])),
    )


def _resolved(host: Host | None) -> str:
    if host is None:
        return ""
    if host.standing == "missing" and host.service is not None:
        return f" ({host.written}: the StatefulSet behind Service {host.service.name} has no such pod)"
    if host.standing == "missing":
        return f" (no Service is called {host.written})"
    if host.service is not None:
        return f" ({host.written} is Service {host.service.name})"
    return f" ({host.written} is {host.component.identity})" if host.component else ""


def overhear(estate: Estate, reader: Reader, failing: Iterable[Finding], first: Iterable[str]) -> Iterator[Finding]:
    """Complaints of components that look healthy: suspicions, until something else points the same way.

    `first` names the components to begin with: those that page.
    """
    failing = list(failing)
    known = {finding.owner for finding in failing if finding.standing == "failing"}
    ahead, facts = set(first), Facts(estate, failing)
    calm = [c for c in estate.components if c.identity not in known and c.kind not in ("Job", "CronJob")]
    calm.sort(key=lambda component: (estate.label(component.identity) not in ahead, component.identity))
    keys: dict[LogKey, Component] = {}
    for component in calm:
        for key in _calm_logs(component):
            keys[key] = component
    wanted = list(keys)
    if len(wanted) > MAX_CALM:
        reader.skip("logs", "", f"{len(wanted) - MAX_CALM} containers that look healthy: {MAX_CALM} were read")
    for key, log in _read(reader, wanted[:MAX_CALM], CALM_TAIL, CALM_S).items():
        yield from _complaints(facts, keys[key], log)


def _calm_logs(component: Component) -> Iterator[LogKey]:
    """The newest ready pod, its main container and others beside it; whatever is there to help is left out."""
    ready = [pod for pod in component.pods if is_ready(pod)]
    newest: Obj | None = max(ready, key=lambda pod: text(pod, "metadata", "creationTimestamp"), default=None)
    if newest is None:
        return
    main = main_container(newest)
    for container in containers(newest):
        if container.name == main:
            yield LogKey(namespace(newest), name(newest), container.name)


def _complaints(facts: Facts, component: Component, log: Heard) -> Iterator[Finding]:
    estate, told = facts.estate, set[tuple[str, str]]()
    for telling in log.tellings:
        if telling.weight > 2 or telling.count < REPEATED[telling.weight]:
            continue
        host = next(hosts_of(estate, component.namespace, telling), None)
        other = host.component.identity if host and host.component else None
        if other == component.identity:
            host = other = None
        key = (telling.word, str(other or (host.written if host else "")))
        if key in told:
            continue
        told.add(key)
        tier = {0: Tier.TOLD, 1: Tier.CALLEE}.get(telling.weight, Tier.SYMPTOM)
        complaint = Finding(
            telling.word,
            component.identity,
            sentence(f"{component.identity} logs {telling.text}{_resolved(host)} ({telling.count} times lately)"),
            tier,
            "suspect",
            next=(log.observation.line,),
            sightings=(log.sighting(telling),),
            host=host,
            other=other,
            is_explained=True,
            weight=float(telling.count),
            share=telling.count / max(1, log.observation.data.count(b"\n")),
            sources=frozenset({Source.LOG}),
            is_lone=True,
            logs=(log.key,),
        )
        if telling.word in EXHAUSTED and _is_loud(log, telling, even_if_plain=False):
            yield _exhausted(facts, complaint, telling)
        else:
            yield complaint


def _exhausted(facts: Facts, complaint: Finding, telling: Telling) -> Finding:
    """What a program says of what it stands on pages by itself where an object shows that it can be so."""
    if facts.support(complaint, telling, ()) is not Support.SUPPORTED:
        return complaint
    both = frozenset({Source.LOG, Source.OBJECT})
    return complaint.having(standing="failing", sources=both, is_lone=False)
