"""Where images come from: whether the registry that a reference names can be reached, and lets this pod pull.

An application's images are at their own registry and nowhere else, so a reference that names another host for one of
them is answered as that host would: it does not exist, its certificate is of an authority that nodes do not know, or
it has no such repository. Images of nobody's are not judged.
"""

import base64
import re

import orjson

from aoi.worlds.applications.delivery import DOCKER, place_of
from aoi.worlds.applications.spec import Application, Image
from aoi.worlds.behaviour.launch import split_image
from kubeworld.machine.runtime import ImageError
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

PUBLIC = frozenset({DOCKER, "quay.io", "ghcr.io", "gcr.io", "registry.k8s.io", "public.ecr.aws", "mcr.microsoft.com"})
"""Registries that everybody reaches. They answer an unknown repository as one that is private."""
INSIDE = (".internal", ".local", ".lan", ".corp")
"""Domains of companies: registries there exist, with certificates of an authority of the company's own."""
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?")


def pull_error(world: World, application: Application, pod: Obj, reference: str) -> ImageError | None:
    """Why the registry does not hand out an image of the application to this pod; None if it does, or is not known."""
    host, path = place_of(split_image(reference)[0])
    image = _by_path(application).get(path)
    if image is None:
        return None
    home, _ = place_of(image.repository)
    if host == home:
        return None if not image.is_private or _may_pull(world, pod, host) else "unauthorized"
    if host in PUBLIC or host in {place_of(other.repository)[0] for other in application.images}:
        return "unauthorized"
    if _ADDRESS.fullmatch(host):
        return "timeout"
    return "untrusted" if host.partition(":")[0].endswith(INSIDE) else "registry_unreachable"


def _by_path(application: Application) -> dict[str, Image]:
    return {place_of(image.repository)[1]: image for image in application.images}


def _may_pull(world: World, pod: Obj, host: str) -> bool:
    """Whether one of the pod's pull secrets is there and holds credentials for the registry."""
    namespace = pod["metadata"]["namespace"]
    for reference in pod["spec"].get("imagePullSecrets") or ():
        secret = world.store.get("secrets", namespace, reference["name"])
        if secret is not None and host in _registries(secret):
            return True
    return False


def _registries(secret: Obj) -> frozenset[str]:
    """Hosts that a Secret of type kubernetes.io/dockerconfigjson has credentials for."""
    try:
        written = orjson.loads(base64.b64decode((secret.get("data") or {}).get(".dockerconfigjson", "")))
    except ValueError:
        return frozenset()
    auths = written.get("auths") if isinstance(written, dict) else None
    return frozenset(auths) if isinstance(auths, dict) else frozenset()
