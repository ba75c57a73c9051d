"""Text to `ReadCommand`, deny by default. Nothing is guessed, expanded, fetched or looked up on disk."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aoi.access.reading import MAX_EXPRESSION
from aoi.agents.kubectl.command import ReadCommand, Target
from aoi.agents.kubectl.flags import FLAGS, Options, split_flags
from aoi.agents.kubectl.kinds import ALL, BY_WORD, LOGGED, WORKLOADS
from aoi.errors import CommandRefused

MAX_LINE = 1024
"""Characters of a line. `prom query` may add an expression of up to `MAX_EXPRESSION`."""
MAX_TARGETS = 16

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,251}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")
_SERVICE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_BARE = re.compile(r"[A-Za-z0-9._/:=,!-]+")
_QUOTED = re.compile(r"[A-Za-z0-9._/:=,!(){} -]*")
_PROMQL = re.compile(r"[A-Za-z0-9_:{}\[\]()=\"'~|+*/<>!.,^$%?\\ -]+")


def parse(line: str, namespace: str) -> ReadCommand:
    """Read one command line, which may read `namespace` and cluster-scoped objects alone.

    Raises: CommandRefused, saying what was expected. Every construct that is not listed here is refused.
    """
    tokens = _tokens(line)
    program, rest = (tokens[0], tokens[1:]) if tokens else ("", [])
    if program == "kubectl":
        return _kubectl(rest, namespace)
    if program == "prom":
        return _prom(rest, namespace)
    if program == "jaeger":
        return _jaeger(rest, namespace)
    raise CommandRefused(f"a command starts with kubectl, prom or jaeger, found {program!r:.40}")


def _tokens(line: str) -> list[str]:
    """Split at blanks; single and double quotes group. No other character means anything."""
    is_query = line.startswith("prom query ")
    limit = MAX_LINE + (MAX_EXPRESSION if is_query else 0)
    if len(line) > limit:
        raise CommandRefused(f"the line has {len(line)} characters, more than {limit}")
    if not (line.isascii() and line.isprintable()):
        raise CommandRefused("the line holds a control character or one outside ASCII")
    tokens: list[str] = []
    position, length = 0, len(line)
    while position < length:
        if line[position] == " ":
            position += 1
            continue
        token, position = _token(line, position, _PROMQL if is_query else _QUOTED)
        tokens.append(token)
    return tokens


def _token(line: str, start: int, quoted: re.Pattern[str]) -> tuple[str, int]:
    """One token from `start`: bare text and quoted text in any order, up to a blank."""
    parts: list[str] = []
    position = start
    while position < len(line) and line[position] != " ":
        if line[position] in "'\"":
            end = line.find(line[position], position + 1)
            if end < 0:
                raise CommandRefused("a quote is not closed")
            text = line[position + 1 : end]
            if quoted.fullmatch(text) is None:
                raise CommandRefused(f"quoted text {text!r:.60} holds a character that is not allowed")
            position = end + 1
        else:
            match = _BARE.match(line, position)
            if match is None:
                raise CommandRefused(f"character {line[position]!r} is not allowed outside quotes")
            text, position = match[0], match.end()
        parts.append(text)
    return "".join(parts), position


def _kubectl(tokens: list[str], namespace: str) -> ReadCommand:
    words, given = split_flags(tokens)
    verb = words.pop(0) if words else ""
    flags = FLAGS.get(verb)
    if flags is None:
        raise CommandRefused(f"kubectl {verb!r:.40} is not one of {', '.join(sorted(FLAGS))}")
    _check_namespace(given, namespace)
    options: Options = {}
    for name, value in given.items():
        flag = flags.get(name)
        if flag is None:
            raise CommandRefused(f"flag --{name:.40} is not allowed with kubectl {verb}")
        if not flag.take(value, options):
            raise CommandRefused(f"value {value!r:.60} does not fit --{name} of kubectl {verb}")
    return _VERBS[verb](words, namespace, options)


def _check_namespace(given: dict[str, str], namespace: str) -> None:
    asked = given.pop("namespace", namespace)
    if asked != namespace:
        raise CommandRefused(f"namespace {asked!r:.60} is not {namespace}, the only one that may be read")


def _targets(words: list[str], *, allow_bare: bool = True) -> tuple[Target, ...]:
    """`TYPE[,TYPE...] [NAME...]` or `TYPE/NAME...`, as kubectl reads them."""
    if not words:
        raise CommandRefused("a resource type is missing")
    if any("/" in word for word in words):
        targets = tuple(_slashed(word) for word in words)
    else:
        kinds = [kind for part in words[0].split(",") for kind in _types(part)]
        names = [_name(word) for word in words[1:]]
        if len(kinds) > 1 and names:
            raise CommandRefused("names cannot follow several resource types")
        targets = tuple(Target(kind, name) for kind in kinds for name in (names or [None]))
    if len(targets) > MAX_TARGETS:
        raise CommandRefused(f"{len(targets)} targets are more than {MAX_TARGETS}")
    if not allow_bare and any(target.name is None for target in targets):
        raise CommandRefused("a name is missing")
    return targets


def _slashed(word: str) -> Target:
    kind, slash, name = word.partition("/")
    if not slash:
        raise CommandRefused("TYPE/NAME cannot be mixed with other forms")
    return Target(_type(kind), _name(name))


def _types(word: str) -> list[Any]:
    return list(ALL) if word == "all" else [_type(word)]


def _type(word: str) -> Any:
    readable = BY_WORD.get(word)
    if readable is None:
        raise CommandRefused(f"resource type {word!r:.60} may not be read or does not exist")
    return readable


def _name(word: str) -> str:
    if len(word) > 253 or _NAME.fullmatch(word) is None:
        raise CommandRefused(f"{word!r:.60} is not the name of an object")
    return word


def _get(words: list[str], namespace: str, options: Options) -> ReadCommand:
    targets = _targets(words)
    _refuse_selector_with_names(targets, options)
    return ReadCommand("get", namespace, targets, **options)


def _describe(words: list[str], namespace: str, options: Options) -> ReadCommand:
    targets = _targets(words)
    _refuse_selector_with_names(targets, options)
    return ReadCommand("describe", namespace, targets, **options)


def _logs(words: list[str], namespace: str, options: Options) -> ReadCommand:
    if options.get("labels"):
        if words:
            raise CommandRefused("logs takes a name or a selector, not both")
        options.setdefault("tail", 10)
        return ReadCommand("logs", namespace, (Target(BY_WORD["pods"]),), **options)
    if not words or len(words) > 2:
        raise CommandRefused("logs needs one pod or TYPE/NAME")
    if len(words) == 2 and options.setdefault("container", _service(words[1])) != words[1]:
        raise CommandRefused(f"container {words[1]!r:.60} is not the one of --container")
    target = _slashed(words[0]) if "/" in words[0] else Target(BY_WORD["pods"], _name(words[0]))
    if target.readable.key not in LOGGED:
        raise CommandRefused(f"{target.readable.resource} have no logs")
    return ReadCommand("logs", namespace, (target,), **options)


def _events(words: list[str], namespace: str, options: Options) -> ReadCommand:
    if words:
        raise CommandRefused("events takes no name; use --for=TYPE/NAME")
    about = options.pop("for", "")
    return ReadCommand("events", namespace, (_slashed(about),) if about else (), **options)


def _top(words: list[str], namespace: str, options: Options) -> ReadCommand:
    subject = {"pods": "pods", "pod": "pods", "po": "pods", "nodes": "nodes", "node": "nodes", "no": "nodes"}
    if not words or words[0] not in subject or len(words) > 2:
        raise CommandRefused("top takes pods or nodes, and at most one name")
    metrics = BY_WORD[subject[words[0]]]
    name = _name(words[1]) if len(words) == 2 else None
    return ReadCommand("top", namespace, (Target(metrics, name),), **options)


def _rollout(words: list[str], namespace: str, options: Options) -> ReadCommand:
    verb = words.pop(0) if words else ""
    if verb not in ("history", "status"):
        raise CommandRefused(f"rollout {verb!r:.40} is not history or status")
    targets = _targets(words, allow_bare=False)
    if len(targets) != 1 or targets[0].readable.key not in WORKLOADS:
        raise CommandRefused(f"rollout {verb} needs one deployment, statefulset or daemonset")
    if verb == "history":
        return ReadCommand("history", namespace, targets, **options)
    return ReadCommand("status", namespace, targets, **options)


def _refuse_selector_with_names(targets: tuple[Target, ...], options: Options) -> None:
    if (options.get("labels") or options.get("fields")) and any(target.name for target in targets):
        raise CommandRefused("a selector cannot be combined with names")


_VERBS: Mapping[str, Callable[[list[str], str, Options], ReadCommand]] = {
    "get": _get, "describe": _describe, "logs": _logs, "events": _events, "top": _top, "rollout": _rollout,
}  # fmt: skip


def _prom(tokens: list[str], namespace: str) -> ReadCommand:
    match tokens:
        case ["alerts"]:
            return ReadCommand("prom alerts", namespace)
        case ["metrics", component]:
            return ReadCommand("prom metrics", namespace, component=_service(component))
        case ["metrics", component, pods] if pods.startswith("--pods="):
            named = _service(pods.removeprefix("--pods="))
            return ReadCommand("prom metrics", namespace, component=_service(component), workload=named)
        case ["query", expression] if len(expression) <= MAX_EXPRESSION and _PROMQL.fullmatch(expression):
            return ReadCommand("prom query", namespace, expression=expression)
    raise CommandRefused("expected prom metrics COMPONENT, prom query 'EXPRESSION' or prom alerts")


def _jaeger(tokens: list[str], namespace: str) -> ReadCommand:
    match tokens:
        case ["services"]:
            return ReadCommand("jaeger services", namespace)
        case ["traces", component]:
            return ReadCommand("jaeger traces", namespace, component=_service(component))
    raise CommandRefused("expected jaeger traces COMPONENT or jaeger services")


def _service(word: str) -> str:
    if _SERVICE.fullmatch(word) is None:
        raise CommandRefused(f"{word!r:.60} is not the name of a component")
    return word
