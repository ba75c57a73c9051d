"""Error classes in log lines of many languages and libraries, and the callee that a line points at.

The newest lines count most: an error that a program has got over is old news. Lines below error level are left out;
a crash is one block, and what it says inside is what it is about.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from aoi.agents.compressor.observation import Finding, Line, Observation
from aoi.agents.topology import Topology

TO_CALLEE = frozenset({"refused", "timeout", "nohost", "reset", "unavailable", "unimplemented"})
"""Signals about a call: they need a callee, or they say nothing that can be followed."""
AT_CALLEE = frozenset({"unauthorized", "authfailed", "nouser", "connlimit", "tls"})
"""Signals of a program about a database or another callee that does not let it in."""
UNREACHED = frozenset({"refused", "timeout", "nohost"})
STRAY = 20
"""In a log of this many lines one failed call is a stray, not a state."""
BLOCK = 8
"""Lines of a crash that are read for what it is about."""

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (word, re.compile(expression, re.IGNORECASE))
    for word, expression in (
        # In order: the first that fits is what the line says.
        ("nouser", r"UserNotFound|could not find user|role \"[^\"]+\" does not exist"),
        ("authfailed", r"authentication failed|AuthenticationFailed|WRONGPASS|invalid (?:username|credentials)|"
                       r"Access denied for user|error authenticating|SASL (?:auth|conversation)"),
        ("unauthorized", r"not authorized|Unauthorized|permission denied for (?:table|relation|schema|database)|"
                         r"requires authentication|NOAUTH|NOPERM"),
        ("tls", r"x509|tls: |TLS handshake|certificate (?:has expired|verify failed|is required)|SSLHandshake|"
                r"SSL routines|requires? (?:TLS|SSL)|only allow (?:TLS|SSL) connections"),
        ("connlimit", r"too many (?:open )?(?:connections|clients)|max number of clients|maxclients|"
                      r"connection pool (?:exhausted|timeout)|"
                      r"remaining connection slots"),
        ("diskfull", r"no space left on device|ENOSPC|disk full"),
        ("readonly", r"read-only (?:file system|transaction)|READONLY You can't write|"
                     r"not (?:master|primary) and slaveOk"),
        ("fds", r"too many open files|EMFILE"),
        ("forbidden", r"cannot (?:list|get|watch|create) resource|RBAC: access denied|\b403 Forbidden|"
                      r"(?:: |\()permission denied\b|EACCES"),
        ("dns", r"Temporary failure in name resolution|EAI_AGAIN|SERVFAIL|server misbehaving|"
                r"lookup \S+ on \S+: .*(?:timeout|refused)"),
        ("nohost", r"no such host|Name or service not known|UnknownHost|ENOTFOUND|getaddrinfo|NXDOMAIN|"
                   r"could not (?:be )?resolved? host|nodename nor servname|failed to lookup address|"
                   r"bad address '|can't resolve '|No such host is known|Host not found"),
        ("unimplemented", r"Unimplemented|unknown service |unknown method|Invalid method name|METHOD_NOT_FOUND|"
                          r"Method not found|Not Implemented|no such route|no handler for"),
        ("refused", r"connection refused|ECONNREFUSED|ConnectionRefused|ConnectException|actively refused|"
                    r"Failed to connect|connect\(\) failed|os error 111|Errno 111|no (?:reachable|suitable) servers?|"
                    r"could not connect|no servers available|SERVER HAS FAILED"),
        ("timeout", r"i/o timeout|deadline[ _]?(?:has )?(?:exceeded|elapsed|expired)|timed? ?-?out|ETIMEDOUT|"
                    r"Timeout(?:Error|Exception)?\b|os error 110|EAGAIN|504 Gateway"),
        ("reset", r"connection reset|ECONNRESET|broken pipe|EPIPE|unexpected EOF|Connection aborted|socket hang up|"
                  r"closed (?:by|the connection)|transport is closing|end of file|No more data to read"),
        ("unavailable", r"Unavailable\b|\b50[23]\b|no healthy (?:upstream|instances?|host)|all SubConns are in|"
                        r"no (?:address|instance|endpoint)\w*|zero addresses|Bad Gateway|circuit breaker|"
                        r"answered with an error|\b500\b|INTERNAL|internal error|TApplicationException"),
        ("gc", r"GC overhead|full gc|Mark-sweep|OutOfMemoryException"),
        ("cachemiss", r"OOM command not allowed"),
        ("oomkilled", r"OutOfMemoryError|out of memory|Cannot allocate memory"),
        ("slowquery", r"slow query|lock wait timeout|exceeded time limit|plan: Seq Scan on"),
        ("lag", r"consumer lag|lagging behind"),
        ("flag", r"feature ?flag"),
        ("panic", r"^panic:|panicked at|goroutine \d+ \[running\]|SIGSEGV|segmentation fault|core dumped|"
                  r"NullPointerException|nil pointer|NullReferenceException|AttributeError|TypeError"),
        ("badimage", r"database files are incompatible with server|invalid featureCompatibilityVersion"),
        ("badargs", r"unknown (?:flag|option|argument)|unrecogni[sz]ed (?:option|argument)s?|"
                    r"flag provided but not defined|unexpected argument '|unrecognized configuration parameter"),
        ("badconfig", r"address already in use|EADDRINUSE|port \d+ was already in use|"
                      r"(?:invalid|malformed|bad) (?:\S+ )?(?:config\w*|value|setting|address|port|duration)|"
                      r"(?:cannot|could not|failed to) (?:parse|bind)|could not be parsed|is not valid|"
                      r"required pattern|FormatException"),
        ("missingkey", r"(?:missing|required|undefined|cannot find|could not find) (?:\S+ )?(?:key|field|env\b|"
                       r"environment|config\w*|setting|property|value)|(?:environment variable|configuration value|"
                       r"setting) \S+ (?:is|was) (?:not|missing|required)|KeyError|could not resolve placeholder"),
        ("missingconfig", r"config\S* (?:file )?\S* ?(?:not found|does not exist|no such file)"),
        ("badcommand", r"exec format error|executable file not found|command not found"),
        ("exception", r"Exception\b|Traceback|\bFATAL\b|uncaught|terminate called"),
    )
)  # fmt: skip
_VARYING = re.compile(r"(?<!\d)(?!(?:104|111|110|50[0-4]|403)\b)\d+")
"""Numbers that say nothing; error codes stay."""
_CRASH = re.compile(
    r"^panic:|panicked at|Traceback \(most recent|Unhandled exception|uncaughtException|terminate called|"
    r"Application run failed"
)
_STRANGER = re.compile(r"(?:lookup |ENOTFOUND |://|host[=: <'\"]+)[a-z][-a-z0-9]*[a-z0-9](?![-.\w])|"
                       r"(?<![-./\w])[a-z][-a-z0-9]*[a-z0-9]:\d{3,5}\b(?!:)")  # fmt: skip
"""A host without a domain in a host position; asked only where no known component is named."""
_ORDINARY = re.compile(
    r"planSummary: COLLSCAN|\"planSummary\": ?\"COLLSCAN|plan: Seq Scan on|\"error\": ?\{\"code\": ?\d{1,5},"
)
"""What a database says at its ordinary level: of a query that reads a whole table, of whom it does not let in."""
_HEAD = 140
"""Characters of a line in which its level stands."""
_QUIET = re.compile(
    r'"level":\s*"?(?:info|debug|trace|warn(?:ing)?|[1-4]0)\b|"s":\s*"[IWD]|'
    r"(?:^|[\s\[<|])(?:INFO|DEBUG|TRACE|WARN|WARNING|NOTICE|LOG|info|debug|warning|warn|dbug)[\s\]>:|]"
)
_LOUD = re.compile(r"(?:^|[\s\[<|\"])(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|error|fail|fatal|crit|panic)[\s\]>:|\"]")
_INTRODUCED = re.compile(
    r"(?:lookup|host|hostname|peer|upstream|backend|target|server|dependency|getaddrinfo|ENOTFOUND|EAI_AGAIN|://|"
    r"\bto|\bcalling|\bcall|\bdial|\bfrom|\bof|\bfor|\bat|\bdesc =|\bwith|\bby)[\s\"'`=:<>(\[]*$",
    re.IGNORECASE,
)


def logs(observation: Observation, subject: str, topology: Topology, *, is_previous: bool = False) -> Iterator[Finding]:
    """Signals of one component's log lines; later lines weigh more."""
    if observation.is_error or observation.text.startswith("No resources found"):
        yield from _without_log(observation, subject)
        return
    lines = [line for line in observation.lines if line.text]
    told: list[tuple[Finding, Finding | None]] = []
    skip_to = 0
    for index, line in enumerate(lines):
        if index < skip_to or (_is_quiet(line.text) and not _ORDINARY.search(line.text)):
            continue
        block = [line]
        if _CRASH.search(line.text):
            block = _block(lines, index)
            skip_to = index + len(block)
        age = len(lines) - 1 - index
        weight = (0.5 if is_previous else 1.0) / (1 + age / 10)
        finding = _classified(block, subject, topology)
        if finding:
            word, other, at = finding
            said = Finding(word, subject, other, observation, at.start + at.indent, at.end, weight)
            missing = _missing(word, other, block, topology) if other else None
            behind = said._replace(word=missing, subject=other, other=subject) if missing and other else None
            told.append((said, behind))
    for said, behind in told:
        is_stray = said.word in TO_CALLEE and len(lines) >= STRAY
        if not is_stray or sum(f.word == said.word and f.other == said.other for f, _ in told) > 1:
            yield said
            if behind:
                yield behind


