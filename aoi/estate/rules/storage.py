"""Claims, volumes and their classes.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/
"""

from collections.abc import Iterator

from aoi.estate.components import Component, Identity
from aoi.estate.estate import Estate, names
from aoi.estate.finding import Finding, Tier, sentence
from aoi.estate.objects import Obj, age_s, entries, name, namespace, part, spell, text

CLASSES = "storageclasses.storage.k8s.io"
PATIENCE_S = 60.0
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def storage(estate: Estate) -> Iterator[Finding]:
    """Findings about claims, and about pods whose claims are not there."""
    users = _users(estate)
    for claim in estate.of("persistentvolumeclaims"):
        phase = text(claim, "status", "phase")
        user = users.get((namespace(claim), name(claim)))
        if phase == "Lost":
            yield _finding(estate, claim, user, "released", f"has lost its volume {text(claim, 'spec', 'volumeName')}")
        elif phase == "Pending":
            yield from _pending(estate, claim, user)
    yield from _absent(estate, users)


def _users(estate: Estate) -> dict[tuple[str, str], Component]:
    """Claim -> whose pods mount it."""
    users: dict[tuple[str, str], Component] = {}
    for component in estate.components:
        for pod in (*component.pods, component.template):
            for volume in entries(pod, "spec", "volumes"):
                claim = text(volume, "persistentVolumeClaim", "claimName")
                if claim:
                    users.setdefault((component.namespace, claim), component)
        for template in entries(component.obj or {}, "spec", "volumeClaimTemplates"):
            for pod in component.pods:  # a StatefulSet names them TEMPLATE-POD
                users.setdefault((component.namespace, f"{name(template)}-{name(pod)}"), component)
    return users


def _pending(estate: Estate, claim: Obj, user: Component | None) -> Iterator[Finding]:
    if released := _held(estate, claim):
        yield _finding(estate, claim, user, "released", released)
        return
    wanted = _wanted_class(estate, claim)
    known = {name(obj): obj for obj in estate.of(CLASSES)}
    whole = estate.shows_absence(CLASSES)
    failed = estate.events(claim, "ProvisioningFailed", "FailedBinding", "ExternalExpanding")
    message = text(failed[0], "message") if failed else ""
    size = text(claim, "spec", "resources", "requests", "storage")
    if wanted and whole and wanted not in known and not _has_static_volume(estate, wanted):
        listed = ", ".join(sorted(known)) or "none"
        yield _finding(
            estate,
            claim,
            user,
            "noclass",
            f"is Pending: its storage class {wanted!r} (spec.storageClassName) does not exist (known: {listed})"
            + (f": {message}" if message else ""),
        )
    elif not wanted and whole and not message:
        yield _finding(
            estate, claim, user, "noclass", "is Pending: it names no storage class and there is no default one"
        )
    elif message and "waiting for first consumer" not in message.lower():
        yield _finding(estate, claim, user, "unbound", f"is Pending, storage class {wanted or '-'}, {size}: {message}")
    elif text(known.get(wanted, {}), "volumeBindingMode") == "WaitForFirstConsumer":
        return  # bound when a pod that uses it is placed: the pod's own finding tells
    else:
        age = age_s(text(claim, "metadata", "creationTimestamp"), estate.now)
        if age is None or age > PATIENCE_S:
            yield _finding(
                estate, claim, user, "unbound", f"has been Pending for {spell(age)}, storage class {wanted or '-'}"
            )


def _held(estate: Estate, claim: Obj) -> str:
    """Of a claim that names its volume: why it does not get it; empty if it names none, or nothing is known of it."""
    wanted = text(claim, "spec", "volumeName")
    volume = next((obj for obj in estate.of("persistentvolumes") if name(obj) == wanted), None)
    if not wanted or volume is None:
        missing = wanted and estate.shows_absence("persistentvolumes")
        return f"is Pending: its volume {wanted} does not exist" if missing else ""
    holder = part(volume, "spec", "claimRef")
    if not holder or text(holder, "uid") in ("", text(claim, "metadata", "uid")):
        return ""
    whose = f"{text(holder, 'namespace')}/{text(holder, 'name')}"
    return f"is Pending: its volume {wanted} is {text(volume, 'status', 'phase')} and still held for claim {whose}"


def _wanted_class(estate: Estate, claim: Obj) -> str:
    """The class asked for, or the default one; empty if there is none."""
    spec = part(claim, "spec")
    if isinstance(spec.get("storageClassName"), str):
        return spec["storageClassName"]
    marked = [c for c in estate.of(CLASSES) if text(c, "metadata", "annotations", _DEFAULT) == "true"]
    return name(marked[0]) if marked else ""


def _has_static_volume(estate: Estate, wanted: str) -> bool:
    """A class need not exist for volumes that somebody made by hand under its name."""
    return any(
        text(volume, "spec", "storageClassName") == wanted and text(volume, "status", "phase") == "Available"
        for volume in estate.of("persistentvolumes")
    )


def _finding(estate: Estate, claim: Obj, user: Component | None, word: str, words: str) -> Finding:
    owner = user.identity if user else Identity("PersistentVolumeClaim", namespace(claim), name(claim))
    whose = f" of {user.identity}" if user else ""
    is_used = user is None or any(text(pod, "status", "phase") == "Pending" for pod in user.pods)
    return Finding(
        word,
        owner,
        sentence(f"PersistentVolumeClaim/{name(claim)}{whose} {words}"),
        Tier.STATED,
        "failing" if is_used or word == "released" else "suspect",
        next=(
            f"kubectl describe pvc {name(claim)} -n {namespace(claim)}",
            "kubectl get storageclasses",
        ),
        sightings=(estate.witness.of(claim, '"storageClassName"'),),
    )


def _absent(estate: Estate, users: dict[tuple[str, str], Component]) -> Iterator[Finding]:
    for (place, wanted), component in sorted(users.items()):
        if not estate.shows_absence("persistentvolumeclaims", place):
            continue
        if wanted in names(estate.of("persistentvolumeclaims", place)) or not component.pods:
            continue
        mounting = [pod for pod in component.pods if _mounts(pod, wanted) and text(pod, "status", "phase") == "Pending"]
        if mounting:
            yield Finding(
                "noclaim",
                component.identity,
                sentence(f"{component.identity} mounts PersistentVolumeClaim {wanted}, which does not exist"),
                Tier.STATED,
                next=(f"kubectl get pvc -n {place}",),
                sightings=(estate.witness.of(mounting[0], f'"claimName": "{wanted}"'),),
            )


def _mounts(pod: Obj, claim: str) -> bool:
    return any(
        text(volume, "persistentVolumeClaim", "claimName") == claim for volume in entries(pod, "spec", "volumes")
    )
