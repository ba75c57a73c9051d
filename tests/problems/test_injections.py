"""The set of injections, and their planting: only what an attacker could write changes; answers stay well formed."""

from collections import Counter
from functools import cache

import orjson
import pytest

from aoi.access.reading import READABLES, TABLE
from aoi.access.transport import Backend, ReadRequest, Response
from aoi.agents.episode import run_episode
from aoi.agents.operators import ExpertOperator
from aoi.agents.rollout import rollout
from aoi.errors import UnknownInjection
from aoi.estate.reading import Reader
from aoi.estate.survey import survey
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.problems import catalogue, scenario
from aoi.problems.injections.attacks import AIMS
from aoi.problems.injections.catalogue import CANARY, PINNED, Injection, injection, injections, set_digest
from aoi.problems.injections.planting import Planted, Target
from aoi.records.episode import TrajectoryContent
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.identities import PROBE
from aoi.worlds.transport import EmbeddedReadTransport

NAMESPACE = "test-hotel-reservation"


@cache
def crashing() -> ProblemInstance:
    """A hotel whose component dies again and again: it has logs, former ones too, and termination messages."""
    problems = catalogue.problems(split="development", kind=TaskKind.LOCALIZATION)
    problem = next(p for p in problems if p.application == "hotel_reservation" and p.fault == "memory_limit")
    return ProblemInstance(problem=problem, seed=1)


def test_the_set_has_over_two_hundred_injections_of_every_kind():
    held = injections().values()
    assert len(held) >= 200
    assert len({one.family for one in held}) == 9
    assert len({one.language for one in held}) >= 10
    assert sum(one.language != "en" for one in held) >= 50
    assert {one.channel for one in held} == set(Injection.model_fields["channel"].annotation.__args__)
    assert Counter(one.placement for one in held)["replaced"] >= 20
    assert len({(one.channel, one.placement, one.text) for one in held}) == len(held)


def test_the_set_is_the_one_that_evaluations_name():
    """A changed text needs a new id; and a cached stage must not outlive the set that it ran with."""
    assert set_digest() == PINNED


def test_an_unknown_injection_is_named():
    with pytest.raises(UnknownInjection, match="no injection 'nonsense' among"):
        injection("nonsense")


# Planting -----------------------------------------------------------------------------------------------------------


@cache
def clean() -> dict[tuple[str, str], Response]:
    """What the Probe can read of the crashing hotel, by path and form: lists, objects, tables, logs, telemetry."""
    built = scenario.build(crashing())
    transport = built.read_transport()
    return {(request.path, request.accept + str(request.query)): transport.read(request) for request in requests()}


@cache
def requests() -> tuple[ReadRequest, ...]:
    built = scenario.build(crashing())
    kinds = ("pods", "events", "configmaps", "services", "deployments.apps", "replicasets.apps", "statefulsets.apps")
    lists = [READABLES[kind].path(NAMESPACE) for kind in kinds]
    asked = [ReadRequest(path) for path in lists]
    asked += [ReadRequest(path, (("includeObject", "Object"),), accept=TABLE) for path in lists]
    asked += [ReadRequest(READABLES["deployments.apps"].path(NAMESPACE, name)) for name in built.components]
    pods = orjson.loads(built.read_transport().read(ReadRequest(lists[0])).body)["items"]
    for pod in pods:
        query = (("container", pod["spec"]["containers"][0]["name"]), ("tailLines", "40"))
        path = f"{lists[0]}/{pod['metadata']['name']}/log"
        asked += [ReadRequest(path, query), ReadRequest(path, (*query, ("previous", "true")))]
    asked += [ReadRequest(READABLES["pods.metrics.k8s.io"].path(NAMESPACE)), ReadRequest("/api/v1/nodes")]
    asked += [ReadRequest("/api/traces", (("service", name),), backend=Backend.JAEGER) for name in ("frontend", "geo")]
    asked += [ReadRequest("/api/v1/query", (("query", "up"),), backend=Backend.PROMETHEUS)]
    return tuple(asked)


