"""Breaking one thing shows in the caller's log, in Prometheus and in Jaeger alike, and any correct repair heals it."""

import re

import pytest

from aoi.worlds.behaviour import databases
from aoi.worlds.behaviour.memory import SCRAPE_MS
from aoi.worlds.runtime import traffic
from aoi.worlds.telemetry.alerts import firing
from kubeworld.machine.store import Obj
from tests.worlds.acts import (
    SAYS,
    SETTLED_MS,
    busiest_edge,
    change,
    change_container,
    change_service,
    chaos,
    delete_pods,
    deny_all,
    failed_spans,
    logs,
    outcome_share,
    pods,
    query,
    says,
    scale,
    selector,
)
from tests.worlds.conftest import Installed, installed

ANY = ("http", "grpc", "thrift", "mongo", "postgres")


def edge_of(installed: Installed) -> tuple[str, str]:
    return busiest_edge(installed.application, traffic(installed.world).flows, protocols=ANY)


def assert_seen(installed: Installed, caller: str, callee: str, word: str) -> None:
    world, application = installed.world, installed.application
    assert says(logs(world, application, caller), word) >= 3, logs(world, application, caller)[-600:]
    assert outcome_share(world, caller, callee, word) > 0.9
    assert any(says(message, word) for message in failed_spans(world, caller, callee))
    assert traffic(world).users.errors > 0.002


def assert_healthy(installed: Installed, caller: str, callee: str) -> None:
    world, application = installed.world, installed.application
    assert traffic(world).conditions.edges == ()
    for word in SAYS:
        assert outcome_share(world, caller, callee, word) == 0
    recent = logs(world, application, caller).splitlines()[-8:]
    assert sum(says(line, word) for line in recent for word in SAYS) <= 1


