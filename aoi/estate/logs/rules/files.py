"""Files, disks and sockets of a container: full, read-only, missing, not allowed, in use."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from aoi.estate.logs.rules.form import Rule, rule

RULES: tuple[Rule, ...] = (
    rule(
        "disk.full", "diskfull", 0,
        "~no space left on device", "ENOSPC", "~disk full", "~disk quota exceeded",
        knows='could not write to file "pg_wal/xlogtemp.31": No space left on device',
        leaves="INFO alert NoSpaceLeft resolved: space left on device is 40%",
    ),
    rule(
        "elasticsearch.watermark", "diskfull", 0,
        "flood stage disk watermark [{w}] exceeded", "~read-only / allow delete (api)", "~disk usage exceeded flood-stage watermark",
        knows="[2026-01-02T03:04:05,678][WARN ][o.e.c.r.a.DiskThresholdMonitor] [es-0] flood stage disk watermark [95%] exceeded on [abc][es-0][/data] free: 1.1gb[4.9%], all indices on this node will be marked read-only",
        leaves="[INFO ][o.e.c.r.a.DiskThresholdMonitor] low disk watermark no longer exceeded on [es-0]",
    ),
    rule(
        "etcd.nospace", "diskfull", 0,
        "~database space exceeded", "alarm:NOSPACE",
        knows="etcdserver: mvcc: database space exceeded",
        leaves="database spaces were compacted, quota not exceeded",
    ),
    rule(
        "disk.readonly", "readonly", 0,
        "~read-only file system", "EROFS", "~read only file system",
        knows="mkdir: cannot create directory '/data/cache': Read-only file system",
        leaves="INFO mounting overlay with a read-only file-systems list of 0 entries",
    ),
    rule(
        "redis.misconf", "diskfull", 1,
        "MISCONF Redis is configured to save RDB snapshots", "MISCONF Errors writing to the AOF file",
        knows="redis.exceptions.ResponseError: MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
        leaves="INFO redis: no misconf, RDB snapshots saved",
        is_call=True,
    ),
    rule(
        "file.descriptors", "fds", 0,
        "~too many open files", "EMFILE", "ENFILE", "~accept4() failed (24",
        knows="accept tcp [::]:8080: accept4: too many open files",
        leaves="INFO limits: open files 1048576, not too many",
    ),
    rule(
        "address.in_use", "badconfig", 0,
        "EADDRINUSE: address already in use {subject}", "~listen {w} {subject}: bind: address already in use",
        "~bind() to {subject} failed (98:", "~web server failed to start. Port {subject} was already in use",
        "~failed to bind to address {subject}: address already in use", "~cannot bind to address {subject}",
        'could not bind IPv4 address "{subject}": Address already in use', "~port {subject} is already in use",
        "~port {subject} is already allocated", "~Connection in use: ({*}{n})", "EADDRINUSE", "~address already in use",
        "~address in use", "eaddrinuse", "java.net.BindException: Address already in use",
        knows="Error: listen EADDRINUSE: address already in use :::8080",
        leaves="INFO SO_REUSEADDR set, addresses already in use by peers are skipped",
    ),
    rule(
        "port.permission", "forbidden", 0,
        "~bind() to {subject} failed (13: Permission denied)", "listen EACCES: permission denied {subject}", "listen tcp {subject}: bind: permission denied",
        "(13)Permission denied: AH00072: make_sock: could not bind to address {subject}", "~bind: permission denied",
        knows='2026/01/02 03:04:05 [emerg] 1#1: bind() to 0.0.0.0:80 failed (13: Permission denied)',
        leaves="[notice] 1#1: bind() to 0.0.0.0:8080 done",
    ),
    rule(
        "java.access_denied", "forbidden", 0,
        "AccessDeniedException: {path}", "~failed to obtain node locks, tried [{path}]",
        knows="java.nio.file.AccessDeniedException: /usr/share/elasticsearch/data/nodes",
        leaves="class com.example.AccessDeniedExceptionMapper registered",
    ),
    rule(
        "file.permission", "forbidden", 0,
        "PermissionError: [Errno 13] Permission denied: {q}{path}", "~open{*} {path}: permission denied", "{q}{path}{q} failed (13: Permission denied)",
        "EACCES: permission denied, {w} {q}{path}{q}", "~mkdir {path}: permission denied", "~Permission denied @ rb_sysopen - {path}",
        "~Access to the path '{text}' is denied", "failed to open stream: Permission denied", "~chown: {path}: Operation not permitted",
        "~{q}{path}{q}: Permission denied", "~(Permission denied)", "~os error 13", "~could not open file {q}{path}{q}: Permission denied",
        knows='nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (13: Permission denied)',
        leaves="INFO audit: 0 requests ended in permission denied today",
    ),
    rule(
        "postgres.data_directory", "forbidden", 0,
        '~data directory {q}{path}{q} has wrong ownership', '~data directory {q}{path}{q} has invalid permissions',
        '~"root" execution of the PostgreSQL server is not permitted',
        knows='FATAL:  data directory "/var/lib/postgresql/data" has invalid permissions',
        leaves='LOG:  data directory "/var/lib/postgresql/data" has 4 files',
    ),
    rule(
        "postgres.initdb", "badconfig", 0,
        'initdb: error: directory "{path}" exists but is not empty', "superuser password is not specified",
        knows='initdb: error: directory "/var/lib/postgresql/data" exists but is not empty',
        leaves='initdb: directory "/var/lib/postgresql/data" is empty, creating subdirectories ... ok',
    ),
    rule(
        "postgres.version", "badimage", 0,
        "~database files are incompatible with server", "~The data directory was initialized by PostgreSQL version {subject}",
        knows="FATAL:  database files are incompatible with server",
        leaves="LOG:  database files are compatible with server 16.1",
    ),
    rule(
        "file.missing", "unclassified", 0,
        "FileNotFoundError: [Errno 2] No such file or directory: {q}{path}", "ENOENT: no such file or directory, {w} {q}{path}",
        "~open {path}: no such file", "~stat {path}: no such file", "~read {path}: no such file", "~{q}{path}{q} failed (2: No such file",
        "FileNotFoundException: {path} (No such file or directory)", "NoSuchFileException: {path}", "~Could not find file '{text}'",
        "No such file or directory @ rb_sysopen - {path}", "~cannot load certificate {q}{path}{q}:", "~can't open file {q}{path}{q}: [Errno 2]",
        "({path}): failed to open stream: No such file", "({path}): Failed to open stream: No such file", "~Could not find a part of the path '{text}'",
        "Failed opening required '{text}'", "~{q}{path}{q}: No such file or directory", "~can't open {q}{path}{q}: No such file", "~cannot access {q}{path}{q}: No such file",
        "~could not open file {q}{path}{q}: No such file", "~cannot open {q}{path}{q}: No such file", "~No such file or directory (os error 2)", "FileNotFoundException: {path}",
        knows="open /data/in.csv: no such file or directory",
        leaves="INFO cache: no such file is needed, skipping open",
    ),
)  # fmt: skip
