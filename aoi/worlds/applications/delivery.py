"""How releases reach a cluster: from which registry, with whose credentials, and how pods are exchanged for new ones.

Fixed by a generated application's number, drawn apart from the application itself, as its shapes are.
"""

import random
from dataclasses import replace

from aoi.worlds.applications.installation import Style
from aoi.worlds.applications.spec import Application, Component, Image

DOCKER = "docker.io"
"""Where an image is whose name says no registry."""
PRIVATE_SHARE: dict[Style, float] = {"plain": 0.35, "helm": 0.6, "suffix": 0.6, "team": 0.6}
"""Chance that an application's own images are private."""
ROLLED_SHARE = 0.34
"""Of an application's programs at most so many are rolled: their old pods serve until new ones are ready. The others
stop first, so that what cannot start is an outage there."""
DEADLINES_S = (120, 180, 300, 600)
"""Progress deadlines of what is rolled; 600 is what Kubernetes sets where nobody does."""


def place_of(repository: str) -> tuple[str, str]:
    """(registry, path in it) of a repository: a first part that cannot be a host belongs to the path."""
    first, slash, rest = repository.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return DOCKER, repository.removeprefix("library/")
    return first, rest.removeprefix("library/") if first == DOCKER else rest


def delivered(application: Application, number: int) -> Application:
    """The application with how its releases are delivered. The same number gives the same."""
    rng = random.Random(f"generated/{number}/delivery")
    if rng.random() < PRIVATE_SHARE[application.style]:
        product = application.namespace.removesuffix("-prod").removeprefix("prod-")
        name = rng.choice(("regcred", "registry-credentials", f"{product}-registry", "image-pull"))
        images = tuple(_private(image) for image in application.images)
        application = replace(application, images=images, pull_secret=name)
    programs = [c.name for c in application.components if _is_rollable(c)]
    most = max(1, int(len(programs) * ROLLED_SHARE))
    rolled = {name: rng.choice(DEADLINES_S) for name in rng.sample(programs, rng.randint(1, most))}
    components = tuple(
        replace(c, rolls=True, rollout_s=rolled[c.name]) if c.name in rolled else c for c in application.components
    )
    return replace(application, components=components)


def _private(image: Image) -> Image:
    """What the company builds itself; engines are everybody's."""
    return replace(image, is_private=any(owner for _, owner in image.binaries))


def _is_rollable(component: Component) -> bool:
    return component.kind in ("gateway", "service") and component.workload_kind == "Deployment"
