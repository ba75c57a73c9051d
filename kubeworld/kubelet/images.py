"""Image names, what is on a node already, and how a pull fails in containerd's words.

Source: pkg/kubelet/images/image_manager.go and containerd's resolver.
"""

import re
from decimal import Decimal

from kubeworld.machine.runtime import ImageError
from kubeworld.machine.world import World

# github.com/distribution/reference: registry, path components, tag, digest.
_NAME = re.compile(
    r"^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*"
    r"(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$"
)


def is_valid(image: str) -> bool:
    """Whether an image name can be parsed at all."""
    return _NAME.match(image) is not None


def invalid_message(image: str) -> str:
    """Of the InspectFailed event and of the waiting state InvalidImageName."""
    return (
        f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": invalid reference format'
    )


def canonical(image: str) -> str:
    """`docker.io/library/nginx:latest` for `nginx`."""
    # The first component is a registry if it could be a host; Docker Hub otherwise, and `library` for bare names.
    first, slash, _ = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif "." not in first and ":" not in first and first != "localhost":
        image = f"docker.io/{image}"
    if ":" not in image.rpartition("/")[2] and "@" not in image:
        image += ":latest"
    return image


def pull_error(image: str, error: ImageError) -> str:
    """The runtime's error, as waiting.message and (after `Failed to pull image`) the event carry it."""
    full = canonical(image)
    registry, _, rest = full.partition("/")
    repository, _, tag = rest.partition("@" if "@" in rest else ":")
    host = "registry-1.docker.io" if registry == "docker.io" else registry
    start = f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": '
    if error == "not_found":
        return f"rpc error: code = NotFound desc = {start}{full}: not found"
    # Docker Hub does not tell what is private from what does not exist.
    if error == "pull_denied" or (error == "unauthorized" and registry == "docker.io"):
        return (
            f"rpc error: code = Unknown desc = {start}pull access denied, repository does not exist or may require "
            "authorization: server message: insufficient_scope: authorization failed"
        )
    if error == "unauthorized":
        url = f"https://{host}/token?scope=repository%3A{repository.replace('/', '%2F')}%3Apull&service={host}"
        cause = f"failed to fetch anonymous token: unexpected status from GET request to {url}: 401 Unauthorized"
        return f"rpc error: code = Unknown desc = {start}failed to authorize: {cause}"
    url = f"https://{host}/v2/{repository}/manifests/{tag}"
    if error == "timeout":
        cause = f'failed to do request: Head "{url}": dial tcp {_address(host)}:443: i/o timeout'
        return f"rpc error: code = DeadlineExceeded desc = {start}{cause}"
    if error == "untrusted":
        cause = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        return f'rpc error: code = Unknown desc = {start}failed to do request: Head "{url}": {cause}'
    cause = f'failed to do request: Head "{url}": dial tcp: lookup {host} on 10.96.0.10:53: no such host'
    return f"rpc error: code = Unknown desc = {start}{cause}"


def _address(host: str) -> str:
    """An address of a registry, the same each time, from a range that is for documentation (RFC 5737)."""
    return f"203.0.113.{1 + sum(host.encode()) % 254}"


def is_present(world: World, node: str, image: str) -> bool:
    """Whether the node pulled the image before."""
    return canonical(image) in world.state.get(f"images/{node}", ())


def remember(world: World, node: str, image: str) -> None:
    """The node has the image from now on."""
    name = canonical(image)
    present = world.state.get(f"images/{node}", ())
    if name not in present:
        world.state[f"images/{node}"] = (*present, name)


def duration(milliseconds: int) -> str:
    """Go's time.Duration text: `400ms`, `1.204s`, `1m2.5s`."""
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    seconds = f"{(Decimal(rest) / 1000).normalize():f}s"
    return f"{minutes}m{seconds}" if minutes else seconds
