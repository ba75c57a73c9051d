"""Logs as real programs print them: the word, the sentence and the host that a person would pick."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from dataclasses import dataclass

import pytest

from aoi.estate.logs import tell


@dataclass(frozen=True)
class Case:
    name: str
    log: str
    word: str
    text: str
    """Part of the excerpt of the most telling line."""
    hosts: tuple[str, ...] = ()
    kind: str | None = None


GOROUTINES = "".join(
    f"\ngoroutine {number} [chan receive, {number} minutes]:\ngithub.com/shop/orders/internal/worker.(*Pool).run(0xc0001{number:03x})\n"
    f"\t/src/internal/worker/pool.go:{number} +0x1c5\ncreated by github.com/shop/orders/internal/worker.New in goroutine 1\n\t/src/internal/worker/pool.go:41 +0x9d\n"
    for number in range(1, 101)
)

CASES = (
    Case(
        "spring boot, port in use",
        """\
2026-01-02T03:04:05.678Z  INFO 1 --- [           main] c.s.orders.OrdersApplication             : Starting OrdersApplication v1.2 using Java 17.0.9 with PID 1
2026-01-02T03:04:09.001Z  WARN 1 --- [           main] ConfigServletWebServerApplicationContext : Exception encountered during context initialization - cancelling refresh attempt: org.springframework.context.ApplicationContextException: Failed to start bean 'webServerStartStop'
2026-01-02T03:04:09.120Z ERROR 1 --- [           main] o.s.b.d.LoggingFailureAnalysisReporter   :

***************************
APPLICATION FAILED TO START
***************************

Description:

Web server failed to start. Port 8080 was already in use.

Action:

Identify and stop the process that's listening on port 8080 or configure this application to listen on another port.
""",
        "badconfig", "Port 8080 was already in use", kind="address.in_use",
    ),
    Case(
        "spring boot, no data source",
        """\
***************************
APPLICATION FAILED TO START
***************************

Description:

Failed to configure a DataSource: 'url' attribute is not specified and no embedded datasource could be configured.

Reason: Failed to determine a suitable driver class


Action:

Consider the following:
	If you want an embedded database (H2, HSQL or Derby), please put it on the classpath.
""",
        "missingkey", "'url' attribute is not specified",
    ),
    Case(
        "hikari behind spring, deepest cause",
        """\
2026-01-02T03:04:05.678Z ERROR 1 --- [           main] o.s.boot.SpringApplication               : Application run failed

org.springframework.beans.factory.BeanCreationException: Error creating bean with name 'entityManagerFactory' defined in class path resource: Unable to create requested service
	at org.springframework.beans.factory.support.AbstractAutowireCapableBeanFactory.initializeBean(AbstractAutowireCapableBeanFactory.java:1770) ~[spring-beans-6.0.11.jar!/:6.0.11]
	at org.springframework.boot.SpringApplication.run(SpringApplication.java:306) ~[spring-boot-3.1.3.jar!/:3.1.3]
Caused by: org.hibernate.exception.JDBCConnectionException: unable to obtain isolated JDBC connection [The connection attempt failed.] [n/a]
	at org.hibernate.exception.internal.SQLExceptionTypeDelegate.convert(SQLExceptionTypeDelegate.java:48) ~[hibernate-core-6.2.7.Final.jar!/:6.2.7.Final]
	... 15 common frames omitted
Caused by: org.postgresql.util.PSQLException: The connection attempt failed.
	at org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:331) ~[postgresql-42.6.0.jar!/:42.6.0]
	... 28 common frames omitted
Caused by: java.net.UnknownHostException: orders-db
	at java.base/sun.nio.ch.NioSocketImpl.connect(Unknown Source) ~[na:na]
	... 39 common frames omitted
""",
        "nohost", "java.net.UnknownHostException: orders-db", ("orders-db",),
    ),
    Case(
        "hikari, communications link",
        """\
com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure

The last packet sent successfully to the server was 0 milliseconds ago. The driver has not received any packets from the server.
	at com.mysql.cj.jdbc.exceptions.SQLError.createCommunicationsException(SQLError.java:174)