def _missing(word: str, other: str, block: list[Line], topology: Topology) -> str | None:
    """What a failed call says of the Service that it went to: there is none of that name, or none at that port.

    A port counts if the callee's containers declare it: then the caller is right, and the Service is not.
    """
    if word == "nohost" and topology.ports and other not in topology.ports:
        return "noservice"
    if word == "timeout" and other in topology.ports and topology.declared.get(other):
        asked = {
            int(match[2][1:])
            for line in block
            for match in topology.host_pattern.finditer(line.text)
            if match[2] and topology.host(match[1]) == other
        }
        if asked & topology.declared[other] - topology.ports[other]:
            return "targetport"
    return None


_WAITING = (
    ("imagepull", re.compile(r"failing to pull image|ImagePullBackOff|ErrImagePull")),
    ("badimagename", re.compile(r"InvalidImageName")),
    ("configerror", re.compile(r"CreateContainerConfigError")),
    ("starterror", re.compile(r"RunContainerError|CreateContainerError|StartError")),
    ("initwait", re.compile(r"PodInitializing")),
    ("notready", re.compile(r"No resources found|no pods of|is waiting to start|does not have a host")),
)
"""What the server says instead of a log, and what that means."""


def _without_log(observation: Observation, subject: str) -> Iterator[Finding]:
    """A component without a log has no running container: the server says why."""
    for word, expression in _WAITING:
        if match := expression.search(observation.text):
            yield Finding(word, subject, None, observation, match.start(), match.end())
            return


