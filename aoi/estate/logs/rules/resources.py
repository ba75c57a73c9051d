"""Memory, kernel settings, processors, pools and queues that a program runs out of."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from aoi.estate.logs.rules.form import Rule, rule

RULES: tuple[Rule, ...] = (
    rule(
        "java.gc.limit", "gc", 0,
        "~GC overhead limit exceeded",
        knows="java.lang.OutOfMemoryError: GC overhead limit exceeded",
        leaves="INFO jvm flag -XX:-UseGCOverheadLimit is set",
    ),
    rule(
        "redis.full", "cachemiss", 1,
        "OOM command not allowed when used memory",
        knows="ReplyError: OOM command not allowed when used memory > 'maxmemory'.",
        leaves="INFO redis maxmemory: command stats allowed",
        is_call=True,
    ),
    rule(
        "java.heap", "oomkilled", 0,
        "java.lang.OutOfMemoryError: {text}", "java.lang.OutOfMemoryError",
        "Terminating due to java.lang.OutOfMemoryError", "insufficient memory for the Java Runtime Environment",
        knows='Exception in thread "main" java.lang.OutOfMemoryError: Java heap space',
        leaves="INFO jvm flag -XX:+ExitOnOutOfMemoryError is set",
    ),
    rule(
        "java.threads", "oomkilled", 0,
        "pthread_create failed (EAGAIN)", "unable to create new native thread", "unable to create native thread", "can't start new thread",
        knows="[warning][os,thread] Failed to start thread \"Unknown thread\" with pthread_create - attributes: pthread_create failed (EAGAIN)",
        leaves="INFO able to create new native threads: 12",
    ),
    rule(
        "node.heap", "oomkilled", 0,
        "JavaScript heap out of memory", "Reached heap limit Allocation failed",
        knows="FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        leaves="INFO JavaScript heap 40 MB, out of 512 MB memory",
    ),
    rule(
        "go.memory", "oomkilled", 0,
        "fatal error: runtime: out of memory", "runtime: cannot allocate memory", "fatal error: runtime: cannot map pages",
        knows="fatal error: runtime: out of memory",
        leaves="runtime: memory limit 2GiB, GC percent off",
    ),
    rule(
        "php.memory", "oomkilled", 0,
        "Allowed memory size of {n} bytes exhausted",
        knows="PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes) in /var/www/html/index.php on line 3",
        leaves="Allowed memory size of 134217728 bytes configured",
    ),
    rule(
        "dotnet.memory", "oomkilled", 0,
        "System.OutOfMemoryException", "^MemoryError", "NoMemoryError", "std::bad_alloc",
        knows="Unhandled exception. System.OutOfMemoryException: Array dimensions exceeded supported range.",
        leaves="catch (OutOfMemoryExceptions) handled elsewhere",
    ),
    rule(
        "redis.fork", "oomkilled", 0,
        "Can't save in background: fork: {text}",
        knows="1:M 02 Jan 2026 03:04:05.678 # Can't save in background: fork: Cannot allocate memory",
        leaves="1:M 02 Jan 2026 03:04:05.678 * Background saving started by pid 33",
    ),
    rule(
        "memory.killed", "oomkilled", 0,
        "Out of memory: Killed process", "~Cannot allocate memory", "ENOMEM", "~signal 9 (Killed)", "Worker (pid:{n}) was sent SIGKILL! Perhaps out of memory?", "~out of memory",
        knows="[CRITICAL] Worker (pid:7) was sent SIGKILL! Perhaps out of memory?",
        leaves="INFO allocator: memory arena is out of use",
    ),
    rule(
        "elasticsearch.map_count", "badconfig", 0,
        "~max virtual memory areas vm.max_map_count [{subject}] is too low", "~max virtual memory areas vm.max_map_count", "~max file descriptors [{subject}] for elasticsearch process is too low",
        "~bootstrap check failure",
        knows="ERROR: [1] bootstrap checks failed. max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]",
        leaves="[INFO ][o.e.b.BootstrapChecks] bound or publishing to a non-loopback address, enforcing bootstrap checks",
    ),
    rule(
        "inotify.limit", "fds", 0,
        "ENOSPC: System limit for number of file watchers reached", "~user limit on the total number of inotify", "~too many inotify",
        knows="System.IO.IOException: The configured user limit (128) on the total number of inotify instances has been reached: the user limit on the total number of inotify instances",
        leaves="inotify watches 12 of 8192",
    ),
    rule(
        "pool.exhausted", "connlimit", 1,
        "~connection pool exhausted", "~connection is not available, request timed out after", "QueuePool limit of size {n} overflow {n} reached",
        "~Timeout acquiring a connection", "ConnectionAcquireTimeoutError", "~Timed out fetching a new connection from the connection pool",
        "~could not obtain a connection from the pool", "~could not obtain a database connection within", "~pool timed out while waiting for an open connection",
        "~connection pool timeout", "~obtaining a connection from the pool", "MongoWaitQueueFullError", "~The connection pool has been exhausted",
        knows="java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms.",
        leaves="HikariPool-1 - Thread starvation not detected, pool stats idle=3",
        is_call=True,
    ),
    rule(
        "connections.limit", "connlimit", 1,
        "~too many connections", "~sorry, too many clients already", "~remaining connection slots are reserved", "~max number of clients reached", "~maxclients reached",
        "~too many clients", "~connection limit exceeded",
        knows='FATAL:  sorry, too many clients already',
        leaves="INFO pool resized: not too many clientsets, limit 20",
        is_call=True,
    ),
    rule(
        "java.gc", "gc", 1,
        "Pause Full (Allocation Failure)", "~full gc ({w} {w})",
        knows="[gc] GC(118) Pause Full (Allocation Failure) 510M->509M(512M) 1204.2ms",
        leaves="[gc] GC(3) Pause Young (Normal) (G1 Evacuation Pause) 24M->4M(256M) 3.2ms",
    ),
    rule(
        "kafka.lag", "lag", 2,
        "~consumer lag {*}exceed", "~consumer lag is", "~lagging behind", "~replication lag {*}exceed",
        knows="ERROR consumer lag is 120394 on orders-0",
        leaves="INFO consumer lags: 0",
    ),
)  # fmt: skip