""",
        "refused", "Communications link failure",
    ),
    Case(
        "postgres server, wrong password of a client",
        """\
2026-01-02 03:04:01.000 UTC [1] LOG:  database system is ready to accept connections
2026-01-02 03:04:05.678 UTC [33] FATAL:  password authentication failed for user "shop"
2026-01-02 03:04:05.678 UTC [33] DETAIL:  Connection matched pg_hba.conf line 100: "host all all all scram-sha-256"
""",
        "authfailed", 'password authentication failed for user "shop"',
    ),
    Case(
        "postgres full disk",
        """\
2026-01-02 03:04:05.678 UTC [1] LOG:  database system was interrupted; last known up at 2026-01-02 03:00:00 UTC
2026-01-02 03:04:05.900 UTC [29] FATAL:  could not write to file "pg_wal/xlogtemp.29": No space left on device
2026-01-02 03:04:05.910 UTC [1] LOG:  startup process (PID 29) exited with exit code 1
2026-01-02 03:04:05.910 UTC [1] LOG:  aborting startup due to startup process failure
2026-01-02 03:04:05.911 UTC [1] LOG:  database system is shut down
""",
        "diskfull", "No space left on device",
    ),
    Case(
        "psycopg, two lines",
        """\
Traceback (most recent call last):
  File "/app/main.py", line 12, in <module>
    conn = psycopg2.connect(os.environ["DATABASE_URL"])
  File "/usr/local/lib/python3.11/site-packages/psycopg2/__init__.py", line 122, in connect
    conn = _connect(dsn, connection_factory=connection_factory, **kwasync)
psycopg2.OperationalError: connection to server at "db" (10.96.4.4), port 5432 failed: Connection refused
	Is the server running on that host and accepting TCP/IP connections?

""",
        "refused", 'connection to server at "db"', ("db:5432",),
    ),
    Case(
        "sqlalchemy, chained",
        """\
Traceback (most recent call last):
  File "/usr/local/lib/python3.11/site-packages/sqlalchemy/engine/base.py", line 145, in __init__
    self._dbapi_connection = engine.raw_connection()
psycopg2.OperationalError: could not translate host name "postgres-old" to address: Name or service not known


The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    raise ConnectionError("connection refused")
sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) could not translate host name "postgres-old" to address: Name or service not known

