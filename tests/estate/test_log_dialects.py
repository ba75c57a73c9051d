"""The lines of the generated applications are told as they are meant, with whom they name; chatter stays silent."""

import pytest

from aoi.estate.logs import tell
from aoi.estate.logs.hosts import host_name
from aoi.worlds.telemetry.dialects import DIALECTS

VALUES = {
    "iso": "2026-01-02T03:04:05.678Z", "space": "2026-01-02 03:04:05.678", "slashed": "2026/01/02 03:04:05",
    "clock": "03:04:05", "epoch": "1767323045678", "who": "search", "host": "pricing-db", "callee": "pricing-db",
    "port": "5432", "ip": "10.96.7.7", "op": "Nearby", "ms": "250", "n": 41, "name": "DB_URL", "value": "???",
    "user": "shop", "db": "prices", "dns": "10.96.0.10", "second": "2026-01-02T03:04:05Z",
    "offset": "2026-01-02T03:04:05.678+00:00", "named": "2026-Jan-02 03:04:05.678000", "spot": "search.go:61",
}  # fmt: skip
CALLS = ("refused", "timeout", "nohost", "reset", "unavailable", "unimplemented", "unauthorized", "authfailed", "dns")
MEANT = {
    **{event: {event} for event in CALLS},
    **{f"data_{event}": {event} for event in CALLS},
    "failed": {"unavailable"},
    "nologin": {"authfailed"},
    "norole": {"unauthorized"},
    "nodatabase": {"refused", "timeout"},
    "missing": {"missingkey"},
    "invalid": {"badconfig"},
    "servfail": {"dns"},
    "taken": {"badconfig"},
    "panic": {"panic"},
    "nologin_seen": {"authfailed", "nouser"},
    "norole_seen": {"unauthorized"},
}
RAW = ("panic", "thread", "terminate", "Traceback", "Unhandled", "uncaught")
ENDINGS = ("panic", "missing", "invalid", "taken", "nologin", "norole", "nodatabase")


def written(dialect, event, level):
    """Every phrase of an event as a log of its own; an ending is one log of several lines."""
    texts = [text.format_map(VALUES) for text in dialect.phrases.get(event, ())]
    forms = [dialect.piece_line if text.startswith('"s":') else dialect.line for text in texts]
    values = [{**VALUES, "level": dialect.levels[level], "text": text} for text in texts]
    formed = [form.format_map(value) for form, value in zip(forms, values, strict=True)]
    if event not in ENDINGS:
        return formed
    lines = [text if index or text.startswith(RAW) else formed[index] for index, text in enumerate(texts)]
    return ["\n".join(lines)] if lines else []


SAID = [
    pytest.param(log, event, id=f"{name}-{event}-{number}")
    for name, dialect in DIALECTS.items()
    for event in MEANT
    for number, log in enumerate(written(dialect, event, "fatal" if event in ENDINGS else "error"))
]


@pytest.mark.parametrize(("log", "event"), SAID)
def test_an_error_is_told_as_it_is_meant(log, event):
    first = tell(log.encode())[0]
    assert first.word in MEANT[event]
    is_call = event.removeprefix("data_") in (*CALLS, "failed", "nodatabase", "nologin")
    if is_call and ("pricing-db" in log or "10.96.7.7" in log):
        assert {host_name(host) for host in first.hosts} & {"pricing-db", "10.96.7.7"}


@pytest.mark.parametrize("name", DIALECTS)
def test_what_a_healthy_program_says_tells_nothing(name):
    dialect = DIALECTS[name]
    said = {"start": "info", "stop": "info", "chatter": "info", "warning": "warn"}
    lines = [line for event, level in said.items() for line in written(dialect, event, level)]
    assert [one for one in tell("\n".join(lines).encode()) if one.weight < 3] == []


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("ERROR rpc error: code = Unavailable desc = dial tcp 10.97.0.8:8083: connect: connection refused", "refused"),
        ("ERROR call failed: dial tcp: lookup geo on 10.96.0.10:53: no such host", "nohost"),
        ("ERROR rpc error: code = DeadlineExceeded desc = context deadline exceeded target=geo:8083", "timeout"),
        (
            "2026-01-05 ERROR 1 --- [exec-1] App : Connect to http://geo:8083 failed: java.net.ConnectException",
            "refused",
        ),
        ('{"level":50,"msg":"request to http://geo:8083 failed, reason: connect ECONNREFUSED"}', "refused"),
        ("[2026] <error>: (x.cpp:1) Failed to connect geo-client", "refused"),
        ("ERROR TTransportException: TSocket::read() timed out host: geo", "timeout"),
        ("ERROR 503 Service Unavailable from geo: no healthy upstream", "unavailable"),
        ("ERROR status = StatusCode.UNIMPLEMENTED peer=geo:8083", "unimplemented"),
        ("ERROR read: connection reset by peer target=geo.hotel.svc.cluster.local:8083", "reset"),
    ],
)
def test_a_failed_call_names_its_callee(line, word):
    first = tell(line.encode())[0]
    assert (first.word, {host_name(host) for host in first.hosts}) in ((word, {"geo"}), (word, {"10.97.0.8"}))


def test_a_crash_is_about_what_it_says_inside():
    def first(*lines):
        told = tell("\n".join(lines).encode())[0]
        return told.word, told.hosts

    dump = ("", "goroutine 1 [running]:", "main.initializeDatabase(mongodb-geo:27017)")
    assert first("panic: no reachable servers", *dump) == ("refused", ("mongodb-geo:27017",))
    assert first("panic: no reachable servers", *dump[:2]) == ("panic", ())
    assert first("panic: nil map", *dump[:2]) == ("panic", ())
    assert first("panic: not authorized on geo-db to execute command", *dump[:2])[0] == "unauthorized"
