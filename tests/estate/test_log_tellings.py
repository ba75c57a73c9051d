"""How a whole log is told: what counts together, what is history, what stands at the end, and that nothing breaks it."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.estate.logs import UNCLASSIFIED, last_lines, tell
from aoi.estate.logs.lines import LONGEST, lines_of
from aoi.estate.logs.rules import RULES

REFUSED = "dial tcp {}: connect: connection refused"


def told(*lines):
    return tell("\n".join(lines).encode())


def test_lines_that_differ_in_numbers_and_addresses_count_together():
    (one,) = told(
        *(f"2026-01-02T03:04:{n:02d}Z ERROR job {n} " + REFUSED.format(f"10.96.4.{n % 3}:5432") for n in range(60))
    )
    assert (one.count, one.word, one.is_final) == (60, "refused", True)
    assert set(one.hosts) == {"10.96.4.0:5432", "10.96.4.1:5432", "10.96.4.2:5432"}


def test_names_are_not_numbers():
    assert {t.hosts for t in told("ERROR cannot connect to db:5432", "ERROR cannot connect to cache:6379")} == {
        ("db:5432",),
        ("cache:6379",),
    }


def test_the_missing_relation_outranks_what_follows_from_it():
    first, second = told("running migrations", 'ERROR relation "items" does not exist', "migration 42 failed")
    assert (first.kind, first.subject, first.weight) == ("sql.relation", "items", 0)
    assert (second.word, second.text, second.is_final) == (UNCLASSIFIED, "migration 42 failed", True)


@pytest.mark.parametrize(
    ("line", "word", "subject", "hosts"),
    [
        ("nslookup: can't resolve 'broker-old'", "nohost", None, ("broker-old",)),
        ("open /data/in.csv: no such file", UNCLASSIFIED, "/data/in.csv", ()),
        ("ERROR dial tcp 10.96.4.4:5672: connect: connection refused", "refused", None, ("10.96.4.4:5672",)),
        ("ModuleNotFoundError: No module named 'redis'", UNCLASSIFIED, "redis", ()),
        ("Error: listen EADDRINUSE: address already in use :::8080", "badconfig", ":::8080", ()),
        ('nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (13: Permission denied)', "forbidden", "/var/cache/nginx/client_temp", ()),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/etc/app/config.yaml'", "missingconfig", "/etc/app/config.yaml", ()),
        ('Error: Get "http://db.shop.svc.cluster.local:5432/": EOF, connection reset', "reset", None, ("db.shop.svc.cluster.local:5432",)),
    ],
)  # fmt: skip
def test_the_subject_and_the_hosts_are_named(line, word, subject, hosts):
    (one,) = told(line)
    assert (one.word, one.subject, one.hosts) == (word, subject, hosts)


def test_the_resolver_is_not_the_host_that_was_looked_up():
    (one,) = told("dial tcp: lookup db on 10.96.0.10:53: read udp 10.244.1.7:4123->10.96.0.10:53: i/o timeout")
    assert (one.word, one.hosts) == ("dns", ("db",))


def test_a_failure_that_was_put_right_is_history_and_ranks_below_what_still_fails():
    first, second = told(
        *["ERROR cannot connect to db:5432: connection refused"] * 3,
        "INFO connected to db:5432",
        "cache miss, slow request aborted",
    )
    assert first.text == "cache miss, slow request aborted"
    assert (second.hosts, second.weight, second.is_final) == (("db:5432",), 3, False)


def test_success_with_one_host_puts_no_other_right():
    first, *_ = told(
        "ERROR cannot connect to db:5432: connection refused",
        "ERROR cannot connect to cache:6379: connection refused",
        "INFO connected to cache:6379",
    )
    assert (first.hosts, first.weight) == (("db:5432",), 1)


def test_a_failure_after_the_success_is_present_again():
    failure = "ERROR cannot connect to db:5432: connection refused"
    (one,) = told(failure, "INFO connected to db:5432", failure)
    assert (one.weight, one.count, one.is_final) == (1, 2, True)


def test_success_without_a_name_is_believed_of_the_only_place_that_failed():
    address, other = REFUSED.format("10.96.4.4:5432"), REFUSED.format("10.96.4.9:6379")
    assert told(f"ERROR {address}", "INFO connected to database")[0].weight == 3
    assert [t.weight for t in told(f"ERROR {address}", f"ERROR {other}", "INFO connected to database")] == [1]


@pytest.mark.parametrize(
    ("line", "weight"),
    [
        ("INFO connected to redis", 1),
        ("INFO connected to db:6379", 1),
        ("INFO connected to db:5432", 3),
        ("INFO server is up on port 8080", 1),
        ("INFO ready to accept connections", 1),
        ("INFO connection to the database established", 3),
    ],
)
def test_success_with_another_or_of_the_program_itself_puts_nothing_right(line, weight):
    (one,) = told("ERROR " + REFUSED.format("10.96.4.4:5432"), line)
    assert one.weight == weight


def test_a_database_that_has_started_was_only_starting():
    (one,) = told("FATAL:  the database system is starting up", "LOG:  database system is ready to accept connections")
    assert (one.word, one.weight) == ("unavailable", 3)


@pytest.mark.parametrize(
    "line",
    [
        "ERROR not connected to db:5432",
        "waiting until connected to db:5432",
        'level=info msg="user said: connected to db:5432"',
        "Connection to db:5432 could not be established",
    ],
)
def test_a_line_that_only_speaks_of_success_puts_nothing_right(line):
    log = told("ERROR dial failed: db:5432: connection refused", line)
    assert any(t.hosts == ("db:5432",) and t.weight == 1 for t in log)


def test_one_failed_call_in_a_long_log_is_a_symptom_at_most_unless_it_is_the_end():
    quiet, failure = ["INFO handled"] * 30, "ERROR timed out calling geo:8083"
    assert [t.weight for t in told(*quiet, failure, *quiet)] == [2]
    assert [t.weight for t in told(*quiet, failure, failure, *quiet)] == [1]
    assert [t.weight for t in told(*quiet, failure)] == [1]


def test_what_the_process_outlived_for_long_stands_below_its_end():
    first, second = told(
        "ERROR open /tmp/x.lock: no such file or directory",
        *["INFO handled"] * 60,
        "ERROR cannot connect to db:5432",
        "ERROR cannot connect to db:5432",
    )
    assert (first.hosts, first.is_final) == (("db:5432",), True)
    assert (second.subject, second.is_final) == ("/tmp/x.lock", False)


def test_a_missing_setting_of_a_settings_class_is_named():
    (first, *_) = told(
        "Traceback (most recent call last):",
        '  File "/app/main.py", line 3, in <module>',
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings",
        "database_url",
        "  Field required [type=missing, input_value={}, input_type=dict]",
    )
    assert (first.word, first.subject) == ("missingkey", "database_url")
    assert first.text.startswith("database_url: Field required")


def test_a_wait_for_a_dependency_is_a_symptom_until_it_is_over():
    (one,) = told("db:5432 - no response", "db:5432 - no response")
    assert (one.word, one.hosts, one.weight, one.count) == ("waits", ("db:5432",), 2, 2)
    (past,) = told("db:5432 - no response", "db:5432 - accepting connections", "running")
    assert (past.weight, past.is_final) == (3, False)


def test_what_a_program_in_cpp_threw_is_told_before_that_it_aborted():
    (one,) = told(
        "terminate called after throwing an instance of 'std::runtime_error'",
        "  what():  cannot open /etc/svc/svc.conf: No such file or directory",
        "Aborted (core dumped)",
    )
    assert (one.word, one.subject) == ("missingconfig", "/etc/svc/svc.conf")


@pytest.mark.parametrize(
    "line",
    [
        "ERROR chat: dial tcp review:8080: connect: connection refused",
        "error handling message: dial tcp review:8080: connect: connection refused",
        "Error: connect ECONNREFUSED review:8080. If you see this, see the docs",
        "2026/01/02 03:04:05 review: dial tcp review:8080: connect: connection refused",
    ],
)
def test_words_that_introduce_others_words_elsewhere_hide_no_error(line):
    assert [(one.word, one.hosts) for one in told(line)] == [("refused", ("review:8080",))]


def test_pages_to_read_are_no_hosts():
    (one,) = told("Error: connect ECONNREFUSED 10.96.4.4:5432, see https://docs.example.com/errors")
    assert one.hosts == ("10.96.4.4:5432",)


@pytest.mark.parametrize("name", ["database", "server", "cache", "broker", "backend"])
def test_a_service_may_have_an_ordinary_name(name):
    assert told(f"ERROR dial tcp: lookup {name} on 10.96.0.10:53: no such host")[0].hosts == (name,)
    assert told(f"ERROR cannot connect to {name}:5432")[0].hosts == (f"{name}:5432",)


def test_frames_belong_to_their_exception_behind_the_runtimes_time():
    stamp = "2026-01-02T03:04:05.678901234Z "
    trace = [
        "java.lang.RuntimeException: x",
        "\tat a.Error.failed(Error.java:1)",
        "Caused by: java.net.UnknownHostException: orders-db",
        "\t... 3 more",
    ]
    for prefix in (stamp, stamp + "stderr F "):
        (one,) = told(*(prefix + line for line in trace))
        assert (one.word, one.hosts) == ("nohost", ("orders-db",))


def test_frames_are_no_findings_of_their_own():
    trace = [
        "Traceback (most recent call last):",
        '  File "/app/error.py", line 3, in failed',
        '    raise RuntimeError("connection refused")',
        "RuntimeError: boom",
    ]
    (one,) = told(*trace)
    assert (one.word, one.text, one.count) == ("exception", "RuntimeError: boom", 1)


def test_the_last_of_chained_tracebacks_is_told():
    (one,) = told(
        "Traceback (most recent call last):", '  File "a.py", line 1, in x', "KeyError: 'a'", "",
        "During handling of the above exception, another exception occurred:", "",
        "Traceback (most recent call last):", '  File "a.py", line 3, in y', "FileNotFoundError: [Errno 2] No such file or directory: '/data/model.bin'",
    )  # fmt: skip
    assert one.subject == "/data/model.bin"


def test_the_exceptions_of_a_group_are_told():
    (one,) = told(
        "  + Exception Group Traceback (most recent call last):",
        '  |   File "/app/main.py", line 3, in <module>',
        '  |     raise ExceptionGroup("x", failures)',
        "  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
        "  +-+---------------- 1 ----------------",
        "    | Traceback (most recent call last):",
        '    |   File "/app/main.py", line 2, in connect',
        "    | ConnectionRefusedError: [Errno 111] Connect call failed ('10.96.4.4', 5432)",
        "    +------------------------------------",
    )
    assert (one.word, one.hosts) == ("refused", ("10.96.4.4:5432",))


def test_a_traceback_that_was_cut_shows_more_than_its_first_line():
    (one,) = told(
        "Traceback (most recent call last):", '  File "/app/main.py", line 3, in <module>', "    import redis"
    )
    assert one.text == "import redis"
    assert told("Traceback (most recent call last):") == ()


def test_stacks_inside_a_field_are_read():
    line = '{"@timestamp":"2026-01-02T03:04:05Z","level":"ERROR","message":"startup failed","stack_trace":"java.lang.RuntimeException: x\\n\\tat a.B.c(B.java:1)\\nCaused by: java.net.UnknownHostException: orders-db\\n\\tat d.E.f(E.java:2)"}'
    (one,) = told(line)
    assert (one.word, one.hosts, one.text) == (
        "nohost",
        ("orders-db",),
        "Caused by: java.net.UnknownHostException: orders-db",
    )
    assert (one.start, one.end) == (0, len(line))


def test_colours_carriage_returns_and_foreign_bytes_do_not_hide_an_error():
    log = b"\x1b[2mtime\x1b[0m \x1b[31mERROR\x1b[0m \x1b[1mno space \x1b[0mleft on device: \xff\xfe\x00\r\nnext\r\n"
    (one,) = tell(log)
    assert (one.word, log[one.start : one.end]) == ("diskfull", log.split(b"\r\n")[0])
    assert "\x1b" not in one.text


def test_an_error_deep_inside_a_very_long_line_is_told_and_cut():
    line = "2026-01-02 03:04:05 ERROR " + "x" * 15_000 + " connect ECONNREFUSED 10.96.4.4:5432 " + "y" * 9_000
    (one,) = told(line)
    assert (one.word, one.hosts) == ("refused", ("10.96.4.4:5432",))
    assert "ECONNREFUSED 10.96.4.4:5432" in one.text
    assert len(one.text) <= 400


def test_the_limit_keeps_the_most_telling():
    log = "\n".join(rule.knows for rule in RULES).encode()
    assert len(tell(log, limit=3)) == 3
    assert all(one.weight == 0 for one in tell(log, limit=3))
    assert tell(log, limit=0) == ()


def test_the_last_lines_are_given_when_nothing_tells():
    log = b"one\ntwo\n\n\x1b[1mthree\x1b[0m\n\n"
    assert [line.text for line in last_lines(log, 2)] == ["two", "three"]
    assert [log[line.start : line.end] for line in last_lines(log, 2)] == [b"two", b"\x1b[1mthree\x1b[0m"]
    assert last_lines(b"", 5) == last_lines(log, 0) == ()


def test_no_template_repeats_anything_without_a_bound():
    for rule in RULES:
        for template in rule.templates:
            assert not re.search(r"[*+]", re.sub(r"\\.|\[[^\]]*\]", "", template.expression.pattern)), rule.kind


PIECES = st.sampled_from([
    *(rule.knows for rule in RULES), *(rule.leaves for rule in RULES), "Traceback (most recent call last):", '  File "x", line 1', "\tat a.B.c(B.java:1)",
    "Caused by: x", " ---> y", "goroutine 1 [running]:", "APPLICATION FAILED TO START", "Action:", "", " ", "\t", "\x1b[31m", "\x1b", "{", "}", '{"level":', '{"msg":"a\\nb","level":50}',
    "connected to db", "level=error msg=", "node:events:491", "panic: x", "x" * (LONGEST + 1), "\r", "error",
])  # fmt: skip


@given(st.lists(PIECES.map(str.encode) | st.binary(max_size=60), max_size=30), st.sampled_from([b"\n", b"\r\n", b""]))
def test_no_bytes_break_the_reading_and_every_range_is_a_line(parts, separator):
    log = separator.join(parts)
    ranges = {(line.start, line.end) for line in lines_of(log)}
    for one in (*tell(log, limit=50), *last_lines(log, 5)):
        assert (one.start, one.end) in ranges
        assert 0 < len(one.text) <= 400
        assert one.count >= 1
        assert one.word == UNCLASSIFIED or one.weight in range(4)


@given(st.binary(max_size=400))
def test_lines_cover_the_log_in_order(log):
    assert [log[line.start : line.end] for line in lines_of(log)] == [
        part.removesuffix(b"\r") for part in log.removesuffix(b"\n").split(b"\n") if log
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_what_is_shown_stands_in_the_line_that_is_cited(rule):
    log = f"INFO starting\n{rule.knows}\nbye\n".encode()
    one = tell(log)[0]
    cited = log[one.start : one.end].decode()
    assert cited == rule.knows
    shown = one.text.strip("…").removesuffix(" bye")  # the words of a panic are on the line below
    assert shown in cited or cited.startswith("{")
