"""Where a webhook is: the `clientConfig` of admission webhooks and of conversion webhooks, and what is wrong with it.

Source: k8s.io/apiserver/pkg/util/webhook/validation.go
"""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from kubeworld.kinds.field_errors import FieldError, invalid, required
from kubeworld.kinds.shared.formats import SUBDOMAIN, SUBDOMAIN_TEXT
from kubeworld.machine.store import Obj

HTTPS_PORT = 443
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FORM = "; desired format: https://host[/path]"


def with_port(config: Obj) -> Obj:
    """With the port that a Service is asked on if none is named."""
    service = config.get("service")
    return config if service is None else {**config, "service": {"port": HTTPS_PORT, **service}}


def client_config_errors(config: Obj, path: str) -> Iterator[FieldError]:
    """Exactly one of a URL and a Service, each well formed."""
    url, service = config.get("url"), config.get("service")
    if (url is None) is (service is None):
        yield required(path, "exactly one of url or service is required")
    elif url is not None:
        yield from _url_errors(url, f"{path}.url")
    elif service is not None:
        yield from _service_errors(service, f"{path}.service")


def _url_errors(url: str, path: str) -> Iterator[FieldError]:
    try:
        parts = _parsed(url)
    except ValueError as error:
        yield required(path, f"url must be a valid URL: {error}{_FORM}")
        return
    if parts.scheme != "https":
        yield invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_FORM}")
    user, at, host = parts.netloc.rpartition("@")
    if not host:
        yield invalid(path, host, f"host must be specified{_FORM}")
    if at:
        yield invalid(path, user, "user information is not permitted in the URL")
    if parts.fragment:
        yield invalid(path, parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        yield invalid(path, parts.query, "query parameters are not permitted in the URL")


def _parsed(url: str) -> SplitResult:
    """Raises: ValueError where Go's net/url does, which looks at more than Python's."""
    if _CONTROL.search(url):
        raise ValueError("net/url: invalid control character in URL")
    parts = urlsplit(url)
    port = parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
    if port and not (port.isascii() and port.isdigit()):
        raise ValueError(f'invalid port ":{port}" after host')
    return parts


def _service_errors(service: Obj, path: str) -> Iterator[FieldError]:
    if not service.get("name"):
        yield required(f"{path}.name", "service name is required")
    if not service.get("namespace"):
        yield required(f"{path}.namespace", "service namespace is required")
    port = service.get("port", HTTPS_PORT)
    if not 1 <= port <= 65535:
        yield invalid(f"{path}.port", port, "port is not valid: must be between 1 and 65535, inclusive")
    yield from _path_errors(service.get("path", ""), f"{path}.path")


def _path_errors(text: str, path: str) -> Iterator[FieldError]:
    if text in ("", "/"):
        return
    if text == "//":
        yield invalid(path, text, "segment[0] may not be empty")
        return
    if not text.startswith("/"):
        yield invalid(path, text, "must start with a '/'")
    for at, step in enumerate(text[1:].removesuffix("/").split("/")):
        if not step:
            yield invalid(path, text, f"segment[{at}] may not be empty")
        elif not SUBDOMAIN.match(step):
            yield invalid(path, text, f"segment[{at}]: {SUBDOMAIN_TEXT}")
