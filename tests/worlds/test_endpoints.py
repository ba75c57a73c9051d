"""The whole HTTP APIs of Prometheus, Jaeger and Alertmanager, and that they agree with the cluster's objects."""

import json
import math
from itertools import pairwise
from typing import Any

import pytest

from aoi.worlds.behaviour import bursts
from aoi.worlds.endpoints import alertmanager, answer, jaeger, prometheus
from aoi.worlds.telemetry.containers import Containers
from kubeworld.api.server import api_of
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import World
from tests.worlds.acts import query, scale
from tests.worlds.conftest import Installed


def data(world: World, path: str, *pairs: tuple[str, str]) -> Any:
    response = prometheus(world, f"/api/v1/{path}", pairs)
    assert response.status == 200, response.body
    return json.loads(response.body)["data"]


def refused(world: World, path: str, *pairs: tuple[str, str]) -> tuple[int, str]:
    response = prometheus(world, f"/api/v1/{path}", pairs)
    return response.status, json.loads(response.body)["errorType"]


def test_pods_and_deployments_are_those_that_kubectl_shows(hotel: Installed) -> None:
    world = hotel.world
    scale(world, hotel.application, "geo", 0)
    world.advance(60_000)
    pods = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in world.store.objects("pods")}
    assert {labels["pod"]: labels["phase"] for labels, _ in query(world, "kube_pod_status_phase == 1")} == pods
    asked = f'kube_deployment_spec_replicas{{namespace="{hotel.application.namespace}"}}'
    shown = {labels["deployment"]: int(value) for labels, value in query(world, asked)}
    stored = world.store.objects("deployments.apps", hotel.application.namespace)
    assert shown == {one["metadata"]["name"]: one["spec"]["replicas"] for one in stored}
    assert shown["geo"] == 0


def test_cpu_now_is_what_kubectl_top_shows(hotel: Installed) -> None:
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{hotel.application.namespace}/pods"
    items = json.loads(api_of(hotel.world).handle("GET", path, (), {}, b"", ADMIN).body)["items"]
    top = {item["metadata"]["name"]: int(item["containers"][0]["usage"]["cpu"].removesuffix("m")) for item in items}
    rates = query(hotel.world, "sum by (pod) (rate(container_cpu_usage_seconds_total[1m]))")
    for labels, cores in rates:
        if labels["pod"] in top:
            assert cores * 1000 == pytest.approx(top[labels["pod"]], rel=0.5, abs=2)


def test_counters_of_containers_never_fall(any_application: Installed) -> None:
    world = any_application.world
    end = (world.clock.epoch_ms + world.clock.now_ms) / 1000
    for name in Containers(world, (), ()).names:
        if not name.endswith("_total"):
            continue
        asked = (("query", name), ("start", str(end - 1800)), ("end", str(end)), ("step", "15"))
        for series in data(world, "query_range", *asked)["result"]:
            values = [float(value) for _, value in series["values"]]
            assert values == sorted(values), (name, series["metric"])


def test_a_pods_network_falls_silent_when_nobody_calls_it(hotel: Installed) -> None:
    world = hotel.world
    rate = 'sum(rate(container_network_receive_bytes_total{pod=~"rate-.*",interface="eth0"}[2m]))'
    before = query(world, rate)[0][1]
    scale(world, hotel.application, "search", 0)
    world.advance(300_000)
    assert query(world, rate)[0][1] < 0.2 * before


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3 ^ 2 ^ 0", 7),
        ("-2 ^ 2", -4),
        ("7 % 4 - 1", 2),
        ("2 > bool 1", 1),
        ("scalar(vector(5)) / 2", 2.5),
        ("clamp_max(vector(9), 4) + 0 * time()", 4),
        ('count(up{job="services"} == 1) or vector(0)', 8),
        ('count({__name__=~"kube_deployment_spec_rep.*", namespace="test-hotel-reservation"})', 19),
        ('count(kube_pod_info and on (pod) kube_pod_status_phase{phase="Running"} == 1) > bool 20', 1),
        ('absent(up{job="nothing"})', 1),
        ("count(count_over_time(up[1m]) == 4) > bool 0", 1),
        ("group(up)", 1),
        ('GROUP (up) # in capitals, with a remark of "its" own', 1),
        ("0x1F", 31),
        ("round(vector(3.14159), 0.01)", 3.14),
        ("topk(1 / 0, vector(4))", 4),
        ("ceil(vector(1) / 0) - 1", math.inf),
        ("histogram_quantile(1.5, label) or histogram_quantile(0.5, label) or vector(0)", 0),
        ("count(up{job=~`services|(a+)+`})", 8),
    ],
)
def test_expressions_have_the_values_that_prometheus_gives_them(
    hotel: Installed, expression: str, expected: float
) -> None:
    found = data(hotel.world, "query", ("query", expression))
    value = found["result"] if found["resultType"] == "scalar" else found["result"][0]["value"]
    assert float(value[1]) == pytest.approx(expected)


