"""Failures to resolve, reach or use another component."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from aoi.estate.logs.rules.form import Rule, rule

RULES: tuple[Rule, ...] = (
    rule(
        "dns.server", "dns", 1,
        "~Temporary failure in name resolution", "EAI_AGAIN", "SERVFAIL", "lookup {w} on {w}: {*}i/o timeout", "lookup {w} on {w}: {*}connection refused", "~server misbehaving", "~Try again (os error -3)", "~could not be resolved (2: Server failure", "~could not be resolved (110:",
        "~connection timed out; no servers could be reached",
        knows="dial tcp: lookup db on 10.96.0.10:53: read udp 10.244.1.7:41234->10.96.0.10:53: i/o timeout",
        leaves="INFO resolver recovered from temporary failures; name resolution ok",
        is_call=True,
    ),
    rule(
        "nginx.upstream_host", "nohost", 0,
        'host not found in upstream "{host}"', 'host not found in resolver "{host}"', "could not resolve host {q}{host}",
        knows='nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:12',
        leaves='[notice] 1#1: host "api" in upstream resolved',
        is_call=True,
    ),
    rule(
        "dns.no_such_host", "nohost", 1,
        "~no such host", "~Name or service not known", "UnknownHostException", "~unknown host", "ENOTFOUND", "~getaddrinfo failed", "NXDOMAIN", "~nxdomain", "~could not resolve host", "~nodename nor servname", "~failed to lookup address",
        "~No such host is known", "~Host not found", "~could not translate host name", "~can't resolve '{host}'", "~bad address '{host}'", "~Name does not resolve", "~getaddrinfo for {host} failed", "~Unknown MySQL server host", "~No address associated with hostname", "~name resolution failed",
        "~could not be resolved", "~No resolvable bootstrap urls", "~Couldn't resolve server {host} from bootstrap.servers", "~getaddrinfo", "~failed to resolve", "~unable to resolve host",
        knows="panic: dial tcp: lookup db on 10.96.0.10:53: no such host",
        leaves="INFO dns: NXDOMAINS=0, hosts resolved",
        is_call=True,
    ),
    rule(
        "grpc.unimplemented", "unimplemented", 1,
        "~code = Unimplemented", "UNIMPLEMENTED", "~unknown service", "~unknown method", "~Invalid method name", "METHOD_NOT_FOUND", "~Method not found", "~501 (Not Implemented)", "~501 Not Implemented", "~no such route", "~no handler for",
        knows="rpc error: code = Unimplemented desc = unknown service shop.Orders",
        leaves="INFO 3 methods UNIMPLEMENTED_BY_DESIGN",
        is_call=True,
    ),
    rule(
        "kafka.broker", "refused", 1,
        "~Connection to node {n} ({w}) could not be established", "NoBrokersAvailable", "KafkaJSNumberOfRetriesExceeded", "KafkaJSConnectionError", "~kafka: client has run out of available brokers", "~brokers are down", "~Failed to construct kafka",
        knows="[WARN ] [Producer clientId=producer-1] Connection to node -1 (kafka/10.96.0.3:9092) could not be established. Broker may not be available.",
        leaves="INFO [Producer clientId=producer-1] Connection to node 1 (kafka/10.96.0.3:9092) established.",
        is_call=True,
    ),
    rule(
        "zookeeper.session", "timeout", 1,
        "ZooKeeperClientTimeoutException", "KeeperErrorCode = ConnectionLoss", "~Timed out waiting for connection while in state: CONNECTING",
        knows="kafka.zookeeper.ZooKeeperClientTimeoutException: Timed out waiting for connection while in state: CONNECTING",
        leaves="INFO [ZooKeeperClient Kafka server] Connected.",
        is_call=True,
    ),
    rule(
        "connection.refused", "refused", 1,
        "~connection refused", "ECONNREFUSED", "econnrefused", "ConnectionRefusedError", "java.net.ConnectException", "~actively refused", "~connect() failed", "~os error 111", "Errno 111", "~no reachable servers", "~no suitable servers", "~could not connect", "~no servers available", "SERVER HAS FAILED",
        "~Can't reach database server at {q}{host}", "~Can't connect to {w} {w} server", "~Can't connect to server on", "~Can't connect to MySQL server", "~failed to connect", "~unable to connect", "~cannot connect to", "~Error connecting to", "(111)", "~The Netty connector failed", "~Connection to {host} refused",
        "~failed to establish a new connection", "~unreachable", "~no route to host", "~Error trying to connect", "SequelizeConnectionRefusedError", "SequelizeConnectionError", "Communications link failure",
        knows="Error: connect ECONNREFUSED 10.96.4.4:5432",
        leaves="INFO docs: if you see connection refusals, start the server",
        is_call=True,
    ),
    rule(
        "connection.timeout", "timeout", 1,
        "~i/o timeout", "~deadline exceeded", "DeadlineExceeded", "DEADLINE_EXCEEDED", "~deadline has elapsed", "~deadline expired", "~timed out", "ETIMEDOUT", "ESOCKETTIMEDOUT", "~TimeoutError", "TimeoutException", "SocketTimeoutException", "~os error 110", "EAGAIN", "~504 Gateway", "~timeout expired", "~configured timeout", "~connect timeout", "~read timeout", "~connection timeout",
        "~request timeout", "~server selection timeout", "~operation timeout", "ServerSelectionTimeoutError", "~timeout exceeded", "~timeout of {n}ms exceeded", "~upstream request timeout", "~timeout after", "~timeout calling", "~timeout while", "~timeout waiting",
        knows="requests.exceptions.ReadTimeout: HTTPConnectionPool(host='billing', port=8080): Read timed out. (read timeout=5)",
        leaves="INFO http.timeout=5s, no timeouts expired_total=0",
        is_call=True,
    ),
    rule(
        "connection.reset", "reset", 1,
        "~connection reset", "ECONNRESET", "~broken pipe", "EPIPE", "~unexpected EOF", "~connection aborted", "~socket hang up", "~closed the connection unexpectedly", "~upstream prematurely closed", "~prematurely closed connection", "~transport is closing", "~No more data to read", "~forcibly closed", "~server has gone away",
        "~Lost connection to {w} server", "~Connection closed unexpectedly", "~RemoteDisconnected", "Connection lost: The server closed the connection", "~end of file", "~connection unexpectedly closed", "~reset by peer", "~reset reason: connection termination", "~upstream connect error or disconnect/reset before headers",
        knows="read tcp 10.244.1.7:41234->10.96.4.4:6379: read: connection reset by peer",
        leaves="INFO connection resets: 0",
        is_call=True,
    ),
    rule(
        "haproxy.backend", "unavailable", 1,
        "~backend '{text}' has no server available", "~Server {host} is DOWN", "~no server is available to handle this request", "~no live upstreams while connecting to upstream",
        knows="[ALERT]    (8) : backend 'api' has no server available!",
        leaves="[NOTICE]   (1) : backend 'api' has 3 servers available",
        is_call=True,
    ),
    rule(
        "upstream.unavailable", "unavailable", 1,
        "~code = Unavailable", "UNAVAILABLE", "~status: Unavailable", "~no healthy upstream", "~no healthy instance", "~no healthy instances", "~no healthy host", "~no healthy backends", "~all SubConns are in", "~zero addresses", "~Bad Gateway", "~Service Unavailable", "~service is unavailable", "~circuit breaker", "~CircuitBreaker {*}is OPEN", "~no endpoints for", "~no endpoints available", "~no available server", "~no address available",
        "~service unavailable", "~upstream connect error", "~status code 503", "~status code 502", "~responded 503", "~answered 503", "ServiceUnavailable",
        knows="ERROR 503 Service Unavailable from geo: no healthy upstream",
        leaves='10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /status/unavailable HTTP/1.1" 200 12',
        is_call=True,
    ),
    rule(
        "upstream.error", "unavailable", 1,
        "~500 Internal Server Error", "~500 (Internal Server Error)", "~500 INTERNAL_SERVER_ERROR", "~500 Server Error", "~status code 500", "~responded 500", "~returned 500", "~answered with an error", "~code = Internal", "~status: Internal", "~internal error", "TApplicationException", "~could not complete",
        knows='{"level":50,"msg":"upstream billing responded 500 to Charge"}',
        leaves="INFO Completed 200 OK, internal errors: 0",
        is_call=True,
    ),
)  # fmt: skip
