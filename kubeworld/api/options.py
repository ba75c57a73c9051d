"""Parameters of a request, as kube-apiserver checks them before it looks at the body or for objects."""

from collections.abc import Mapping

from kubeworld.kinds.errors import bad_request, invalid_options
from kubeworld.kinds.field_errors import forbidden_field, unsupported
from kubeworld.machine.integers import integer

_OPTIONS = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "patch": "PatchOptions",
    "delete": "DeleteOptions",
    "deletecollection": "DeleteOptions",
}
_MATCHES = ("", "Exact", "NotOlderThan")
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")


def check_options(verb: str, query: Mapping[str, str], headers: Mapping[str, str]) -> None:
    """Raises: ApiError 422."""
    if verb in ("list", "watch"):
        _check_list(verb, query)
    kind = _OPTIONS.get(verb)
    if kind is None:
        return
    if query.get("dryRun", "All") != "All":
        raise invalid_options(kind, unsupported("dryRun", query["dryRun"], ("All",)))
    if query.get("fieldValidation", "") not in _VALIDATIONS:
        raise invalid_options(kind, unsupported("fieldValidation", query["fieldValidation"], _VALIDATIONS))
    if verb == "patch" and query.get("force") and "apply-patch" not in headers.get("content-type", ""):
        raise invalid_options(kind, forbidden_field("force", "may not be specified for non-apply patch"))


def number(query: Mapping[str, str], name: str) -> int:
    """A parameter that is a number; 0 if it is not given. Raises: ApiError 400."""
    text = query.get(name, "")
    parsed = integer(text) if text else 0
    if parsed is None:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return parsed


def _check_list(verb: str, query: Mapping[str, str]) -> None:
    """Which revision a list or a watch is to be of. Raises: ApiError 422."""
    match, revision = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
    initial = query.get("sendInitialEvents", "")
    why = ""
    if match not in _MATCHES:
        raise invalid_options("ListOptions", unsupported("resourceVersionMatch", match, _MATCHES))
    if verb == "list" and initial:
        raise invalid_options(
            "ListOptions", forbidden_field("sendInitialEvents", "sendInitialEvents is forbidden for list")
        )
    if verb == "list" and match and not revision:
        why = "resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif verb == "list" and match == "Exact" and revision == "0":
        why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    elif verb == "watch" and match and not initial:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    elif verb == "watch" and initial and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    if why:
        raise invalid_options("ListOptions", forbidden_field("resourceVersionMatch", why))
