"""Programs in Go, by their logging library: zerolog and zap."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from collections.abc import Mapping

from aoi.worlds.telemetry.dialects.form import Dialect

_GRPC = {
    "refused": (
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
        'dial tcp {ip}:{port}: connect: connection refused" method={op} target={host}:{port}',
    ),
    "timeout": (
        "rpc error: code = DeadlineExceeded desc = context deadline exceeded method={op} target={host}:{port}",
    ),
    "nohost": (
        "rpc error: code = Unavailable desc = dns: A record lookup error: lookup {host} on {dns}:53: no such host "
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
    "dns": ("lookup {host} on {dns}:53: read udp {dns}:53: i/o timeout",),
    "servfail": ("lookup {host} on {dns}:53: server misbehaving",),
    "failed": ("rpc error: code = Unknown desc = {callee} answered with an error method={op}",),
}
# A Go program speaks of databases and caches through net.Dial, not through grpc.
_DATA = {
    "data_refused": ("dial tcp {ip}:{port}: connect: connection refused host={host}:{port}",),
    "data_timeout": ("dial tcp {ip}:{port}: i/o timeout host={host}:{port}",),
    "data_nohost": ("dial tcp: lookup {host} on {dns}:53: no such host",),
}
_ENDINGS = {
    "badargs": (
        "flag provided but not defined: -{name}",
        "Usage of {program}:",
        "  -h\tshow this help",
    ),
    "panic": (
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x8f2a41]",
        "",
        "goroutine 1 [running]:",
        "main.main()",
        "\t/workspace/cmd/main.go:{n} +0x1c5",
    ),
    "taken": ("listen tcp :{port}: bind: address already in use",),
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

_ZEROLOG = Dialect(
    line='{{"level":"{level}","service":"{who}","time":"{iso}","message":"{text}"}}',
    levels={"debug": "debug", "info": "info", "warn": "warn", "error": "error", "fatal": "panic"},
    phrases={
        **_GRPC,
        **_DATA,
        **_ENDINGS,
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
)

DIALECTS: Mapping[str, Dialect] = {
    "zerolog": _ZEROLOG,
    "zap": Dialect(
        line="{iso}\t{level}\t{who}/{spot}\t{text}",
        spot="server.go:{n}",
        levels={"debug": "DEBUG", "info": "INFO", "warn": "WARN", "error": "ERROR", "fatal": "FATAL"},
        phrases={
            **_GRPC,
            **_DATA,
            **_ENDINGS,
            "refused": (
                'call to {callee} failed\t{{"error": "dial tcp {ip}:{port}: connect: connection refused", "peer": "{host}:{port}"}}',
            ),
            "timeout": (
                'call to {callee} failed\t{{"error": "context deadline exceeded (Client.Timeout exceeded while awaiting headers)", "peer": "{host}:{port}"}}',
            ),
            "nohost": (
                'call to {callee} failed\t{{"error": "dial tcp: lookup {host} on {dns}:53: no such host", "peer": "{host}:{port}"}}',
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
}
