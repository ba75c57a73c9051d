"""What is started: an image that does not exist, one that is broken, a program that is not the right one."""

import random
import re

from aoi.problems.faults.base import Action, Fault, Plan
from aoi.problems.faults.templates import changed_container
from aoi.problems.sites import Site, is_used
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component


def _buggy_builds(application: Application, component: Component) -> list[str]:
    """Broken builds that hold this component's program, those of a repository of its own first."""
    images = [
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
    image = site.application.by_repository[site.spec.image]
    exists = {*image.tags, *image.buggy, site.spec.tag}
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


BAD_IMAGE_TAG = Fault(
    key="bad_image_tag",
    version="1",
    causes=("imagepull", "badimage"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_bad_image_tag,
)
BUGGY_IMAGE = Fault(
    key="buggy_image",
    version="1",
    causes=("panic", "badimage", "crashloop"),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_buggy_build,
    plan=_buggy_image,
)
WRONG_BINARY = Fault(
    key="wrong_binary",
    version="1",
    causes=("badcommand",),
    level=SystemLevel.APPLICATION,
    type=FaultType.NETWORK_STORAGE,
    eligible=_shares_its_image,
    plan=_wrong_binary,
)