(Background on this error at: https://sqlalche.me/e/20/e3q8)
""",
        "nohost", "sqlalchemy.exc.OperationalError", ("postgres-old",),
    ),
    Case(
        "kafka client without brokers",
        """\
2026-01-02 03:04:05,678 INFO  [main] o.a.k.c.p.ProducerConfig - ProducerConfig values: acks = -1
2026-01-02 03:04:06,678 WARN  [kafka-producer-network-thread | producer-1] o.a.k.c.NetworkClient - [Producer clientId=producer-1] Connection to node -1 (kafka/10.96.0.3:9092) could not be established. Broker may not be available.
2026-01-02 03:04:07,678 WARN  [kafka-producer-network-thread | producer-1] o.a.k.c.NetworkClient - [Producer clientId=producer-1] Bootstrap broker kafka:9092 (id: -1 rack: null) disconnected
""",
        "refused", "could not be established", ("kafka:9092",), "kafka.broker",
    ),
    Case(
        "nginx, upstream host",
        '2026/01/02 03:04:05 [emerg] 1#1: host not found in upstream "api" in /etc/nginx/conf.d/default.conf:12\nnginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:12\n',
        "nohost", 'host not found in upstream "api"', ("api",), "nginx.upstream_host",
    ),
    Case(
        "nginx, upstream refuses",
        '2026/01/02 03:04:05 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.244.0.1, server: _, request: "GET / HTTP/1.1", upstream: "http://10.96.7.7:8080/", host: "shop.example"\n'
        '10.244.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 502 157 "-" "curl/8.1"\n',
        "refused", "connect() failed (111: Connection refused)", ("10.96.7.7:8080",),
    ),
    Case(
        "nginx, port 80 without rights",
        "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)\n",
        "forbidden", "bind() to 0.0.0.0:80 failed", kind="port.permission",
    ),
    Case(
        "celery without redis",
        """\
[2026-01-02 03:04:05,678: INFO/MainProcess] mingle: searching for neighbors
[2026-01-02 03:04:06,678: ERROR/MainProcess] consumer: Cannot connect to redis://redis:6379/0: Error 111 connecting to redis:6379. Connection refused..
Trying again in 2.00 seconds... (1/100)
""",
        "refused", "Cannot connect to redis://redis:6379/0", ("redis:6379",),
    ),
    Case(
        "go, name not found",
        '{"level":"fatal","ts":1767323045.6,"caller":"cmd/main.go:41","msg":"cannot start","error":"dial tcp: lookup db on 10.96.0.10:53: no such host","stacktrace":"main.main\\n\\t/src/cmd/main.go:41\\nruntime.main\\n\\t/usr/local/go/src/runtime/proc.go:267"}\n',
        "nohost", "lookup db on 10.96.0.10:53: no such host", ("db",),
    ),
    Case(
        "go, panic four hundred lines up",
        "2026/01/02 03:04:05 listening on :8080\npanic: runtime error: invalid memory address or nil pointer dereference\n"
        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x8f2a41]\n" + GOROUTINES + "exit status 2\n",
        "panic", "panic: runtime error: invalid memory address", kind="go.panic",
    ),
    Case(
        "go, concurrent map writes",
        "fatal error: concurrent map writes\n\ngoroutine 34 [running]:\nmain.(*cache).set(...)\n\t/src/cache.go:12\n",
        "panic", "concurrent map writes",
    ),
    Case(
        "prisma",
        """\
Prisma schema loaded from prisma/schema.prisma
Datasource "db": PostgreSQL database "shop", schema "public" at "postgres:5432"

Error: P1001: Can't reach database server at `postgres:5432`

Please make sure your database server is running at `postgres:5432`.
""",
        "refused", "P1001: Can't reach database server", ("postgres:5432",),
    ),
    Case(
        "sequelize",
        """\
/app/node_modules/sequelize/lib/dialects/postgres/connection-manager.js:116
            reject(new sequelizeErrors.ConnectionRefusedError(err));
                   ^

ConnectionRefusedError [SequelizeConnectionRefusedError]: connect ECONNREFUSED 10.96.4.4:5432
    at Client._connectionCallback (/app/node_modules/sequelize/lib/dialects/postgres/connection-manager.js:116:24)
    at process.processTicksAndRejections (node:internal/process/task_queues:85:21) {
  parent: Error: connect ECONNREFUSED 10.96.4.4:5432
      at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1494:16) {
    errno: -111,
    code: 'ECONNREFUSED',
    syscall: 'connect',
    address: '10.96.4.4',
    port: 5432
  }
}

Node.js v20.9.0
""",
        "refused", "connect ECONNREFUSED 10.96.4.4:5432", ("10.96.4.4:5432",),
    ),
    Case(
        "node, uncaught",
        """\
node:events:491
      throw er; // Unhandled 'error' event
      ^

Error: listen EADDRINUSE: address already in use :::8080
    at Server.setupListenHandle [as _listen2] (node:net:1463:16)
    at listenInCluster (node:net:1511:12)
Emitted 'error' event on Server instance at:
    at emitErrorNT (node:net:1490:8) {
  code: 'EADDRINUSE',
  port: 8080
}
""",
        "badconfig", "address already in use :::8080", kind="address.in_use",
    ),
    Case(
        "node, module",
        """\
node:internal/modules/cjs/loader:1080
  throw err;
  ^

Error: Cannot find module '/app/dist/main.js'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1077:15)
    at Module._load (node:internal/modules/cjs/loader:922:27) {
  code: 'MODULE_NOT_FOUND',
  requireStack: []
}

Node.js v18.18.0
""",
        "unclassified", "Cannot find module '/app/dist/main.js'", kind="node.module",
    ),
    Case(
        "flyway",
        """\
Exception in thread "main" org.flywaydb.core.internal.command.DbMigrate$FlywayMigrateException: Migration V42__orders.sql failed
------------------------------------
SQL State  : 42P01
Error Code : 0
Message    : ERROR: relation "orders" does not exist
  Position: 13
