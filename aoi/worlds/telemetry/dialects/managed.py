"""Programs in a virtual machine or an interpreter: Java, Python, Node.js and .NET."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from collections.abc import Mapping

from aoi.worlds.telemetry.dialects.form import Dialect

DIALECTS: Mapping[str, Dialect] = {
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
            "taken": ("Web server failed to start. Port {port} was already in use.",),
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
            "taken": ("OSError: [Errno 98] Address already in use: ('0.0.0.0', {port})",),
            "badargs": ("usage: {short} [-h] [--config CONFIG]", "{short}: error: unrecognized arguments: --{name}"),
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
            "taken": ("uncaughtException Error: listen EADDRINUSE: address already in use :::{port}",),
            "badargs": ("error: unknown option '--{name}'",),
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
            "taken": ("System.IO.IOException: Failed to bind to address http://[::]:{port}: address already in use.",),
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
}
