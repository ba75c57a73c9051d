"""Images that cannot be had or do not fit: a name, a registry, a login, a processor, the files of a database."""

import random
from dataclasses import replace

from aoi.problems.faults.base import Action, Fault, Mark, Plan
from aoi.problems.faults.templates import changed_container, changed_template
from aoi.problems.sites import Site, is_used
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.delivery import place_of
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.datafiles import refusal


def _reimaged(site: Site, image: str) -> Plan:
    return changed_container(
        site,
        {"image": image},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _bad_image_name(site: Site, choices: random.Random) -> Plan:
    """A reference that nobody can parse."""
    repository, tag = site.spec.image, site.spec.tag
    head, slash, last = repository.rpartition("/")
    wrong = choices.choice(
        (
            f"{head}{slash}{last.capitalize()}:{tag}",
            f"{repository}::{tag}",
            f"{repository}:{tag}:",
            f"{repository}:{tag}@{choices.randrange(10, 99)}",
            f"{repository}/:{tag}",
        )
    )
    return _reimaged(site, wrong)


def _wrong_architecture(site: Site, choices: random.Random) -> Plan:
    repository = site.spec.image
    build = choices.choice(site.application.image_of(site.spec).arm64)
    return changed_container(
        site,
        {"image": f"{repository}@{build}" if build.startswith("sha256:") else f"{repository}:{build}"},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("describe", site.name)),
    )


def is_private(application: Application, component: Component) -> bool:
    """Whether its image is pulled with a Secret, and somebody notices when it is not."""
    return is_used(application, component) and application.image_of(component).is_private


def _pull_secret_lost(site: Site, choices: random.Random) -> Plan:
    """A release whose pods log in to the registry with nothing, or with a Secret that nobody made."""
    name = site.application.pull_secret
    wrong = choices.choice((f"{name}-v2", f"{site.namespace}-{name}", f"{name}-ro"))
    secrets = choices.choice((None, [{"name": wrong}]))
    # What a node has it does not pull: it must be a release that no node has, or one that is looked up every time.
    release = {"image": f"{site.spec.image}:{site.application.image_of(site.spec).tags[0]}"}
    change = changed_template(
        site,
        {"imagePullSecrets": secrets},
        choices.choice((release, {"imagePullPolicy": "Always"})),
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )
    account = site.workload["spec"]["template"]["spec"].get("serviceAccountName", "default")
    given = Mark(("serviceaccounts", site.namespace, account), ("imagePullSecrets",), absent=True)
    made = Mark(("secrets", site.namespace, wrong), ("data",), absent=True)
    # Not the image nor how often it is pulled: a node that has it hides what a new one would meet.
    logins = tuple(mark for mark in change.marks if mark.path and mark.path[-1] == "imagePullSecrets")
    return replace(change, marks=logins).while_also(made if secrets else given)


def _registry_unresolved(site: Site, choices: random.Random) -> Plan:
    """An image at a registry whose name nobody knows."""
    _, path = place_of(site.spec.image)
    product = site.namespace.removesuffix("-prod").removeprefix("prod-")
    host = choices.choice((f"registry.{product}.example.net", f"harbor.{product}.example.org", "cr.eu-2.example.net"))
    return _reimaged(site, f"{host}/{path}:{site.spec.tag}")


def _registry_untrusted(site: Site, choices: random.Random) -> Plan:
    _, path = place_of(site.spec.image)
    product = site.namespace.removesuffix("-prod").removeprefix("prod-")
    host = choices.choice((f"registry.{product}.internal", f"mirror.{product}.lan:5000", "harbor.corp.internal"))
    return _reimaged(site, f"{host}/{path}:{site.spec.tag}")


def _refused_releases(application: Application, component: Component) -> list[str]:
    """Tags of the engine's image that do not open its files."""
    return [tag for tag in application.image_of(component).tags if refusal(component, tag) is not None]


def _keeps_files(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_refused_releases(application, component))


def _database_release(site: Site, choices: random.Random) -> Plan:
    tag = choices.choice(_refused_releases(site.application, site.spec))
    return changed_container(
        site,
        {"image": f"{site.spec.image}:{tag}"},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("describe", site.name)),
    )


BAD_IMAGE_NAME = Fault(
    key="bad_image_name",
    version="1",
    family="image",
    causes=("badimagename",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_bad_image_name,
)
WRONG_ARCHITECTURE = Fault(
    key="wrong_architecture",
    version="1",
    family="image",
    causes=("badimage", "badcommand"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=is_used,
    plan=_wrong_architecture,
)
PULL_SECRET_LOST = Fault(
    key="pull_secret_lost",
    version="1",
    family="image",
    causes=("imagepull",),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.AUTHENTICATION,
    eligible=is_private,
    plan=_pull_secret_lost,
)
REGISTRY_UNRESOLVED = Fault(
    key="registry_unresolved",
    version="1",
    family="image",
    causes=("imagepull", "badimage"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.DEPENDENCY,
    eligible=is_used,
    plan=_registry_unresolved,
)
REGISTRY_UNTRUSTED = Fault(
    key="registry_untrusted",
    version="1",
    family="image",
    causes=("imagepull", "badimage"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.AUTHENTICATION,
    eligible=is_used,
    plan=_registry_untrusted,
)
DATABASE_RELEASE = Fault(
    key="database_release",
    version="1",
    family="database",
    causes=("badimage",),
    level=SystemLevel.APPLICATION,
    type=FaultType.OPERATION,
    eligible=_keeps_files,
    plan=_database_release,
)

MECHANISMS = (
    BAD_IMAGE_NAME,
    WRONG_ARCHITECTURE,
    PULL_SECRET_LOST,
    REGISTRY_UNRESOLVED,
    REGISTRY_UNTRUSTED,
    DATABASE_RELEASE,
)
