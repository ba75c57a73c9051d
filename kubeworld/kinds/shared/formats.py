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


_QUALIFIED = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_QUALIFIED_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def qualified_name(path: str, name: str) -> Iterator[FieldError]:
    """What is wrong with the key of a label, a taint or a condition: `example.com/MyName`, the first part optional."""
    *prefixes, last = name.split("/")
    if len(prefixes) > 1:
        why = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        yield invalid(path, name, f"a qualified name {_QUALIFIED_TEXT} {why}")
        return
    for prefix in prefixes:
        if not prefix:
            yield invalid(path, name, "prefix part must be non-empty")
        elif not SUBDOMAIN.match(prefix):
            yield invalid(path, name, f"prefix part {SUBDOMAIN_TEXT}")
    if not last:
        yield invalid(path, name, "name part must be non-empty")
    elif len(last) > 63:
        yield invalid(path, name, "name part must be no more than 63 characters")
    if not _QUALIFIED.match(last):
        yield invalid(path, name, f"name part {_QUALIFIED_TEXT}")


_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def label_value(path: str, value: str) -> Iterator[FieldError]:
    """What is wrong with the value of a label or a taint."""
    return _shaped(path, value, _LABEL_VALUE, _LABEL_VALUE_TEXT, 63)


def port_name(path: str, name: str) -> Iterator[FieldError]:
    """What is wrong with the name of a container's port (IANA_SVC_NAME)."""
    if len(name) > 15:
        yield invalid(path, name, "must be no more than 15 characters")
    if not re.fullmatch(r"[-a-z0-9]*", name):
        yield invalid(path, name, "must contain only alphanumeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", name):
        yield invalid(path, name, "must contain at least one letter (a-z)")
    if "--" in name:
        yield invalid(path, name, "must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        yield invalid(path, name, "must not begin or end with a hyphen")


def port_errors(path: str, number: int) -> Iterator[FieldError]:
    """What is wrong with a port's number."""
    if not 1 <= number <= 65535:
        yield invalid(path, number, "must be between 1 and 65535, inclusive")


def _shaped(path: str, value: str, pattern: re.Pattern[str], text: str, longest: int) -> Iterator[FieldError]:
    if not pattern.match(value):
        yield invalid(path, value, text)
    elif len(value) > longest:
        yield invalid(path, value, f"must be no more than {longest} characters")


def subdomain_name(name: str) -> Iterator[FieldError]:
    """What is wrong with the name of most kinds."""
    return _shaped("metadata.name", name, SUBDOMAIN, SUBDOMAIN_TEXT, 253)


def label_name(name: str) -> Iterator[FieldError]:
    """What is wrong with a name that becomes part of host names."""
    return _shaped("metadata.name", name, LABEL, LABEL_TEXT, 63)


def dns_1035_name(name: str) -> Iterator[FieldError]:
    """What is wrong with a name that is a host name."""
    return _shaped("metadata.name", name, DNS_1035, DNS_1035_TEXT, 63)


def path_name(name: str) -> Iterator[FieldError]:
    """What is wrong with a name that need only fit into a path, as `system:node` does."""
    if "/" in name or "%" in name or name in (".", ".."):
        yield invalid("metadata.name", name, "may not contain '/' or '%'")