def test_wrong_target_port_is_refused_until_the_port_is_put_right(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    caller, callee = edge_of(any_application)
    change_service(world, application, callee, lambda spec: spec["ports"][0].update(targetPort=9999))
    world.advance(SETTLED_MS)
    assert_seen(any_application, caller, callee, "refused")
    right = application.by_name[callee].port
    change_service(world, application, callee, lambda spec: spec["ports"][0].update(targetPort=right))
    world.advance(SETTLED_MS)
    assert_healthy(any_application, caller, callee)


def test_moving_the_container_to_the_wrong_target_port_heals_too() -> None:
    """Another correct repair of the same fault: whatever makes the two ports agree."""
    bare = installed("gen003")  # its programs take their port from the environment, and few have probes
    world, application = bare.world, bare.application
    caller, callee = next(
        (caller, callee)
        for caller, callee in application.edges
        if any(s.name == "PORT" for s in application.by_name[callee].settings)
        and not application.by_name[callee].probes
    )
    change_service(world, application, callee, lambda spec: spec["ports"][0].update(targetPort=9999))
    world.advance(SETTLED_MS)
    assert traffic(world).conditions.edge(caller, callee)

    def listen_there(container: Obj) -> None:
        next(entry for entry in container["env"] if entry["name"] == "PORT")["value"] = "9999"

    change_container(world, application, callee, listen_there)
    world.advance(SETTLED_MS)
    assert traffic(world).conditions.edge(caller, callee) is None


def test_wrong_selector_leaves_no_endpoint_and_is_refused(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    caller, callee = edge_of(any_application)
    right = selector(application, callee)
    wrong = {key: value + "-v2" for key, value in right.items()}
    change_service(world, application, callee, lambda spec: spec.update(selector=wrong))
    world.advance(SETTLED_MS)
    assert_seen(any_application, caller, callee, "refused")
    change_service(world, application, callee, lambda spec: spec.update(selector=right))
    world.advance(SETTLED_MS)
    assert_healthy(any_application, caller, callee)


def test_scaled_to_zero_is_refused_until_scaled_up(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    caller, callee = edge_of(any_application)
    scale(world, application, callee, 0)
    world.advance(SETTLED_MS)
    assert_seen(any_application, caller, callee, "refused")
    scale(world, application, callee, 1)
    world.advance(SETTLED_MS)
    assert_healthy(any_application, caller, callee)


def test_deleted_service_is_no_such_host(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    caller, callee = edge_of(any_application)
    gone = world.store.delete("services", application.namespace, application.service_of(callee).name)
    world.advance(SETTLED_MS)
    assert_seen(any_application, caller, callee, "nohost")
    fresh = {**gone, "metadata": {k: gone["metadata"][k] for k in ("name", "namespace", "labels")}}
    world.store.create("services", fresh)
    world.advance(SETTLED_MS)
    assert_healthy(any_application, caller, callee)


def test_network_policy_times_out_and_allowing_the_caller_heals(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    caller, callee = edge_of(any_application)
    deny_all(world, application, callee)
    world.advance(SETTLED_MS)
    assert_seen(any_application, caller, callee, "timeout")
    labels = selector(application, caller)
    allow = {"ingress": [{"from": [{"podSelector": {"matchLabels": labels}}]}]}
    change(world, "networkpolicies.networking.k8s.io", application.namespace, "deny", lambda o: o["spec"].update(allow))
    world.advance(SETTLED_MS)
    assert traffic(world).conditions.edge(caller, callee) is None


def test_packet_loss_times_out_until_the_chaos_object_is_deleted(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    caller, callee = edge_of(any_application)
    chaos(world, application, callee, action="loss", loss={"loss": "99", "correlation": "100"})
    world.advance(SETTLED_MS)
    assert_seen(any_application, caller, callee, "timeout")
    world.store.delete("networkchaos.chaos-mesh.org", application.namespace, "experiment")
    world.advance(SETTLED_MS)
    assert_healthy(any_application, caller, callee)


def test_small_delay_slows_the_callers_without_errors(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    caller, callee = edge_of(any_application)
    before = traffic(world).components[caller].p99_ms
    chaos(world, application, callee, action="delay", delay={"latency": "400ms"})
    world.advance(SETTLED_MS)
    assert traffic(world).components[caller].p99_ms > before + 300
    assert outcome_share(world, caller, callee, "timeout") < 0.05
    slow = query(
        world,
        "histogram_quantile(0.5,sum by(le)(rate(http_client_request_duration_seconds_bucket"
        f'{{service="{caller}",peer="{callee}"}}[1m])))',
    )
    assert slow[0][1] > 0.25


def test_delay_beyond_the_deadline_times_out(hotel: Installed) -> None:
    world, application = hotel.world, hotel.application
    chaos(world, application, "geo", action="delay", delay={"latency": "10s"})
    world.advance(SETTLED_MS)
    assert says(logs(world, application, "search"), "timeout") >= 3
    assert any(says(message, "timeout") for message in failed_spans(world, "search", "geo"))


def test_expired_chaos_heals_by_itself_and_leaves_its_trace_in_the_metrics(hotel: Installed) -> None:
    world, application = hotel.world, hotel.application
    chaos(world, application, "geo", action="loss", loss={"loss": "99"}, duration="200s")
    world.advance(100_000)
    assert traffic(world).conditions.edge("search", "geo")
    world.advance(300_000)
    assert traffic(world).conditions.edges == ()
    name = 'http_client_requests_total{service="search",peer="geo",outcome="timeout"}'
    assert query(world, f"sum(rate({name}[1m]))")[0][1] == 0
    assert query(world, f"sum(rate({name}[1m] offset 5m))")[0][1] > 1


@pytest.mark.parametrize("key", ["hotel_reservation", "gen001", "gen004", "gen101", "gen202"])
def test_revoked_role_is_unauthorized_and_the_restarted_client_panics(key: str) -> None:
    guarded = installed(key)
    world, application = guarded.world, guarded.application
    client, login = next((c, g) for c in application.components for g in c.logins if g.user)
    granted = databases.users(world, login.database_component)
    revoked = {**granted, login.user: {**granted[login.user], "grants": []}}
    databases.set_users(world, login.database_component, revoked)
    world.advance(SETTLED_MS)
    assert_seen(guarded, client.name, login.database_component, "unauthorized")
    delete_pods(world, application, client.name)
    world.advance(SETTLED_MS)
    assert says(logs(world, application, client.name), "unauthorized")
    assert all(pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods(world, application, client.name))
    databases.set_users(world, login.database_component, granted)
    world.advance(400_000)
    assert_healthy(guarded, client.name, login.database_component)


def test_dropped_user_cannot_log_in(hotel: Installed) -> None:
    world, application = hotel.world, hotel.application
    accounts = databases.users(world, "mongodb-geo")
    assert "admin" in accounts
    databases.set_users(world, "mongodb-geo", {name: held for name, held in accounts.items() if name != "admin"})
    delete_pods(world, application, "geo")
    world.advance(SETTLED_MS)
    assert "Authentication failed" in logs(world, application, "geo")
    assert "UserNotFound" in logs(world, application, "mongodb-geo")


def test_symptoms_reach_the_entry_and_its_alert(any_application: Installed) -> None:
    world, application = any_application.world, any_application.application
    caller, callee = edge_of(any_application)
    scale(world, application, callee, 0)
    world.advance(SETTLED_MS + 60_000)
    loaded = [alert for alert in firing(world, application) if alert.name == "HighErrorRate"]
    assert caller in [alert.service for alert in loaded]
    assert callee not in [alert.service for alert in loaded]


def test_the_log_tells_the_past_as_it_was(hotel: Installed) -> None:
    world, application = hotel.world, hotel.application
    change_service(world, application, "mongodb-geo", lambda spec: spec["ports"][0].update(targetPort=1))
    world.advance(30_000)
    text = logs(world, application, "geo")
    earliest = world.clock.rfc3339(world.clock.now_ms - 30_000 - SCRAPE_MS)
    errors = [line for line in text.splitlines() if "connection refused" in line]
    assert errors
    assert all(re.findall(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", line)[0] >= earliest for line in errors)


def test_a_changed_secret_locks_out_only_who_starts_after_it() -> None:
    strict = installed("gen001")
    world, application = strict.world, strict.application
    client, setting = next((c, s) for c in application.components for s in c.settings if s.source == "secret_env")

    def rotate(obj: Obj) -> None:
        obj["data"][setting.key] = "bmV3LXBhc3N3b3Jk"

    change(world, "secrets", application.namespace, setting.holder, rotate)
    world.advance(SETTLED_MS)
    assert traffic(world).conditions.edges == ()
    delete_pods(world, application, client.name)
    world.advance(SETTLED_MS)
    assert says(logs(world, application, client.name), "authfailed")