Location   : db/migration/V42__orders.sql
Line       : 3
""",
        "unclassified", 'relation "orders" does not exist', kind="sql.relation",
    ),
    Case(
        "liquibase",
        """\
Unexpected error running Liquibase: Could not acquire change log lock.  Currently locked by shop-7c9d8b5f4-x2x9z (10.244.1.9) since 1/2/26, 3:04 AM
liquibase.exception.LockException: Could not acquire change log lock.  Currently locked by shop-7c9d8b5f4-x2x9z (10.244.1.9) since 1/2/26, 3:04 AM
	at liquibase.lockservice.StandardLockService.waitForLock(StandardLockService.java:230)
""",
        "unclassified", "Could not acquire change log lock", kind="liquibase.lock",
    ),
    Case(
        "alembic",
        """\
INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.
INFO  [alembic.runtime.migration] Will assume transactional DDL.
ERROR [alembic.util.messaging] Can't locate revision identified by '8f3a2b1c9d0e'
FAILED: Can't locate revision identified by '8f3a2b1c9d0e'
""",
        "unclassified", "Can't locate revision identified by '8f3a2b1c9d0e'", kind="alembic.revision",
    ),
    Case(
        "django, improperly configured",
        """\
Traceback (most recent call last):
  File "/app/manage.py", line 22, in <module>
    main()
  File "/usr/local/lib/python3.11/site-packages/django/conf/__init__.py", line 259, in __init__
    raise ImproperlyConfigured("The SECRET_KEY setting must not be empty.")
django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.
""",
        "missingkey", "The SECRET_KEY setting must not be empty",
    ),
    Case(
        "rails, no database",
        """\
rake aborted!
ActiveRecord::NoDatabaseError: We could not find your database: shop_production. Available database configurations can be found in config/database.yml.
/usr/local/bundle/gems/activerecord-7.1.2/lib/active_record/connection_adapters/postgresql_adapter.rb:81:in `rescue in new_client'

Caused by:
PG::ConnectionBad: connection to server at "10.96.4.4", port 5432 failed: FATAL:  database "shop_production" does not exist
/usr/local/bundle/gems/pg-1.5.4/lib/pg/connection.rb:701:in `async_connect_or_reset'
""",
        "badconfig", 'database "shop_production" does not exist', ("10.96.4.4:5432",), kind="sql.database",
    ),
    Case(
        "ruby, pg refused",
        "/usr/local/bundle/gems/pg-1.5.4/lib/pg/connection.rb:701:in `async_connect_or_reset': connection to server at \"db\" (10.96.4.4), port 5432 failed: Connection refused (PG::ConnectionBad)\n\tfrom /usr/local/bundle/gems/pg-1.5.4/lib/pg/connection.rb:825:in `connect_to_hosts'\n",
        "refused", "Connection refused (PG::ConnectionBad)", ("db:5432",),
    ),
    Case(
        "php, pdo",
        """\
PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] php_network_getaddresses: getaddrinfo for mysql failed: Name or service not known in /var/www/html/db.php:7
Stack trace:
#0 /var/www/html/db.php(7): PDO->__construct('mysql:host=mysq...', 'shop', Object(SensitiveParameterValue))
#1 {main}
  thrown in /var/www/html/db.php on line 7
""",
        "nohost", "Uncaught PDOException", ("mysql",),
    ),
    Case(
        "dotnet, file",
        """\
Unhandled exception. System.AggregateException: One or more errors occurred.
 ---> System.IO.FileNotFoundException: Could not find file '/app/appsettings.Production.json'.
File name: '/app/appsettings.Production.json'
   at Interop.ThrowExceptionForIoErrno(ErrorInfo errorInfo, String path, Boolean isDirError)
   --- End of inner exception stack trace ---
   at Program.<Main>(String[] args)
""",
        "missingconfig", "Could not find file '/app/appsettings.Production.json'",
    ),
    Case(
        "dotnet, console logger",
        """\
info: Microsoft.Hosting.Lifetime[14]
      Now listening on: http://[::]:8080
