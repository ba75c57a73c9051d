"""Programs of the OpenTelemetry demo as they log to standard output: what the other dialects do not have.

Java with log4j, Go with slog, C++ with streams, Ruby, PHP, Envoy's access log, Locust, Kafka, flagd and the
telemetry backends. Failed calls are said in the words of each language's gRPC or HTTP library.
"""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from collections.abc import Mapping
from dataclasses import replace

from aoi.worlds.telemetry.dialects import engines, go, managed, native
from aoi.worlds.telemetry.dialects.form import Dialect, Level, Phrases

_SPRING, _PYTHON = managed.DIALECTS["spring"], managed.DIALECTS["python"]
_ZAP, _BOOST = go.DIALECTS["zap"], native.DIALECTS["boost"]
_UPPER: Mapping[Level, str] = {"debug": "DEBUG", "info": "INFO", "warn": "WARN", "error": "ERROR", "fatal": "FATAL"}
_LOWER: Mapping[Level, str] = {"debug": "debug", "info": "info", "warn": "warn", "error": "error", "fatal": "fatal"}
_NONE: Mapping[Level, str] = dict.fromkeys(_LOWER, "")

_KAFKA_CLIENT: Phrases = {
    "data_refused": (
        "[Consumer clientId=consumer-{who}-1, groupId={who}] Connection to node 1 ({host}/{ip}:{port}) could not be established. Node may not be available.",
    ),
    "data_timeout": ("[Consumer clientId=consumer-{who}-1, groupId={who}] Disconnecting from node 1 ({host}:{port}) due to request timeout.",),
    "data_nohost": ("[Consumer clientId=consumer-{who}-1, groupId={who}] Couldn't resolve server {host}:{port} from bootstrap.servers as DNS resolution failed for {host}",),
}  # fmt: skip
_SARAMA: Phrases = {
    "data_refused": ("Failed to write message: kafka: client has run out of available brokers to talk to: dial tcp {ip}:{port}: connect: connection refused",),
    "data_timeout": ("Failed to send message to Kafka within context deadline: context deadline exceeded target={host}:{port}",),
    "data_nohost": ("Failed to write message: kafka: client has run out of available brokers to talk to: dial tcp: lookup {host} on 10.96.0.10:53: no such host",),
}  # fmt: skip
_SILENT: Phrases = {
    event: _BOOST.phrases[event]
    for event in ("missing", "invalid", "nologin", "norole", "nodatabase", "unauthorized", "authfailed")
}


def _said(start: tuple[str, ...], chatter: tuple[str, ...], warning: tuple[str, ...], stop: str) -> Phrases:
    return {"start": start, "chatter": chatter, "warning": warning, "stop": (stop,)}


