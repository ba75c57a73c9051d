"""What a line says of itself: its level, and which part of it is the program's own message.

Structured lines (JSON, logfmt, klog) have fields for both. Of other lines the level stands at the head, among time,
process and logger. Values of fields that carry other people's words (a request's body, a comment) are not read.
"""
# ruff: noqa: E501 - a pattern is one line for each of its groups

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from aoi.estate.logs.lines import readable


class Level(IntEnum):
    """How loud a line is; `NONE` where it does not say."""

    QUIET = 0
    NONE = 1
    WARN = 2
    ERROR = 3
    FATAL = 4


_NAMES = {
    Level.QUIET: "trace trce debug dbug info information informational notice note log verbose system i d v "
    "hint detail statement context",
    Level.WARN: "warn warning w",
    Level.ERROR: "error err severe fail e err! failure",
    Level.FATAL: "fatal critical crit panic emerg emergency alert dpanic f c",
}
LEVELS: Mapping[str, Level] = {name: level for level, names in _NAMES.items() for name in names.split()}
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_TIME = rf"\d{{4}}[-/]\d\d[-/]\d\d[T ]{_CLOCK}(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?|{_CLOCK}"
_PREFIX = re.compile(rf"(?:\[?(?:{_TIME})\]?\s{{0,4}}(?:std(?:out|err) [FP] )?|\[\d{{1,9}}\]\s{{0,4}}){{0,4}}")
_HEAD = 120
"""Characters of a line in which its level stands."""
_UPPER = (
    r"(?<![\w./=-])(?P<upper>TRACE|DEBUG|INFO|NOTICE|LOG|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL|CRIT|PANIC|EMERG|"
    r"ALERT|ERR|HINT|DETAIL|STATEMENT|CONTEXT)(?=[\s\]:>|)/,-]|$)"
)
_BRACKETED = r"(?i:[\[<|]\s?(?P<bracketed>trace|debug|info|notice|note|system|warn|warning|error|err|crit|critical|alert|emerg|fatal|panic)\s{0,3}[\]>|:])"
_LEVEL = re.compile(f"{_UPPER}|{_BRACKETED}")
_FIRST = re.compile(
    r"(?:[\w./-]{1,80}: )?(?P<name>trce|dbug|debug|info|warn|warning|fail|crit|error|fatal|err|critical)(?::\s|:$|\s\[)|"
    r"npm (?P<npm>ERR!|error|warn|notice)|PHP (?P<php>Fatal|Parse|Warning|Notice|Deprecated)\b",
)
_PHP = {"Fatal": Level.FATAL, "Parse": Level.FATAL, "Warning": Level.WARN}
_KLOG = re.compile(r"(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d{1,9}\s{1,8}\d{1,9} [^\]]{1,120}\] ")
_REDIS = re.compile(r"\d{1,9}:[A-Z] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} (?P<mark>[.*#-]) ")
_LOGFMT = re.compile(r"(?:^|\s)(?:level|lvl|severity)=\"?(?P<level>\w+)")
_PAIR = re.compile(
    r"(?:^|\s)(?P<key>[A-Za-z_.@-]{1,40})=(?:\"(?P<quoted>(?:[^\"\\]|\\.){0,4000})\"?|(?P<bare>\S{1,500}))"
)
_BROKEN = re.compile(r"\"(?:level|severity|s)\":\s{0,3}\"?(?P<level>\w{1,12})")
_BROKEN_MESSAGE = re.compile(r"\"(?:message|msg)\":\s{0,3}\"(?P<message>.{1,4000})")
_ACCESS = (
    re.compile(r"\"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE|PRI) [^\"]{0,2000} HTTP/[\d.]{1,3}\"\s{1,3}(\d{3})\b"),
    re.compile(r"\[GIN\] .{1,60}?\|\s{0,4}(\d{3}) \|"),
    re.compile(r"(?<![\w\"])(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /\S{0,1000}(?: HTTP/[\d.]{1,3})?\s{1,3}(\d{3})\b"),
)  # fmt: skip
_PINO = {10: Level.QUIET, 20: Level.QUIET, 30: Level.QUIET, 40: Level.WARN, 50: Level.ERROR, 60: Level.FATAL}
_LEVEL_KEYS = ("level", "severity", "levelname", "lvl", "log.level", "loglevel", "s", "@l", "Level", "LogLevel")
_MESSAGE_KEYS = ("msg", "message", "@m", "@mt", "event", "textPayload", "log", "Message")
_ERROR_KEYS = (
    "error",
    "err",
    "error.message",
    "error_message",
    "errorMessage",
    "exception",
    "Exception",
    "cause",
    "reason",
)
_STACK_KEYS = ("@x", "stack", "stack_trace", "stacktrace", "error.stack_trace", "exc_info", "traceback", "trace")
_HOST_KEYS = frozenset(
    (
        "peer", "target", "upstream", "addr", "address", "endpoint", "server",
        "broker", "url", "uri", "remote", "dsn", "destination", "callee",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """One line, read."""

    level: Level
    text: str
    """The program's own words, with what precedes them in unstructured lines."""
    message_start: int
    """Where the message begins in `text`."""
    beside: str = ""
    """Values of fields that name an address."""
    stack: tuple[str, ...] = ()
    """Lines of an exception inside a field."""
    status: int | None = None
    """HTTP status, if this is a line of an access log."""


_EMPTY = Said(Level.NONE, "", 0)


def read(text: str) -> Said:
    """Level, message and fields of one line."""
    if not text:
        return _EMPTY
    start = _prefix_end(text)
    if text.startswith("{", start) and (said := _json(text[start:])):
        return said
    if match := _LOGFMT.search(text[:400]):
        return _logfmt(text, match["level"])
    return _plain(readable(text), start)


def _plain(text: str, start: int) -> Said:
    if match := _KLOG.match(text, start):
        return Said(LEVELS[match["level"].lower()], text, match.end())
    if match := _REDIS.match(text, start):
        return Said(Level.NONE if match["mark"] == "#" else Level.QUIET, text, match.end())
    level, message_start = _head(text, start)
    if status := _status(text):
        return Said(level, text, message_start, status=status)
    return _with_tail(text, level, message_start)


def _prefix_end(text: str) -> int:
    match = _PREFIX.match(text)
    return match.end() if match else 0


def _status(text: str) -> int | None:
    if "HTTP/" not in text and " /" not in text and "[GIN]" not in text:
        return None
    return next((int(match[1]) for pattern in _ACCESS if (match := pattern.search(text[:3000]))), None)


def _head(text: str, start: int) -> tuple[Level, int]:
    if match := _FIRST.match(text, start):
        if match["php"]:
            return _PHP.get(match["php"], Level.QUIET), match.end()
        return LEVELS[(match["name"] or match["npm"]).lower()], match.end()
    match = _LEVEL.search(text, 0, _HEAD)
    if match is None:
        return Level.NONE, start
    end = match.end()
    while end < len(text) and text[end] in " \t:]>|-":
        end += 1
    return LEVELS[(match["upper"] or match["bracketed"]).lower()], end


def _with_tail(text: str, level: Level, message_start: int) -> Said:
    """A console line of zap: text, then a tab and its fields as JSON."""
    head, _, tail = text.rpartition("\t{")
    if head and tail.endswith("}") and (fields := _loads("{" + tail)) is not None:
        own = [head, *_values(fields, _ERROR_KEYS)]
        return Said(level, readable(" ".join(own)), message_start, _beside(fields), _stack(fields))
    return Said(level, text, message_start)


def _logfmt(text: str, level: str) -> Said:
    fields: dict[str, Any] = {}
    for match in _PAIR.finditer(text):
        value = match["bare"] if match["quoted"] is None else match["quoted"].replace('\\"', '"').replace("\\n", "\n")
        fields.setdefault(match["key"], value)
    return _structured(fields, LEVELS.get(level.lower(), Level.NONE)) or Said(
        LEVELS.get(level.lower(), Level.NONE), readable(text), 0
    )


def _json(text: str) -> Said | None:
    fields = _loads(text)
    if fields is None:
        # Written without escaping: level and message are still where they belong.
        level, message = _BROKEN.search(text[:2000]), _BROKEN_MESSAGE.search(text)
        if level is None or message is None:
            return None
        return Said(_level(level["level"]), readable(message["message"].rstrip('}"')), 0)
    named = next((fields[key] for key in _LEVEL_KEYS if key in fields), None)
    if named is None and isinstance(fields.get("log"), dict):
        named = fields["log"].get("level")
    return _structured(fields, _level(named))


def _structured(fields: Mapping[str, Any], level: Level) -> Said | None:
    message, errors = _values(fields, _MESSAGE_KEYS), _values(fields, _ERROR_KEYS)
    attributes = fields.get("attr")
    if isinstance(attributes, dict):  # mongod
        errors += _values(attributes, ("message", "error", "reason"))
        if level is Level.QUIET and "error" in attributes:
            level = Level.NONE  # whom it does not let in, and why, it says at the level of information
    stack = _stack(fields)
    status = next((fields[key] for key in ("status", "status_code", "response_code") if key in fields), None)
    has_path = any(key in fields for key in ("method", "path", "uri", "request", "request_uri"))
    is_access = has_path and str(status).isdecimal() and len(str(status)) == 3 and not errors
    words = ": ".join(dict.fromkeys([*message, *errors])) or (stack[0] if stack else "")
    first, *rest = words.split("\n") if words else [""]
    if not first and not is_access:
        return None
    code = int(str(status)) if is_access else None
    return Said(level, readable(first), 0, _beside(fields), (*rest, *stack)[:400], code)


def _loads(text: str) -> dict[str, Any] | None:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return fields if isinstance(fields, dict) else None


def _level(named: object) -> Level:
    if isinstance(named, int):
        return _PINO.get(named // 10 * 10, Level.NONE)
    text = str(named).lower()
    return _PINO.get(int(text), Level.NONE) if text.isdecimal() and len(text) < 3 else LEVELS.get(text, Level.NONE)


def _values(fields: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    return [text for key in keys if key in fields for text in _texts(fields[key])]


def _texts(value: object) -> Iterator[str]:
    """A text, or the type and message of an error that is an object."""
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, dict):
        parts = [
            value[key]
            for key in ("type", "name", "message", "msg", "code", "codeName", "errmsg")
            if isinstance(value.get(key), str)
        ]
        if parts:
            yield ": ".join(dict.fromkeys(parts))


def _stack(fields: Mapping[str, Any]) -> tuple[str, ...]:
    holders: list[Mapping[str, Any]] = [fields, *(v for k in ("err", "error") if isinstance(v := fields.get(k), dict))]
    stacks = [holder[key] for holder in holders for key in _STACK_KEYS if isinstance(holder.get(key), str)]
    return tuple(line for stack in stacks for line in stack.splitlines())[:2000]


def _beside(fields: Mapping[str, Any]) -> str:
    """Addresses in fields of their own, with the pair `address` and `port` of Node's errors put together."""
    holders = [fields, *(value for key in ("err", "error") if isinstance(value := fields.get(key), dict))]
    words: list[str] = []
    for holder in holders:
        for key, value in holder.items():
            if key.lower() in _HOST_KEYS and isinstance(value, str):
                port = holder.get("port")
                words.append(f"{value}:{port}" if isinstance(port, int) and ":" not in value else value)
    return " ".join(f"to {word}" for word in words)[:2000]
