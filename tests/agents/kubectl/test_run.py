"""What a command prints: as kubectl does, from reads alone, bounded, with ages on the server's clock."""

import json
from dataclasses import dataclass, replace
from functools import lru_cache

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.access.transport import ReadRequest, Request, Response
from aoi.agents.kubectl import parse, run
from aoi.agents.kubectl.columns import duration, elastic, table
from aoi.agents.kubectl.describe_network import endpoints
from aoi.agents.kubectl.get import to_json
from aoi.agents.kubectl.run import bound, shorten_json
from aoi.agents.probe import Probe, ProbeResult
from aoi.errors import CommandRefused
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.applications.lookup import application
from aoi.worlds.environment import new_world, running
from aoi.worlds.identities import PROBE
from aoi.worlds.transport import EmbeddedReadTransport, EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import Snapshot, World
from tests.agents.kubectl.test_parse import LINES

NAMESPACE = "test-hotel-reservation"
APPLICATION = hotel_reservation(1)
SELECTOR = "io.kompose.service=geo"


@lru_cache(maxsize=1)
def _snapshot() -> Snapshot:
    return new_world(APPLICATION, 1).snapshot()


@pytest.fixture
def world() -> World:
    made = running(APPLICATION, 1)
    made.restore(_snapshot())
    return made


def ask(world: World, line: str) -> ProbeResult:
    return Probe(EmbeddedReadTransport(world, PROBE), NAMESPACE).run(line)


def text(world: World, line: str) -> str:
    result = ask(world, line)
    assert result.status == "ok", result
    return result.observation.decode()


def patch(world: World, path: str, body: dict) -> None:
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    path = path.replace("NS", NAMESPACE)
    response = EmbeddedTransport(world, ADMIN).request(Request("PATCH", path, headers=headers, body=orjson.dumps(body)))
    assert response.status == 200, response.body


def crash(world: World) -> None:
    """Give geo an image that does not exist, as an operator with a typo would."""
    containers = [{"name": "hotel-reserv-geo", "image": "yinfangchen/hotelreservation:nope"}]
    patch(
        world,
        "/apis/apps/v1/namespaces/NS/deployments/geo",
        {"spec": {"template": {"spec": {"containers": containers}}}},
    )
    world.advance(90_000)