_PROGRAMS: Mapping[str, Dialect] = {
    "log4j": replace(
        _SPRING,
        line="{space} - oteldemo.{who} - {text} trace_id={n:032x} span_id={n:016x} trace_flags=01",
        phrases={
            **_SPRING.phrases,
            **_KAFKA_CLIENT,
            **_said(
                ("{who} service starting.", "{who} service started, listening on {port}"),
                (
                    "Targeted ad request received for [telescopes]",
                    "Non-targeted ad request received, preparing random response.",
                    "no baggage found in context",
                ),
                ("Slow {op}: {ms} ms",),
                "*** shutting down gRPC {who} server since JVM is shutting down",
            ),
        },
    ),
    "log4j_consumer": replace(
        _SPRING,
        line="{space} - {who} - {text} trace_id={n:032x} span_id={n:016x} trace_flags=01",
        phrases={
            **_SPRING.phrases,
            **_KAFKA_CLIENT,
            **_said(
                (
                    "Subscribed to topic(s): orders",
                    "[Consumer clientId=consumer-{who}-1, groupId={who}] Successfully joined group with generation Generation{{generationId={n}}}",
                ),
                ("Consumed record with orderId: {n:08x}-0000, and updated total count to: {n}",),
                ("[Consumer clientId=consumer-{who}-1, groupId={who}] Node 1 disconnected.",),
                "Consumer closed",
            ),
        },
    ),
    "slog": replace(
        _ZAP,
        line='{{"time":"{iso}","level":"{level}","msg":"{text}"}}',
        levels={**_UPPER, "fatal": "ERROR"},
        phrases={
            **_ZAP.phrases,
            **{
                key: go.DIALECTS["zerolog"].phrases[key]
                for key in ("refused", "timeout", "nohost", "reset", "failed", "missing", "invalid")
            },
            **_SARAMA,
            **_said(
                ("service config loaded", "starting to listen on tcp: [::]:{port}"),
                ("[PlaceOrder] {op} done in {ms} ms", "order confirmation email sent", "Product Found"),
                ("Context canceled before success message received",),
                "gRPC server stopped",
            ),
        },
    ),
    "stream": replace(
        _BOOST,
        line="{text}",
        levels=_NONE,
        phrases={
            **_BOOST.phrases,
            **_said(
                ("Currency gRPC server started on port: {port}",),
                ("{op} conversion successful", "{op} successful, 33 currencies"),
                ("Span dropped, queue full",),
                "Server shutdown",
            ),
        },
    ),
    "sinatra": replace(
        _PYTHON,
        line="[{space}] {level}  {text}",
        levels={**_UPPER, "fatal": "FATAL"},
        phrases={
            **_PYTHON.phrases,
            "panic": (
                "/email_server/email_server.rb:{n}:in `<main>': undefined method `port' for nil (NoMethodError)",
            ),
            **_said(
                ("Puma starting in single mode...", "* Listening on http://0.0.0.0:{port}"),
                ("Order confirmation email sent to: person{n}@example.com",),
                ("Slow request {op}: {ms} ms",),
                "- Gracefully stopping, waiting for requests to finish",
            ),
        },
    ),
    "monolog": replace(
        _PYTHON,
        line="[{iso}] quote.{level}: {text} [] []",
        levels={**_UPPER, "warn": "WARNING", "fatal": "CRITICAL"},
        phrases={
            **_PYTHON.phrases,
            "panic": (
                "PHP Fatal error:  Uncaught Error: Call to a member function get() on null in /var/www/public/index.php:{n}",
            ),
            **_said(
                ("Listening on http://0.0.0.0:{port}",),
                ("Calculated quote",),
                ("Slow request {op}: {ms} ms",),
                "Received SIGTERM",
            ),
        },
    ),
    "locust": replace(
        _PYTHON,
        line="[{space}] {who}/{level}/root: {text}",
        phrases={
            **_PYTHON.phrases,
            **_said(
                ("Starting web interface at http://0.0.0.0:{port}", "Starting Locust 2.40.5"),
                (
                    "User accessing index page",
                    "User viewing cart",
                    "User getting ads for category: telescopes",
                    "User browsing product: 66VCHSJNUP",
                ),
                ("CPU usage above 90%! This may constrain your throughput",),
                "Shutting down (exit code 0)",
            ),
        },
    ),
    "grpc_python": replace(
        _PYTHON,
        line="{space} {level} [main] [recommendation_server.py:{n}] [trace_id={n:032x}] - {text}",
        phrases={
            **_PYTHON.phrases,
            "refused": (
                'grpc._channel._InactiveRpcError: status = StatusCode.UNAVAILABLE details = "failed to connect to all addresses; last error: UNKNOWN: ipv4:{ip}:{port}: Failed to connect to remote host: connect: Connection refused (111)" peer={host}:{port}',
            ),
            "timeout": (
                'grpc._channel._InactiveRpcError: status = StatusCode.DEADLINE_EXCEEDED details = "Deadline Exceeded" peer={host}:{port} method={op}',
            ),
            "nohost": (
                'grpc._channel._InactiveRpcError: status = StatusCode.UNAVAILABLE details = "DNS resolution failed for {host}:{port}: C-ares status is not ARES_SUCCESS: Domain name not found" Name or service not known: {host}',
            ),
            "failed": (
                'grpc._channel._InactiveRpcError: status = StatusCode.INTERNAL details = "{callee} answered with an error" method={op}',
            ),
            **_said(
                ("Recommendation service started, listening on port {port}",),
                ("Receive ListRecommendations for product ids:['L9ECAV7KIM', '2ZYFJ3GM2N']",),
                ("Transient error StatusCode.UNAVAILABLE encountered while exporting traces, retrying in {n}s.",),
                "server stopped",
            ),
        },
    ),
    "envoy": replace(
        native.DIALECTS["nginx"],
        line="[{iso}] {text}",
        levels=_NONE,
        phrases={
            **native.DIALECTS["nginx"].phrases,
            "refused": (
                '[error] "{op} HTTP/1.1" 503 UF upstream_reset_before_response_started{{remote_connection_failure|delayed_connect_error:_Connection_refused}} upstream={host}:{port}',
            ),
            "timeout": (
                '[error] "{op} HTTP/1.1" 504 UT upstream_response_timeout upstream={host}:{port} upstream request timed out',
            ),
            "nohost": (
                '[error] "{op} HTTP/1.1" 503 UH no_healthy_upstream upstream={host}:{port}: DNS resolution failed, Host not found',
            ),
            "reset": (
                '[error] "{op} HTTP/1.1" 503 UC upstream_reset_before_response_started{{connection_termination}}, connection reset by peer upstream={host}:{port}',
            ),
            "unavailable": ('[error] "{op} HTTP/1.1" 503 UH no_healthy_upstream upstream={host}:{port}',),
            "failed": ('[error] "{op} HTTP/1.1" 500 - via_upstream upstream={host}:{port}',),
            **_said(
                ("[info] initializing epoch 0", "[info] all dependencies initialized. starting workers"),
                ('"{op} HTTP/1.1" 200 - via_upstream {ms}',),
                ("[warning] upstream response took {ms} ms",),
                "[warning] caught ENVOY_SIGTERM",
            ),
        },
    ),
}
_BESIDE: Mapping[str, Dialect] = {
    "kafka": Dialect("[{space}] {level} {text} (kafka.server.KafkaRaftServer)", _UPPER, _said(("[KafkaRaftServer nodeId=1] Kafka Server started", "[SocketServer listenerType=BROKER, nodeId=1] Enabling request processing on port {port}."), ("[LocalLog partition=orders-0, dir=/tmp/kafka-logs] Rolled new log segment at offset {n}", "[GroupCoordinator id=1] Stabilized group fraud-detection generation {n}", "[BrokerServer id=1] Transition to {n}"), ("[BrokerServer id=1] Slow request took {ms} ms",), "[BrokerServer id=1] shut down completed")),
    "static": replace(native.DIALECTS["nginx"], phrases={**native.DIALECTS["nginx"].phrases, "start": ('using the "epoll" event method', "nginx/1.29.1", "start worker processes")}),
    "valkey": replace(engines.DIALECTS["redis"], phrases={**engines.DIALECTS["redis"].phrases, "start": ("Valkey is starting", "Ready to accept connections tcp"), "stop": ("Valkey is now ready to exit, bye bye...",)}),
    "flagd": Dialect("{iso}\t{level}\tflagd/{who}.go:{n}\t{text}", _LOWER, {**_SILENT, "panic": ("panic: runtime error: index out of range",), **_said(("starting filepath sync notifier", "Flag Sync listening at [::]:8015", "Flag IResolver listening at [::]:{port}"), ("connection opened: flags stream {n}", "Event stream keep-alive"), ("flag evaluation took {ms} ms",), "Shutdown server")}),
    "collector": Dialect("{iso}\t{level}\tservice@v0.135.0/service.go:{n}\t{text}", _LOWER, _said(("Starting otelcol-contrib...", "Everything is ready. Begin running and processing data."), ("Metrics", "Traces", "Logs"), ("Exporting took {ms} ms",), "Shutdown complete.")),
    "prometheus": Dialect('time={iso} level={level} source=main.go:{n} msg="{text}"', _UPPER, _said(("Starting Prometheus Server", "Server is ready to receive web requests."), ("write block completed", "Head GC completed"), ("Error on ingesting out-of-order samples num_dropped={n}",), "See you next time!")),
    "grafana": Dialect('logger=server t={iso} level={level} msg="{text}"', _LOWER, _said(("Starting Grafana", "HTTP Server Listen address=[::]:{port}"), ("Completed cleanup jobs", "Update check succeeded"), ("Request took {ms} ms",), "Shutdown started")),
    "opensearch": Dialect("[{iso}][{level}][o.o.n.Node               ] [opensearch-0] {text}", _UPPER, _said(("initialized", "started", "publish_address {{10.244.0.1:{port}}}"), ("[otel-logs-2026-01-05] create_mapping", "updated task result"), ("[gc][{n}] overhead, spent [{ms}ms] collecting in the last [1s]",), "stopped")),
}  # fmt: skip

DIALECTS: Mapping[str, Dialect] = {**_PROGRAMS, **_BESIDE}
