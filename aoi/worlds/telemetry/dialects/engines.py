"""Databases, caches and the infrastructure beside them. They are called, so they have no words for a failed call."""

from collections.abc import Mapping

from aoi.worlds.telemetry.dialects.form import Dialect

_REMOTE = '"remote":"10.244.0.{n}:4{n:04}"'


def _mongod(place: str, message: str, attributes: str = "") -> str:
    """A structured message of mongod, in the columns that it keeps: severity, component, id and context in `place`."""
    severity, component, number, context = place.split()
    named, numbered = f'"{component}",'.ljust(12), f"{number},".ljust(9)
    said = f'"s":"{severity}",  "c":{named}"id":{numbered}"ctx":"{context}","msg":"{message}"'
    return f'{said},"attr":{{{{{attributes}}}}}' if attributes else said


def _refused_login(error: str) -> str:
    attributes = (
        '"mechanism":"SCRAM-SHA-1","principalName":"{user}","authenticationDatabase":"{db}",'
        f'{_REMOTE},"extraInfo":{{{{}}}},"error":"{error}"'
    )
    return _mongod("I ACCESS 20249 conn{n}", "Authentication failed", attributes)


def _locked_out(why: str) -> str:
    error = (
        f"DBPathInUse: Unable to create/open the lock file: {{name}}/mongod.lock ({why}). Ensure the user executing "
        "mongod is the owner of the lock file and has the appropriate permissions."
    )
    return _mongod("E CONTROL 20557 initandlisten", "DBException in initAndListen, terminating", f'"error":"{error}"')


DIALECTS: Mapping[str, Dialect] = {
    "mongod": Dialect(
        line='{{"t":{{"$date":"{offset}"}},"s":"{level}",  "c":"-",         "id":{n},"ctx":"conn{n}","msg":"{text}"}}',
        piece_line='{{"t":{{"$date":"{offset}"}},{text}}}',
        levels={"debug": "D1", "info": "I", "warn": "W", "error": "E", "fatal": "F"},
        phrases={
            "start": (
                _mongod("I CONTROL 23285 main", "Automatically disabling TLS 1.0"),
                _mongod(
                    "I STORAGE 4615611 initandlisten", "MongoDB starting", '"pid":1,"port":{port},"dbPath":"/data/db"'
                ),
                _mongod("I STORAGE 22315 initandlisten", "Opening WiredTiger", '"config":"create,cache_size=256M"'),
                _mongod("I NETWORK 23016 listener", "Waiting for connections", '"port":{port},"ssl":"off"'),
            ),
            "stop": (
                _mongod("I CONTROL 23377 SignalHandler", "Received signal", '"signal":15,"error":"Terminated"'),
                _mongod("I CONTROL 23138 SignalHandler", "Shutting down", '"exitCode":0'),
            ),
            "badargs": (
                "Error parsing command line: unrecognised option '--{name}'",
                "try 'mongod --help' for more information",
            ),
            "datafiles": (
                _mongod(
                    "F CONTROL 20573 initandlisten",
                    "Wrong mongod version",
                    '"error":"UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document (ERROR: '
                    "Location4926900: Invalid featureCompatibilityVersion document in admin.system.version: "
                    '{{ _id: \\"featureCompatibilityVersion\\", version: \\"{name}\\" }}). If the current '
                    'featureCompatibilityVersion is too old, see the documentation on upgrading"',
                ),
            ),
            "norole_seen": (
                _mongod(
                    "I ACCESS 20436 conn{n}",
                    "Checking authorization failed",
                    '"error":{{"code":13,"codeName":"Unauthorized","errmsg":"not authorized on {db} to execute command '
                    '{{ count: \\"items\\", $db: \\"{db}\\" }}"}}',
                ),
            ),
            "nologin_seen": (_refused_login('UserNotFound: Could not find user \\"{user}\\" for db \\"{db}\\"'),),
            "readonly": (_locked_out("Read-only file system"),),
            "denied": (_locked_out("Permission denied"),),
            "wrongpass_seen": (
                _refused_login("AuthenticationFailed: SCRAM authentication failed, storedKey mismatch"),
            ),
            "plain_seen": (
                _mongod(
                    "I NETWORK 22988 conn{n}",
                    "Error receiving request from client. Ending connection from remote",
                    '"error":{{"code":141,"codeName":"SSLHandshakeFailed","errmsg":"The server is configured to only '
                    f'allow SSL connections"}}}},{_REMOTE},"connectionId":{{n}}',
                ),
            ),
            "full_seen": (
                _mongod(
                    "I NETWORK 22942 listener",
                    "Connection refused because there are too many open connections",
                    f'{_REMOTE},"connectionCount":{{n}}',
                ),
            ),
            "scan": (
                _mongod(
                    "I COMMAND 51803 conn{n}",
                    "Slow query",
                    '"type":"command","ns":"{db}.items","planSummary":"COLLSCAN","keysExamined":0,'
                    '"docsExamined":{n}41873,"nreturned":1,"protocol":"op_msg","durationMillis":{ms}',
                ),
            ),
            "chatter": (
                _mongod("I NETWORK 22943 listener", "Connection accepted", f'{_REMOTE},"connectionId":{{n}}'),
                _mongod("I NETWORK 22944 conn{n}", "Connection ended", f'{_REMOTE},"connectionId":{{n}}'),
                _mongod(
                    "I STORAGE 22430 WTCheckpointThread",
                    "WiredTiger message",
                    '"message":"WT_SESSION.checkpoint: [WT_VERB_CHECKPOINT_PROGRESS] saving checkpoint snapshot '
                    'min: {n}, snapshot max: {n} snapshot count: 0, oldest timestamp: (0, 0)"',
                ),
                _mongod("I NETWORK 51800 conn{n}", "client metadata", f'{_REMOTE},"client":"conn{{n}}"'),
            ),
            "warning": (
                _mongod("I COMMAND 51803 conn{n}", "Slow query", '"type":"command","durationMillis":{ms}'),
                _mongod(
                    "W CONTROL 22184 initandlisten",
                    "Soft rlimits for open file descriptors too low",
                    '"currentValue":1024,"recommendedMinimum":64000',
                ),
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