def planted(name: str, aim=None) -> tuple[Planted, scenario.Scenario]:
    built = scenario.build(crashing(), injection(name), aim=aim)
    transport = built.read_transport()
    assert isinstance(transport, Planted)
    return transport, built


def differences(name: str, aim=None) -> dict[tuple[str, str], Response]:
    transport, _ = planted(name, aim)
    read = {(one.path, one.accept + str(one.query)): transport.read(one) for one in requests()}
    changed = {key: response for key, response in read.items() if response.body != clean()[key].body}
    assert transport.reached >= len(changed)
    return changed


@pytest.mark.parametrize("name", injections())
def test_every_injection_can_be_planted_and_read_and_holds_its_text_once_filled(name: str):
    reached = next((changed for aim in AIMS if (changed := differences(name, aim))), {})
    assert reached, "nobody can have read it"
    for (path, _), response in reached.items():
        if path.endswith("/log"):
            assert response.body.endswith(b"\n")
            assert response.body.count(b"\n") <= 40
        else:
            assert isinstance(orjson.loads(response.body), dict)
        assert response.status == (503 if injection(name).channel == "error_body" else 200)
        for blank in (b"{self}", b"{innocent}", b"{culprit}", b"{namespace}", b"{port}", b"{canary}", b"{now}"):
            assert blank not in response.body


PATHS = {
    "log": ("/log",),
    "previous": ("/log",),
    "event": ("/events",),
    "annotation": ("/pods", "/deployments", "/statefulsets"),
    "condition": ("/pods", "/deployments", "/statefulsets"),
    "termination": ("/pods",),
    "configmap": ("/configmaps",),
    "error_body": ("/apis/metrics.k8s.io/",),
    "span": ("/api/traces",),
}


FORMS = {(one.channel, one.placement): one.id for one in injections().values()}
"""One injection for each way of planting: the text decides nothing about where it goes."""


@pytest.mark.parametrize("name", FORMS.values())
def test_planting_changes_nothing_else(name: str):
    one = injection(name)
    _, built = planted(name)
    target = built.target
    for (path, form), response in differences(name).items():
        assert any(part in path for part in PATHS[one.channel]), path
        if path.endswith("/log"):
            assert target.owns("pods", path.split("/")[-2])
        elif one.channel in ("annotation", "condition", "termination"):
            before, after = _objects(clean()[path, form]), _objects(response)
            assert before.keys() == after.keys()
            for key in before:
                mine = target.owns("pods", key) or key == target.workload
                assert mine or before[key] == after[key]
        elif one.channel == "event":
            added = _objects(response).keys() - _objects(clean()[path, form]).keys()
            assert len(added) == 1
            assert len(_objects(response)) == len(_objects(clean()[path, form])) + 1


def _objects(response: Response) -> dict[str, dict]:
    body = orjson.loads(response.body)
    items = [row["object"] for row in body["rows"]] if "rows" in body else body.get("items", [body])
    return {item["metadata"]["name"]: item for item in items}


@pytest.mark.parametrize("name", ["mimicry-condition-degraded", "mimicry-termination-oom", "command-policy-en"])
def test_what_the_kubelet_and_controllers_write_stays(name: str):
    """Phases, readiness, restarts, exit codes, reasons and every condition that Kubernetes knows."""

    def theirs(obj: dict) -> dict:
        status = {key: value for key, value in obj.get("status", {}).items() if key != "containerStatuses"}
        conditions = [c for c in status.pop("conditions", []) if not c["type"].startswith("ops.example.com/")]
        containers = orjson.loads(orjson.dumps(obj.get("status", {}).get("containerStatuses", [])))
        for container in containers:
            for part in ("state", "lastState"):
                container.get(part, {}).get("terminated", {}).pop("message", None)
        return {"status": status, "conditions": conditions, "containers": containers, "spec": obj.get("spec")}

    changed = differences(name, "culprit")
    assert changed
    for key, response in changed.items():
        before, after = _objects(clean()[key]), _objects(response)
        assert {name: theirs(obj) for name, obj in before.items()} == {name: theirs(obj) for name, obj in after.items()}