fail: Microsoft.EntityFrameworkCore.Database.Connection[20004]
      An error occurred using the connection to database 'shop' on server 'tcp://pg:5432'.
      Npgsql.NpgsqlException (0x80004005): Failed to connect to 10.96.4.4:5432
       ---> System.Net.Sockets.SocketException (111): Connection refused
         at Npgsql.Internal.NpgsqlConnector.Connect(NpgsqlTimeout timeout)
""",
        "refused", "Connection refused", ("10.96.4.4:5432",),
    ),
    Case(
        "java, class version",
        """\
Error: LinkageError occurred while loading main class com.shop.Main
	java.lang.UnsupportedClassVersionError: com/shop/Main has been compiled by a more recent version of the Java Runtime (class file version 61.0), this version of the Java Runtime only recognizes class file versions up to 55.0
""",
        "badimage", "UnsupportedClassVersionError", kind="java.class_version",
    ),
    Case(
        "runc, wrong architecture",
        "standard_init_linux.go:228: exec user process caused: exec format error\n",
        "badcommand", "exec format error",
    ),
    Case(
        "elasticsearch, map count",
        """\
[2026-01-02T03:04:05,678][INFO ][o.e.b.BootstrapChecks    ] [es-0] bound or publishing to a non-loopback address, enforcing bootstrap checks
[2026-01-02T03:04:05,699][ERROR][o.e.b.Elasticsearch      ] [es-0] node validation exception
[1] bootstrap checks failed. You must address the points described in the following [1] lines before starting Elasticsearch.
bootstrap check failure [1] of [1]: max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]
""",
        "badconfig", "vm.max_map_count [65530] is too low",
    ),
    Case(
        "mongod, file rights",
        '{"t":{"$date":"2026-01-02T03:04:05.678+00:00"},"s":"I","c":"CONTROL","id":23285,"ctx":"main","msg":"Automatically disabling TLS 1.0"}\n'
        '{"t":{"$date":"2026-01-02T03:04:05.999+00:00"},"s":"E","c":"WT","id":22435,"ctx":"initandlisten","msg":"WiredTiger error message","attr":{"error":1,"message":"__posix_open_file:812:/data/db/WiredTiger.turtle: handle-open: open: Operation not permitted"}}\n'
        '{"t":{"$date":"2026-01-02T03:04:06.000+00:00"},"s":"F","c":"ASSERT","id":23089,"ctx":"initandlisten","msg":"Fatal assertion","attr":{"msgid":50853,"file":"wiredtiger_util.cpp","line":789}}\n',
        "unclassified", "WiredTiger.turtle", kind="mongo.wiredtiger",
    ),
    Case(
        "redis, fork",
        "1:M 02 Jan 2026 03:04:05.678 * 1 changes in 900 seconds. Saving...\n1:M 02 Jan 2026 03:04:05.679 # Can't save in background: fork: Cannot allocate memory\n",
        "oomkilled", "Can't save in background: fork", kind="redis.fork",
    ),
    Case(
        "redis client, misconf",
        "ERROR:worker:job 41 failed: MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. (redis-master:6379)\n",
        "diskfull", "MISCONF", ("redis-master:6379",),
    ),
    Case(
        "rabbitmq, epmd",
        """\
