"""The command line of a container, as its process sees it.

Source: https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
"""

import re

from kubeworld.machine.store import Obj

_REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")


def expanded_words(pod: Obj, container: Obj) -> list[str]:
    """Command and arguments, with `$(NAME)` replaced where the pod itself says what that is."""
    known: dict[str, str] = {}

    def value_of(found: re.Match[str]) -> str:
        # `$$` is a dollar sign, and what is not known stays as it is written.
        return "$" if found[1] == "$" else known.get(found[2], found[0])

    for variable in container.get("env") or ():
        value = variable.get("value")
        if value is not None:
            known[variable["name"]] = _REFERENCE.sub(value_of, value)
        elif path := ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath"):
            known[variable["name"]] = _field(pod, path)
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    return [_REFERENCE.sub(value_of, word) for word in words]


def _field(pod: Obj, path: str) -> str:
    value: object = pod
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return value if isinstance(value, str) else ""
