"""Container logs, computed on demand from (seed, pod uid, time): nothing is stored.

Time is cut into slots. Each slot decides by hash whether the program says something and what: healthy chatter, now
and then a harmless warning, and error lines for calls that fail under the conditions of that time. So a log shows
the past as it was, and reading it twice gives the same bytes.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from aoi.worlds.applications.installation import Attendant
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour import exits, tasks
from aoi.worlds.behaviour.clocks import skew_ms
from aoi.worlds.behaviour.conditions import Conditions
from aoi.worlds.behaviour.configuration import values_at
from aoi.worlds.behaviour.flags import effects
from aoi.worlds.behaviour.launch import Launch, attendant_of, launch
from aoi.worlds.behaviour.memory import segments
from aoi.worlds.behaviour.network import container_status
from aoi.worlds.behaviour.traffic import Traffic, evaluate
from aoi.worlds.telemetry.dialects import DIALECTS, Dialect, Level, drivers
from aoi.worlds.telemetry.phrases import callee_values, login_values, texts_of
from kubeworld.machine.runtime import LogLine
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

ENTRYPOINT = "/usr/local/bin/docker-entrypoint.sh"
"""What an engine's image starts where the manifest names no command."""
LINES = 70
"""Newest lines that are computed; a `tail` asks for fewer."""
SLOT_MS = 3_000
MINUTE_MS = 60_000
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WARNING_SHARE = 0.02
"""Slots with a harmless warning."""
STRAY_SHARE = 0.0015
"""Slots with a single failed call in a healthy program: deadlines are missed now and then."""
SEEN = (
    ("unauthorized", "norole_seen"),
    ("authfailed", "nologin_seen"),
    ("badpassword", "wrongpass_seen"),
    ("tls", "plain_seen"),
    ("connlimit", "full_seen"),
    ("readonly", "readonly_seen"),
)
"""How a client's attempt ends, and the event by which the database that turned it away says so."""
BROKEN_PORT = "27777"
"""Where the faulty build of HotelReservation's programs looks for its database."""
ERRORS_PER_SLOT = 0.7
"""Chance of an error line in a slot when every call on a busy edge fails; loggers sample."""


SAID: tuple[Level, ...] = ("info", "warn", "error")
"""Levels of lines that are given as they are."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that a program complains about."""

    callee: str
    """Or, for a database, the client; or the line itself."""
    word: str
    """Event of the dialect; `says` and a level where the line is given."""
    chance: float
    """Of a line about it in one slot."""
    address: str = ""
    """Where it looks for the callee, if that is not where it is configured to."""


@dataclass(frozen=True, slots=True)
class Life:
    """One run of a container: from its start to its end, or to now."""

    start_ms: int
    end_ms: int
    exit_code: int | None
    """None while it runs."""


def log(world: World, application: Application, pod: Obj, container: str, *, previous: bool) -> list[LogLine]:
    """The newest lines of the current run, or of the one before it."""
    life = _life(world, pod, container, previous=previous)
    every = (*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ()))
    spec = next((item for item in every if item["name"] == container), None)
    if life is None or spec is None:
        return []
    attendant = attendant_of(application, spec)
    if attendant is not None:
        return _beside(attendant, life)
    program = launch(application, pod, spec, values_at(world, life.start_ms + 999))
    if program.component is None and tasks.is_task(pod, spec):
        return _of_task(tasks.course_of(world, application, pod, spec), life)
    if program.component is None:
        text = f"{container} started" if program.image == "foreign" else ""
        return [LogLine(life.start_ms, text)] if text else []
    lines = _Writer(world, application, pod, program, life, spec).lines()
    ahead_ms = skew_ms(world.seed, pod["spec"].get("nodeName", ""))
    return [LogLine(line.at_ms + ahead_ms, line.text) for line in lines]