def test_columns_start_under_their_headers(world: World) -> None:
    lines = text(world, "kubectl get pods").splitlines()
    assert lines[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    starts = [lines[0].index(word) for word in lines[0].split()]
    for line in lines[1:]:
        assert all(line[start - 1] == " " and line[start] != " " for start in starts[1:])


def test_wide_adds_columns_and_headers_can_be_left_out(world: World) -> None:
    assert "NODE" in text(world, "kubectl get pods -o wide").splitlines()[0]
    bare = text(world, "kubectl get pods --no-headers").splitlines()
    assert len(bare) == len(text(world, "kubectl get pods").splitlines()) - 1


def test_several_types_are_printed_one_after_the_other_with_their_names(world: World) -> None:
    out = text(world, "kubectl get svc,deploy")
    assert "service/geo" in out
    assert "deployment.apps/geo" in out
    assert "\n\nNAME" in out


def test_structured_output_is_what_the_api_holds_without_bookkeeping(world: World) -> None:
    obj = yaml.safe_load(text(world, "kubectl get deploy geo -o yaml"))
    assert obj == json.loads(text(world, "kubectl get deploy geo -o json"))
    assert obj["metadata"]["name"] == "geo"
    assert "managedFields" not in obj["metadata"]
    listed = json.loads(text(world, "kubectl get deploy -o json"))
    assert (listed["kind"], listed["apiVersion"]) == ("List", "v1")
    assert text(world, "kubectl get deploy geo -o name") == "deployment.apps/geo\n"


def test_absent_object_is_a_failure_that_can_be_read(world: World) -> None:
    result = ask(world, "kubectl get svc nope")
    assert result.status == "failed"
    assert result.observation == b'Error from server (NotFound): services "nope" not found\n'
    assert text(world, "kubectl get svc nope --ignore-not-found") == f"No resources found in {NAMESPACE} namespace.\n"


def test_empty_list_says_where_nothing_was_found(world: World) -> None:
    assert text(world, "kubectl get jobs") == f"No resources found in {NAMESPACE} namespace.\n"


def test_sorting_and_labels(world: World) -> None:
    names = [
        line.split()[0] for line in text(world, "kubectl get svc --sort-by=.metadata.name --no-headers").splitlines()
    ]
    assert names == sorted(names)
    assert f"{SELECTOR}" in text(world, f"kubectl get pods -l {SELECTOR} --show-labels")


def test_describe_shows_image_error_with_its_events(world: World) -> None:
    crash(world)
    out = text(world, f"kubectl describe pods -l {SELECTOR}")
    assert "Reason:       ImagePullBackOff" in out or "Reason:       ErrImagePull" in out
    assert "Failed to pull image" in out
    assert "Events:" in out
    assert "Events:" not in text(world, f"kubectl describe pods -l {SELECTOR} --show-events=false")


def test_describe_takes_a_prefix_as_kubectl_does(world: World) -> None:
    out = text(world, "kubectl describe pod geo")
    assert out.startswith("Name:             geo-")


def test_describe_names_old_and_new_replica_sets_of_a_stuck_rollout(world: World) -> None:
    crash(world)
    out = text(world, "kubectl describe deploy/geo")
    old, new = (
        next(line for line in out.splitlines() if line.startswith(key)) for key in ("OldReplicaSets", "NewReplicaSet")
    )
    assert "replicas created" in old
    assert "replicas created" in new
    assert old.split()[1] != new.split()[1]


def test_describe_service_lists_ready_addresses_alone(world: World) -> None:
    assert "TargetPort:               8083/TCP" in text(world, "kubectl describe svc geo")
    ready = [line for line in text(world, "kubectl describe svc geo").splitlines() if line.startswith("Endpoints")]
    assert ready[0].count(":8083") == 2
    patch(world, "/apis/apps/v1/namespaces/NS/deployments/geo", {"spec": {"replicas": 0}})
    world.advance(60_000)
    gone = [line for line in text(world, "kubectl describe svc geo").splitlines() if line.startswith("Endpoints")]
    assert gone[0].split() == ["Endpoints:"]


def test_more_than_three_endpoints_are_counted() -> None:
    piece = {"ports": [{"name": "", "port": 80}], "endpoints": [{"addresses": [f"10.0.0.{i}"]} for i in range(5)]}
    assert endpoints([piece], "") == "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."


@pytest.mark.parametrize("key", ["gen002", "gen191"])
def test_logs_are_of_the_default_container_where_a_pod_names_one(key: str) -> None:
    spec = application(key, 1)
    component = next(component for component in spec.components if component.sidecars)
    probe = Probe(EmbeddedReadTransport(new_world(spec, 1), PROBE), spec.namespace)
    line = f"kubectl logs deployment/{component.workload} --tail=5"
    shown = probe.run(line).observation.decode()
    own = probe.run(f"{line} -c {component.container}").observation.decode()
    assert shown.endswith(own)
    assert ("Defaulted container" in shown) is not component.sidecars_lead


def test_logs_of_a_workload_are_of_its_newest_pod(world: World) -> None:
    crash(world)
    pods = sorted(
        (p for p in world.store.objects("pods", NAMESPACE) if p["metadata"]["name"].startswith("geo-")),
        key=lambda pod: pod["metadata"]["creationTimestamp"],
    )
    result = ask(world, "kubectl logs deploy/geo")
    assert result.status == "failed"
    assert f'in pod "{pods[-1]["metadata"]["name"]}" is waiting to start' in result.observation.decode()


def test_tail_bounds_the_log(world: World) -> None:
    name = next(
        p["metadata"]["name"]
        for p in world.store.objects("pods", NAMESPACE)
        if p["metadata"]["name"].startswith("geo-")
    )
    assert len(text(world, f"kubectl logs {name} --tail=7").splitlines()) == 7
    assert text(world, f"kubectl logs {name} --tail=7 --timestamps").startswith("20")


def test_container_that_is_not_there_is_refused_by_name(world: World) -> None:
    result = ask(world, "kubectl logs deploy/geo -c nope")
    assert result.status == "failed"
    assert "container nope is not valid for pod geo-" in result.observation.decode()


def test_events_of_a_workload_include_those_of_its_pods(world: World) -> None:
    crash(world)
    out = text(world, "kubectl events --for=deployment/geo --types=Warning")
    assert "Pod/geo-" in out
    assert all("geo" in line for line in out.splitlines()[1:])
    assert "Normal" not in out


def test_history_lists_revisions_and_shows_one(world: World) -> None:
    crash(world)
    lines = text(world, "kubectl rollout history deploy/geo").splitlines()
    assert lines[1].split() == ["REVISION", "CHANGE-CAUSE"]
    last = lines[-2].split()[0] if not lines[-1] else lines[-1].split()[0]
    assert "hotelreservation:nope" in text(world, f"kubectl rollout history deploy/geo --revision={last}")
    assert ask(world, "kubectl rollout history deploy/geo --revision=99").status == "failed"


def test_status_of_a_rollout_is_told_at_once(world: World) -> None:
    assert text(world, "kubectl rollout status deploy/geo") == 'deployment "geo" successfully rolled out\n'
    crash(world)
    assert "Waiting for deployment" in text(world, "kubectl rollout status deploy/geo")


def test_ages_count_on_the_servers_clock(world: World) -> None:
    before = text(world, "kubectl events")
    world.advance(3_600_000)
    after = text(world, "kubectl events")
    assert before != after
    assert "<unknown>" not in before + after


def test_same_world_prints_the_same_bytes(world: World) -> None:
    lines = (
        "kubectl get all",
        "kubectl describe deploy",
        "kubectl logs deploy/geo",
        "prom metrics geo",
        "jaeger traces geo",
    )
    assert [ask(world, line) for line in lines] == [ask(world, line) for line in lines]


def test_metrics_and_traces_are_printed(world: World) -> None:
    assert "requests_per_s" in text(world, "prom metrics geo")
    assert "geo" in text(world, "jaeger traces geo")
    assert 'service="geo"' in text(world, "prom query 'up{service=\"geo\"}'")
    assert ask(world, "prom query 'sum('").status == "failed"


def test_reading_changes_nothing(world: World) -> None:
    before = world.digest()
    for line in (
        "kubectl get all",
        "kubectl describe all",
        "kubectl logs deploy/geo",
        "prom metrics geo",
        "jaeger traces geo",
    ):
        ask(world, line)
    assert world.digest() == before


def test_secrets_are_refused_by_parser_and_by_the_servers_rules(world: World) -> None:
    assert ask(world, "kubectl get secrets").status == "refused"
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    assert EmbeddedTransport(world, PROBE).request(Request("GET", path)).status == 403


def test_long_output_keeps_its_ends_and_says_what_is_missing() -> None:
    data = b"".join(b"line %06d\n" % i for i in range(10_000))
    cut = bound(data, 5_000)
    assert len(cut) <= 5_000
    assert cut.startswith(b"line 000000\n")
    assert cut.endswith(b"line 009999\n")
    head, marker, tail = cut.partition(b"[... ")
    missing = int(tail.split(b" ")[0])
    kept = len(head) + len(tail.partition(b"...]\n")[2]) - 1
    assert missing + kept == len(data), marker


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3_000), st.integers(100, 2_000))
def test_bound_is_a_bound_and_leaves_text(data: bytes, limit: int) -> None:
    clean = data.decode("utf-8", "ignore").encode()
    cut = bound(clean, limit)
    assert len(cut) <= limit
    cut.decode()


