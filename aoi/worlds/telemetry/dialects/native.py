"""Programs that run as they were compiled: Rust and C++, and nginx with its Lua."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from collections.abc import Mapping

from aoi.worlds.telemetry.dialects.form import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "tracing": Dialect(
        line="{iso} {level} {who}: {text}",
        levels={"debug": "DEBUG", "info": " INFO", "warn": " WARN", "error": "ERROR", "fatal": "ERROR"},
        phrases={
            "refused": (
                'status: Unavailable, message: "error trying to connect: tcp connect error: Connection refused (os error 111)" peer={host}:{port}',
            ),
            "timeout": ('status: DeadlineExceeded, message: "Timeout expired" peer={host}:{port} method={op}',),
            "nohost": (
                'status: Unavailable, message: "error trying to connect: dns error: failed to lookup address information: Name or service not known" peer={host}:{port}',
            ),
            "reset": (
                'status: Unknown, message: "h2 protocol error: connection reset (os error 104)" peer={host}:{port}',
            ),
            "unavailable": ('status: Unavailable, message: "no endpoints for {callee}"',),
            "unimplemented": ('status: Unimplemented, message: "unknown method {op}" peer={host}:{port}',),
            "unauthorized": (
                "mongodb error: Command failed (Unauthorized): not authorized on {db} to execute command, server {host}:{port}",
            ),
            "authfailed": ("mongodb error: SCRAM failure: Authentication failed. server {host}:{port}",),
            "dns": (
                "dns error: failed to lookup address information: Temporary failure in name resolution host={host}",
            ),
            "failed": ('status: Internal, message: "{callee} could not complete {op}"',),
            "start": ("initialising", "loaded {n} settings", "listening on 0.0.0.0:{port}"),
            "stop": ("shutdown signal received",),
            "panic": (
                "thread 'main' panicked at src/main.rs:{n}:14:",
                "called `Option::unwrap()` on a `None` value",
                "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            ),
            "taken": ("Error: error creating server listener: Address already in use (os error 98)",),
            "badargs": (
                "error: unexpected argument '--{name}' found",
                "",
                "Usage: {short} [OPTIONS]",
                "",
                "For more information, try '--help'.",
            ),
            "missing": ("Error: missing field `{name}`",),
            "invalid": ('Error: invalid value: string "{value}" for key `{name}`',),
            "nologin": (
                "thread 'main' panicked at src/db.rs:{n}:9:",
                "mongodb error: SCRAM failure: Authentication failed. server {host}:{port}",
            ),
            "norole": (
                "thread 'main' panicked at src/db.rs:{n}:9:",
                "Command failed (Unauthorized): not authorized on {db} to execute command count, server {host}:{port}",
            ),
            "nodatabase": (
                "thread 'main' panicked at src/db.rs:{n}:9:",
                "Server selection timeout: no available servers: {host}:{port}",
            ),
            "chatter": ("{op} ok elapsed_ms={ms}", "gc swept {n} sessions", "tick"),
            "warning": (
                "slow call {op} elapsed_ms={ms}",
                "backpressure: queue at {n}",
                "retrying in 50ms attempt=1",
                "config key ignored",
            ),
        },
    ),
    "boost": Dialect(
        line="[{named}] <{level}>: ({spot}) {text}",
        spot="{handler}.h:{n}:{function}",
        levels={"debug": "debug", "info": "info", "warn": "warning", "error": "error", "fatal": "fatal"},
        phrases={
            "refused": (
                "Failed to connect {callee}-client: TSocket::open() connect() <Host: {host} Port: {port}>: Connection refused",
            ),
            "timeout": ("TSocket::read() THRIFT_EAGAIN (timed out) <Host: {host} Port: {port}> in {op}",),
            "nohost": ("TSocket::open() getaddrinfo() <Host: {host} Port: {port}>: Name or service not known",),
            "reset": ("TSocket::write_partial() send() <Host: {host} Port: {port}>: Connection reset by peer",),
            "unavailable": ("ClientPool size exhausted for {callee}-client: service unavailable",),
            "unimplemented": ("TApplicationException: Invalid method name: '{op}' <Host: {host} Port: {port}>",),
            "unauthorized": (
                "Failed to find in MongoDB <Host: {host} Port: {port}>: not authorized on {db} to execute command",
            ),
            "authfailed": ("MongoDB <Host: {host} Port: {port}>: Authentication failed.",),
            "dns": ("TSocket::open() getaddrinfo() <Host: {host}>: Temporary failure in name resolution",),
            "failed": ("{op}: TServiceException from {callee}: internal error",),
            "start": (
                "Configuration loaded",
                "Starting the {who} server on port {port}...",
            ),
            "stop": ("exit",),
            "panic": (
                "terminate called after throwing an instance of 'std::out_of_range'",
                "  what():  map::at",
                "Aborted (core dumped)",
            ),
            "taken": ("TServerSocket::listen() BIND {port}: Address already in use",),
            "badargs": (
                "terminate called after throwing an instance of "
                "'boost::wrapexcept<boost::program_options::unknown_option>'",
                "  what():  unrecognised option '--{name}'",
            ),
            "missing": ("Cannot find configuration key {name}",),
            "invalid": ("Bad value for configuration key {name}: {value}",),
            "nologin": ("MongoDB <Host: {host} Port: {port}>: Authentication failed. Exiting",),
            "norole": (
                "MongoDB <Host: {host} Port: {port}>: not authorized on {db} to execute command count. Exiting",
            ),
            "nodatabase": (
                "Failed to create mongoc client pool: No suitable servers found <Host: {host} Port: {port}>",
            ),
            "chatter": ("{op} finished in {ms} ms", "ClientPool size {n}", "Trace flushed"),
            "warning": (
                "{op} took {ms} ms",
                "ClientPool grew to {n}",
                "Span dropped, queue full",
                "Socket keep-alive expired",
            ),
        },
    ),
    "nginx": Dialect(
        line="{slashed} [{level}] 7#7: *{n} {text}",
        levels={"debug": "debug", "info": "info", "warn": "warn", "error": "error", "fatal": "emerg"},
        phrases={
            "refused": (
                '[lua] client.lua:{n}: {op} failure: Could not connect to {host}:{port} (connection refused), request: "POST {op} HTTP/1.1"',
            ),
            "timeout": ("[lua] client.lua:{n}: {op} failure: lua tcp socket read timed out, upstream: {host}:{port}",),
            "nohost": ("[lua] client.lua:{n}: {op} failure: {host} could not be resolved (3: Host not found)",),
            "reset": (
                "[lua] client.lua:{n}: {op} failure: recv() failed (104: Connection reset by peer), upstream: {host}:{port}",
            ),
            "unavailable": ("[lua] client.lua:{n}: {op} failure: {callee} answered 503 Service Unavailable",),
            "unimplemented": (
                "[lua] client.lua:{n}: TApplicationException: Invalid method name: '{op}', upstream: {host}:{port}",
            ),
            "unauthorized": ("[lua] client.lua:{n}: {op} failure: not authorized on {db} at {host}:{port}",),
            "authfailed": ("[lua] client.lua:{n}: {op} failure: Authentication failed at {host}:{port}",),
            "dns": ("[lua] client.lua:{n}: {op} failure: {host} could not be resolved (2: Server failure, SERVFAIL)",),
            "failed": ("[lua] client.lua:{n}: {op} failure: TServiceException from {callee}: internal error",),
            "start": ('using the "epoll" event method', "openresty/1.15.8.1", "start worker processes"),
            "stop": ("signal 15 (SIGTERM) received, exiting", "worker process exited with code 0"),
            "panic": ("[lua] init_by_lua error: nginx.conf:{n}: attempt to index a nil value (global 'config')",),
            "taken": ("bind() to 0.0.0.0:{port} failed (98: Address already in use)",),
            "missing": ("[lua] init_by_lua error: missing configuration {name}",),
            "invalid": ("[lua] init_by_lua error: bad value for configuration {name}: {value}",),
            "nologin": ("[lua] init_by_lua error: Authentication failed at {host}:{port}",),
            "norole": ("[lua] init_by_lua error: not authorized on {db} at {host}:{port}",),
            "nodatabase": ("[lua] init_by_lua error: timed out connecting to {host}:{port}",),
            "chatter": ("client 10.244.0.{n} closed keepalive connection", "reopening logs"),
            "warning": ("a client request body is buffered to a temporary file", "upstream response took {ms} ms"),
        },
    ),
}
