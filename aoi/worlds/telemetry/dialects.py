"""How programs speak in their logs: one dialect per language or engine, each with its own words for the same event.

A dialect has a line format and phrases by event. Placeholders: `{host}` and `{port}` as the caller was configured,
`{callee}`, `{ip}` (cluster IP), `{op}` (operation called), `{ms}`, `{n}`, `{name}` and `{value}` (a setting),
`{user}` and `{db}`. Events `refused` to `dns` are the outcome words of conditions.py.
"""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["debug", "info", "warn", "error", "fatal"]
Phrases = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Line format, names of levels, and phrases by event."""

    line: str
    """Placeholders: `{iso}`, `{space}` (date and time with a blank), `{slashed}`, `{clock}`, `{epoch}`, `{level}`, `{text}`, `{who}`."""
    levels: Mapping[Level, str]
    phrases: Phrases
    """Events: the outcome words; `failed` (the callee answered with an error of its own); `start`, `stop`, `panic`
    (several lines), `missing`, `invalid`, `nologin`, `norole`, `nodatabase` (endings); `chatter`, `warning`."""


_GO_GRPC = {
    "refused": (
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
        'dial tcp {ip}:{port}: connect: connection refused" method={op} target={host}:{port}',
    ),
    "timeout": (
        "rpc error: code = DeadlineExceeded desc = context deadline exceeded method={op} target={host}:{port}",
    ),
    "nohost": (
        "rpc error: code = Unavailable desc = dns: A record lookup error: lookup {host} on 10.96.0.10:53: no such host "
        "method={op} target={host}:{port}",
    ),
    "reset": (
        "rpc error: code = Unavailable desc = error reading from server: read tcp {ip}:{port}: read: "
        "connection reset by peer method={op} target={host}:{port}",
    ),
    "unavailable": (
        "rpc error: code = Unavailable desc = there is no address available method={op} target=srv-{callee}",
        "rpc error: code = Unavailable desc = name resolver error: produced zero addresses method={op} target={callee}",
    ),
    "unimplemented": ("rpc error: code = Unimplemented desc = unknown service {op} target={host}:{port}",),
    "unauthorized": ("(Unauthorized) not authorized on {db} to execute command on {host}:{port}",),
    "authfailed": ("server returned error on SASL authentication step: Authentication failed. host={host}:{port}",),
    "dns": ("lookup {host} on 10.96.0.10:53: read udp 10.96.0.10:53: i/o timeout",),
    "failed": ("rpc error: code = Unknown desc = {callee} answered with an error method={op}",),
}
_GO_DATA = {
    "refused": ("dial tcp {ip}:{port}: connect: connection refused host={host}:{port}",),
    "timeout": ("dial tcp {ip}:{port}: i/o timeout host={host}:{port}",),
    "nohost": ("dial tcp: lookup {host} on 10.96.0.10:53: no such host",),
}
_GO_ENDINGS = {
    "panic": (
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x8f2a41]",
        "",
        "goroutine 1 [running]:",
        "main.main()",
        "\t/workspace/cmd/main.go:{n} +0x1c5",
    ),
    "nologin": (
        "panic: server returned error on SASL authentication step: Authentication failed.",
        "",
        "goroutine 1 [running]:",
        "main.initializeDatabase({host}:{port})",
    ),
    "norole": (
        'panic: not authorized on {db} to execute command {{ count: "{db}" }}',
        "",
        "goroutine 1 [running]:",
        "main.initializeDatabase({host}:{port})",
    ),
    "nodatabase": (
        "panic: no reachable servers",
        "",
        "goroutine 1 [running]:",
        "main.initializeDatabase({host}:{port})",
    ),
}

DIALECTS: dict[str, Dialect] = {
    "zerolog": Dialect(
        line='{{"level":"{level}","service":"{who}","time":"{iso}","message":"{text}"}}',
        levels={"debug": "debug", "info": "info", "warn": "warn", "error": "error", "fatal": "panic"},
        phrases={
            **_GO_GRPC,
            **_GO_ENDINGS,
            "start": (
                "Reading config...",
                "Initializing DB connection...",
                "Initializing jaeger agent...",
                "Start server at port {port}",
            ),
            "stop": ("Shutting down server",),
            "panic": (
                "Reading config...",
                "panic: no reachable servers",
                "",
                "goroutine 1 [running]:",
                "main.main()",
                "\t/go/src/hotelreservation/cmd/main.go:{n} +0x5a2",
            ),
            "missing": ("missing required configuration {name}",),
            "invalid": ("cannot parse configuration {name}: {value}",),
            "chatter": ("Handled {op} in {ms} ms", "In {op}", "{op} done, {n} items", "Got {n} results for {op}"),
            "warning": (
                "Retried {op} once",
                "Cache miss ratio is {n}%",
                "Slow request {op}: {ms} ms",
                "Unused configuration field ignored",
            ),
        },
    ),
    "zap": Dialect(
        line="{iso}\t{level}\t{who}/server.go:{n}\t{text}",
        levels={"debug": "DEBUG", "info": "INFO", "warn": "WARN", "error": "ERROR", "fatal": "FATAL"},
        phrases={
            **_GO_GRPC,
            **_GO_ENDINGS,
            "refused": (
                'call to {callee} failed\t{{"error": "dial tcp {ip}:{port}: connect: connection refused", "peer": "{host}:{port}"}}',
            ),
            "timeout": (
                'call to {callee} failed\t{{"error": "context deadline exceeded (Client.Timeout exceeded while awaiting headers)", "peer": "{host}:{port}"}}',
            ),
            "nohost": (
                'call to {callee} failed\t{{"error": "dial tcp: lookup {host} on 10.96.0.10:53: no such host", "peer": "{host}:{port}"}}',
            ),
            "start": ("starting", 'config loaded\t{{"keys": {n}}}', 'listening\t{{"port": {port}}}'),
            "stop": ("received terminated, draining",),
            "missing": ('cannot start\t{{"error": "required key {name} missing value"}}',),
            "invalid": ('cannot start\t{{"error": "converting {name}: invalid value \\"{value}\\""}}',),
            "failed": (
                'call to {callee} failed\t{{"error": "unexpected status 500 Internal Server Error", "operation": "{op}"}}',
            ),
            "chatter": (
                'request\t{{"operation": "{op}", "status": 200, "took_ms": {ms}}}',
                "flushed {n} spans",
                'pool\t{{"idle": {n}, "open": 10}}',
            ),
            "warning": (
                'slow request\t{{"operation": "{op}", "took_ms": {ms}}}',
                "client closed connection early",
                'retrying\t{{"attempt": 1, "max": 3}}',
                "deprecated option in use",
            ),
        },
    ),
    "spring": Dialect(
        line="{space}  {level} 1 --- [nio-exec-{n}] c.example.{who}.Application : {text}",
        levels={"debug": "DEBUG", "info": " INFO", "warn": " WARN", "error": "ERROR", "fatal": "ERROR"},
        phrases={
            "refused": (
                "I/O error on request to {callee}: Connect to http://{host}:{port} failed: Connection refused (Connection refused); nested exception is java.net.ConnectException",
            ),
            "timeout": (
                "I/O error on request to {callee} ({host}:{port}): Read timed out; nested exception is java.net.SocketTimeoutException: Read timed out",
            ),
            "nohost": ("java.net.UnknownHostException: {host}: Name or service not known while calling {callee}",),
            "reset": ("java.net.SocketException: Connection reset while calling {callee} at {host}:{port}",),
            "unavailable": ("io.grpc.StatusRuntimeException: UNAVAILABLE: No healthy instances of {callee}",),
            "unimplemented": (
                "io.grpc.StatusRuntimeException: UNIMPLEMENTED: Method not found: {op} at {host}:{port}",
            ),
            "unauthorized": (
                "com.mongodb.MongoCommandException: Command failed with error 13 (Unauthorized): 'not authorized on {db} to execute command' on server {host}:{port}",
            ),
            "authfailed": (
                "com.mongodb.MongoSecurityException: Exception authenticating MongoCredential{{userName='{user}'}}: Authentication failed on server {host}:{port}",
            ),
            "dns": ("java.net.UnknownHostException: {host}: Temporary failure in name resolution",),
            "failed": ("Request to {callee} returned 500 INTERNAL_SERVER_ERROR for {op}",),
            "start": (
                "Starting Application using Java 17.0.9 with PID 1",
                "HikariPool-1 - Start completed.",
                "Server started on port(s): {port}",
                "Started Application in 3.{n} seconds",
            ),
            "stop": ("Commencing graceful shutdown. Waiting for active requests to complete",),
            "panic": (
                "Application run failed",
                "java.lang.IllegalStateException: Failed to initialise component 'pricingRules'",
                "\tat c.example.Bootstrap.init(Bootstrap.java:{n})",
                "Caused by: java.lang.NullPointerException: null",
            ),
            "missing": (
                "Could not resolve placeholder '{name}' in value \"${{{name}}}\"",
                "APPLICATION FAILED TO START",
            ),
            "invalid": (
                "Failed to bind properties under '{name}': value '{value}' is not valid",
                "APPLICATION FAILED TO START",
            ),
            "nologin": (
                "com.mongodb.MongoSecurityException: Exception authenticating MongoCredential{{userName='{user}'}}: Authentication failed on server {host}:{port}",
                "APPLICATION FAILED TO START",
            ),
            "norole": (
                "com.mongodb.MongoCommandException: Command failed with error 13 (Unauthorized): 'not authorized on {db} to execute command count' on server {host}:{port}",
                "APPLICATION FAILED TO START",
            ),
            "nodatabase": (
                "Timed out after 10000 ms while waiting for a server {host}:{port}",
                "APPLICATION FAILED TO START",
            ),
            "chatter": ("{op} completed in {ms} ms", "Scheduled task ran, {n} entries", "Completed 200 OK"),
            "warning": (
                "GC pause took {ms} ms",
                "HikariPool-1 - Thread starvation not detected, pool stats idle={n}",
                "{op} took longer than usual: {ms} ms",
                "Property 'spring.zipkin.enabled' is deprecated",
            ),
        },
    ),
    "python": Dialect(
        line="{space} {level} {who} {text}",
        levels={"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR", "fatal": "CRITICAL"},
        phrases={
            "refused": (
                "HTTPConnectionPool(host='{host}', port={port}): Max retries exceeded (Caused by NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused'))",
            ),
            "timeout": (
                "HTTPConnectionPool(host='{host}', port={port}): Read timed out. (read timeout={ms})",
                "asyncio.exceptions.TimeoutError calling {callee} at {host}:{port}",
            ),
            "nohost": (
                "HTTPConnectionPool(host='{host}', port={port}): Failed to establish a new connection: [Errno -2] Name or service not known",
            ),
            "reset": ("ConnectionResetError: [Errno 104] Connection reset by peer calling {callee} at {host}:{port}",),
            "unavailable": ("503 Service Unavailable from {callee}: no healthy upstream",),
            "unimplemented": (
                'status = StatusCode.UNIMPLEMENTED details = "Method not found: {op}" peer={host}:{port}',
            ),
            "unauthorized": (
                "pymongo.errors.OperationFailure: not authorized on {db} to execute command, host {host}:{port}",
            ),
            "authfailed": ("pymongo.errors.OperationFailure: Authentication failed., host {host}:{port}",),
            "dns": ("socket.gaierror: [Errno -3] Temporary failure in name resolution: {host}",),
            "failed": ("requests.exceptions.HTTPError: 500 Server Error for {op} from {callee}",),
            "start": (
                "Booting worker with pid: 7",
                "Loaded settings ({n} keys)",
                "Listening at: http://0.0.0.0:{port}",
            ),
            "stop": ("Handling signal: term", "Worker exiting"),
            "panic": (
                "Traceback (most recent call last):",
                '  File "/app/main.py", line {n}, in <module>',
                "    app = build_app(settings)",
                "AttributeError: 'NoneType' object has no attribute 'routes'",
            ),
            "missing": ("Traceback (most recent call last):", "KeyError: '{name}'", "missing setting {name}"),
            "invalid": ("Traceback (most recent call last):", "ValueError: invalid value for {name}: '{value}'"),
            "nologin": (
                "Traceback (most recent call last):",
                "pymongo.errors.OperationFailure: Authentication failed., host {host}:{port}",
            ),
            "norole": (
                "Traceback (most recent call last):",
                "pymongo.errors.OperationFailure: not authorized on {db} to execute command count, host {host}:{port}",
            ),
            "nodatabase": (
                "Traceback (most recent call last):",
                "pymongo.errors.ServerSelectionTimeoutError: {host}:{port}: timed out",
            ),
            "chatter": ('"{op}" 200 {ms}ms', "processed batch of {n}", "refreshed {n} keys"),
            "warning": (
                "request {op} was slow: {ms}ms",
                "DeprecationWarning: pkg_resources is deprecated",
                "queue depth {n} above soft limit",
                "retry 1/3 scheduled",
            ),
        },
    ),
    "pino": Dialect(
        line='{{"level":{level},"time":{epoch},"name":"{who}","msg":"{text}"}}',
        levels={"debug": "20", "info": "30", "warn": "40", "error": "50", "fatal": "60"},
        phrases={
            "refused": ("request to http://{host}:{port} failed, reason: connect ECONNREFUSED {ip}:{port}",),
            "timeout": ("request to http://{host}:{port} failed, reason: ETIMEDOUT after {ms}ms",),
            "nohost": ("request to http://{host}:{port} failed, reason: getaddrinfo ENOTFOUND {host}",),
            "reset": ("request to http://{host}:{port} failed, reason: read ECONNRESET",),
            "unavailable": ("upstream {callee} responded 503 Service Unavailable",),
            "unimplemented": ("upstream {callee} ({host}:{port}) responded 404: Cannot {op}, no such route",),
            "unauthorized": ("MongoServerError: not authorized on {db} to execute command ({host}:{port})",),
            "authfailed": ("MongoServerError: Authentication failed. ({host}:{port})",),
            "dns": ("getaddrinfo EAI_AGAIN {host}",),
            "failed": ("upstream {callee} responded 500 to {op}",),
            "start": ("boot", "config ok", "server listening at http://0.0.0.0:{port}"),
            "stop": ("SIGTERM received, closing",),
            "panic": (
                "uncaughtException",
                "TypeError: Cannot read properties of undefined (reading 'handlers')",
                "    at Object.<anonymous> (/srv/server.js:{n}:17)",
            ),
            "missing": ("fatal: environment variable {name} is not defined",),
            "invalid": ('fatal: \\"{name}\\" fails to match the required pattern: {value}',),
            "nologin": ("uncaughtException MongoServerError: Authentication failed. ({host}:{port})",),
            "norole": (
                "uncaughtException MongoServerError: not authorized on {db} to execute command count ({host}:{port})",
            ),
            "nodatabase": ("uncaughtException MongoServerSelectionError: connect timed out {host}:{port}",),
            "chatter": ("{op} 200 {ms}ms", "heartbeat", "session store has {n} entries"),
            "warning": (
                "event loop delayed {ms}ms",
                "slow {op} {ms}ms",
                "token close to expiry, refreshing",
                "(node:1) ExperimentalWarning",
            ),
        },
    ),
    "dotnet": Dialect(
        line="{clock} {level}: {who}[0] {text}",
        levels={"debug": "dbug", "info": "info", "warn": "warn", "error": "fail", "fatal": "crit"},
        phrases={
            "refused": ("System.Net.Http.HttpRequestException: Connection refused ({host}:{port})",),
            "timeout": (
                "System.Threading.Tasks.TaskCanceledException: The request to {host}:{port} was canceled due to the configured timeout of {ms} ms elapsing",
            ),
            "nohost": ("System.Net.Http.HttpRequestException: Name or service not known ({host}:{port})",),
            "reset": ("System.IO.IOException: Connection reset by peer ({host}:{port})",),
            "unavailable": ("Response status code does not indicate success: 503 (Service Unavailable) from {callee}",),
            "unimplemented": (
                "Response status code does not indicate success: 501 (Not Implemented) for {op} from {host}:{port}",
            ),
            "unauthorized": (
                "Npgsql.PostgresException: 42501: permission denied for database {db} ({host}:{port}), not authorized",
            ),
            "authfailed": (
                'Npgsql.PostgresException: 28P01: password authentication failed for user "{user}" ({host}:{port})',
            ),
            "dns": ("System.Net.Sockets.SocketException: Temporary failure in name resolution ({host})",),
            "failed": (
                "Response status code does not indicate success: 500 (Internal Server Error) for {op} from {callee}",
            ),
            "start": (
                "Hosting environment: Production",
                "Now listening on: http://[::]:{port}",
                "Application started.",
            ),
            "stop": ("Application is shutting down...",),
            "panic": (
                "Unhandled exception. System.TypeInitializationException: The type initializer for 'Startup' threw an exception.",
                "   at Program.Main(String[] args) in /src/Program.cs:line {n}",
            ),
            "missing": (
                "Unhandled exception. System.InvalidOperationException: configuration value {name} was not found.",
            ),
            "invalid": (
                "Unhandled exception. System.FormatException: configuration value {name} = '{value}' could not be parsed.",
            ),
            "nologin": (
                'Unhandled exception. Npgsql.PostgresException: 28P01: password authentication failed for user "{user}" ({host}:{port})',
            ),
            "norole": (
                "Unhandled exception. Npgsql.PostgresException: 42501: permission denied for database {db}, not authorized ({host}:{port})",
            ),
            "nodatabase": (
                "Unhandled exception. Npgsql.NpgsqlException: Failed to connect to {host}:{port}, timed out",
            ),
            "chatter": ("Request finished {op} - 200 in {ms}ms", "Executed endpoint", "Cache refreshed with {n} rows"),
            "warning": (
                "Request {op} took {ms}ms",
                "The certificate cache was cold",
                "Thread pool grew to {n}",
                "Connection idle for long, recycling",
            ),
        },
    ),
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
        line="[{space}] <{level}>: ({who}.cpp:{n}) {text}",
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
            "missing": ("[lua] init_by_lua error: missing configuration {name}",),
            "invalid": ("[lua] init_by_lua error: bad value for configuration {name}: {value}",),
            "nologin": ("[lua] init_by_lua error: Authentication failed at {host}:{port}",),
            "norole": ("[lua] init_by_lua error: not authorized on {db} at {host}:{port}",),
            "nodatabase": ("[lua] init_by_lua error: timed out connecting to {host}:{port}",),
            "chatter": ("client 10.244.0.{n} closed keepalive connection", "reopening logs"),
            "warning": ("a client request body is buffered to a temporary file", "upstream response took {ms} ms"),
        },
    ),
    "mongod": Dialect(
        line='{{"t":{{"$date":"{iso}"}},"s":"{level}","c":"{who}","id":{n},"ctx":"conn{n}","msg":"{text}"}}',
        levels={"debug": "D", "info": "I", "warn": "W", "error": "E", "fatal": "F"},
        phrases={
            "start": ("MongoDB starting", "Opening WiredTiger", "Waiting for connections port {port}"),
            "stop": ("received signal 15 (Terminated)", "now exiting"),
            "norole_seen": ("Checking authorization failed: not authorized on {db} to execute command",),
            "nologin_seen": ("Authentication failed: UserNotFound: Could not find user {user} for db {db}",),
            "chatter": (
                "Connection accepted",
                "Connection ended",
                "WiredTiger message: saving checkpoint snapshot {n}",
                "client metadata",
            ),
            "warning": (
                "Slow query {ms}ms",
                "Access control is not enabled for the database",
                "Soft rlimits for open file descriptors too low",
            ),
        },
    ),
    "postgres": Dialect(
        line="{space} UTC [{n}] {level}:  {text}",
        levels={"debug": "DEBUG", "info": "LOG", "warn": "WARNING", "error": "ERROR", "fatal": "FATAL"},
        phrases={
            "start": (
                "starting PostgreSQL on x86_64-pc-linux-gnu",
                'listening on IPv4 address "0.0.0.0", port {port}',
                "database system is ready to accept connections",
            ),
            "stop": ("received fast shutdown request", "database system is shut down"),
            "norole_seen": ("permission denied for database {db}, not authorized",),
            "nologin_seen": ('password authentication failed for user "{user}"', 'Role "{user}" does not exist.'),
            "chatter": (
                "checkpoint starting: time",
                "checkpoint complete: wrote {n} buffers",
                'automatic vacuum of table "public.items": index scans: 0',
            ),
            "warning": ("checkpoints are occurring frequently", "duration: {ms} ms  statement: SELECT 1"),
        },
    ),
    "redis": Dialect(
        line="1:M {space} {level} {text}",
        levels={"debug": ".", "info": "*", "warn": "#", "error": "#", "fatal": "#"},
        phrases={
            "start": ("Server initialized", "Ready to accept connections tcp"),
            "stop": ("User requested shutdown...", "Redis is now ready to exit, bye bye..."),
            "chatter": (
                "{n} changes in 60 seconds. Saving...",
                "Background saving terminated with success",
                "DB saved on disk",
            ),
            "warning": ("WARNING Memory overcommit must be enabled!", "Asynchronous AOF fsync is taking too long"),
        },
    ),
    "memcached": Dialect(
        line="{text}",
        levels={"debug": "", "info": "", "warn": "", "error": "", "fatal": ""},
        phrases={
            "start": ("slab class   1: chunk size        96 perslab   10922",),
            "stop": ("Signal handled: Terminated.",),
            "chatter": ("<{n} new auto-negotiating client connection", "<{n} connection closed."),
            "warning": ("evictions in slab class {n}",),
        },
    ),
    "consul": Dialect(
        line="{iso} [{level}]  {text}",
        levels={"debug": "DEBUG", "info": "INFO", "warn": "WARN", "error": "ERROR", "fatal": "ERROR"},
        phrases={
            "start": ("agent: Consul agent running!", "agent.server: New leader elected", "agent: Synced node info"),
            "stop": ("agent: Gracefully shutting down agent...",),
            "chatter": (
                "agent: Synced service",
                "agent.server.memberlist: memberlist: stream connection",
                "agent: Deregistered service {n}",
            ),
            "warning": (
                "agent: bootstrap = true: do not enable unless necessary",
                "agent.cache: handling error in Cache.Notify, will retry",
            ),
        },
    ),
    "jaeger": Dialect(
        line='{{"level":"{level}","ts":{epoch},"msg":"{text}"}}',
        levels={"debug": "debug", "info": "info", "warn": "warn", "error": "error", "fatal": "fatal"},
        phrases={
            "start": ("Memory storage initialized", "Query server started", "Starting HTTP server port {port}"),
            "stop": ("Shutting down",),
            "chatter": ("Span batch of {n} received", "Health check OK"),
            "warning": ("Sampling strategy file not found, using defaults",),
        },
    ),
}
for _name, _phrases in {"zerolog": _GO_DATA, "zap": _GO_DATA}.items():
    # A Go program speaks of databases and caches through net.Dial, not through grpc.
    DIALECTS[_name] = Dialect(
        DIALECTS[_name].line,
        DIALECTS[_name].levels,
        {**DIALECTS[_name].phrases, **{f"data_{event}": texts for event, texts in _phrases.items()}},
    )
