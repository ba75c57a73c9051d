"""Prometheus and Jaeger answer like themselves, and agree with the traffic."""

import contextlib
import json
import math
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.worlds.applications.lookup import application
from aoi.worlds.behaviour import bursts
from aoi.worlds.behaviour.clocks import skew_ms
from aoi.worlds.behaviour.network import is_ready
from aoi.worlds.endpoints import jaeger, prometheus
from aoi.worlds.environment import new_world
from aoi.worlds.runtime import traffic
from aoi.worlds.telemetry import promql
from aoi.worlds.telemetry.alerts import KEEP_MS, NAMES, firing
from aoi.worlds.telemetry.history import share_below
from tests.worlds.acts import query, scale
from tests.worlds.conftest import Installed


def test_request_rate_is_what_traffic_says_within_noise(any_application: Installed) -> None:
    world, spec = any_application.world, any_application.application
    now = world.clock.now_ms
    for name, load in traffic(world).components.items():
        found = query(world, f'sum(rate(http_requests_total{{service="{name}"}}[5m]))')
        if spec.by_name[name].kind in ("service", "gateway"):
            burst = bursts.overlap(world.seed, spec.programs, name, "traffic", start_ms=now - 300_000, end_ms=now)
            assert found[0][1] == pytest.approx(load.rate * (1 + burst), rel=0.2)
        else:
            assert found == []


def test_quantiles_follow_latency(hotel: Installed) -> None:
    load = traffic(hotel.world).components["frontend"]
    expression = (
        'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="frontend"}[5m])))'
    )
    assert query(hotel.world, expression)[0][1] == pytest.approx(load.p99_ms / 1000, rel=0.6)


def test_offset_sees_the_time_before_the_fault(hotel: Installed) -> None:
    world = hotel.world
    scale(world, hotel.application, "geo", 0)
    world.advance(600_000)
    rate = 'sum(rate(http_requests_total{service="geo"}[1m]%s))'
    assert query(world, rate % "")[0][1] == 0
    assert query(world, rate % " offset 15m")[0][1] > 5


def test_topk_and_ratios_find_the_failing_service(hotel: Installed) -> None:
    world = hotel.world
    scale(world, hotel.application, "geo", 0)
    world.advance(300_000)
    ratio = (
        'topk(1, sum by (service) (rate(http_requests_total{code="500"}[2m]))'
        " / sum by (service) (rate(http_requests_total[2m])))"
    )
    [(labels, value)] = query(world, ratio)
    assert labels == {"service": "search"}
    assert value > 0.9


def test_range_query_gives_a_matrix_with_one_point_a_step(hotel: Installed) -> None:
    world = hotel.world
    end = (world.clock.epoch_ms + world.clock.now_ms) / 1000
    window = (("query", 'sum(up{job="services"})'), ("start", str(end - 300)), ("end", str(end)), ("step", "60s"))
    data = json.loads(prometheus(world, "/api/v1/query_range", window).body)["data"]
    assert data["resultType"] == "matrix"
    assert [value for _, value in data["result"][0]["values"]] == ["8"] * 6


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(up)",
        "sum(",
        "up{a=b}",
        "nonsense(up)",
        "rate(up[5 parsecs])",
        "topk(up)",
        'up{service=~"("}',
        "up == 1 == 1 bool 2",
        "1 > 2",
        "{}",
        "up[0s]",
        "up[" + "9" * 400 + "]",
        'up{job=~"(?=a)"}',
        'up{job=~"(a)\\\\1"}',
        'up{job="a"} offset',
    ],
)
def test_bad_expressions_are_bad_data_and_not_a_crash(hotel: Installed, expression: str) -> None:
    response = prometheus(hotel.world, "/api/v1/query", (("query", expression),))
    assert response.status == 400
    assert json.loads(response.body)["errorType"] == "bad_data"


@given(st.text(max_size=60))
def test_no_text_makes_the_parser_fail_otherwise_than_by_its_own_error(text: str) -> None:
    with contextlib.suppress(promql.PromqlError):
        promql.parse(text)


def test_unknown_metric_is_an_empty_vector_and_unknown_path_is_404(hotel: Installed) -> None:
    assert query(hotel.world, "no_such_metric") == []
    assert prometheus(hotel.world, "/api/v1/nothing", ()).status == 404
    assert jaeger(hotel.world, "/api/nothing", ()).status == 404


@given(st.floats(0.1, 5_000), st.floats(1.05, 40), st.floats(0.001, 10))
def test_share_below_is_a_distribution(p50_ms: float, spread: float, bound_s: float) -> None:
    p99_ms = p50_ms * spread
    assert 0 <= share_below(p50_ms, p99_ms, bound_s) <= share_below(p50_ms, p99_ms, bound_s * 2) <= 1
    assert share_below(p50_ms, p99_ms, p50_ms / 1000) == pytest.approx(0.5, abs=0.01)
    assert share_below(p50_ms, p99_ms, p99_ms / 1000) == pytest.approx(0.99, abs=0.01)
    assert share_below(p50_ms, p99_ms, math.inf) == 1


