"""`kubectl events`, `kubectl top` and `kubectl rollout history|status`."""

from aoi.access.reading import READABLES
from aoi.agents.kubectl.columns import table
from aoi.agents.kubectl.command import ReadCommand
from aoi.agents.kubectl.describe_pods import describe_template
from aoi.agents.kubectl.describe_workloads import owned, replica_sets, revision, selector_text
from aoi.agents.kubectl.get import prefix
from aoi.agents.kubectl.page import Obj, Page, event_age, last_seen
from aoi.agents.kubectl.reader import Reader, ServerSaid
from aoi.estate.quantities import millicores, size_bytes

CAUSE = "kubernetes.io/change-cause"


def render_events(command: ReadCommand, reader: Reader) -> str:
    """Events of the namespace, or about one object, oldest first.

    Unlike kubectl, events about a workload include those of its ReplicaSets and pods: their names are not
    known beforehand, and a workload alone rarely has any.
    """
    fields = f"type={command.event_type}" if command.event_type else ""
    events = reader.list("events", fields=fields)
    if command.targets:
        wanted = _about(command, reader)
        events = [event for event in events if _subject(event) in wanted]
    if not events:
        return f"No events found in {command.namespace} namespace.\n"
    rows = [["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]] if command.headers else []
    for event in sorted(events, key=last_seen):
        kind, name = _subject(event)
        message = str(event.get("message", "")).strip().replace("\n", "\\n").replace("\t", " ")
        rows.append(
            [event_age(event, reader.now), event.get("type", ""), event.get("reason", ""), f"{kind}/{name}", message]
        )
    return table(rows)


def _subject(event: Obj) -> tuple[str, str]:
    involved = event.get("involvedObject") or {}
    return str(involved.get("kind", "")), str(involved.get("name", ""))


def _about(command: ReadCommand, reader: Reader) -> set[tuple[str, str]]:
    target = command.targets[0]
    wanted = {(target.readable.kind, target.name or "")}
    if target.readable.group in ("apps", "batch") and (owner := reader.find(target.readable, target.name or "")):
        labels = selector_text((owner.get("spec") or {}).get("selector"))
        if labels:
            wanted |= {("Pod", pod["metadata"]["name"]) for pod in reader.list("pods", labels=labels)}
        if target.readable.key == "deployments.apps":
            wanted |= {("ReplicaSet", rs["metadata"]["name"]) for rs in replica_sets(reader, owner)}
    return wanted


def render_top(command: ReadCommand, reader: Reader) -> str:
    """CPU and memory of pods or nodes, from metrics.k8s.io. Raises: ServerSaid."""
    target = command.targets[0]
    key = f"{target.readable.resource}.metrics.k8s.io"
    readable = READABLES[key]
    items = [reader.get(readable, target.name)] if target.name else reader.list(readable, labels=command.labels)
    if not items:
        return f"No resources found in {command.namespace} namespace.\n"
    rows = _node_rows(items, reader) if target.readable.resource == "nodes" else _pod_rows(items, command)
    header, body = rows[0], rows[1:]
    if command.sort_by:
        column = header.index("CPU(cores)" if command.sort_by == "cpu" else "MEMORY(bytes)")
        body.sort(key=lambda row: -int("".join(char for char in row[column] if char.isdigit()) or "0"))
    return table([header, *body] if command.headers else body)


def _pod_rows(items: list[Obj], command: ReadCommand) -> list[list[str]]:
    first = ["POD", "NAME"] if command.all_containers else ["NAME"]
    rows = [[*first, "CPU(cores)", "MEMORY(bytes)"]]
    for item in items:
        containers = item.get("containers") or []
        name = item["metadata"]["name"]
        if command.all_containers:
            rows += [[name, container["name"], *_usage([container])] for container in containers]
        else:
            rows.append([name, *_usage(containers)])
    return rows


def _usage(parts: list[Obj]) -> list[str]:
    cpu = sum(millicores((part.get("usage") or {}).get("cpu")) for part in parts)
    memory = sum(size_bytes((part.get("usage") or {}).get("memory")) for part in parts)
    return [f"{cpu}m", f"{memory // 2**20}Mi"]


def _node_rows(items: list[Obj], reader: Reader) -> list[list[str]]:
    rows = [["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]]
    for item in items:
        node = reader.find("nodes", item["metadata"]["name"]) or {}
        room = (node.get("status") or {}).get("allocatable") or {}
        cpu, memory = _usage([item])
        shares = []
        for used, whole in (
            (millicores((item.get("usage") or {}).get("cpu")), millicores(room.get("cpu"))),
            (size_bytes((item.get("usage") or {}).get("memory")), size_bytes(room.get("memory"))),
        ):
            shares.append(f"{used * 100 // whole}%" if whole else "<unknown>")
        rows.append([item["metadata"]["name"], cpu, shares[0], memory, shares[1]])
    return rows


def render_history(command: ReadCommand, reader: Reader) -> str:
    """Recorded revisions, or the template of one. Raises: ServerSaid."""
    target = command.targets[0]
    owner = reader.get(target.readable, target.name or "")
    title = f"{prefix(target.readable)}/{target.name}"
    recorded = revisions(reader, owner, target.readable.key)
    if command.revision is None:
        rows = [["REVISION", "CHANGE-CAUSE"]]
        rows += [[str(number), _cause(obj)] for number, obj, _ in recorded]
        return f"{title} \n" + table(rows, padding=2, minimum=0) + "\n"
    for number, _, template in recorded:
        if number == command.revision:
            page = Page(reader.now)
            describe_template(page, template)
            return f"{title} with revision #{number}\n" + page.text()
    raise ServerSaid(404, "", f"unable to find the specified revision {command.revision} of {title}")


def revisions(reader: Reader, owner: Obj, key: str) -> list[tuple[int, Obj, Obj]]:
    """(number, recorded object, pod template) of a workload, oldest first."""
    if key == "deployments.apps":
        return [(revision(rs), rs, (rs.get("spec") or {}).get("template") or {}) for rs in replica_sets(reader, owner)]
    labels = selector_text((owner.get("spec") or {}).get("selector"))
    kept = sorted(
        owned(reader.list("controllerrevisions.apps", labels=labels), owner), key=lambda obj: obj.get("revision", 0)
    )
    return [
        (obj.get("revision", 0), obj, ((obj.get("data") or {}).get("spec") or {}).get("template") or {}) for obj in kept
    ]


def _cause(obj: Obj) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(CAUSE, "<none>"))


def render_status(command: ReadCommand, reader: Reader) -> str:
    """Where a rollout stands now; it never waits. Raises: ServerSaid."""
    target = command.targets[0]
    obj = reader.get(target.readable, target.name or "")
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    what = f'{target.readable.kind.lower()} "{target.name}"'
    if obj["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return f"Waiting for {target.readable.kind.lower()} spec update to be observed...\n"
    for condition in status.get("conditions") or []:
        if condition.get("reason") == "ProgressDeadlineExceeded":
            return f"error: {what} exceeded its progress deadline\n"
    if target.readable.key == "daemonsets.apps":
        wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        total, ready = wanted, status.get("numberAvailable", 0)
    else:
        wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
        total, ready = status.get("replicas", 0), status.get("availableReplicas", status.get("readyReplicas", 0))
    if updated < wanted:
        return f"Waiting for {what} rollout to finish: {updated} out of {wanted} new replicas have been updated...\n"
    if total > updated:
        return f"Waiting for {what} rollout to finish: {total - updated} old replicas are pending termination...\n"
    if ready < updated:
        return f"Waiting for {what} rollout to finish: {ready} of {updated} updated replicas are available...\n"
    return f"{what} successfully rolled out\n"
