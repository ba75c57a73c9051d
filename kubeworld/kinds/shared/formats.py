"""Formats that the fields of many kinds must have, and Kubernetes' words for those that have not.

Source: k8s.io/apimachinery/pkg/util/validation and pkg/api/validation
"""

import re
from collections.abc import Iterator

from kubeworld.kinds.field_errors import FieldError, invalid

IMMUTABLE = "field is immutable"
SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
DNS_1035 = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
DNS_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)


def port_errors(path: str, number: int) -> Iterator[FieldError]:
    """What is wrong with a port's number."""
    if not 1 <= number <= 65535:
        yield invalid(path, number, "must be between 1 and 65535, inclusive")


def _name(name: str, pattern: re.Pattern[str], text: str, longest: int) -> Iterator[FieldError]:
    if not pattern.match(name):
        yield invalid("metadata.name", name, text)
    elif len(name) > longest:
        yield invalid("metadata.name", name, f"must be no more than {longest} characters")


def subdomain_name(name: str) -> Iterator[FieldError]:
    """What is wrong with the name of most kinds."""
    return _name(name, SUBDOMAIN, SUBDOMAIN_TEXT, 253)


def label_name(name: str) -> Iterator[FieldError]:
    """What is wrong with a name that becomes part of host names."""
    return _name(name, LABEL, LABEL_TEXT, 63)


def dns_1035_name(name: str) -> Iterator[FieldError]:
    """What is wrong with a name that is a host name."""
    return _name(name, DNS_1035, DNS_1035_TEXT, 63)


def path_name(name: str) -> Iterator[FieldError]:
    """What is wrong with a name that need only fit into a path, as `system:node` does."""
    if "/" in name or "%" in name or name in (".", ".."):
        yield invalid("metadata.name", name, "may not contain '/' or '%'")
