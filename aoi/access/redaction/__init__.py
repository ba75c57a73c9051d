"""Takes credentials and control characters out of what a cluster says, before anything else sees it.

`redact_object` knows where Kubernetes keeps values (variables, arguments, ConfigMaps), `redact` and `redact_text` how
credentials are written in any text. All err on the side of hiding; none hides names of users or of keys, which a
diagnosis needs. Everything that comes back from a cluster is untrusted text, whoever wrote it.

    keys      what the name of a value tells          values    what a value looks like
    folding   reads through encodings                 pairs     key and value in a line
    commands  command lines, SQL, protocols           network   headers, cookies, addresses, webhooks
    known     tokens and digests of known shape       pem       private keys over lines
    blocks    values in other lines than their keys   manifests Secrets that are printed as objects
    text      all of it, over a text
    objects   positions in Kubernetes objects         strict    values by shape and digest
    levels    which of both a reader gets
"""

from aoi.access.redaction.folding import MARK
from aoi.access.redaction.keys import MAX_KEY, is_sensitive_key
from aoi.access.redaction.levels import CREDENTIALS, Level
from aoi.access.redaction.objects import redact_object
from aoi.access.redaction.strict import Strictness
from aoi.access.redaction.text import redact, redact_text, without_colours

__all__ = [
    "CREDENTIALS",
    "MARK",
    "MAX_KEY",
    "Level",
    "Strictness",
    "is_sensitive_key",
    "redact",
    "redact_object",
    "redact_text",
    "without_colours",
]  # fmt: skip