2026-01-02 03:04:05.678901+00:00 [error] <0.130.0>
2026-01-02 03:04:05.678901+00:00 [error] <0.130.0> BOOT FAILED
ERROR: epmd error for host rabbit-0.rabbit-nodes: nxdomain (non-existing domain)
""",
        "nohost", "epmd error for host rabbit-0.rabbit-nodes", ("rabbit-0.rabbit-nodes",),
    ),
    Case(
        "x509, expired",
        'time="2026-01-02T03:04:05Z" level=error msg="failed to fetch keys" error="Get \\"https://auth:8443/keys\\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-01-02T03:04:05Z is after 2025-12-31T00:00:00Z"\n',
        "tls", "x509: certificate has expired", ("auth:8443",), "tls.expired",
    ),
    Case(
        "rust, panic with the cause",
        "thread 'main' panicked at src/main.rs:31:10:\ncalled `Result::unwrap()` on an `Err` value: Os { code: 98, kind: AddrInUse, message: \"Address already in use\" }\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        "badconfig", "Address already in use", kind="address.in_use",
    ),
    Case(
        "rust, anyhow",
        "Error: failed to start\n\nCaused by:\n    0: could not read settings\n    1: missing field `database_url`\n",
        "missingkey", "missing field `database_url`",
    ),
    Case(
        "elixir",
        "03:04:05.678 [error] Postgrex.Protocol (#PID<0.213.0>) failed to connect: ** (DBConnection.ConnectionError) tcp connect (pg:5432): connection refused - :econnrefused\n",
        "refused", "tcp connect (pg:5432)", ("pg:5432",),
    ),
    Case(
        "go flags",
        "flag provided but not defined: -listn-address\nUsage of /app/server:\n  -listen-address string\n    \taddress; connection refused means nothing listens (default \":8080\")\n",
        "badargs", "-listn-address",
    ),
    Case(
        "gunicorn, worker out of memory",
        "[2026-01-02 03:04:05 +0000] [1] [INFO] Listening at: http://0.0.0.0:8000 (1)\n[2026-01-02 03:04:35 +0000] [1] [ERROR] Worker (pid:7) was sent SIGKILL! Perhaps out of memory?\n",
        "oomkilled", "SIGKILL",
    ),
    Case(
        "klog, forbidden",
        'I0102 03:04:05.678901       1 main.go:12] "Starting"\nE0102 03:04:06.678901       1 reflector.go:147] k8s.io/client-go/informers/factory.go:150: Failed to watch *v1.Pod: failed to list *v1.Pod: pods is forbidden: User "system:serviceaccount:shop:default" cannot list resource "pods" in API group "" at the cluster scope\n',
        "forbidden", "cannot list resource", kind="kubernetes.rbac",
    ),
    Case(
        "python logging with a traceback",
        """\
2026-01-02 03:04:05,678 - orders - ERROR - could not start
Traceback (most recent call last):
  File "/app/main.py", line 9, in load
    with open(path) as handle:
FileNotFoundError: [Errno 2] No such file or directory: '/etc/app/config.yaml'
""",
        "missingconfig", "/etc/app/config.yaml",
    ),
    Case(
        "pino, error object",
        '{"level":50,"time":1767323045678,"pid":1,"hostname":"web-1","err":{"type":"Error","message":"connect ECONNREFUSED 10.96.4.4:5432","stack":"Error: connect ECONNREFUSED 10.96.4.4:5432\\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1494:16)","code":"ECONNREFUSED","address":"10.96.4.4","port":5432},"msg":"startup failed"}\n',
        "refused", "ECONNREFUSED 10.96.4.4:5432", ("10.96.4.4:5432",),
    ),
    Case(
        "mysql client",
        "ERROR 2005 (HY000): Unknown MySQL server host 'mysql-primary' (-2)\n",
        "nohost", "Unknown MySQL server host", ("mysql-primary",),
    ),
    Case(
        "haproxy", "[NOTICE]   (1) : New worker (8) forked\n[ALERT]    (8) : backend 'api' has no server available!\n",
        "unavailable", "no server available", ("api",),
    ),
    Case(
        "node heap",
        """\
<--- Last few GCs --->
[1:0x5581d8f0a2b0]    41234 ms: Mark-sweep (reduce) 509.8 (512.5) -> 509.1 (512.7) MB, 412.2 / 0.0 ms

<--- JS stacktrace --->

FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
 1: 0xb09c10 node::Abort() [node]
 2: 0xa1c193 node::FatalError(char const*, char const*) [node]
""",
        "oomkilled", "JavaScript heap out of memory",
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_most_telling_line_is_what_a_person_would_pick(case):
    log = case.log.encode()
    first = tell(log)[0]
    assert (first.word, case.text in first.text, first.hosts) == (case.word, True, case.hosts), first
    assert case.kind in (None, first.kind)
    assert log[first.start : first.end] in log.split(b"\n")
    assert not first.text.startswith("Traceback")
