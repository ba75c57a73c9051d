"""Action inside a database: repair_database runs a script that the cluster itself keeps for that purpose.

Nobody can write a command: the script is a key of a ConfigMap that the database's pod mounts, its text is shown to
the approver and bound by the approval, and a script that takes anything away is refused.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from aoi.agents.actions.base import subject
from aoi.agents.actions.change import Change, Obj, Refused
from aoi.agents.actions.view import View, is_ready

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}\.sh")
_GIVES = re.compile(r"grantRolesToUser|\bGRANT\b|createUser|CREATE\s+(ROLE|USER)", re.IGNORECASE)
_GRANTS = re.compile(r"grantRolesToUser|\bGRANT\b", re.IGNORECASE)
_TAKES = re.compile(
    r"\bdrop\w*|\brevoke\w*|\bdelete\w*|\bremove\w*|\btruncate\b|\brm\b|\bshutdown\w*|\bkill\w*|\bcurl\b|\bwget\b"
    r"|\bnc\b|(?<!-)\beval\s|\$\(|`|>|\|",
    re.IGNORECASE,
)
"""Words of a statement that takes something away, and shell syntax that could hide one."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script that a pod mounts."""

    path: str
    text: str
    config_map: str


@dataclass(frozen=True, slots=True)
class RepairDatabase:
    """Give a database's users back what a recorded script grants them."""

    name: ClassVar[str] = "repair_database"
    component: str
    script: str | None

    @classmethod
    def parse(cls, component: str, value: str | None) -> "RepairDatabase":
        """Name of a script, or nothing: those that grant are tried before those that create. Raises: Refused."""
        if value is not None and _NAME.fullmatch(value) is None:
            raise Refused(f"repair_database takes the name of a .sh script, found {value!r:.60}", "syntax")
        return cls(component, value)

    def render(self, view: View) -> tuple[Change, ...]:
        """One exec a script, each an alternative to those before it. Raises: Refused."""
        target = subject(view, self.component)
        running = [pod for pod in view.pods(target.obj) if (pod.get("status") or {}).get("phase") == "Running"]
        if not running:
            raise Refused(f"{target.label} has no running pod", "resource")
        pod = sorted(running, key=lambda item: (not is_ready(item), item["metadata"]["name"]))[0]
        container, scripts = _scripts(view, pod)
        if self.script is not None:
            scripts = [script for script in scripts if script.path.rpartition("/")[2] == self.script]
        safe = [script for script in scripts if _GIVES.search(script.text) and not _takes(script.text)]
        if not safe:
            what = f"script {self.script}" if self.script else "a repair"
            raise Refused(f"{target.label} keeps no record of {what} that only gives", "method")
        safe.sort(key=lambda script: (_GRANTS.search(script.text) is None, script.path))
        return tuple(_exec(view, pod, container, script) for script in safe)

    def verify(self, view: View) -> str | None:
        """The script's exit code has said it already."""
        return None


def _takes(text: str) -> bool:
    lines = [line for line in text.splitlines() if not line.strip().startswith("#")]
    return _TAKES.search("\n".join(lines)) is not None


def _scripts(view: View, pod: Obj) -> tuple[str, list[Script]]:
    """The first container that mounts scripts, and those scripts."""
    volumes = {
        volume["name"]: volume["configMap"]["name"]
        for volume in pod["spec"].get("volumes") or []
        if (volume.get("configMap") or {}).get("name")
    }
    for container in pod["spec"].get("containers") or []:
        scripts: list[Script] = []
        for mount in container.get("volumeMounts") or []:
            name = volumes.get(mount.get("name", ""))
            data = (
                ((view.find("configmaps", name) or {}).get("data") or {}) if name and not mount.get("subPath") else {}
            )
            for key, text in sorted(data.items()):
                if _NAME.fullmatch(key):
                    scripts.append(Script(f"{mount['mountPath'].rstrip('/')}/{key}", text, str(name)))
        if scripts:
            return container["name"], scripts
    return "", []


def _exec(view: View, pod: Obj, container: str, script: Script) -> Change:
    name = pod["metadata"]["name"]
    shell = "sh" if script.text.startswith("#!/bin/sh") else "bash"
    query = (
        ("command", shell),
        ("command", script.path),
        ("container", container),
        ("stdout", "true"),
        ("stderr", "true"),
    )
    return Change(
        summary=f"run {script.path} in pod/{name}",
        method="POST",
        path=view.path("pods", name) + "/exec",
        body={},
        before=pod,
        undoable=False,
        query=query,
        shown=f"{script.path} (configmap/{script.config_map}):\n{script.text}",
        alternative=True,
    )