def test_alerts_name_rules_and_services_worst_first(any_application: Installed) -> None:
    world, spec = any_application.world, any_application.application
    entry = spec.workload.entry
    scale(world, spec, spec.by_name[entry].callees[0], 0)
    world.advance(300_000)
    found = json.loads(prometheus(world, "/api/v1/alerts", ()).body)["data"]["alerts"]
    assert found
    assert {alert["labels"]["alertname"] for alert in found} <= set(NAMES)
    assert {alert["labels"]["service"] for alert in found} <= set(spec.by_name)
    assert found[0]["labels"]["service"] == entry, "users' pain comes first"


def traces_of(installed: Installed, service: str) -> list[dict]:
    query_ = (("service", service), ("limit", "30"), ("lookback", "10m"))
    return json.loads(jaeger(installed.world, "/api/traces", query_).body)["data"]


def test_traces_are_trees_whose_children_lie_below_their_parents(any_application: Installed) -> None:
    traces = traces_of(any_application, any_application.application.workload.entry)
    assert traces
    for trace in traces:
        spans = {span["spanID"]: span for span in trace["spans"]}
        roots = [span for span in spans.values() if not span["references"]]
        assert len(roots) == 1
        for span in spans.values():
            for reference in span["references"]:
                parent = spans[reference["spanID"]]
                is_early = span["startTime"] < parent["startTime"]
                # Only another node's clock lets a child begin before its parent, and Jaeger says so.
                assert is_early == any("clock skew adjustment" in warning for warning in span["warnings"] or ())
                assert not (is_early and span["processID"] == parent["processID"])


def test_a_line_was_written_when_its_node_says_so(hotel: Installed) -> None:
    """The program and the runtime that keeps its log read the same clock, right or wrong."""
    world, spec = hotel.world, hotel.application
    compared = 0
    for pod in world.store.objects("pods", spec.namespace):
        for line in world.runtime.log(world, pod, pod["spec"]["containers"][0]["name"], previous=False):
            if found := re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.text):
                assert datetime.fromisoformat(found[0]).timestamp() * 1000 == world.clock.epoch_ms + line.at_ms
                compared += 1
    assert compared


def test_most_clocks_agree_to_milliseconds_and_some_are_off_by_a_second() -> None:
    off = [abs(skew_ms(seed, "node-1")) for seed in range(400)]
    assert all(ms <= 5 or 250 <= ms <= 1900 for ms in off)
    assert 40 < sum(ms > 5 for ms in off) < 160


def test_spans_follow_the_call_graph(any_application: Installed) -> None:
    edges = set(any_application.application.edges)
    traces = traces_of(any_application, any_application.application.workload.entry)
    assert traces
    for trace in traces:
        for span in trace["spans"]:
            tags = {tag["key"]: tag["value"] for tag in span["tags"]}
            if tags["span.kind"] == "client":
                assert (trace["processes"][span["processID"]]["serviceName"], tags["peer.service"]) in edges


def test_services_of_jaeger_are_the_components_that_requests_reach(hotel: Installed) -> None:
    data = json.loads(jaeger(hotel.world, "/api/services", ()).body)["data"]
    assert data == sorted(hotel.application.depth)


def test_cpu_and_memory_are_reported_for_each_running_container(any_application: Installed) -> None:
    world, spec = any_application.world, any_application.application
    running = [pod for pod in world.store.objects("pods") if is_ready(pod)]
    assert set(spec.namespaces) < {pod["metadata"]["namespace"] for pod in running}
    cpu = query(world, "sum by (pod, container) (rate(container_cpu_usage_seconds_total[1m]))")
    memory = query(world, "container_memory_working_set_bytes")
    above = query(world, "container_memory_working_set_bytes > container_spec_memory_limit_bytes")
    assert len(cpu) == len(memory) == sum(len(pod["spec"]["containers"]) for pod in running)
    assert all(0 < value < 4 for _, value in cpu)
    assert query(world, "container_spec_memory_limit_bytes")
    assert above == []


def test_a_burst_that_raised_an_alert_is_in_the_metrics_and_is_over() -> None:
    """Noise agrees with itself: metrics of the burst's time show it, metrics of now do not."""
    seen = 0
    spec = application("gen003", 1)
    for seed in range(12):
        world = new_world(spec, seed)
        now = world.clock.now_ms
        for burst in bursts.lately(seed, spec.programs, now):
            is_over = burst.end_ms + 120_000 <= now < burst.end_ms + KEEP_MS
            if burst.what != "errors" or burst.start_ms < 60_000 or not is_over:
                continue
            seen += 1
            ago = (world.clock.now_ms - burst.end_ms) // 1000
            ratio = (
                f'sum(rate(http_requests_total{{service="{burst.service}",code="500"}}[2m]{{0}}))'
                f' / sum(rate(http_requests_total{{service="{burst.service}"}}[2m]{{0}}))'
            )
            assert query(world, ratio.replace("{0}", f" offset {ago}s"))[0][1] > 0.03
            assert query(world, ratio.replace("{0}", ""))[0][1] < 0.02
            assert (burst.service, "HighErrorRate") in [(a.service, a.name) for a in firing(world, spec)]
    assert seen, "no seed drew a burst of errors"


def test_users_who_cannot_reach_the_entry_raise_its_alert(any_application: Installed) -> None:
    world, spec = any_application.world, any_application.application
    scale(world, spec, spec.workload.entry, 0)
    world.advance(300_000)
    assert ("HighErrorRate", spec.workload.entry) in [(a.name, a.service) for a in firing(world, spec)]
