"""Errors as whoever asks over a network sees them: typed, redacted, with what to do next, and never a traceback."""

import re

from aoi.access.alerts import clean
from aoi.errors import (
    AlertUnreadable,
    AoiError,
    FeedbackRefused,
    PurgedObject,
    RoleRefused,
    TokenRefused,
    Transient,
    UnknownCluster,
    UnknownNamespace,
    UnknownObject,
    UnknownProblem,
    UnknownSubmission,
)
from aoi.records.submission import Trouble

TYPE = "urn:aoi:error:"
MAX_DETAIL = 2_000
"""Characters."""
INTERNAL = Trouble(
    type=f"{TYPE}internal",
    title="A defect of ours",
    status=500,
    detail="something broke that should not. What it was stands in the log of the server",
)
_STATUS: tuple[tuple[type[AoiError], int], ...] = (
    (TokenRefused, 401),
    (RoleRefused, 403),
    (UnknownSubmission, 404),
    (UnknownCluster, 404),
    (UnknownProblem, 404),
    (PurgedObject, 410),
    (UnknownObject, 404),
    (UnknownNamespace, 422),
    (AlertUnreadable, 422),
    (FeedbackRefused, 422),
    (Transient, 503),
)
_NAMELESS: dict[type[AoiError], str] = {
    UnknownCluster: "no cluster is registered under that name. List them: aoi clusters list; enter one: aoi clusters "
    "add NAME --kubeconfig FILE",
    UnknownProblem: "there is no problem of that id. See them all: aoi problems list",
}
"""What is told in the place of a message that says back a name which was sent: it may be a secret."""
HERE = "(a path of the server)"
_PLACE = re.compile(
    r"\b(?!https?:)[a-z][a-z0-9+.-]*://[^\s'\",;()]*[^\s'\",;:.()]"  # a store or a database
    r"|(?<![\w/:.<{-])~?/(?!v1/|apis?/|version\b)[^\s'\",;()]*[^\s'\",;:.()]"  # a file; paths of an API are told
)
"""Where something lies on this machine: whoever runs it finds it in the settings and in `aoi clusters show`."""
_OTHERWISE = 500
"""The request was well-formed, and this installation cannot do it: its settings, its identity, its store."""


def trouble_of(error: AoiError) -> Trouble:
    """The first class in the table that fits says the status of HTTP, the class itself the type."""
    return Trouble(
        type=TYPE + re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower(),
        title=(type(error).__doc__ or "").partition("\n")[0].rstrip("."),
        status=next((status for kind, status in _STATUS if isinstance(error, kind)), _OTHERWISE),
        detail=_NAMELESS.get(type(error)) or _PLACE.sub(HERE, clean(str(error), MAX_DETAIL)),
        retry_in_s=error.retry_in_s if isinstance(error, Transient) else None,
    )
