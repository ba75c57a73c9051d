"""Databases, caches and the infrastructure beside them. They are called, so they have no words for a failed call."""

from collections.abc import Mapping

from aoi.worlds.telemetry.dialects.form import Dialect

DIALECTS: Mapping[str, Dialect] = {
    "mongod": Dialect(
        line='{{"t":{{"$date":"{iso}"}},"s":"{level}","c":"{who}","id":{n},"ctx":"conn{n}","msg":"{text}"}}',
        levels={"debug": "D", "info": "I", "warn": "W", "error": "E", "fatal": "F"},
        phrases={
            "start": ("MongoDB starting", "Opening WiredTiger", "Waiting for connections port {port}"),
            "stop": ("received signal 15 (Terminated)", "now exiting"),
            "badargs": (
                "Error parsing command line: unrecognised option '--{name}'",
                "try 'mongod --help' for more information",
            ),
            "datafiles": (
                "Wrong mongod version: UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document (ERROR: "
                "Location4926900: Invalid featureCompatibilityVersion document in admin.system.version: "
                '{{ _id: "featureCompatibilityVersion", version: "{name}" }}). If the current '
                "featureCompatibilityVersion is too old, see the documentation on upgrading",
            ),
            "norole_seen": ("Checking authorization failed: not authorized on {db} to execute command",),
            "nologin_seen": ("Authentication failed: UserNotFound: Could not find user {user} for db {db}",),
            "readonly": (
                "DBException in initAndListen, terminating: DBPathInUse: Unable to create/open the lock file: "
                "{name}/mongod.lock (Read-only file system). Ensure the user executing mongod is the owner of the lock "
                "file and has the appropriate permissions.",
            ),
            "denied": (
                "DBException in initAndListen, terminating: DBPathInUse: Unable to create/open the lock file: "
                "{name}/mongod.lock (Permission denied). Ensure the user executing mongod is the owner of the lock "
                "file and has the appropriate permissions.",
            ),
            "wrongpass_seen": (
                "Authentication failed: AuthenticationFailed: SCRAM authentication failed, storedKey mismatch "
                "for user {user}",
            ),
            "plain_seen": (
                "Error receiving request from client. Ending connection from remote: SSLHandshakeFailed: The server is "
                "configured to only allow SSL connections",
            ),
            "full_seen": ("Connection refused because there are too many open connections",),
            "scan": (
                "Slow query, planSummary: COLLSCAN, keysExamined: 0, docsExamined: {n}41873, nreturned: 1, "
                "durationMillis: {ms}",
            ),
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
            "badargs": ('[1] FATAL:  unrecognized configuration parameter "{name}"',),
            "datafiles": (
                "database files are incompatible with server",
                "DETAIL:  The data directory was initialized by PostgreSQL version {name}, which is not compatible "
                "with this version.",
            ),
            "norole_seen": ("permission denied for database {db}, not authorized",),
            "readonly": ('could not open lock file "{name}/postmaster.pid": Read-only file system',),
            "denied": ('could not open file "{name}/PG_VERSION": Permission denied',),
            "nologin_seen": ('password authentication failed for user "{user}"', 'Role "{user}" does not exist.'),
            "wrongpass_seen": (
                'password authentication failed for user "{user}", connection matched pg_hba.conf line 128',
            ),
            "full_seen": ("sorry, too many clients already",),
            "readonly_seen": ("cannot execute INSERT in a read-only transaction",),
            "scan": (
                "duration: {ms}.331 ms  plan: Seq Scan on {db}  (cost=0.00..48211.00 rows=1 width=212), "
                "Rows Removed by Filter: {n}82734",
            ),
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
            "badargs": (
                "*** FATAL CONFIG FILE ERROR ***",
                "Reading the configuration file, at line 2",
                ">>> '{name}'",
                "Bad directive or wrong number of arguments",
            ),
            "stop": ("User requested shutdown...", "Redis is now ready to exit, bye bye..."),
            "full_seen": ("Error accepting a client connection: max number of clients reached",),
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
            "full_seen": ("Too many open connections",),
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
