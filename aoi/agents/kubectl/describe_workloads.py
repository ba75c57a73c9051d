"""Workloads and their revisions as `kubectl describe` prints them."""

from collections.abc import Sequence

from aoi.agents.kubectl.describe_pods import describe_template
from aoi.agents.kubectl.page import Obj, Page, moment
from aoi.agents.kubectl.reader import Reader

REVISION = "deployment.kubernetes.io/revision"


def selector_text(selector: Obj | None) -> str:
    """`app=geo,tier in (a,b)`: a label selector as the API and kubectl spell it."""
    if not selector:
        return ""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in selector.get("matchExpressions") or []:
        operator, key = rule.get("operator"), rule.get("key", "")
        values = ",".join(sorted(rule.get("values") or []))
        parts.append(
            {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}.get(operator, f"!{key}")
        )
    return ",".join(parts)


def owned(objects: Sequence[Obj], owner: Obj) -> list[Obj]:
    """Objects whose controller is `owner`."""
    uid = owner["metadata"].get("uid")
    return [
        obj
        for obj in objects
        if any(ref.get("uid") == uid and ref.get("controller") for ref in obj["metadata"].get("ownerReferences") or [])
    ]


def replica_sets(reader: Reader, deployment: Obj) -> list[Obj]:
    """Its ReplicaSets, oldest revision first."""
    labels = selector_text((deployment.get("spec") or {}).get("selector"))
    return sorted(owned(reader.list("replicasets.apps", labels=labels), deployment), key=revision)


def revision(obj: Obj) -> int:
    """Revision of a Deployment or a ReplicaSet; 0 without one."""
    text = str((obj["metadata"].get("annotations") or {}).get(REVISION, "0"))
    return int(text) if text.isdigit() else 0


def describe_deployment(page: Page, deployment: Obj, reader: Reader) -> None:
    """Everything but the events."""
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    page.head(deployment, created=True)
    page.field(0, "Selector", selector_text(spec.get("selector")))
    page.field(
        0,
        "Replicas",
        f"{spec.get('replicas', 1)} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable",
    )
    strategy = spec.get("strategy") or {}
    page.field(0, "StrategyType", strategy.get("type", "RollingUpdate"))
    page.field(0, "MinReadySeconds", spec.get("minReadySeconds", 0))
    if rolling := strategy.get("rollingUpdate"):
        limits = f"{rolling.get('maxUnavailable', '25%')} max unavailable, {rolling.get('maxSurge', '25%')} max surge"
        page.field(0, "RollingUpdateStrategy", limits)
    describe_template(page, spec.get("template") or {})
    page.conditions(status.get("conditions"), ("Status", "Reason"))
    sets = replica_sets(reader, deployment)
    current = [rs for rs in sets if revision(rs) == revision(deployment)][-1:]
    old = [rs for rs in sets if rs not in current and (rs.get("status") or {}).get("replicas", 0)]
    page.field(0, "OldReplicaSets", _sets(old))
    page.field(0, "NewReplicaSet", _sets(current))


def _sets(sets: Sequence[Obj]) -> str:
    texts = []
    for rs in sets:
        wanted, made = (rs.get("spec") or {}).get("replicas", 0), (rs.get("status") or {}).get("replicas", 0)
        texts.append(f"{rs['metadata']['name']} ({made}/{wanted} replicas created)")
    return ", ".join(texts) or "<none>"


def describe_replica_set(page: Page, obj: Obj, reader: Reader) -> None:
    """Also fits a ReplicationController's shape."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    page.head(obj)
    page.field(0, "Selector", selector_text(spec.get("selector")))
    _controlled_by(page, obj)
    page.field(0, "Replicas", f"{status.get('replicas', 0)} current / {spec.get('replicas', 1)} desired")
    _pod_counts(page, reader, obj)
    describe_template(page, spec.get("template") or {})
    page.conditions(status.get("conditions"), ("Status", "Reason", "Message"))


def describe_stateful_set(page: Page, obj: Obj, reader: Reader) -> None:
    """With its volume claim templates."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    page.head(obj, created=True)
    page.field(0, "Selector", selector_text(spec.get("selector")))
    page.field(0, "Replicas", f"{spec.get('replicas', 1)} desired | {status.get('replicas', 0)} total")
    page.field(0, "Update Strategy", (spec.get("updateStrategy") or {}).get("type", "RollingUpdate"))
    _pod_counts(page, reader, obj)
    describe_template(page, spec.get("template") or {})
    claims = spec.get("volumeClaimTemplates") or []
    page.line(0, "Volume Claims:" if claims else "Volume Claims:\t<none>")
    for claim in claims:
        wanted = claim.get("spec") or {}
        page.field(1, "Name", claim["metadata"]["name"])
        page.field(1, "StorageClass", wanted.get("storageClassName", ""))
        page.field(1, "Capacity", ((wanted.get("resources") or {}).get("requests") or {}).get("storage", "<default>"))
        page.field(1, "Access Modes", f"[{' '.join(wanted.get('accessModes') or [])}]")


def describe_daemon_set(page: Page, obj: Obj, reader: Reader) -> None:
    """Node counts and template."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    page.head(obj)
    page.field(0, "Selector", selector_text(spec.get("selector")))
    page.mapping(0, "Node-Selector", ((spec.get("template") or {}).get("spec") or {}).get("nodeSelector"))
    for title, key in (
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ):
        page.field(0, title, status.get(key, 0))
    _pod_counts(page, reader, obj)
    describe_template(page, spec.get("template") or {})


def describe_job(page: Page, obj: Obj, reader: Reader) -> None:
    """Completions, times and template."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    page.head(obj)
    page.field(0, "Selector", selector_text(spec.get("selector")))
    _controlled_by(page, obj)
    page.field(0, "Parallelism", spec.get("parallelism", 1))
    page.field(0, "Completions", spec.get("completions", 1))
    page.field(0, "Backoff Limit", spec.get("backoffLimit", 6))
    if status.get("startTime"):
        page.field(0, "Start Time", moment(status["startTime"]))
    if status.get("completionTime"):
        page.field(0, "Completed At", moment(status["completionTime"]))
    counts = f"{status.get('active', 0)} Active ({status.get('ready', 0)} Ready)"
    page.field(
        0, "Pods Statuses", f"{counts} / {status.get('succeeded', 0)} Succeeded / {status.get('failed', 0)} Failed"
    )
    describe_template(page, spec.get("template") or {})
    page.conditions(status.get("conditions"), ("Status", "Reason", "Message"))


def _controlled_by(page: Page, obj: Obj) -> None:
    for owner in obj["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            page.field(0, "Controlled By", f"{owner['kind']}/{owner['name']}")


def _pod_counts(page: Page, reader: Reader, owner: Obj) -> None:
    labels = selector_text((owner.get("spec") or {}).get("selector"))
    phases = [(pod.get("status") or {}).get("phase") for pod in owned(reader.list("pods", labels=labels), owner)]
    counts = [f"{phases.count(p)} {w}" for p, w in (
        ("Running", "Running"), ("Pending", "Waiting"), ("Succeeded", "Succeeded"), ("Failed", "Failed"))]  # fmt: skip
    page.field(0, "Pods Status", " / ".join(counts))
