"""What runs and how it is asked to run: replicas, image, program, memory, probes, and pods that chaos takes away."""

import copy
import random
import re
from typing import Any

from aoi.problems import names
from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.faults.chaos import chaos_plan, is_called
from aoi.problems.faults.templates import changed_container, with_resources
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import MIB, Application, Component


def _scale_to_zero(site: Site, choices: random.Random) -> Plan:
    replicas = site.workload["spec"].get("replicas", 1)
    return Plan(
        writes=(Patch(site.key, {"spec": {"replicas": 0}}),),
        repair=(Patch(site.key, {"spec": {"replicas": replicas}}),),
        marks=(Mark(site.key, ("spec", "replicas"), 0),),
        actions=(Action("scale", site.name, str(replicas)),),
        evidence=(("logs", site.observer), ("pods", site.name)),
        accepted=(site.name,),
    )


def _buggy_builds(application: Application, component: Component) -> list[str]:
    """Broken builds that hold this component's program, those of a repository of its own first."""
    own = application.image_of(component)
    images = [own] if own.by_tag and own.buggy else []
    images += [
        image
        for image in application.images
        if image.buggy and any(owner == component.name for _, owner in image.binaries)
    ]
    images.sort(key=lambda image: len(image.binaries))
    return [f"{image.repository}:{tag}" for image in images[:1] for tag in image.buggy]


def _has_buggy_build(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_buggy_builds(application, component))


def _shares_its_image(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(application.other_binaries(component.name))


def _next_version(tag: str) -> list[str]:
    """Tags that a release might have had: the last number raised, or a build suffix."""
    match = re.search(r"(\d+)(?!.*\d)", tag)
    if not match:
        return []
    number = int(match.group())
    return [tag[: match.start()] + str(number + step) + tag[match.end() :] for step in (1, 2, 5)]


def _bad_image_tag(site: Site, choices: random.Random) -> Plan:
    image = site.application.image_of(site.spec)
    exists = {*image.tags, *image.buggy, *image.flaws, site.spec.tag}
    candidates = [*_next_version(site.spec.tag), f"{site.spec.tag}-rc1", f"{site.spec.tag}-hotfix"]
    wrong = choices.choice([tag for tag in candidates if tag not in exists])
    return changed_container(
        site,
        {"image": f"{site.spec.image}:{wrong}"},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _buggy_image(site: Site, choices: random.Random) -> Plan:
    return changed_container(
        site,
        {"image": choices.choice(_buggy_builds(site.application, site.spec))},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("logs", site.name)),
    )


def _wrong_binary(site: Site, choices: random.Random) -> Plan:
    command = choices.choice(site.application.other_binaries(site.name))
    return changed_container(
        site,
        {"command": [command]},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.observer), ("describe", site.name)),
    )


def _memory_limit(site: Site, choices: random.Random) -> Plan:
    # Below what the program holds when idle, so that no luck with traffic keeps it alive.
    size_mib = max(4, int(site.spec.demand.memory_bytes / MIB * choices.uniform(0.35, 0.7)))
    limit = f"{size_mib}Mi"
    return changed_container(
        site,
        {"resources": with_resources(site, {"memory": limit}, {"memory": limit})},
        actions=(Action("set_limits", site.name),),
        evidence=(("pods", site.name),),
    )


def _wrong_probe(site: Site, kind: str, choices: random.Random) -> dict[str, Any]:
    """The component's own probe, or a plain TCP one, on a port where nothing listens."""
    probe = copy.deepcopy(dict(site.container.get(kind, {})))
    port = choices.choice([p for p in (site.spec.port + 1, site.spec.port + 1000, 8888) if p not in _listening(site)])
    probe.pop("exec", None)
    handler = next((name for name in ("httpGet", "tcpSocket", "grpc") if name in probe), "tcpSocket")
    probe[handler] = {**probe.get(handler, {}), "port": port}
    return {"initialDelaySeconds": 5, "periodSeconds": 10, "failureThreshold": 3, **probe}


def counts_readiness(application: Application, component: Component) -> bool:
    """Callers that ask a registry do not care whether a pod is ready; those behind a Service do."""
    return is_used(application, component) and application.reached_through_service(component.name)


def _listening(site: Site) -> set[int]:
    return {site.spec.port, *site.spec.extra_ports}


def _bad_readiness_probe(site: Site, choices: random.Random) -> Plan:
    return changed_container(
        site,
        {"readinessProbe": _wrong_probe(site, "readinessProbe", choices)},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _bad_liveness_probe(site: Site, choices: random.Random) -> Plan:
    return changed_container(
        site,
        {"livenessProbe": _wrong_probe(site, "livenessProbe", choices)},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _pod_failure(site: Site, choices: random.Random) -> Plan:
    name = names.experiment(site, "pod-failure", choices)
    return chaos_plan(site, "podchaos.chaos-mesh.org", name, {"action": "pod-failure", "mode": "all"})


SCALE_TO_ZERO = Fault(
    key="scale_to_zero",
    version="1",
    family="scale",
    causes=("zeroreplicas",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.OPERATION,
    eligible=is_used,
    plan=_scale_to_zero,
    at_rolled=True,
)
BAD_IMAGE_TAG = Fault(
    key="bad_image_tag",
    version="1",
    family="image",
    causes=("imagepull", "badimage"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_bad_image_tag,
)
BUGGY_IMAGE = Fault(
    key="buggy_image",
    version="1",
    family="image",
    causes=("panic", "badimage", "crashloop"),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_buggy_build,
    plan=_buggy_image,
)
WRONG_BINARY = Fault(
    key="wrong_binary",
    version="1",
    family="program",
    causes=("badcommand",),
    level=SystemLevel.APPLICATION,
    type=FaultType.NETWORK_STORAGE,
    eligible=_shares_its_image,
    plan=_wrong_binary,
)
MEMORY_LIMIT = Fault(
    key="memory_limit",
    version="1",
    family="resources",
    causes=("oomkilled",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_memory_limit,
)
BAD_READINESS_PROBE = Fault(
    key="bad_readiness_probe",
    version="1",
    family="probe",
    causes=("readiness",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=counts_readiness,
    plan=_bad_readiness_probe,
)
BAD_LIVENESS_PROBE = Fault(
    key="bad_liveness_probe",
    version="1",
    family="probe",
    causes=("liveness",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_bad_liveness_probe,
)
POD_FAILURE = Fault(
    key="pod_failure",
    version="1",
    family="chaos",
    causes=("chaos",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.OPERATION,
    eligible=is_called,
    plan=_pod_failure,
    at_rolled=True,
)

MECHANISMS = (
    SCALE_TO_ZERO,
    BAD_IMAGE_TAG,
    BUGGY_IMAGE,
    WRONG_BINARY,
    MEMORY_LIMIT,
    BAD_READINESS_PROBE,
    BAD_LIVENESS_PROBE,
    POD_FAILURE,
)