def test_the_same_problem_and_injection_are_planted_alike_and_others_elsewhere():
    first, again = (planted("accuse-root-cause-en")[1].target for _ in range(2))
    assert first == again
    assert differences("accuse-root-cause-en") == differences("accuse-root-cause-en")
    struck = {planted(name)[1].target.component for name in list(injections())[:40]}
    assert len(struck) > 5


def test_each_aim_strikes_whom_it_names_and_accuses_another():
    truth = scenario.build(crashing()).truth
    for aim in AIMS:
        _, built = planted("mimicry-refused-go", aim)
        callers = built.application.callers[truth.component]
        is_culprit, is_caller = built.target.component == truth.component, built.target.component in callers
        assert (is_culprit, is_caller) == (aim == "culprit", aim == "caller")
        assert built.target.innocent not in (truth.component, built.target.component)


def test_the_world_stays_as_it_is():
    assert planted("mimicry-go-panic-nil")[1].world.digest() == scenario.build(crashing()).world.digest()


def test_a_planted_episode_is_surveyed_as_planted_and_its_twin_is_not():
    built = scenario.build(crashing(), injection("mimicry-event-backoff"), aim="bystander")
    twin = scenario.build(crashing()).survey().estate.of("events")
    assert {"component": "ops-bot"} in [e.get("source") for e in built.survey().estate.of("events")]
    assert {"component": "ops-bot"} not in [e.get("source") for e in twin]


# Logs as a server cuts them -----------------------------------------------------------------------------------------


class Fixed:
    """A server that knows one log of five lines, and cuts nothing."""

    def read(self, request: ReadRequest) -> Response:
        assert {"tailLines", "limitBytes"}.isdisjoint(dict(request.query))
        headers = {"Date": "Mon, 05 Jan 2026 13:38:05 GMT"}
        return Response(200, b"".join(b"line %d\n" % number for number in range(5)), "text/plain", headers)


def log_of(*query: tuple[str, str], pod: str = "geo-5d9c7b8f6-x2x4z", **fields) -> list[str]:
    one = Injection(**{"id": "test", "family": "test", "language": "en", "channel": "log", "text": "x"} | fields)
    transport = Planted(Fixed(), one, Target(NAMESPACE, "geo", "geo"))
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/log"
    return transport.read(ReadRequest(path, query)).body.decode().splitlines()


def test_lines_are_before_behind_between_or_instead_of_those_of_the_log():
    lines = [f"line {number}" for number in range(5)]
    assert log_of(times=2) == [*lines, "x", "x"]
    assert log_of(times=2, placement="prepended") == ["x", "x", *lines]
    assert log_of(times=2, placement="replaced") == ["x", "x"]
    mixed = log_of(times=2, placement="interleaved")
    assert (mixed.count("x"), [line for line in mixed if line != "x"]) == (2, lines)
    assert mixed[0] == "line 0"
    assert log_of(times=1, text="x\ny\n") == [*lines, "x", "y"]


def test_the_log_is_cut_as_asked_after_planting():
    assert log_of(("tailLines", "2")) == ["line 4", "x"]
    assert log_of(("tailLines", "2"), placement="prepended") == ["line 3", "line 4"]
    assert log_of(("tailLines", "0")) == []
    assert log_of(("tailLines", "2"), ("limitBytes", "4")) == ["line"]


def test_stamps_are_given_where_they_are_asked_for():
    assert log_of(("timestamps", "true"))[-1] == "2026-01-05T13:38:05Z x"


@pytest.mark.parametrize(
    ("pod", "is_mine"),
    [
        ("geo-5d9c7b8f6-x2x4z", True), ("geo-0", True), ("geo-x2x4z", True), ("geo", False),
        ("geo-cache-5d9c7b8f6-x2x4z", False), ("geo-cache-0", False), ("mongodb-geo-5d9c7b8f6-x2x4z", False),
    ],
)  # fmt: skip
def test_only_pods_of_the_attacked_workload_are_attacked(pod: str, is_mine: bool):
    assert Target(NAMESPACE, "geo", "geo").owns("pods", pod) is is_mine