def _beside(attendant: Attendant, life: Life) -> list[LogLine]:
    """The log of a program beside the application's own: a line every minute of its life."""
    if not attendant.log:
        return []
    first, *body = attendant.log
    last = body.pop() if body else ""
    minutes = range(life.start_ms // MINUTE_MS + 1, life.end_ms // MINUTE_MS + 1)[-LINES:] if body else ()
    lines = [LogLine(minute * MINUTE_MS, body[minute % len(body)]) for minute in minutes]
    ended = [LogLine(life.end_ms, last)] if last and life.exit_code is not None else []
    return [LogLine(life.start_ms, first), *lines, *ended]


def _of_task(course: tasks.Course, life: Life) -> list[LogLine]:
    """The log of a task: what it says each time that it tries, or at its end."""
    if life.exit_code is None and course.code is None:
        tries = range(life.start_ms + 30, life.end_ms + 1, course.every_ms)[-LINES // max(1, len(course.says)) :]
        return [LogLine(at_ms, text) for at_ms in tries for text in course.says]
    if life.exit_code == course.code:
        return [LogLine(life.end_ms, text) for text in course.says]
    return []


def _life(world: World, pod: Obj, container: str, *, previous: bool) -> Life | None:
    status = container_status(pod, container)
    if status is None:
        return None
    state, last = status.get("state") or {}, status.get("lastState") or {}
    if previous or not ("running" in state or "terminated" in state):
        ended = last.get("terminated")  # a container in back-off shows the run that ended last
    elif "running" in state:
        return Life(world.clock.at_ms(state["running"]["startedAt"]), world.clock.now_ms, None)
    else:
        ended = state["terminated"]
    if not ended or not ended.get("startedAt"):
        return None
    start, end = world.clock.at_ms(ended["startedAt"]), world.clock.at_ms(ended["finishedAt"])
    return Life(start, max(end, start), ended.get("exitCode", 0))


@lru_cache(maxsize=64)
def _day(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


def _iso(moment_ms: int) -> str:
    """RFC 3339 with milliseconds; formatting by hand, since thousands of lines need it."""
    seconds, ms = divmod(moment_ms, 1000)
    day, rest = divmod(seconds, 86_400)
    return f"{_day(day)}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}.{ms:03d}Z"


@lru_cache(maxsize=4096)
def _spot(form: str, name: str, functions: tuple[str, ...], text: str) -> str:
    """Where in its source a program says this: the same place for all lines of a phrase."""
    mixed = hashlib.sha256(f"{name}/{text}".encode()).digest()
    handler = "".join(part.capitalize() for part in name.removesuffix("-service").split("-"))
    opens_database = any(word in text for word in ("database", "session", "test data", "authoriz", "reachable", "SASL"))
    values = {
        "who": name,
        "program": "db.go" if opens_database else "main.go",
        "handler": f"{handler}Handler",
        "function": functions[mixed[1] % len(functions)] if functions else "main",
        "n": 20 + mixed[0],
    }
    return form.format_map(values)


def _is_piece(text: str) -> bool:
    return text.startswith('"s":')


class _Writer:
    """Writes the log of one run of one program."""

    def __init__(
        self, world: World, application: Application, pod: Obj, program: Launch, life: Life, container: Obj
    ) -> None:
        assert program.component is not None
        self.world = world
        self.application = application
        self.pod = pod
        self.program = program
        self.component: Component = program.component
        self.life = life
        self._container = container
        self.uid = pod["metadata"].get("uid", "")
        self._ahead_ms = skew_ms(world.seed, pod["spec"].get("nodeName", ""))
        self.dialect: Dialect = DIALECTS[self.component.dialect]

    def lines(self) -> list[LogLine]:
        """Start, life and end, the newest `LINES` of them, oldest first."""
        ending = None
        if self.life.exit_code not in (None, 0, 143):
            ending = exits.ending(self.world, self.application, self.pod, self.program, self.life.start_ms)
        last = self._ending(ending) if ending else self._stop()
        if ending is not None and ending.why in ("arm64", "badargs"):
            return last
        body = self._body(LINES - len(last)) if ending is None or ending.why in ("oom", "poisoned") else []
        early = ("missing", "invalid", "buggy", "taken", "datafiles", "readonly", "denied")
        first = self._start(ending.why if ending else "", until_failure=ending is not None and ending.why in early)
        kept = [*first, *body] if len(first) + len(body) + len(last) <= LINES else body
        return [*kept, *last]

    def _start(self, why: str, *, until_failure: bool) -> list[LogLine]:
        texts = self._beginning(why, until_failure=until_failure)
        step = self.component.start_ms // max(1, len(texts))
        port = self.program.port or self.component.port
        limit, database = self.life.end_ms, self._database(why)
        lines = [LogLine(self.life.start_ms, self._as(line, self.life.start_ms)) for line in self.dialect.before]
        return lines + [
            self._line(
                min(self.life.start_ms + 40 + index * step, limit), "info", text, index, port=port, database=database
            )
            for index, text in enumerate(texts)
            if self.life.start_ms + index * step <= limit
        ]

    def _beginning(self, why: str, *, until_failure: bool) -> tuple[str, ...]:
        """What it says at its start, as far as it comes: a program that gets no database does not serve."""
        phrases, without_database = self.dialect.phrases, why in ("authfailed", "badpassword", "unreachable")
        first = phrases["start"]
        dials = phrases.get("dials", ()) if any(login.at_start for login in self.component.logins) else ()
        if "serves" not in phrases:
            cut = 1 if until_failure else len(first) - 1 if without_database or why == "unauthorized" else len(first)
            return first[:cut]
        if why == "buggy" or without_database:
            return (*first, *dials)
        if until_failure:
            return first
        dialled = phrases["dialled"] if dials else ()
        return (*first, *dials, *dialled) if why == "unauthorized" else (*first, *dials, *dialled, *phrases["serves"])

    def _database(self, why: str) -> str:
        """The address that it dials at its start; a broken build of HotelReservation's dials a port of its own."""
        for login in self.component.logins:
            if login.at_start:
                host, _, port = self.program.address_of(login.database_component, self.application).rpartition(":")
                return f"{host}:{BROKEN_PORT if why == 'buggy' else port}"
        return ""

    def _stop(self) -> list[LogLine]:
        if self.life.exit_code not in (0, 143):
            return []
        texts = self.dialect.phrases["stop"]
        return [self._line(self.life.end_ms, "info", text, index) for index, text in enumerate(texts)]

    def _ending(self, ending: exits.Ending) -> list[LogLine]:
        """The last words of a program that ends by itself; one that is killed for memory has none."""
        event = {
            "buggy": "panic",
            "authfailed": "nologin",
            "unauthorized": "norole",
            "badpassword": "nologin",
            "unreachable": "nodatabase",
        }.get(ending.why, ending.why)
        if ending.why in ("arm64", "badargs"):
            return self._unformatted(event, ending)
        texts = self.dialect.phrases.get(event) or drivers.own(event, self.component.dialect)
        extra = {"name": ending.detail, "value": self.program.failed_value, "port": str(self.program.port)}
        if ending.why in ("authfailed", "badpassword", "unauthorized", "unreachable"):
            extra |= self._callee(ending.detail)
        written = []
        for index, text in enumerate(texts):
            # A stack trace goes to standard error as it is; its first line, where the dialect logs it, has a format.
            raw = (index > 0 and not self.dialect.piece_line) or text.startswith(
                ("panic", "thread", "terminate", "Traceback", "Unhandled", "uncaught")
            )
            at = self.life.end_ms
            line = self._line(at, "fatal", text, index, **extra)
            written.append(LogLine(at, self._fill(text, index, at, extra)) if raw else line)
        return written

    def _unformatted(self, event: str, ending: exits.Ending) -> list[LogLine]:
        """What is said before a program has a logger: by its parser of options, or by the runtime in its place."""
        command = next(iter(self._container.get("command") or self.component.command), ENTRYPOINT)
        values = {"name": ending.detail, "program": command, "short": command.rpartition("/")[2]}
        texts = ("exec {program}: exec format error",) if event == "arm64" else self.dialect.phrases[event]
        return [LogLine(self.life.end_ms, text.format_map(values)) for text in texts]

    def _body(self, limit: int) -> list[LogLine]:
        """Slots from the newest backwards until `limit` lines are written."""
        history = segments(self.world, self.application)
        first = (self.life.start_ms + self.component.start_ms) // SLOT_MS + 1
        slot = self.life.end_ms // SLOT_MS
        prefix = hashlib.sha256(f"{self.world.seed}/{self.uid}/log/".encode())
        chatty = int(256 * SLOT_MS / 1000 / self.component.chatter_s)
        lines: list[LogLine] = []
        index = len(history) - 1
        failures = self._failures(history[index][1])
        while slot >= first and len(lines) < limit:
            while index > 0 and history[index][0] > slot * SLOT_MS:
                index -= 1
                failures = self._failures(history[index][1])
            mixed = prefix.copy()
            mixed.update(slot.to_bytes(8, "big"))
            chance = mixed.digest()
            at = slot * SLOT_MS + int.from_bytes(chance[:2], "big") % SLOT_MS
            slot -= 1
            if at > self.life.end_ms:
                continue
            lines += self._errors(at, chance, failures)
            if int.from_bytes(chance[3:5], "big") < WARNING_SHARE * 65536:
                lines.append(self._pick(at, "warn", "warning", chance))
            if chance[2] < chatty:
                lines.append(self._pick(at, "info", "chatter", chance))
        lines.reverse()
        return lines[-limit:]

    def _failures(self, conditions: Conditions) -> list[Failure]:
        """What goes wrong in this program under these conditions, with the chance of a line about it in a slot."""
        traffic = evaluate(self.application, conditions)
        if self.component.database is not None:
            return self._refused_logins(traffic)
        lines = [Failure("", word, ERRORS_PER_SLOT * chance) for word, chance in self._own_troubles(traffic)]
        told = effects(self.application, conditions.flags)
        elsewhere = {e.callee: e.address for _, e in told if e.address and e.component == self.component.name}
        for callee in self.component.callees:
            flow = traffic.flows[self.component.name, callee]
            busy = min(1.0, flow.rate / 0.05)  # an edge that is hardly used fails as rarely as it is used
            errors = self._answered_errors(traffic, callee)
            if flow.failing > 0.002:
                chance = ERRORS_PER_SLOT * min(1.0, 4 * flow.failing) * busy
                lines.append(Failure(callee, flow.worst, chance, elsewhere.get(callee, "")))
            elif errors > 0.02:
                lines.append(Failure(callee, "failed", 0.6 * ERRORS_PER_SLOT * min(1.0, 4 * errors) * busy))
        return lines + self._flags(traffic)

    def _flags(self, traffic: Traffic) -> list[Failure]:
        """What the program says while flags are on: once for each request that they touch, as far as a log shows."""
        said: list[Failure] = []
        for value, effect in effects(self.application, traffic.conditions.flags):
            if effect.component == self.component.name:
                touched = min(1.0, value * effect.errors) if effect.errors else 1.0
                rate = touched * max(self._rate(traffic, effect.operation), 0.1)
                chance = min(ERRORS_PER_SLOT, rate * SLOT_MS / 1000)
                said += [Failure(text, f"says {level}", chance) for level, text in effect.says]
        return said

    def _rate(self, traffic: Traffic, operation: str) -> float:
        load = traffic.operations.get((self.component.name, operation))
        return load.rate if load is not None else traffic.components[self.component.name].rate

    def _own_error(self, at: int, word: str, chance: bytes) -> LogLine:
        texts = drivers.own(word, self.component.dialect)
        port = self.program.port or self.component.port
        return self._line(at, "error", texts[chance[4] % len(texts)], chance[9] % 40, port=port, ms=120 + chance[5] * 4)

    def _errors(self, at: int, chance: bytes, failures: list[Failure]) -> list[LogLine]:
        """At most one line per failing edge and slot, and a stray one now and then."""
        lines = []
        for index, failure in enumerate(failures):
            if chance[6 + index % 20] < 256 * failure.chance:
                lines.append(self._error(at, failure, chance, index))
        if not failures and int.from_bytes(chance[26:28], "big") < STRAY_SHARE * 65536 and self.component.callees:
            callee = self.component.callees[chance[28] % len(self.component.callees)]
            lines.append(self._error(at, Failure(callee, "timeout", 0.0), chance, 0))
        return lines

    def _answered_errors(self, traffic: Traffic, callee: str) -> float:
        calls = [c for o in self.component.operations for c in o.calls if c.callee == callee]
        return max(traffic.operations[callee, call.operation].errors for call in calls)

    def _refused_logins(self, traffic: Traffic) -> list[Failure]:
        """Clients that a database does not let in."""
        lines = []
        for caller in self.application.callers[self.component.name]:
            flow = traffic.flows[caller, self.component.name]
            for word, event in SEEN:
                if event in self.dialect.phrases and flow.share(word) > 0.01:
                    lines.append(Failure(caller, event, ERRORS_PER_SLOT))
            strain = next((s for s in traffic.conditions.strains if s.component == self.component.name), None)
            if strain is not None and strain.extra_cpu_ms and "scan" in self.dialect.phrases:
                lines.append(Failure(caller, "scan", ERRORS_PER_SLOT))
        return lines

    def _own_troubles(self, traffic: Traffic) -> Iterator[tuple[str, float]]:
        """(event, chance) of what its runtime complains about, whoever calls it."""
        flows = [flow for (_, callee), flow in traffic.flows.items() if callee == self.component.name]
        for word, event in (("fds", "fds_own"), ("connlimit", "full_own")):
            if any(flow.share(word) > 0 for flow in flows):
                yield event, 1.0
        if self.program.tuning.gc_share:
            yield "gc_own", self.program.tuning.gc_share

    def _error(self, at: int, failure: Failure, chance: bytes, index: int) -> LogLine:
        word, callee = failure.word, failure.callee
        if word.startswith("says "):
            level = next(level for level in SAID if word.endswith(level))
            return self._line(at, level, callee.replace("{", "{{").replace("}", "}}"), chance[8 + index % 12])
        if not callee:
            return self._own_error(at, word, chance)
        if word == "scan":
            login = login_values(self.application, callee, self.component.name)
            login["db"] = login["db"] or "items"
            took = 150 + chance[5] * 7
            return self._line(at, "info", self.dialect.phrases[word][0], chance[7], ms=took, **login)
        if word.endswith("_seen"):
            login = login_values(self.application, callee, self.component.name)
            return self._line(at, "error", self.dialect.phrases[word][0], chance[7], **login)
        texts = texts_of(self.application, self.component.name, callee, word)
        calls = [c for o in self.component.operations for c in o.calls if c.callee == callee]
        call = calls[chance[5] % len(calls)]
        extra = {**self._callee(callee, failure.address), "op": call.operation}
        extra["ms"] = str(min(call.timeout_ms, self.program.tuning.timeout_ms or call.timeout_ms))
        return self._line(at, "error", texts[chance[4] % len(texts)], chance[8 + index % 12], **extra)

    def _callee(self, callee: str, address: str = "") -> dict[str, str]:
        """Where the program looks for a callee."""
        address = address or self.program.address_of(callee, self.application)
        return callee_values(self.world, self.application, self.component.name, callee, address, self.pod)

    def _pick(self, at: int, level: Level, event: str, chance: bytes) -> LogLine:
        texts = self.dialect.phrases[event]
        operation = self.component.operations[chance[9] % len(self.component.operations)]
        ms = str(1 + chance[10] * (20 if event == "warning" else 1) // 8)
        return self._line(at, level, texts[chance[11] % len(texts)], chance[12], op=operation.name, ms=ms)

    def _line(self, at: int, level: Level, text: str, number: int, **extra: object) -> LogLine:
        filled = self._fill(text, number, at, extra)
        values = {"level": self.dialect.levels[level], "n": 1 + number, "text": filled, "spot": self._spot(text)}
        return LogLine(at, self._as(self.dialect.piece_line if _is_piece(text) else self.dialect.line, at, **values))

    def _spot(self, text: str) -> str:
        if not self.dialect.spot:
            return ""
        functions = tuple(operation.name for operation in self.component.operations)
        return _spot(self.dialect.spot, self.component.name, functions, text)

    def _as(self, line: str, at: int, **more: object) -> str:
        """A line format with its time and its speaker filled in."""
        moment_ms = self.world.clock.epoch_ms + at + self._ahead_ms
        iso = _iso(moment_ms)
        values = {
            "iso": iso,
            "second": iso[:19] + "Z",
            "offset": iso[:-1] + "+00:00",
            "named": f"{iso[:5]}{MONTHS[int(iso[5:7]) - 1]}{iso[7:10]} {iso[11:-1]}000",
            "space": iso[:-1].replace("T", " "),
            "slashed": iso[:19].replace("-", "/").replace("T", " "),
            "clock": iso[11:-1],
            "epoch": moment_ms,
            "who": self.component.name,
            **more,
        }
        return line.format_map(values)

    def _fill(self, text: str, number: int, at: int, extra: Mapping[str, object]) -> str:
        values = {"n": 1 + number, "who": self.component.name, "port": self.component.port, "ms": 1 + at % 40, **extra}
        if self.dialect.line.startswith("{{") and not _is_piece(text):
            return text.format_map(values).replace('"', '\\"').replace('\\\\"', '\\"')
        return text.format_map(values)
