"""A small mongo shell for `exec` into database pods: the user administration that operators use, and ping.

Accounts live in `world.state["databases"]`; a statement that changes them replaces that value, so snapshots keep
theirs. Anything not understood answers as the shell does for a syntax error, and not with exit code 0.
"""

import re
from typing import Any

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour import databases, mongo_shell, script
from aoi.worlds.behaviour.launch import Launch
from aoi.worlds.behaviour.mongo_shell import Terminal
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Result = tuple[int, bytes, bytes]
SHELLS = ("mongo", "mongosh", "psql")
_ADMINISTRATORS = ("root", "userAdminAnyDatabase")
"""Roles that may change accounts."""
_ROLE = re.compile(r"""\{\s*role\s*:\s*['"](?P<role>\w+)['"]\s*,\s*db\s*:\s*['"](?P<db>[\w-]+)['"]\s*\}""")
_STATEMENT = re.compile(r"""\.(?P<verb>\w+)\(\s*(?:['"](?P<user>[\w-]+)['"])?(?P<rest>.*)\)\s*;?\s*$""", re.DOTALL)
_FIELD = re.compile(r"""(?P<key>user|pwd)\s*:\s*(?:['"](?P<text>[^'"]*)['"]|process\.env\.\w+)""")


def execute(  # noqa: PLR0911 - one answer per tool
    world: World, application: Application, program: Launch, command: list[str], pod: Obj | None = None
) -> Result:
    """Run a command line in a container: scripts of a mounted ConfigMap, a mongo shell, a few harmless tools."""
    if not command:
        return 126, b"", b"exec: no command"
    tools = _tools(application, program)
    words = list(command)
    if words[0] in ("sh", "bash", "/bin/sh", "/bin/bash") and words[0].split("/")[-1] in tools:
        return _shell(world, application, pod, program, words[1:])
    name = words[0].split("/")[-1]
    if name not in tools:
        return 126, b"", f'exec: "{words[0]}": executable file not found in $PATH'.encode()
    if name in SHELLS:
        return _database_shell(world, program, words)
    if name == "redis-cli" and words[1:] == ["ping"]:
        return 0, b"PONG\n", b""
    if name == "pg_isready":
        return 0, b"/var/run/postgresql:5432 - accepting connections\n", b""
    return 1, b"", f"{name}: not emulated\n".encode()


def _tools(application: Application, program: Launch) -> tuple[str, ...]:
    component = program.component
    image = application.by_repository.get(component.image) if component else None
    return image.tools if image else ()


def _shell(world: World, application: Application, pod: Obj | None, program: Launch, words: list[str]) -> Result:
    """`sh -c LINE` or a script from a mounted ConfigMap; every line must be a database shell's."""
    if words[:1] == ["-c"] and len(words) == 2:
        text = words[1]
    elif len(words) == 1:
        answered = _script(world, application, pod, program, words[0])
        if answered is None:
            return 127, b"", f"{words[0]}: No such file or directory\n".encode()
        text = answered
    else:
        return 2, b"", b"sh: not emulated\n"
    output, code, error = b"", 0, b""
    for words_of_line in script.commands(text):
        if words_of_line[0] == "echo":
            output += " ".join(words_of_line[1:]).encode() + b"\n"
            continue
        # A shell goes on after a command that failed; what counts in the end is its last one.
        code, out, error = _database_shell(world, program, words_of_line)
        output += out + error
    return code, output if code == 0 else output.removesuffix(error), error if code else b""


def _script(world: World, application: Application, pod: Obj | None, program: Launch, path: str) -> str | None:
    """Text of a file that a ConfigMap puts into the container."""
    if pod is not None:
        return _mounted(world, pod, path)
    component = program.own
    for mount in component.mounts if component else ():
        if mount.source == "configmap" and path.startswith(mount.path + "/"):
            held = world.store.get("configmaps", application.namespace, mount.holder or mount.name)
            return (held or {}).get("data", {}).get(path[len(mount.path) + 1 :])
    return None


def _mounted(world: World, pod: Obj, path: str) -> str | None:
    """By the volumes that the pod really has."""
    folder, _, name = path.rpartition("/")
    return mounted(world, pod, folder).get(f"{folder}/{name}")


