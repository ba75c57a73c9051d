"""What the last rollout changed, where it does not come up: a lead, not a verdict.

Recorded revisions are in the cluster: ReplicaSets of a Deployment, as `kubectl rollout history` shows them.
"""

from collections.abc import Iterator
from typing import Any

from aoi.estate.components import Component
from aoi.estate.estate import Estate
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import Obj, condition, containers, entries, instant, is_ready, labels, number, part, spell, text
from aoi.estate.quantities import size_bytes

SETTLE_S = 60.0
"""What a rollout may take before anybody asks what it changed."""
WORKED_S = 600.0
"""A revision that was rolled out whole, and worked so long, is not why its pods fail now."""
BACKOFF_S, MAX_BACKOFF_S = 10.0, 300.0
"""What the kubelet waits before the first restart, twice as long before each next one, up to the most."""
REVISION = "deployment.kubernetes.io/revision"


def changes(estate: Estate) -> Iterator[Finding]:
    """Findings about components whose newest template differs from the one before, and that are not all ready."""
    for component in estate.components:
        recorded = sorted((obj for obj in component.between if _revision(obj)), key=_revision)
        if len(recorded) < 2 or component.wanted == 0 or _is_up(component, recorded[-1]):
            continue
        newest, before = recorded[-1], recorded[-2]
        age_s = estate.age_s(text(newest, "metadata", "creationTimestamp"))
        if (age_s is not None and age_s < SETTLE_S) or _has_worked(estate, component, newest):
            continue
        age = spell(age_s)
        for word, words, needle in _differences(part(before, "spec", "template"), part(newest, "spec", "template")):
            yield Finding(
                word,
                component.identity,
                sentence(f"{component.identity}, revision {_revision(newest)}, {age} old, changed {words}"),
                Tier.TOLD,
                "suspect",
                next=(f"kubectl rollout history deployment/{component.name} -n {component.namespace}",),
                sightings=(estate.witness.of(newest, needle),),
            )


def _revision(obj: Obj) -> int:
    written = text(obj, "metadata", "annotations", REVISION)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else 0


def _has_worked(estate: Estate, component: Component, newest: Obj) -> bool:
    """Whether the newest revision was rolled out whole long before any of its pods began to fail."""
    progressing = condition(component.obj or {}, "Progressing")
    done_s = estate.age_s(text(progressing, "lastUpdateTime"))
    if text(progressing, "reason") != "NewReplicaSetAvailable" or done_s is None:
        return False
    mine = labels(newest).get("pod-template-hash")
    failing = [p for p in component.pods if labels(p).get("pod-template-hash") == mine and not is_ready(p)]
    longest = [_fails_for_s(estate, pod) for pod in failing]
    return bool(longest) and all(seconds is not None and done_s - seconds > WORKED_S for seconds in longest)


def _fails_for_s(estate: Estate, pod: Obj) -> float | None:
    """At most so long: since it was made, since it was last ready or, if it restarts, as all its attempts may take."""
    made_s = estate.age_s(text(pod, "metadata", "creationTimestamp"))
    restarts = max((number(c.status, "restartCount") for c in containers(pod)), default=0)
    trying_s = _attempts_s(pod) if restarts else estate.age_s(text(condition(pod, "Ready"), "lastTransitionTime"))
    return min((s for s in (made_s, trying_s) if s is not None), default=None)


def _attempts_s(pod: Obj) -> float | None:
    """How long restarting so often may have taken, every attempt as long as twice the last one."""
    spans = []
    for container in containers(pod):
        ended = part(container.status, "lastState", "terminated")
        began, over = instant(text(ended, "startedAt")), instant(text(ended, "finishedAt"))
        restarts = number(container.status, "restartCount")
        if restarts and (began is None or over is None):
            return None
        if restarts and began and over:
            waits = sum(min(BACKOFF_S * 2 ** min(n, 10), MAX_BACKOFF_S) for n in range(min(restarts, 10_000)))
            spans.append(waits + MAX_BACKOFF_S + 2 * (restarts + 1) * (over - began).total_seconds())
    return max(spans, default=None)


def _is_up(component: Component, newest: Obj) -> bool:
    wanted = number(newest, "spec", "replicas")
    mine = labels(newest).get("pod-template-hash")
    ready = [pod for pod in component.pods if labels(pod).get("pod-template-hash") == mine and is_ready(pod)]
    return 0 < wanted <= len(ready)


def _differences(old: Obj, new: Obj) -> Iterator[tuple[str, str, str]]:
    """(word, words, what to cite) for every part that differs."""
    before = {text(c, "name"): c for c in entries(old, "spec", "containers")}
    for container in entries(new, "spec", "containers"):
        label = text(container, "name")
        earlier = before.get(label)
        if earlier is None:
            continue
        if earlier.get("image") != container.get("image"):
            image = text(container, "image")
            yield "badimage", f"the image of container {label} from {text(earlier, 'image')} to {image}", image
        for key, word in (("command", "badcommand"), ("args", "badargs")):
            if earlier.get(key) != container.get(key):
                yield word, f"{key} of container {label} to {_spelt(container.get(key))}", f'"{key}"'
        for key in ("env", "envFrom"):
            if earlier.get(key) != container.get(key):
                yield "badenv", f"{key} of container {label}{_variables(earlier, container)}", f'"{key}"'
        yield from _probes_and_limits(label, earlier, container)
    if part(new, "spec").get("nodeSelector") != part(old, "spec").get("nodeSelector"):
        yield "nodeselector", f"nodeSelector to {part(new, 'spec').get('nodeSelector')}", '"nodeSelector"'


def _spelt(words: Any) -> str:
    """As a shell would take it, which is also how the redaction knows an option and its value."""
    return " ".join(map(str, words)) if isinstance(words, list) and words else "none"


def _probes_and_limits(label: str, old: Obj, new: Obj) -> Iterator[tuple[str, str, str]]:
    for key, word in (("livenessProbe", "liveness"), ("readinessProbe", "readiness")):
        if new.get(key) and old.get(key) != new.get(key):
            yield word, f"{key} of container {label}", f'"{key}"'
    before, after = text(old, "resources", "limits", "memory"), text(new, "resources", "limits", "memory")
    if after and (not before or size_bytes(after) < size_bytes(before)):
        yield "oomkilled", f"the memory limit of container {label} from {before or 'none'} to {after}", '"limits"'


def _variables(old: Obj, new: Obj) -> str:
    before = {text(variable, "name"): variable for variable in entries(old, "env")}
    after = {text(variable, "name"): variable for variable in entries(new, "env")}
    changed = sorted(key for key in before | after if before.get(key) != after.get(key))
    return f" ({', '.join(changed[:5])})" if changed else ""
