"""The functions that Kubernetes adds to CEL, as data and as Python.

Values of Kubernetes' own types are maps of strings with a tag. What is missing here is refused when a policy is
created, because nothing declares it: `find`, `findAll` (Python's regular expressions can be made to run for ever),
`format.named`, `semver`, `string()` of an address.
Reference: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-cel-libraries
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubeworld.admission.cel import addresses, amounts, authority, lists
from kubeworld.admission.cel.syntax import Node, Tree

TYPES = (*addresses.TYPES, *amounts.TYPES, *authority.TYPES)
"""Names of Kubernetes' own types, as its error messages write them."""


@dataclass(frozen=True, slots=True)
class Function:
    """One overload. Without `run` it is bound to the request that is being decided."""

    name: str
    parameters: tuple[str, ...]
    result: str
    run: Callable[..., Any] | None
    is_member: bool = True


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an expression that type-checks is refused all the same."""

    node: Node
    text: str


def _read(table: dict[str, Callable[..., Any] | None]) -> list[Function]:
    """Functions from signatures: `quantity sign() int`, and `isQuantity(string) bool` for one without a receiver."""
    functions = []
    for signature, run in table.items():
        match = _SIGNATURE.fullmatch(signature)
        assert match is not None, signature
        receiver, name, arguments, result = match.groups()
        texts = [*([receiver] if receiver else []), *(argument for argument in arguments.split(", ") if argument)]
        parameters = tuple(_TYPE_NAMES.get(text, text) for text in texts)
        functions.append(Function(name, parameters, _TYPE_NAMES.get(result, result), run, is_member=bool(receiver)))
    return functions


_SIGNATURE = re.compile(r"(?:(\w+(?:\(\w+\))?) )?([\w.]+)\((.*)\) (\S+)")
_TYPE_NAMES = {name.rsplit(".", 1)[1].lower(): name for name in TYPES}
FUNCTIONS = tuple(_read({**lists.FUNCTIONS, **amounts.FUNCTIONS, **addresses.FUNCTIONS, **authority.FUNCTIONS}))

REQUEST_FIELDS: dict[str, tuple[str, ...]] = {
    "kind": ("group", "version", "kind"),
    "requestKind": ("group", "version", "kind"),
    "resource": ("group", "version", "resource"),
    "requestResource": ("group", "version", "resource"),
    "userInfo": ("username", "uid", "groups", "extra"),
    **dict.fromkeys(("subResource", "requestSubResource", "name", "namespace", "operation", "dryRun", "options"), ()),
}
"""Fields of `request`. Source: k8s.io/apiserver/pkg/admission/plugin/cel/compile.go, BuildRequestType."""


def unsupported(tree: Tree) -> Problem | None:
    """What the type checker cannot see: fields that a request does not have, and `has()` of a variable."""
    for node in tree.root.walk():
        if node.kind == "select":
            owner = node.parts[0]
            if owner.kind == "ident" and owner.text == "request" and node.text not in REQUEST_FIELDS:
                return Problem(node, f"undefined field '{node.text}'")
            if owner.kind == "select" and owner.parts[0].kind == "ident" and owner.parts[0].text == "request":
                known = REQUEST_FIELDS.get(owner.text, ())
                if known and node.text not in known:
                    return Problem(node, f"undefined field '{node.text}'")
    return None