def mounted(world: World, pod: Obj, folder: str) -> dict[str, str]:
    """Files that ConfigMaps put into a folder of a pod's containers: path -> text, in the order of their names."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    files: dict[str, str] = {}
    for container in pod["spec"]["containers"]:
        for mount in container.get("volumeMounts") or ():
            source = volumes.get(mount["name"], {}).get("configMap")
            if source is None or mount["mountPath"].rstrip("/") != folder:
                continue
            held = world.store.get("configmaps", pod["metadata"]["namespace"], source.get("name", ""))
            for name, text in sorted(((held or {}).get("data") or {}).items()):
                files[f"{folder}/{name}"] = text
    return files


def _database_shell(world: World, program: Launch, words: list[str]) -> Result:
    component = program.component
    if component is None or component.database is None or words[0] not in SHELLS:
        return 127, b"", f"{words[0]}: not found\n".encode()
    script = _option(words, "--eval") or _option(words, "-c")
    if script is None:
        return 1, b"", b"an interactive shell is not emulated; use --eval\n"
    terminal = Terminal(words, program.tag or component.tag, world.seed, world.clock.now_ms)
    user, password = _option(words, "-u", "--username"), _option(words, "-p", "--password")
    state = world.state["databases"][component.name]
    if user is not None and state["auth"]:
        account = state["users"].get(user)
        if account is None or account["password"] != password:
            return terminal.refused()
    is_root = not state["auth"] or any(
        role in _ADMINISTRATORS for _, role in (state["users"].get(user or "") or {}).get("grants", ())
    )
    text = ""
    for statement in (part.strip() for part in script.split(";\n") if part.strip()):
        code, text, users = _statement(statement, state["users"], is_root=is_root, is_mongo=terminal.is_mongo)
        if code:
            return terminal.threw(text)
        if users is not state["users"]:
            state = {**state, "users": users}
            databases.set_users(world, component.name, users)
    return terminal.answered(text)


def _option(words: list[str], *names: str) -> str | None:
    for index, word in enumerate(words[:-1]):
        if word in names:
            return words[index + 1]
    return None


def _statement(  # noqa: PLR0911 - one answer per statement
    text: str, users: dict[str, Any], *, is_root: bool, is_mongo: bool
) -> tuple[int, str, dict[str, Any]]:
    """(exit code, output or error, accounts after it)."""
    if "adminCommand" in text and "ping" in text:
        return 0, '{ "ok" : 1 }' if is_mongo else "{ ok: 1 }", users
    match = _STATEMENT.search(text)
    if match is None:
        return 1, f"SyntaxError: unexpected token in {text[:60]!r}", users
    verb, user, rest = match["verb"], match["user"], match["rest"]
    if verb not in ("grantRolesToUser", "revokeRolesFromUser", "dropUser", "createUser", "getUsers", "getUser"):
        return 1, f"TypeError: {verb} is not emulated", users
    if not is_root and not (verb == "createUser" and not users):
        return 1, f"MongoServerError: not authorized on admin to execute command {{ {verb}: 1 }}", users
    if verb in ("getUsers", "getUser"):
        shown = [name for name in users if user in (None, name)]
        return 0, "\n".join(f"{name}: {users[name]['grants']}" for name in shown) or "null", users
    if verb == "createUser":
        return _create(rest, users, is_mongo=is_mongo)
    if user not in users:
        return 1, f'MongoServerError: Could not find user "{user}" for db "admin"', users
    if verb == "dropUser":
        return 0, "true", {name: account for name, account in users.items() if name != user}
    roles = [[grant_match["db"], grant_match["role"]] for grant_match in _ROLE.finditer(rest)]
    if not roles:
        return 1, f"MongoServerError: {verb} expects a list of {{role, db}}", users
    kept = [grant for grant in users[user]["grants"] if list(grant) not in roles]
    grants = kept if verb == "revokeRolesFromUser" else [*kept, *roles]
    # The old shell prints nothing of what it does to roles.
    return 0, "" if is_mongo else "{ ok: 1 }", {**users, user: {**users[user], "grants": grants}}


def _create(rest: str, users: dict[str, Any], *, is_mongo: bool) -> tuple[int, str, dict[str, Any]]:
    fields = {match["key"]: match["text"] or "" for match in _FIELD.finditer(rest)}
    if "user" not in fields or "pwd" not in fields:
        return 1, "MongoServerError: createUser expects user and pwd", users
    if fields["user"] in users:
        return 1, f'MongoServerError: User "{fields["user"]}@admin" already exists', users
    grants = [[match["db"], match["role"]] for match in _ROLE.finditer(rest)]
    told = mongo_shell.added(fields["user"], grants) if is_mongo else "{ ok: 1 }"
    return 0, told, {**users, fields["user"]: {"password": fields["pwd"], "grants": grants}}
