"""What the driver of an engine, or the runtime of a language, says: the same whoever logs it.

A server's own words for why it turns a client away come through every driver as they are, so they are here once by
protocol and not in every dialect. What a runtime says of itself is here by dialect.
"""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from collections.abc import Mapping

REFUSALS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "tls": {
        "mongo": (
            "No suitable servers found (`serverSelectionTryOnce` set): [connection closed calling hello on '{host}:{port}']",
        ),
    },
    "connlimit": {
        "mongo": ("connection to {host}:{port} closed by the server: too many connections are open",),
        "postgres": ("FATAL: sorry, too many clients already (SQLSTATE 53300) host={host}:{port}",),
        "redis": ("ERR max number of clients reached ({host}:{port})",),
        "": ("{host}:{port} closed the connection: too many connections",),
    },
    "readonly": {
        "postgres": ("ERROR: cannot execute INSERT in a read-only transaction (SQLSTATE 25006) host={host}:{port}",),
    },
    "cachefull": {
        "redis": ("OOM command not allowed when used memory > 'maxmemory'. ({host}:{port})",),
    },
}
"""Outcome -> protocol of the callee -> phrasings; the empty protocol stands for all others."""

SAME_AS: Mapping[str, str] = {"badpassword": "authfailed", "fds": "timeout"}
"""Outcomes that a client cannot tell from another one."""

FILES: Mapping[str, tuple[str, ...]] = {
    "go": ("http: Accept error: accept tcp [::]:{port}: accept4: too many open files; retrying in 1s",),
    "java": ("java.io.IOException: Too many open files",),
    "python": ("OSError: [Errno 24] Too many open files: socket.accept() out of system resource",),
    "node": ("Error: accept EMFILE too many open files",),
    "dotnet": ("System.Net.Sockets.SocketException (24): Too many open files",),
    "cpp": ("TServerSocket::acceptImpl() ::accept() failed: Too many open files",),
    "rust": ("accept error: Too many open files (os error 24)",),
    "nginx": ("accept4() failed (24: Too many open files)",),
}
CROWDED = ("too many connections: limit reached, connection closed ({n} waiting)",)
COLLECTOR: Mapping[str, tuple[str, ...]] = {
    "java": ("java.lang.OutOfMemoryError: GC overhead limit exceeded",),
    "node": (
        "Mark-sweep (reduce) {n}.4 (52.1) -> {n}.2 (52.1) MB, {ms} / 0.0 ms (average mu = 0.061) allocation failure",
    ),
    "dotnet": ("System.OutOfMemoryException: Insufficient memory to continue the execution of the program.",),
}
POISONED: Mapping[str, tuple[str, ...]] = {
    "go": (
        "panic: decode message delivery_tag={n} redelivered=true: proto: cannot parse invalid wire-format data",
        "",
        "goroutine 34 [running]:",
        "main.consume(0xc0001b2000)",
    ),
    "java": (
        "org.apache.kafka.common.errors.SerializationException: Error deserializing key/value for partition jobs-0 at offset {n}. If needed, please seek past the record to continue consumption.",
        "\tat org.apache.kafka.clients.consumer.internals.Fetcher.parseRecord(Fetcher.java:1429)",
    ),
    "python": (
        "Traceback (most recent call last):",
        '  File "/app/consumer.py", line {n}, in on_message',
        "    body = json.loads(message.body)",
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0), delivery_tag={n} redelivered=True",
    ),
    "node": (
        "uncaughtException SyntaxError: Unexpected token in JSON at position 0, delivery tag {n}, redelivered",
        "    at JSON.parse (<anonymous>)",
    ),
    "dotnet": (
        "Unhandled exception. System.Text.Json.JsonException: '0x00' is an invalid start of a value. DeliveryTag={n} Redelivered=True",
        "   at Consumer.OnMessage(BasicDeliverEventArgs args) in /src/Consumer.cs:line {n}",
    ),
    "cpp": (
        "terminate called after throwing an instance of 'apache::thrift::protocol::TProtocolException'",
        "  what():  TProtocolException: Invalid data, delivery tag {n} redelivered",
    ),
    "rust": (
        "thread 'main' panicked at src/consumer.rs:{n}:14:",
        'called `Result::unwrap()` on an `Err` value: DecodeError("invalid wire type"), delivery_tag={n} redelivered=true',
    ),
}
_LANGUAGES: Mapping[str, str] = {
    "zerolog": "go",
    "zerolog-console": "go",
    "zap": "go",
    "spring": "java",
    "python": "python",
    "pino": "node",
    "dotnet": "dotnet",
    "boost": "cpp",
    "tracing": "rust",
    "nginx": "nginx",
}
"""Dialect -> language."""
_OWN: Mapping[str, Mapping[str, tuple[str, ...]]] = {"fds_own": FILES, "gc_own": COLLECTOR, "poisoned": POISONED}


def refusal(word: str, protocol: str) -> tuple[str, ...]:
    """What a driver says of an outcome; empty if it has no words of its own for it."""
    said = REFUSALS.get(word, {})
    return said.get(protocol) or said.get("", ())


def own(event: str, dialect: str) -> tuple[str, ...]:
    """What a program's runtime says of the program itself."""
    if event == "full_own":
        return CROWDED
    return _OWN.get(event, {}).get(_LANGUAGES.get(dialect, ""), ())
