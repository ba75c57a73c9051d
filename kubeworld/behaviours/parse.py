"""Reads behaviours out of YAML, and says exactly what is wrong with those that it refuses.

The format is described in the README of kubeworld; unknown keys are refused, since a misspelt one would do nothing.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import get_args

import yaml

from kubeworld.behaviours import outside, work
from kubeworld.behaviours.entries import Behaviours, ContainerEntry, Ending, Match, NodeEntry, ProbeKind, Pull
from kubeworld.behaviours.fields import LIST, TEXT, TRUTH, BadBehaviours, Fields, choice, number, shown, whole
from kubeworld.behaviours.text import LogText, is_readable
from kubeworld.machine.outside import ApiAvailability, HookAnswer, Outside, ServiceAddress
from kubeworld.machine.runtime import ExitPlan

MEBIBYTE = 1024 * 1024
KILLED, FAILED = 137, 1
"""Exit codes that are meant where none is given: of a container out of memory, of any other failure."""
LONGEST_S = 10**9
_MATCH = ("namespace", "pod", "container", "image")


def read(path: Path) -> Behaviours:
    """The behaviours in a file. Raises: BadBehaviours, OSError."""
    try:
        document = yaml.load(path.read_bytes(), _Loader)
    # PyYAML leaves it to its caller when a date has no such day, or when brackets are nested without end.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadBehaviours(f"{path}: no YAML: {' '.join(str(error).split())}") from error
    try:
        return parse(document, path.parent)
    except BadBehaviours as error:
        raise BadBehaviours(f"{path}: {error}") from error


def parse(document: object, folder: Path = Path()) -> Behaviours:
    """Behaviours out of what YAML holds; `folder` is where relative log files are. Raises: BadBehaviours."""
    if document is None:  # a file with nothing but comments
        return Behaviours()
    if not isinstance(document, Sequence) or isinstance(document, str | bytes):
        raise BadBehaviours(f"expected a list of entries, found {shown(document)}")
    containers: list[ContainerEntry] = []
    nodes: list[NodeEntry] = []
    hooks: list[HookAnswer] = []
    addresses: list[ServiceAddress] = []
    apis: list[ApiAvailability] = []
    for position, entry in enumerate(document, 1):
        fields = Fields(f"entry {position}", entry)
        if "node" in fields.values:
            nodes.append(_node(fields))
        elif "match" in fields.values:
            containers.append(_container(fields, folder))
        elif "webhook" in fields.values:
            hooks.append(outside.hook(fields))
        elif "service" in fields.values:
            addresses.append(outside.address(fields))
        elif "api" in fields.values:
            apis.append(outside.api(fields))
        else:
            expected = "a `match`, a `node`, a `webhook`, a `service` or an `api`"
            raise fields.refusal("", expected, sorted(map(str, fields.values)))
    return Behaviours(tuple(containers), tuple(nodes), Outside(tuple(hooks), tuple(addresses), tuple(apis)))


def _node(fields: Fields) -> NodeEntry:
    fields.only("node", "ready")
    return NodeEntry(fields.needs("node", TEXT), fields.needs("ready", TRUTH))


def _container(fields: Fields, folder: Path) -> ContainerEntry:
    fields.only("match", "pull", "start", "exit", "log", "log_file", "probes", "usage", "exec", "creates")
    match = fields.part("match")
    match.only(*_MATCH)
    globs = {name: match.takes(name, TEXT) or "*" for name in _MATCH if name in match.values}
    named = fields.titled(", ".join(f"{name} {glob}" for name, glob in globs.items()))
    usage = named.part("usage")
    usage.only("cpu_m", "memory_mib")
    memory_mib = usage.takes("memory_mib", number(0, 2**40))
    return ContainerEntry(
        match=Match(**globs),
        pull=named.takes("pull", choice(*get_args(Pull))),
        start_error=_start_error(named),
        ending=_ending(named.part("exit")) if "exit" in named.values else None,
        log=_log(named, folder),
        probes=_probes(named.part("probes")),
        cpu_millicores=usage.takes("cpu_m", whole(0, 2**40)),
        memory_bytes=None if memory_mib is None else round(memory_mib * MEBIBYTE),
        outputs=_outputs(named.part("exec")),
        work=work.works(named),
    )


def _start_error(fields: Fields) -> str | None:
    if "start" not in fields.values:
        return None
    start = fields.part("start")
    start.only("error")
    return start.needs("error", TEXT)


def _ending(fields: Fields) -> Ending:
    fields.only("after_s", "code", "reason", "times", "message")
    after_s = fields.takes("after_s", number(0, LONGEST_S)) or 0
    code = fields.takes("code", whole(0, 255))
    reason = fields.takes("reason", choice("Error", "OOMKilled", "Completed"))
    if code is None:
        code = {"OOMKilled": KILLED, "Error": FAILED}.get(reason or "", 0)
    if reason is None:
        reason = "Error" if code else "Completed"
    # A kubelet reports nothing else: what ends with 0 has completed, what ends otherwise has not.
    if (reason == "Completed") is not (code == 0):
        raise fields.refusal("reason", "Completed with code 0, else Error or OOMKilled", f"{reason} with code {code}")
    message = fields.takes("message", TEXT) or ""
    # No process starts and ends in one instant.
    plan = ExitPlan(max(1, round(after_s * 1000)), code, reason, message)
    return Ending(plan, fields.takes("times", whole(1, 10**6)))


def _log(fields: Fields, folder: Path) -> LogText | None:
    if "log" in fields.values and "log_file" in fields.values:
        raise fields.refusal("", "`log` or `log_file`", "both")
    if "log_file" in fields.values:
        name = fields.needs("log_file", TEXT)
        path = folder.absolute() / name
        if not is_readable(path):
            raise fields.refusal("log_file", "a file that can be read", f"{name} ({path})")
        return LogText(path)
    if "log" not in fields.values:
        return None
    lines = [_line(fields, position, line) for position, line in enumerate(fields.needs("log", LIST), 1)]
    return LogText(b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines))


def _line(fields: Fields, position: int, line: object) -> bytes:
    """One line of `log`: a text, or bytes as YAML's !!binary gives them."""
    if isinstance(line, bytes):
        return line
    if not isinstance(line, str):
        raise fields.refusal(f"log[{position}]", TEXT.expects, line)
    return line.encode("utf-8", "surrogatepass")


def _probes(fields: Fields) -> dict[ProbeKind, str | None]:
    kinds = get_args(ProbeKind)
    fields.only(*kinds)
    answers: dict[ProbeKind, str | None] = {}
    for kind in kinds:
        if kind in fields.values:
            message = fields.needs(kind, TEXT)
            answers[kind] = None if message == "ok" else message
    return answers


def _outputs(fields: Fields) -> dict[str, str]:
    for command in fields.values:
        if not isinstance(command, str):
            raise fields.refusal("", "commands as texts", command)
    return {command: fields.needs(command, TEXT) for command in fields.values}


class _Loader(yaml.SafeLoader):
    """YAML whose mappings have each key once; PyYAML would let the last one win."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, object]:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
