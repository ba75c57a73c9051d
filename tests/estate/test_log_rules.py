"""Every rule knows its own line and leaves its near miss alone; lines that are no errors stay silent."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

import orjson
import pytest

from aoi.estate.logs import UNCLASSIFIED, tell
from aoi.estate.logs.rules import RULES
from aoi.language.lexicon import SIGNALS


def kinds(*lines):
    return [telling.kind for telling in tell("\n".join(lines).encode())]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_rule_knows_its_line(rule):
    first = tell(rule.knows.encode())[0]
    assert (first.kind, first.word) == (rule.kind, rule.word)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_rule_leaves_its_near_miss_alone(rule):
    assert rule.kind not in kinds(rule.leaves)
    # Also without the level that the line may have.
    assert rule.match(rule.leaves, rule.leaves.lower(), 0) is None


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.is_terminal], ids=lambda rule: rule.kind)
def test_a_line_that_another_wrote_or_that_is_not_loud_is_no_finding(rule):
    line = rule.knows
    forms = (
        orjson.dumps({"level": "info", "msg": line}),
        orjson.dumps({"level": "error", "msg": "cannot save", "body": line}),
        f"user said: {line}".encode(),
        f"""level=error msg="user wrote: {line.replace('"', "'")}\"""".encode(),
        f"I0102 03:04:05.678901       1 a.go:1] {line}".encode(),
    )
    for form in forms:
        assert rule.kind not in [one.kind for one in tell(form)], form


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_rule_knows_its_line_inside_a_structured_one_and_among_others(rule):
    assert rule.kind in [one.kind for one in tell(orjson.dumps({"level": "error", "msg": rule.knows}))]
    assert rule.kind in kinds("INFO starting", rule.knows, "INFO bye")
    assert rule.kind in kinds(f"2026-01-02T03:04:05.678901234Z {rule.knows}", "2026-01-02T03:04:05.678901234Z bye")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_template_stands_on_word_boundaries(rule):
    for template in rule.templates:
        match = template.expression.search(rule.knows)
        if match and template.expression.pattern.startswith(r"(?<!\w)"):
            assert template.expression.fullmatch(f"x{match[0]}") is None
            assert template.expression.match(f"x{match[0]}") is None
            break


def test_words_are_of_the_lexicon_and_kinds_are_names():
    assert {rule.word for rule in RULES} <= {*SIGNALS, UNCLASSIFIED}
    assert len({rule.kind for rule in RULES}) == len(RULES) >= 60
    assert {rule.weight for rule in RULES} <= {0, 1, 2, 3}


@pytest.mark.parametrize(
    "line",
    [
        "INFO processed 12 orders, 0 errors",
        "metrics error_count=0 failed=0",
        '10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /x HTTP/1.1" 403 153 "-" "curl/8"',
        '10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /errors/connection-refused HTTP/1.1" 404 153',
        '[GIN] 2026/01/02 - 03:04:05 | 403 |     12.3ms |     10.0.0.1 | GET      "/admin"',
        'INFO:     10.0.0.1:41234 - "POST /login HTTP/1.1" 401 Unauthorized',
        '{"method":"GET","path":"/admin","status":403,"took_ms":3}',
        "connecting to db failed, retrying... ok",
        "Hint: if you see 'connection refused', start the database first",
        "see docs for what to do about 'no space left on device'",
        'time="2026-01-02T03:04:05Z" level=info msg="error budget at 99.9%, no connection refused"',
        "nonfatal: continuing",
        "nobody panicked about the deploy",
        '{"level":"info","message":"user said: panic: no space left on device"}',
        '{"level":30,"msg":"Caused by: java.net.ConnectException"}',
        "I0102 03:04:05.678901       1 main.go:12] connection refused is handled",
        "2026-01-02 03:04:05 DEBUG worker ERROR_CODES loaded",
        "upstream errors: 0, timeouts: 0",
        "LOG:  statement: SELECT 'FATAL: no space left on device'",
        "2026-01-02 03:04:05.678 UTC [33] STATEMENT:  INSERT INTO notes VALUES ('permission denied for table x')",
        "GET /health 200 1ms",
        "loaded error handler",
        "10-listen-on-ipv6-by-default.sh: info: can not modify /etc/nginx/conf.d/default.conf (read-only file system?)",
        "Picked up JAVA_TOOL_OPTIONS: -XX:+ExitOnOutOfMemoryError -Dsun.net.client.defaultConnectTimeout=10",
        "2026-01-02 03:04:05.678 UTC [1] LOG:  could not receive data from client: Connection reset by peer",
        "1:C 02 Jan 2026 03:04:05.678 # Warning: no config file specified, using the default config.",
        "2026-01-02T03:04:05.678901Z 8 [Note] [MY-010914] [Server] Aborted connection 8 (Got timeout reading communication packets).",
        "(node:1) DeprecationWarning: Buffer() is deprecated due to security and usability issues.",
        'grpc_server_handled_total{code="Unavailable"} 0',
        "System check identified no issues (0 silenced).",
        "waiting for connections",
        "Feature flag service ready",
        "retry on connection refused enabled",
        "handling ConnectionRefusedError gracefully",
    ],
)  # fmt: skip
def test_a_line_that_is_no_error_of_this_process_stays_silent(line):
    assert tell(line.encode()) == ()