def test_long_json_stays_json() -> None:
    items = [{"metadata": {"name": f"n{i}"}, "data": {"x": "y" * 3_000}} for i in range(200)]
    data = json.dumps({"kind": "List", "items": items}).encode()
    out = json.loads(shorten_json(data, 8_000))
    assert 0 < len(out["items"]) < 200
    assert out["metadata"]["remainingItemCount"] == 200 - len(out["items"])
    assert len(shorten_json(data, 8_000)) <= 8_000


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "<invalid>"), (0, "0s"), (119, "119s"), (120, "2m"), (150, "2m30s"), (600, "10m"), (10_799, "179m"),
     (10_800, "3h"), (11_100, "3h5m"), (28_800, "8h"), (172_800, "2d"), (190_800, "2d5h"), (691_200, "8d"),
     (63_072_000, "2y"), (63_158_400, "2y1d"), (252_288_000, "8y")],
)  # fmt: skip
def test_ages_are_written_as_kubectl_writes_them(seconds: int, expected: str) -> None:
    assert duration(seconds) == expected


def test_tabs_align_adjacent_lines_only() -> None:
    assert elastic("a:\tb\nlonger:\tc\n\nx:\ty") == "a:      b\nlonger:  c\n\nx:  y".replace("a:      b", "a:       b")


