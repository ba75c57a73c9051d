"""Whatever people do to the objects, every question gets an answer: no edit makes telemetry or the kubelet fail."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.worlds.applications.spec import Application
from aoi.worlds.endpoints import jaeger, prometheus
from aoi.worlds.runtime import traffic
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World
from tests.worlds.acts import change, chaos, logs
from tests.worlds.conftest import installed

KEY = "gen005"


def service(**spec: Any) -> Callable[[World, Application, str], None]:
    def act(world: World, application: Application, name: str) -> None:
        if world.store.get("services", application.namespace, name):
            change(world, "services", application.namespace, name, lambda obj: obj["spec"].update(spec))

    return act


def container(**fields: Any) -> Callable[[World, Application, str], None]:
    def act(world: World, application: Application, name: str) -> None:
        def edit(obj: Obj) -> None:
            obj["spec"]["template"]["spec"]["containers"][0].update(fields)

        if world.store.get("deployments.apps", application.namespace, name):
            change(world, "deployments.apps", application.namespace, name, edit)

    return act


def delete(resource: str) -> Callable[[World, Application, str], None]:
    def act(world: World, application: Application, name: str) -> None:
        if world.store.get(resource, application.namespace, name):
            world.store.delete(resource, application.namespace, name)

    return act


def odd_chaos(**spec: Any) -> Callable[[World, Application, str], None]:
    def act(world: World, application: Application, name: str) -> None:
        if not world.store.objects("networkchaos.chaos-mesh.org"):
            chaos(world, application, name, **spec)

    return act


EDITS = (
    service(ports=[{"name": "x", "port": 80, "targetPort": "no-such-name", "protocol": "TCP"}]),
    service(ports=[{"port": 80, "targetPort": 80, "protocol": "UDP"}]),
    service(ports=[]),
    service(selector=None),
    service(selector={}),
    service(clusterIP="None"),
    service(type="ExternalName", externalName="elsewhere.example.com"),
    delete("services"),
    delete("deployments.apps"),
    container(image="UPPER/Case::bad"),
    container(image=""),
    container(image="nginx@sha256:0123"),
    container(command=["sh", "-c", "sleep 1"]),
    container(command=[""]),
    container(env=[{"name": "PORT", "value": "99999999"}]),
    container(env=[]),
    container(resources={}),
    container(resources={"limits": {"cpu": "1m", "memory": "1"}}),
    container(ports=[]),
    container(readinessProbe={"httpGet": {"port": "nameless", "path": "/"}, "periodSeconds": 5}),
    container(livenessProbe={"exec": {"command": []}, "periodSeconds": 5}),
    odd_chaos(action="loss"),
    odd_chaos(action="delay", delay={"latency": "forever"}),
    odd_chaos(action="partition", mode="fixed", value="x", direction="both"),
    odd_chaos(action="unheard-of", duration="1s"),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_edit_makes_a_question_fail(data: st.DataObject) -> None:
    world, application = (odd := installed(KEY)).world, odd.application
    names = st.sampled_from([component.name for component in application.components])
    for edit in data.draw(st.lists(st.sampled_from(EDITS), min_size=1, max_size=4)):
        edit(world, application, data.draw(names))
        world.advance(data.draw(st.sampled_from((0, 3_000, 70_000))))
    now = traffic(world)
    assert 0 <= now.users.errors <= 1
    for edge in now.conditions.edges:
        assert abs(sum(share for _, share in edge.outcomes) - 1) < 1e-4
    for component in application.components:
        logs(world, application, component.name)
        logs(world, application, component.name, previous=True)
    for expression in ("up", "container_memory_working_set_bytes", "sum(rate(container_cpu_usage_seconds_total[1m]))"):
        assert prometheus(world, "/api/v1/query", (("query", expression),)).status == 200
    assert prometheus(world, "/api/v1/alerts", ()).status == 200
    traces = jaeger(world, "/api/traces", (("service", application.workload.entry), ("lookback", "2m")))
    assert isinstance(json.loads(traces.body)["data"], list)