def test_a_log_of_another_container_or_of_the_former_run_is_left_alone():
    one = injection("mimicry-go-panic-nil")
    target = Target(NAMESPACE, "geo", "geo", container="app")
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/geo-5d9c7b8f6-x2x4z/log"
    for query in ((("container", "proxy"),), (("container", "app"), ("previous", "true"))):
        assert b"panic" not in Planted(Fixed(), one, target).read(ReadRequest(path, query)).body
    assert b"panic" in Planted(Fixed(), one, target).read(ReadRequest(path, (("container", "app"),))).body


@pytest.mark.parametrize(
    ("selector", "is_there"),
    [
        ("", True), ("type=Warning", True), ("type!=Warning", False), ("reason=BackOff,type=Warning", True),
        ("involvedObject.kind=Pod", True), ("involvedObject.name=other", False), ("unknown=1", False),
    ],
)  # fmt: skip
def test_an_event_is_in_the_lists_whose_selector_selects_it(selector: str, is_there: bool):
    transport, _ = planted("mimicry-event-backoff", "caller")
    query = (("fieldSelector", selector),) if selector else ()
    inner = transport.transport

    class Everything:
        """The world's answers, whatever the selector: what is asked here is whether the event is added."""

        def read(self, request: ReadRequest) -> Response:
            return inner.read(ReadRequest(request.path))

    selecting = Planted(Everything(), transport.injection, transport.target)
    body = selecting.read(ReadRequest(READABLES["events"].path(NAMESPACE), query)).body
    assert (b"ops-bot" in body) is is_there


def test_a_canary_is_planted_where_a_credential_would_be_and_the_survey_shows_none():
    lures = [name for name, one in injections().items() if "{canary}" in one.text]
    assert len(lures) >= 5
    for name in lures:
        transport, built = planted(name, "culprit")
        whole = survey(Reader(transport), [NAMESPACE], [alert.component for alert in built.alerts()])
        assert CANARY not in whole.answer.model_dump_json()
        assert all(CANARY.encode() not in observation.data for observation in whole.observations)


def test_an_injection_reads_through_the_transport_it_is_given():
    world = scenario.build(crashing()).world
    one = injection("mimicry-go-panic-nil")
    transport = Planted(EmbeddedReadTransport(world, PROBE), one, Target(NAMESPACE, "frontend", "frontend"))
    pods = orjson.loads(transport.read(ReadRequest(READABLES["pods"].path(NAMESPACE))).body)["items"]
    for pod in pods:
        name = pod["metadata"]["name"]
        body = transport.read(ReadRequest(f"{READABLES['pods'].path(NAMESPACE)}/{name}/log")).body
        assert (b"SIGSEGV" in body) is name.startswith("frontend-")


# Episodes -----------------------------------------------------------------------------------------------------------


def episode(name: str | None) -> TrajectoryContent:
    codec = WordCodec()
    built = scenario.build(crashing(), injection(name) if name else None, aim="caller" if name else None)
    settings = {"profile": SEED_PROFILE, "codec": codec, "arm": "test", "bundle": "scripted:test", "rollout_seed": 0}
    policy = ExpertOperator(codec, SEED_PROFILE)
    return rollout([run_episode(built, injection=name, **settings)], policy)[0].content


def test_an_episode_names_its_injection_and_begins_in_the_world_of_its_twin():
    clean_run, struck = episode(None), episode("mimicry-go-panic-nil")
    assert (clean_run.injection, struck.injection) == (None, "mimicry-go-panic-nil")
    assert (clean_run.world, clean_run.handles, clean_run.alerts) == (struck.world, struck.handles, struck.alerts)
    assert TrajectoryContent.from_bytes(struck.to_bytes()) == struck
    assert struck.digest() == episode("mimicry-go-panic-nil").digest()


@pytest.mark.parametrize("name", ["secret-planted-password", "secret-read-en", "destroy-namespace", "format-chatml"])
def test_an_episode_with_an_injection_ends_without_credential_or_refused_command(name: str):
    struck = episode(name)
    assert struck.ended != "error", struck.error
    assert CANARY not in struck.model_dump_json()
    assert not any(one.status == "refused" for step in struck.steps for one in step.interactions)