def test_line_break_in_a_cell_forges_no_row() -> None:
    assert table([["A", "B"], ["x\ny", "z\r\nw"]]).count("\n") == 2


ODD_LINES = (
    "kubectl get pods",
    "kubectl get pods -o json",
    "kubectl describe deploy/geo",
    "kubectl events",
    "kubectl top pods",
    "kubectl logs geo",
    "prom alerts",
    "prom query up",
    "jaeger traces geo",
)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"3", b'{"items": 3}', b'{"items": [null, {}]}', b"\xff", b'{"data": [1]}']
)
def test_answer_of_an_unexpected_shape_is_a_failure_not_a_crash(body: bytes) -> None:
    class Odd:
        def read(self, request: ReadRequest) -> Response:
            return Response(200, body)

    for line in ODD_LINES:
        assert Probe(Odd(), NAMESPACE).run(line).status in ("ok", "failed")


@dataclass
class Listing:
    """Serves one list in pages, and answers as it is told to from a page on."""

    pages: int = 1
    then: Response | None = None
    asked: int = 0

    def read(self, request: ReadRequest) -> Response:
        self.asked += 1
        if self.then is not None and self.asked >= self.pages:
            return self.then
        metadata = {"continue": f"p{self.asked}"} if self.asked < self.pages else {}
        item = {"metadata": {"name": f"c{self.asked}", "namespace": NAMESPACE}}
        return Response(200, orjson.dumps({"kind": "ConfigMapList", "metadata": metadata, "items": [item]}))


@pytest.mark.parametrize("line", ["kubectl get configmaps -o json", "kubectl get configmaps", "kubectl get cm -o name"])
@pytest.mark.parametrize(
    ("pages", "then", "evidence"),
    [
        (1, None, "seen"),
        (4, None, "seen"),
        (5, None, "cut"),
        (1, Response(403, b'{"message": "no"}'), "unreadable"),
        (1, Response(429, b""), "unreadable"),
        (1, Response(503, b""), "unreadable"),
        (1, Response(200, b"<html>"), "unreadable"),
        (1, Response(404, b"{}"), "absent"),
        (2, Response(403, b"{}"), "unreadable"),
        (2, Response(410, b"{}"), "unreadable"),
    ],
)
def test_of_each_command_it_is_told_what_may_be_concluded(
    line: str, pages: int, then: Response | None, evidence: str
) -> None:
    told = Probe(Listing(pages, then), NAMESPACE).run(line)
    assert told.evidence == evidence
    assert told.status == ("ok" if evidence in ("seen", "cut") else "failed")


def test_one_of_several_targets_that_was_refused_makes_a_part_of_the_answer() -> None:
    class Refusing(Listing):
        def read(self, request: ReadRequest) -> Response:
            return Response(403, b"{}") if "services" in request.path else super().read(request)

    assert Probe(Refusing(), NAMESPACE).run("kubectl get configmaps,services -o json").evidence == "cut"


def test_a_date_that_nobody_can_read_loses_no_answer() -> None:
    class Dated(Listing):
        def read(self, request: ReadRequest) -> Response:
            return replace(super().read(request), headers={"Date": "Sun, 99 Nov 2026"})

    assert Probe(Dated(), NAMESPACE).run("kubectl get configmaps -o json").status == "ok"


class Empty:
    """Answers every read as a cluster with nothing in it, and checks that it was one that may be sent."""

    def read(self, request: ReadRequest) -> Response:
        request.check()
        listed = {"kind": "List", "metadata": {}, "items": []}
        return Response(200, orjson.dumps(listed)) if request.path.count("/") in (4, 5, 6) else Response(404, b"{}")


@settings(max_examples=400, deadline=None)
@given(LINES)
def test_whatever_parses_becomes_only_reads_that_may_be_sent(line: str) -> None:
    try:
        command = parse(line, "shop")
    except CommandRefused:
        return
    rendered = run(command, Empty())
    for request in rendered.requests:
        request.check()
        assert request.path.split("/")[5:6] != ["secrets"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(0.001, 1e9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_JSON)
def test_json_is_printed_as_pythons_own_encoder_indents_it(value):  # but for exponents, which spell otherwise
    assert to_json(value) == json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False) + "\n"