@pytest.mark.parametrize(
    "expression",
    [
        'label_replace(up, "a", "$1", "b", "(.*)")',
        "max_over_time(rate(up[1m])[5m:1m])",
        "up @ 1609746000",
        "quantile(0.9, up)",
        "up * on (instance) group_left up",
        "rate(up[5m:1m])",
        "up offset -5m",
        "up atan2 up",
        "pi()",
        "limit_ratio(0.5, up)",
        '{"up"}',
        '"words"',
        "vector(1) + on () up",
        "topk(0 / 0, up)",
        "(" * 3000 + "1" + ")" * 3000,
        "-" * 5000 + "1",
    ],
)
def test_promql_beyond_the_subset_is_an_execution_error(hotel: Installed, expression: str) -> None:
    assert refused(hotel.world, "query", ("query", expression)) == (422, "execution")


@pytest.mark.parametrize(
    "name",
    [
        *("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "sin", "sinh", "tan", "tanh", "deg", "rad"),
        *("day_of_year", "info", "sort_by_label_desc", "histogram_stddev", "histogram_stdvar", "mad_over_time"),
        *("first_over_time", "ts_of_first_over_time", "ts_of_max_over_time", "limitk", "stddev"),
    ],
)
def test_a_function_of_prometheus_that_is_not_here_is_told_from_one_that_it_does_not_have(
    hotel: Installed, name: str
) -> None:
    assert refused(hotel.world, "query", ("query", f"{name}(up[5m])")) == (422, "execution")
    assert refused(hotel.world, "query", ("query", f"{name}s(up[5m])")) == (400, "bad_data")


@pytest.mark.parametrize("matcher", ['__name__="up"', '__name__="x"', '__name__=~".+"', 'job="a",__name__!="x"'])
def test_a_metric_is_not_named_twice(hotel: Installed, matcher: str) -> None:
    assert refused(hotel.world, "query", ("query", f"up{{{matcher}}}")) == (400, "bad_data")


def test_every_series_at_once_is_an_answer(hotel: Installed) -> None:
    assert len(data(hotel.world, "query", ("query", '{job=~".+"}'))["result"]) > 100


@pytest.mark.parametrize("pattern", ["(.*)*x", "(a|a)*b", ".*.*.*.*.*.*x", "(a?){40}a{40}"])
def test_no_regular_expression_takes_more_than_linear_time(hotel: Installed, pattern: str) -> None:
    # Python's own engine would not be back for years from some of these: that the test ends is what it states.
    assert data(hotel.world, "query", ("query", f'count({{id=~"{pattern}", image!=""}}) or vector(0)'))["result"]
    found = alertmanager(hotel.world, "/api/v2/alerts", (("filter", f'alertname=~"{pattern}"'),))
    assert found.status == 200


def test_points_in_time_have_their_seconds(hotel: Installed) -> None:
    at, value = data(hotel.world, "query", ("query", "time()"))["result"]
    assert float(value) == at


def test_a_range_selector_alone_gives_its_scrapes(hotel: Installed) -> None:
    found = data(hotel.world, "query", ("query", 'up{service="geo"}[1h]'))
    assert found["resultType"] == "matrix"
    times = [at for at, _ in found["result"][0]["values"]]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert {gap for gap in gaps if gap != 15} <= set(range(30, 121, 15)), "but while the server was restarted"
    assert sum(gap == 15 for gap in gaps) > 200


def test_a_missed_scrape_is_a_hole_in_every_series_of_its_target_and_up_is_0(hotel: Installed) -> None:
    world = hotel.world
    up = {
        (series["metric"]["service"], at): value
        for series in data(world, "query", ("query", 'up{job="services"}[90m]'))["result"]
        for at, value in series["values"]
    }
    counted = {
        (series["metric"]["service"], at)
        for series in data(world, "query", ("query", 'http_requests_total{code="200"}[90m]'))["result"]
        for at, _ in series["values"]
    }
    missed = {where for where, value in up.items() if value == "0"}
    assert missed
    assert not missed & counted
    assert up.keys() - missed == counted
    assert data(world, "query", ("query", 'rate(http_requests_total{code="200"}[5m])'))["result"]


def test_a_counter_begins_again_at_zero_with_the_process_that_counts(hotel: Installed) -> None:
    world = hotel.world
    asked = 'http_requests_total{service="geo",code="200"}'
    (before,) = query(world, asked)
    scale(world, hotel.application, "geo", 0)
    world.advance(60_000)
    scale(world, hotel.application, "geo", 1)
    world.advance(60_000)
    (after,) = query(world, asked)
    assert 0 < after[1] < before[1]
    assert query(world, f"increase({asked}[5m])")[0][1] > 0


@pytest.mark.parametrize(
    "pairs",
    [
        {"query": "up", "start": "x", "end": "5", "step": "1"},
        {"query": "up", "start": "9", "end": "5", "step": "1"},
        {"query": "up", "start": "1", "end": "5", "step": "0"},
        {"query": "up", "start": "1", "end": "5", "step": "-1"},
        {"query": "up", "start": "1", "end": "5"},
        {"query": "up", "start": "0", "end": "99999", "step": "1"},
        {"query": "up[5m]", "start": "1", "end": "5", "step": "1"},
        {"query": "up", "start": "nan", "end": "5", "step": "1"},
    ],
)
def test_bad_ranges_are_bad_data(hotel: Installed, pairs: dict[str, str]) -> None:
    assert refused(hotel.world, "query_range", *pairs.items()) == (400, "bad_data")


def test_an_instant_to_come_has_what_was_scraped_within_the_five_minutes_before_it(hotel: Installed) -> None:
    world = hotel.world
    now = (world.clock.epoch_ms + world.clock.now_ms) / 1000

    def at(seconds: float, expression: str) -> Any:
        found = data(world, "query", ("query", expression), ("time", f"{now + seconds:.3f}"))
        return [[each["metric"], float(each["value"][1])] for each in found["result"]]

    assert at(240, "up") == at(0, "up") != []
    assert at(10_000, "up") == at(301, "up") == at(301, "rate(http_requests_total[5m])") == []
    assert at(10_000, "up offset 10000s") == at(0, "up")
    assert at(10_000, "max_over_time(up[1m])") == data(
        world, "query", ("query", "up[1m]"), ("time", f"{now + 10_000:.3f}")
    )["result"] == []  # fmt: skip
    said = data(world, "query", ("query", "time()"), ("time", f"{now + 10_000:.3f}"))["result"]
    assert said[0] == float(said[1]) == pytest.approx(now + 10_000)
    half = at(150, 'sum(increase(http_requests_total{service="frontend"}[5m]))')[0][1]
    assert half == pytest.approx(at(0, 'sum(increase(http_requests_total{service="frontend"}[5m]))')[0][1] / 2, rel=0.2)


def test_a_range_that_ends_in_time_to_come_has_points_for_five_minutes_more(hotel: Installed) -> None:
    world = hotel.world
    now = (world.clock.epoch_ms + world.clock.now_ms) / 1000
    asked = (("query", 'up{service="geo"}'), ("start", str(now - 60)), ("end", str(now + 3600)), ("step", "60"))
    (series,) = data(world, "query_range", *asked)["result"]
    assert [round(at - now) for at, _ in series["values"]] == [-60, 0, 60, 120, 180, 240]


@pytest.mark.parametrize("moment", ["1e300", "inf", "NaN", "-1e18"])
def test_a_time_that_no_clock_shows_is_bad_data(hotel: Installed, moment: str) -> None:
    assert refused(hotel.world, "query", ("query", "time()"), ("time", moment)) == (400, "bad_data")


def test_rules_are_chosen_by_type_name_group_and_file(hotel: Installed) -> None:
    world = hotel.world
    (group,) = data(world, "rules")["groups"]
    assert data(world, "rules", ("type", "alert"))["groups"] == [group]
    assert data(world, "rules", ("type", "record"))["groups"] == []
    assert refused(world, "rules", ("type", "x")) == (400, "bad_data")
    names = (("rule_name[]", "HighLatency"), ("rule_name[]", "ServiceDown"))
    (chosen,) = data(world, "rules", *names)["groups"]
    assert [rule["name"] for rule in chosen["rules"]] == ["HighLatency", "ServiceDown"]
    for key in ("rule_name[]", "rule_group[]", "file[]"):
        assert data(world, "rules", (key, "another"))["groups"] == []
    assert data(world, "rules", ("rule_group[]", group["name"]), ("file[]", group["file"]))["groups"] == [group]


def test_targets_are_chosen_by_state_and_pool(hotel: Installed) -> None:
    world = hotel.world
    every = data(world, "targets")
    assert every == data(world, "targets", ("state", "any")) == data(world, "targets", ("state", "active"))
    for state in ("dropped", "x"):
        assert data(world, "targets", ("state", state)) == {"activeTargets": [], "droppedTargets": []}
    pool = data(world, "targets", ("scrapePool", "services"))["activeTargets"]
    assert pool == [target for target in every["activeTargets"] if target["scrapePool"] == "services"] != []


def test_lists_are_cut_at_a_limit_with_a_warning(hotel: Installed) -> None:
    world = hotel.world
    for path, more in (("series", (("match[]", "up"),)), ("labels", ()), ("label/__name__/values", ())):
        every = data(world, path, *more)
        said = json.loads(prometheus(world, f"/api/v1/{path}", (*more, ("limit", "2"))).body)
        assert said["data"] == every[:2]
        assert said["warnings"] == ["results truncated due to limit"]
        whole = json.loads(prometheus(world, f"/api/v1/{path}", (*more, ("limit", str(len(every))))).body)
        assert whole == {"status": "success", "data": every}
        assert data(world, path, *more, ("limit", "0")) == every
        for bad in ("-1", "many"):
            assert refused(world, path, *more, ("limit", bad)) == (400, "bad_data")
    assert len(data(world, "metadata", ("limit", "3"))) == 3
    assert refused(world, "metadata", ("limit", "many")) == (400, "bad_data")


@pytest.mark.parametrize("name", ["bad-name", "9", "a:b", "a b"])
def test_values_of_a_label_that_can_have_none_are_bad_data(hotel: Installed, name: str) -> None:
    assert refused(hotel.world, f"label/{name}/values") == (400, "bad_data")


def test_labels_and_series_are_found_by_matches(hotel: Installed) -> None:
    world = hotel.world
    match = ("match[]", 'up{service="geo"}')
    assert data(world, "series", match) == [
        {"__name__": "up", "job": "services", "namespace": hotel.application.namespace, "service": "geo"}
    ]
    assert data(world, "labels", match) == ["__name__", "job", "namespace", "service"]
    assert data(world, "label/service/values", match, ("match[]", 'up{service="rate"}')) == ["geo", "rate"]
    assert "container_network_receive_bytes_total" in data(world, "label/__name__/values")
    assert refused(world, "series") == (400, "bad_data")
    assert refused(world, "series", ("match[]", "{}")) == (400, "bad_data")


def test_alerts_rules_and_alertmanager_tell_the_same(hotel: Installed) -> None:
    world = hotel.world
    scale(world, hotel.application, "search", 0)
    world.advance(300_000)
    firing = [alert["labels"] for alert in data(world, "alerts")["alerts"]]
    assert firing
    ruled = [alert["labels"] for rule in data(world, "rules")["groups"][0]["rules"] for alert in rule["alerts"]]
    told = json.loads(alertmanager(world, "/api/v2/alerts", ()).body)
    groups = json.loads(alertmanager(world, "/api/v2/alerts/groups", ()).body)
    by_content = [sorted(map(str, each)) for each in (firing, ruled, [alert["labels"] for alert in told])]
    assert by_content[0] == by_content[1] == by_content[2]
    assert sorted(a["fingerprint"] for g in groups for a in g["alerts"]) == sorted(a["fingerprint"] for a in told)
    frontend = json.loads(alertmanager(world, "/api/v2/alerts", (("filter", 'service="frontend"'),)).body)
    assert {alert["labels"]["service"] for alert in frontend} == {"frontend"}
    for path in ("/api/v2/alerts", "/api/v2/alerts/groups"):
        every = json.loads(alertmanager(world, path, ()).body)
        for none in (("active", "false"), ("receiver", "x"), ("receiver", "defaul")):
            assert json.loads(alertmanager(world, path, (none,)).body) == []
        for some in (("receiver", "def.*"), ("silenced", "false"), ("inhibited", "False"), ("active", "")):
            assert json.loads(alertmanager(world, path, (some,)).body) == every
        for bad in (("filter", "?"), ("receiver", "("), ("silenced", "abc"), ("active", "1 0")):
            assert alertmanager(world, path, (bad,)).status == 400


def test_what_fires_by_what_is_so_now_is_what_the_query_of_its_rule_finds(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    called = next(callee for caller, callee in application.edges if caller == application.workload.entry)
    scale(world, application, called, 0)
    world.advance(300_000)
    now = world.clock.now_ms
    lately = bursts.lately(world.seed, application.programs, now)
    passing = {burst.service for burst in lately if burst.start_ms <= now < burst.end_ms + 60_000}
    seen = set()
    for rule in data(world, "rules")["groups"][0]["rules"]:
        found = {labels["service"] for labels, _ in query(world, rule["query"])}
        fires = {alert["labels"]["service"] for alert in rule["alerts"] if "keepFiringSince" not in alert}
        assert fires - passing == found - passing, rule["name"]
        seen |= {rule["name"]} if fires - passing else set()
    assert "HighErrorRate" in seen


def test_the_series_of_alerts_has_those_that_fire_since_they_do(hotel: Installed) -> None:
    world = hotel.world
    scale(world, hotel.application, "search", 0)
    world.advance(300_000)
    series = [labels for labels, _ in query(world, "ALERTS")]
    assert {labels.pop("alertstate") for labels in series} == {"firing"}
    firing = [alert["labels"] for alert in data(world, "alerts")["alerts"]]
    assert sorted(map(str, firing)) == sorted(
        str({key: value for key, value in labels.items() if key != "__name__"}) for labels in series
    )
    errors = 'ALERTS{alertname="HighErrorRate",service="frontend"}'
    assert query(world, errors)
    assert not query(world, f"{errors} offset 6m")


def test_what_is_usual_is_what_is_so_while_nothing_is_wrong(hotel: Installed) -> None:
    rates = "sum by (namespace, service) (rate(http_requests_total[5m]))"
    shares = query(hotel.world, f"{rates} / slo_requests_per_second")
    assert {labels["service"] for labels, _ in shares} == set(hotel.application.programs)
    assert all(0.6 < share < 1.6 for _, share in shares)
    slow = query(hotel.world, "slo_latency_p99_seconds")
    assert all(0 < seconds < 5 for _, seconds in slow)


def test_what_monitors_a_cluster_is_only_read_and_says_so(hotel: Installed) -> None:
    world = hotel.world
    for path in ("silences", "alerts"):
        told = alertmanager(world, f"/api/v2/{path}", (), "POST")
        assert (told.status, "only read" in json.loads(told.body)["message"]) == (405, True)
        assert alertmanager(world, f"/api/v2/{path}", (), "HEAD").status == 200
    assert jaeger(world, "/api/services", (), "POST").status == 405
    assert prometheus(world, "/api/v1/rules", (), "POST").status == 405
    assert prometheus(world, "/api/v1/query", (("query", "up"),), "POST").status == 200


def test_a_trace_is_found_by_its_id_and_no_other_is(hotel: Installed) -> None:
    asked = (("service", "frontend"), ("limit", "3"))
    listed = json.loads(jaeger(hotel.world, "/api/traces", asked).body)["data"]
    assert len(listed) == 3
    for trace in listed:
        assert json.loads(jaeger(hotel.world, f"/jaeger/ui/api/traces/{trace['traceID']}", ()).body)["data"] == [trace]
    for other in ("0" * 32, listed[0]["traceID"][::-1], "xyz", "f" * 40):
        assert jaeger(hotel.world, f"/api/traces/{other}", ()).status == 404


def test_traces_are_chosen_by_tags_and_durations_of_the_services_own_spans(hotel: Installed) -> None:
    world = hotel.world
    scale(world, hotel.application, "geo", 0)
    world.advance(120_000)
    asked = (("service", "search"), ("lookback", "1h"), ("limit", "1500"))
    failing = json.loads(jaeger(world, "/api/traces", (*asked, ("tags", '{"error":"true"}'))).body)["data"]
    assert failing
    since = (world.clock.epoch_ms + world.clock.now_ms - 125_000) * 1000
    assert all(trace["spans"][0]["startTime"] > since for trace in failing[:5])
    few = (("service", "search"), ("lookback", "1h"), ("limit", "3"))
    for said in (("tags", '{"error":"true"}'), ("tag", "error:true")):
        assert json.loads(jaeger(world, "/api/traces", (*few, said)).body)["data"] == failing[:3]
    slow = json.loads(jaeger(world, "/api/traces", (*asked, ("minDuration", "1h"))).body)["data"]
    assert slow == []
    for bad in ((), (*asked, ("tags", "[")), (*asked, ("tag", "error")), (("service", "search"), ("limit", "many"))):
        assert jaeger(world, "/api/traces", bad).status == 400


def test_nothing_is_traced_that_has_not_happened_yet(hotel: Installed) -> None:
    world = hotel.world
    now_us = (world.clock.epoch_ms + world.clock.now_ms) * 1000

    def found(start_us: int, end_us: int | None) -> list[dict[str, Any]]:
        end = (("end", str(end_us)),) if end_us else ()
        asked = (("service", "frontend"), ("start", str(start_us)), *end)
        return json.loads(jaeger(world, "/api/traces", asked).body)["data"]

    hour_us = 3_600_000_000
    for end_us in (None, now_us + 2 * hour_us):
        assert found(now_us + hour_us, end_us) == []
        assert found(now_us - hour_us, end_us) == found(now_us - hour_us, now_us) != []


def test_dependencies_are_the_calls_of_the_time_that_is_asked_for(hotel: Installed) -> None:
    world = hotel.world
    scale(world, hotel.application, "search", 0)
    world.advance(600_000)
    now = world.clock.epoch_ms + world.clock.now_ms

    def calls(**asked: object) -> dict[tuple[str, str], int]:
        query_ = tuple((key, str(value)) for key, value in asked.items())
        listed = json.loads(jaeger(world, "/api/dependencies", query_).body)["data"]
        return {(edge["parent"], edge["child"]): edge["callCount"] for edge in listed}

    last, before = calls(endTs=now, lookback=300_000), calls(endTs=now - 900_000, lookback=300_000)
    assert ("search", "geo") not in last, "nobody runs that could call"
    assert before["search", "geo"] > 100
    assert calls(endTs=now - 900_000, lookback=600_000)["search", "geo"] == pytest.approx(
        2 * before["search", "geo"], rel=0.01
    )
    assert calls(endTs=now + 3_600_000, lookback=600_000) == {}
    assert calls() == calls(endTs=now) == calls(endTs=now, lookback=86_400_000)
    for bad in (("endTs", "abc"), ("lookback", "1h")):
        assert jaeger(world, "/api/dependencies", (bad,)).status == 400


def test_what_listens_in_a_pod_is_known_by_its_image(hotel: Installed) -> None:
    world, namespace = hotel.world, hotel.application.namespace
    pods = {pod["metadata"]["labels"].get("io.kompose.service"): pod for pod in world.store.objects("pods", namespace)}
    assert answer(world, pods["geo"], 8083) is None
    assert answer(world, pods["jaeger"], 14269) is None
    listener = answer(world, pods["jaeger"], 16686)
    assert listener is not None
    assert "frontend" in json.loads(listener("/api/services", (), "GET").body)["data"]
    assert listener("/api/services", (), "POST").status == 405


def test_an_alert_that_only_keeps_firing_says_since_when(any_application: Installed) -> None:
    """A burst raises its alert a minute after it began, and has it let go an hour after it was over."""
    world, application = any_application.world, any_application.application
    seen = 0
    for _ in range(8):
        world.advance(1_200_000)
        now = world.clock.now_ms
        fires = {(a["labels"]["service"], a["labels"]["alertname"]): a for a in data(world, "alerts")["alerts"]}
        for burst in bursts.lately(world.seed, application.programs, now):
            alert = fires.get((burst.service, BURSTS[burst.what]))
            if burst.end_ms <= now < burst.end_ms + 3_600_000:
                assert alert is not None
                assert alert["keepFiringSince"] >= alert["activeAt"]
                seen += 1
            elif now >= burst.end_ms + 3_600_000:
                others = [b for b in bursts.lately(world.seed, application.programs, now) if b is not burst]
                assert alert is None or any(b.service == burst.service and b.what == burst.what for b in others)
    assert seen
    assert {rule["keepFiringFor"] for rule in data(world, "rules")["groups"][0]["rules"]} == {3600}


BURSTS = {"errors": "HighErrorRate", "slow": "HighLatency", "traffic": "TrafficAnomaly", "down": "ServiceDown"}
