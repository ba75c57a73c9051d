"""Error classes in log lines of many languages and libraries, and the callee that a line points at.

The newest lines count most: an error that a program has got over is old news.
"""

import re
from collections.abc import Iterator

from aoi.agents.compressor.observation import Found, Line, Observation
from aoi.agents.topology import Topology

TO_CALLEE = frozenset({"refused", "timeout", "nohost", "reset", "unavailable", "unimplemented"})
"""Signals about a call: they need a callee, or they say nothing that can be followed."""

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (word, re.compile(expression, re.IGNORECASE))
    for word, expression in (
        # In order: the first that fits is what the line says.
        ("nouser", r"UserNotFound|user \S+ (?:does not exist|not found) in|role \"[^\"]+\" does not exist"),
        ("authfailed", r"authentication failed|AuthenticationFailed|password authentication failed|WRONGPASS|"
                       r"invalid (?:username|credentials)|Access denied for user|SASL (?:auth|conversation)"),
        ("unauthorized", r"not authorized on|Unauthorized|permission denied for (?:table|relation|schema|database)|"
                         r"command \S+ requires authentication|NOAUTH|NOPERM"),
        ("tls", r"x509|tls: |TLS handshake|certificate (?:has expired|verify failed|is required)|SSLHandshake|"
                r"SSL routines|requires? (?:TLS|SSL)"),
        ("connlimit", r"too many (?:connections|clients)|connection pool (?:exhausted|timeout)|maxclients|"
                      r"remaining connection slots"),
        ("diskfull", r"no space left on device|ENOSPC|disk full"),
        ("readonly", r"read-only file system|READONLY You can't write|not (?:master|primary).*(?:write|slaveOk)"),
        ("fds", r"too many open files|EMFILE"),
        ("forbidden", r"cannot (?:list|get|watch|create) resource|RBAC: access denied|HTTP/1\.1\" 403|\b403 Forbidden"),
        ("nohost", r"no such host|Name or service not known|UnknownHostException|ENOTFOUND|getaddrinfo|"
                   r"could not (?:be )?resolved?|Temporary failure in name resolution|nodename nor servname|"
                   r"failed to lookup address|NXDOMAIN|No such host is known|Host not found"),
        ("unimplemented", r"\bUnimplemented\b|UNIMPLEMENTED|unknown service |unknown method|Invalid method name|"
                          r"METHOD_NOT_FOUND|StatusCode\.UNIMPLEMENTED|no handler for"),
        ("refused", r"connection refused|ECONNREFUSED|ConnectionRefused|ConnectException|actively refused|"
                    r"Failed to connect|connect\(\) failed|os error 111|Errno 111|no (?:reachable|suitable) servers?|"
                    r"could not connect|Connection to \S+ failed|no servers available|SERVER (?:HAS FAILED|ERROR)"),
        ("timeout", r"i/o timeout|deadline[ _]?exceeded|timed? ?out|ETIMEDOUT|TimeoutException|Timeout(?:Error)?\b|"
                    r"os error 110|EAGAIN \(timed out\)|504 Gateway"),
        ("reset", r"connection reset|ECONNRESET|broken pipe|EPIPE|unexpected EOF|Connection aborted|"
                  r"closed (?:by|the connection)|transport is closing|end of file|No more data to read"),
        ("unavailable", r"\bUnavailable\b|UNAVAILABLE|503 Service|no healthy (?:upstream|instances?)|"
                        r"all SubConns are in|no (?:instances|endpoints|addresses?) (?:found|available|for)|"
                        r"502 Bad Gateway|circuit breaker"),
        ("oomkilled", r"OutOfMemoryError|out of memory|Cannot allocate memory|heap out of memory"),
        ("slowquery", r"slow query|Slow query|lock wait timeout|exceeded time limit"),
        ("lag", r"consumer lag|lagging behind|rebalance"),
        ("gc", r"GC overhead|full gc|gc pause"),
        ("flag", r"feature ?flag"),
        ("missingkey", r"(?:missing|required|undefined) (?:key|environment variable|env|config|setting|property)|"
                       r"environment variable \S+ (?:is )?(?:not set|missing|required)|KeyError"),
        ("missingconfig", r"(?:config\S*|settings?) (?:file )?\S* ?(?:not found|does not exist|no such file)"),
        ("badconfig", r"(?:invalid|malformed|bad|cannot parse|could not parse|failed to parse|unparsable) "
                      r"(?:\S+ )?(?:config|configuration|value|setting|address|port|duration|boolean|integer)|"
                      r"(?:config\S*|configuration)\b.*\b(?:invalid|malformed)"),
        ("badargs", r"unknown (?:flag|option|argument)|unrecognized (?:option|argument)s?|"
                    r"flag provided but not defined"),
        ("badcommand", r"exec format error|executable file not found|command not found|no such file or directory: ?/"),
        ("panic", r"^panic:|\bpanicked at|\bpanic\b|goroutine \d+ \[running\]|SIGSEGV|segmentation fault|"
                  r"terminate called after|Unhandled exception|core dumped|Application run failed"),
        ("exception", r"\bException\b|Traceback \(most recent call last\)|\bFATAL\b|\bfatal\b|stack trace"),
    )
)  # fmt: skip
_ANY = re.compile(
    r"err|fail|fatal|warn|panic|exception|refus|time|reset|unavail|denied|auth|not |no |lookup|x509|tls|"
    r"[45]0[0-9]|E[A-Z]{5,}|lag|slow|kill|abort|broken|invalid|unknown|exceed|closed",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?:(?<=://)|(?<=@)|(?<=lookup )|(?<=host )|(?<=host=)|(?<=host: )|(?<=\bto )|(?<=from )|(?<=address )|(?<=\")|"
    r"(?<=')|(?<=\()|(?<=\[)|(?<==)|(?<=/)|(?<=\s)|^)"
    r"((?:srv-)?[a-z][-a-z0-9]*(?:\.[-a-z0-9]+)*|\d{1,3}(?:\.\d{1,3}){3})(:\d{2,5})?"
)
_NAMED = re.compile(
    r"(?:lookup|host|hostname|peer|upstream|backend|target|server|service|callee|dependency|resolve|ENOTFOUND|ECONNREFUSED|"
    r"://|srv-|connect(?:ing)? to|call(?:ing)? to|calling|dial(?:ing)?|client for|rpc to|request to|getaddrinfo)"
    r"[\s\"'=:(\[]*((?:srv-)?[a-z][-a-z0-9]*(?:\.[-a-z0-9]+)*)",
    re.IGNORECASE,
)


def logs(observation: Observation, subject: str, topology: Topology, *, is_previous: bool = False) -> Iterator[Found]:
    """Signals of one component's log lines; later lines weigh more. A line about no known callee is its own trouble."""
    lines = [line for line in observation.lines if line.text]
    for age, line in enumerate(reversed(lines)):
        if not _ANY.search(line.text):
            continue
        word = classify(line.text)
        if word is None:
            continue
        other = callee(line.text, subject, topology)
        if word in TO_CALLEE and other is None:
            continue
        weight = (0.5 if is_previous else 1.0) / (1 + age / 10)
        yield _found(word, subject, other if word in TO_CALLEE else None, (observation, line, weight))


def classify(text: str) -> str | None:
    """The error class that a line speaks of, or None."""
    return next((word for word, expression in _RULES if expression.search(text)), None)


def callee(text: str, subject: str, topology: Topology) -> str | None:
    """The component that a line names in a host position, if it is another one than the speaker."""
    plain: str | None = None
    for match in _HOST.finditer(text):
        name = topology.host(match[1])
        if name is None or name == subject:
            continue
        if match[2] or "." in match[1] or match[1].startswith("srv-"):
            return name
        plain = plain or (name if _is_named(text, match[1]) else None)
    return plain


def _is_named(text: str, host: str) -> bool:
    """A bare name counts only after a word that introduces a host: `user` and `rate` are words, too."""
    return any(match[1] == host for match in _NAMED.finditer(text))


def _found(word: str, subject: str, other: str | None, where: tuple[Observation, Line, float]) -> Found:
    observation, line, weight = where
    return Found(word, subject, other, observation, line.start + line.indent, line.end, weight)