@pytest.mark.parametrize(
    "line",
    [
        "migration 42 failed",
        "Exception in thread main: report template missing",
        "ERROR warehouse said nothing useful",
        "giving up after 3 attempts",
        '{"severity":"ERROR","message":"cart is inconsistent"}',
    ],
)
def test_an_unknown_error_is_shown_as_unclassified_with_its_excerpt(line):
    (told,) = tell(line.encode())
    assert (told.word, told.kind, told.weight) == (UNCLASSIFIED, "", 3)
    assert told.text in line


@pytest.mark.parametrize(
    ("level", "line", "is_told"),
    [
        ("json", '{"level":"%s","msg":"dial tcp 10.0.0.3:5432: connect: connection refused"}', True),
        ("logfmt", 'time=2026-01-02T03:04:05Z level=%s msg="dial tcp 10.0.0.3:5432: connect: connection refused"', True),
        ("brackets", "2026/01/02 03:04:05 [%s] 1#1: connect() failed (111: Connection refused) to 10.0.0.3:5432", True),
    ],
)  # fmt: skip
def test_the_level_of_a_structured_line_decides(level, line, is_told):
    assert [t.word for t in tell((line % "error").encode())] == ["refused"]
    for quiet in ("info", "debug", "notice"):
        assert tell((line % quiet).encode()) == (), quiet
    (warned,) = tell((line % "warn").encode())
    assert warned.weight == 2


def test_numeric_levels_of_pino_and_the_letters_of_klog_are_read():
    text = "dial tcp 10.0.0.3:5432: connect: connection refused"
    assert kinds(f'{{"level":50,"msg":"{text}"}}') == kinds(f"E0102 03:04:05.678901       1 a.go:1] {text}") != []
    assert kinds(f'{{"level":30,"msg":"{text}"}}') == kinds(f"I0102 03:04:05.678901       1 a.go:1] {text}") == []


def test_fields_that_carry_other_peoples_words_are_not_read():
    line = '{"level":"error","msg":"cannot store review","review":"panic: no space left on device","user_agent":"x509: bad"}'
    assert [(t.word, t.text) for t in tell(line.encode())] == [(UNCLASSIFIED, "cannot store review")]
    forged = 'level=error msg="user said: panic: no space left on device"'
    assert [t.word for t in tell(forged.encode())] == [UNCLASSIFIED]


def test_a_panic_counts_at_the_start_of_a_message_alone():
    assert kinds("panic: assignment to entry in nil map") == ["go.panic"]
    assert kinds('msg="user said: panic: assignment to entry"') == []
    assert kinds("the docs describe panic: and recover") == []


def test_a_proxys_own_word_for_a_failed_upstream_is_a_symptom():
    line = '[2026-01-02T03:04:05.678Z] "GET /cart HTTP/1.1" 503 UF upstream_reset_before_response_started{connection_failure} - 0 91 3 - "-" "curl" "abc" "cart" "10.0.0.9:8080" outbound|8080||cart.shop.svc.cluster.local - 10.0.0.1:80'
    (told,) = tell(line.encode())
    assert (told.word, told.hosts, told.weight) == ("unavailable", ("cart.shop.svc.cluster.local:8080",), 2)
    assert tell(line.replace(" 503 ", " 200 ").encode()) == ()