def classify(text: str) -> str | None:
    """The error class that a text speaks of, or None."""
    return _classify(_VARYING.sub("0", text))


@lru_cache(maxsize=4096)
def _classify(text: str) -> str | None:
    return next((word for word, expression in _RULES if expression.search(text)), None)


def callee(text: str, subject: str, topology: Topology) -> str | None:
    """The component that a line names in a host position, if it is another one than the speaker."""
    plain: str | None = None
    for match in topology.host_pattern.finditer(text):
        name = topology.host(match[1])
        if name is None or name == subject:
            continue
        if match[2] or match[1].startswith("srv-") or match[1] in topology.addresses:
            return name
        # `user` and `rate` are words, too: a bare name counts after a word that introduces a host, or with a hyphen.
        if plain is None and ("-" in match[1] or _INTRODUCED.search(text, max(0, match.start() - 24), match.start())):
            plain = name
    return plain


def _classified(block: list[Line], subject: str, topology: Topology) -> tuple[str, str | None, Line] | None:
    """(signal, callee, line to cite) of one line or of one crash."""
    is_crash = len(block) > 1 or bool(_CRASH.search(block[0].text))
    for line in block:
        word = classify(line.text)
        if word is None or (is_crash and word in ("panic", "exception")):
            continue
        other = None
        if word in TO_CALLEE or word in AT_CALLEE:
            other = next((name for part in block if (name := callee(part.text, subject, topology))), None)
        if other is None and word in UNREACHED and any(_STRANGER.search(part.text) for part in block):
            # A host that nobody here has: the speaker looks for the wrong name.
            return "nohost", None, line
        if other or word not in TO_CALLEE:
            return word, other, line
    return ("panic", None, block[0]) if is_crash else None


def _block(lines: list[Line], start: int) -> list[Line]:
    """A crash: its first line and those that follow without a level of their own."""
    block = [lines[start]]
    for line in lines[start + 1 : start + BLOCK]:
        if _is_quiet(line.text) or _CRASH.search(line.text):
            break
        block.append(line)
    return block


def _is_quiet(text: str) -> bool:
    """Whether a line says itself that it is below error level."""
    head = text[:_HEAD]
    return bool(_QUIET.search(head)) and not _LOUD.search(head.split('"message"')[0].split('"msg"')[0])
