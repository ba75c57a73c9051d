"""Action inside a database: repair_database runs a script that the cluster itself keeps for that purpose.

Nobody can write a command: the script is a key of a ConfigMap that the database's pod mounts, and its exact text must
be on a list of digests that a person made by reading the scripts. No list of bad words can tell what a shell would do.
Its text is shown to the approver and bound by the approval as well.
"""

import re
from dataclasses import dataclass
from posixpath import normpath
from typing import ClassVar

from aoi.agents.actions.base import subject
from aoi.agents.actions.change import Change, Obj, Refused
from aoi.agents.actions.view import View, is_ready
from aoi.records.base import Sha256, sha256_hex

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}\.sh")
_GRANTS = re.compile(r"grantRolesToUser|\bGRANT\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Script:
    """One script that a pod mounts."""

    path: str
    text: str
    config_map: str

    @property
    def digest(self) -> Sha256:
        """Of the exact text: what a list of allowed scripts names it by."""
        return script_digest(self.text)


def script_digest(text: str) -> Sha256:
    """SHA-256 of a script's exact text, as `sha256sum` gives it for its file."""
    return sha256_hex(text.encode())


@dataclass(frozen=True, slots=True)
class RepairDatabase:
    """Run a recorded script that somebody has read and put on the list."""

    name: ClassVar[str] = "repair_database"
    component: str
    script: str | None
    listed: frozenset[Sha256]
    """Digests of the scripts that may be run."""

    @classmethod
    def parse(cls, component: str, value: str | None, listed: frozenset[Sha256]) -> "RepairDatabase":
        """Name of a script, or nothing: those that grant are tried before those that create. Raises: Refused."""
        if value is not None and _NAME.fullmatch(value) is None:
            raise Refused(f"repair_database takes the name of a .sh script, found {value!r:.60}", "syntax")
        return cls(component, value, listed)

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
        safe = [script for script in scripts if script.digest in self.listed]
        if not safe:
            raise Refused(f"{target.label}: {_unlisted(scripts, self.script)}", "method")
        safe.sort(key=lambda script: (_GRANTS.search(script.text) is None, script.path))
        return tuple(_exec(view, pod, container, script) for script in safe)

    def verify(self, view: View) -> str | None:
        """The script's exit code has said it already."""
        return None


def _unlisted(scripts: list[Script], name: str | None) -> str:
    """Why none of these is run, and what makes one run."""
    if not scripts:
        return f"keeps no script {name}" if name else "keeps no record of a repair"
    shown = "; ".join(f"{script.path} (configmap/{script.config_map}, sha256 {script.digest})" for script in scripts)
    return (
        f"none of its scripts is on the list of those that may be run: {shown}. Save a script to FILE, read it, and "
        "list it: aoi access script FILE"
    )


def _scripts(view: View, pod: Obj) -> tuple[str, list[Script]]:
    """The first container that mounts scripts, and those scripts."""
    volumes = {
        volume["name"]: volume["configMap"]
        for volume in pod["spec"].get("volumes") or []
        if (volume.get("configMap") or {}).get("name")
    }
    for container in pod["spec"].get("containers") or []:
        scripts = [
            script
            for mount in container.get("volumeMounts") or []
            if mount.get("name") in volumes and not mount.get("subPath") and not mount.get("subPathExpr")
            for script in _mounted(view, volumes[mount["name"]], mount["mountPath"])
            if not _is_covered(script.path, mount, container)
        ]
        if scripts:
            return container["name"], scripts
    return "", []


def _is_covered(path: str, own: Obj, container: Obj) -> bool:
    """Whether something else is mounted there, on the file or on its folder: then the file is that one's."""
    folder = normpath(own["mountPath"])
    for mount in container.get("volumeMounts") or []:
        place = normpath(mount["mountPath"])
        is_within = place == folder or place.startswith(folder.rstrip("/") + "/")
        if mount is not own and is_within and (path == place or path.startswith(place.rstrip("/") + "/")):
            return True
    return False


def _mounted(view: View, volume: Obj, folder: str) -> list[Script]:
    """Scripts of one ConfigMap by the names that its volume gives them: `items` may call one key by another's name."""
    data = (view.find("configmaps", volume["name"]) or {}).get("data") or {}
    items = volume.get("items")
    names = {key: key for key in data} if items is None else {item["path"]: item["key"] for item in items}
    return [
        Script(f"{normpath(folder)}/{name}", data[key], volume["name"])
        for name, key in sorted(names.items())
        if key in data and _NAME.fullmatch(name)
    ]


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
        shown=f"{script.path} (configmap/{script.config_map}, sha256 {script.digest}):\n{script.text}",
        alternative=True,
    )
