"""`kubectl logs`: of a pod, of the newest pod of a workload, or of pods by label."""

from aoi.agents.kubectl.command import ReadCommand, Target
from aoi.agents.kubectl.describe_workloads import selector_text
from aoi.agents.kubectl.reader import Obj, Reader, ServerSaid
from aoi.estate.objects import DEFAULT_CONTAINER

MAX_PODS = 5
"""Pods of one answer by label; kubectl follows at most five at once."""


def render_logs(command: ReadCommand, reader: Reader) -> str:
    """What `kubectl logs` prints, notes of the command line included. Raises: ServerSaid."""
    target = command.targets[0]
    if target.name is None:
        return _by_label(command, reader)
    if target.readable.key == "pods":
        return _pod_log(reader.get("pods", target.name), command, reader)
    pods = pods_of(target, reader)
    if not pods:
        raise ServerSaid(
            404, "", f"no pods of {target.readable.resource}/{target.name} in {command.namespace} namespace"
        )
    note = f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}\n" if len(pods) > 1 else ""
    return note + _pod_log(pods[0], command, reader)


def pods_of(target: Target, reader: Reader) -> list[Obj]:
    """Pods that a workload or a Service selects, newest first."""
    owner = reader.get(target.readable, target.name or "")
    selector = (owner.get("spec") or {}).get("selector")
    labels = selector_text({"matchLabels": selector} if target.readable.key == "services" else selector)
    pods = reader.list("pods", labels=labels) if labels else []
    return newest_first(pods)


def newest_first(pods: list[Obj]) -> list[Obj]:
    """By creation time; ties by name, so that the same cluster gives the same order."""
    named = sorted(pods, key=lambda pod: pod["metadata"]["name"])
    return sorted(named, key=lambda pod: pod["metadata"].get("creationTimestamp") or "", reverse=True)


def _by_label(command: ReadCommand, reader: Reader) -> str:
    pods = newest_first(reader.list("pods", labels=command.labels))
    if not pods:
        return f"No resources found in {command.namespace} namespace.\n"
    parts: list[str] = []
    errors: list[ServerSaid] = []
    for pod in pods[:MAX_PODS]:
        try:
            parts.append(_pod_log(pod, command, reader))
        except ServerSaid as error:
            errors.append(error)
    if errors and not parts:
        raise errors[0]
    return "".join(parts) + "".join(f"{error}\n" for error in errors)


def _pod_log(pod: Obj, command: ReadCommand, reader: Reader) -> str:
    spec, name = pod.get("spec") or {}, pod["metadata"]["name"]
    containers = [container["name"] for container in spec.get("containers") or []]
    known = containers + [container["name"] for container in spec.get("initContainers") or []]
    if command.container and command.container not in known:
        raise ServerSaid(400, "BadRequest", f"container {command.container} is not valid for pod {name}")
    named: str = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER, "")
    first = [named] if named in known else containers[:1]
    chosen = [command.container] if command.container else containers if command.all_containers else first
    note = ""
    if len(containers) > 1 and named not in known and not command.container and not command.all_containers:
        note = f'Defaulted container "{chosen[0]}" out of: {", ".join(known)}\n'
    return note + "".join(_lines(reader.log(name, _query(container, command))) for container in chosen)


def _query(container: str, command: ReadCommand) -> dict[str, str]:
    query = {"container": container}
    if command.previous:
        query["previous"] = "true"
    if command.timestamps:
        query["timestamps"] = "true"
    if command.tail is not None:
        query["tailLines"] = str(command.tail)
    if command.since_s is not None:
        query["sinceSeconds"] = str(command.since_s)
    return query


def _lines(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
