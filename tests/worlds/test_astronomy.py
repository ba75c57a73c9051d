"""Astronomy Shop: it stands as its chart installs it, and its programs do what flagd tells them."""

import orjson
import pytest

from aoi.problems.writes import Key, Patch, send
from aoi.worlds.applications import flags as definitions
from aoi.worlds.applications.astronomy import NAMESPACE, astronomy_shop
from aoi.worlds.behaviour.traffic import evaluate
from aoi.worlds.endpoints import prometheus
from aoi.worlds.environment import new_world, running
from aoi.worlds.runtime import traffic
from aoi.worlds.telemetry.alerts import healthy
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import Snapshot, World

SEED = 1
SHOP = astronomy_shop(SEED)
FLAGD: Key = ("deployments.apps", NAMESPACE, "flagd")
CONFIG: Key = ("configmaps", NAMESPACE, "flagd-config")
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return new_world(SHOP, SEED).snapshot()


@pytest.fixture
def world(snapshot: Snapshot) -> World:
    fresh = running(SHOP, SEED)
    fresh.restore(snapshot)
    return fresh


def write(world: World, *writes: Patch) -> None:
    for each in writes:
        send(EmbeddedTransport(world, ADMIN), each)


def restarted(world: World) -> Patch:
    """What `kubectl rollout restart deployment flagd` sends now."""
    note = {"kubectl.kubernetes.io/restartedAt": world.clock.rfc3339()}
    return Patch(FLAGD, {"spec": {"template": {"metadata": {"annotations": note}}}})


def set_flag(world: World, flag: str, variant: str, *, restarts: bool = True) -> None:
    write(world, Patch(CONFIG, {"data": {"demo.flagd.json": SHOP.flags.text({flag: variant}) if SHOP.flags else ""}}))
    if restarts:
        write(world, restarted(world))
    world.advance(2 * MINUTE_MS)


def log_of(world: World, component: str) -> str:
    pods = world.store.objects("pods", NAMESPACE)
    pod = next(p for p in pods if (owner := SHOP.component_of(p)) and owner.name == component)
    lines = world.runtime.log(world, pod, SHOP.by_name[component].container, previous=False)
    return "\n".join(line.text for line in lines)


def test_25_workloads_of_the_chart_are_ready_under_its_labels(world: World) -> None:
    pods = [p for p in world.store.objects("pods", NAMESPACE) if p["status"].get("phase") == "Running"]
    workloads = [
        obj
        for resource in ("deployments.apps", "statefulsets.apps")
        for obj in world.store.objects(resource, NAMESPACE)
        if SHOP.by_workload.get((resource, obj["metadata"]["name"]))
    ]
    assert len(workloads) == 25
    assert all(obj["status"].get("readyReplicas") == obj["spec"]["replicas"] for obj in workloads)
    ad = next(pod for pod in pods if pod["metadata"]["name"].startswith("ad-"))
    assert ad["metadata"]["labels"]["app.kubernetes.io/name"] == "ad"
    assert "helm.sh/chart" not in ad["metadata"]["labels"]
    assert ad["spec"]["containers"][0]["image"] == "ghcr.io/open-telemetry/demo:2.1.3-ad"
    assert traffic(world).users.errors < 0.01


def test_another_tag_of_the_one_repository_is_another_program(world: World) -> None:
    key: Key = ("deployments.apps", NAMESPACE, "payment")
    container = {"name": "payment", "image": "ghcr.io/open-telemetry/demo:2.1.3-quote"}
    write(world, Patch(key, {"spec": {"template": {"spec": {"containers": [container]}}}}, "strategic"))
    world.advance(2 * MINUTE_MS)
    assert traffic(world).flows["checkout", "payment"].failing > 0.99


def test_a_change_of_the_config_map_is_nothing_until_flagds_pod_is_replaced(world: World) -> None:
    set_flag(world, "paymentFailure", "100%", restarts=False)
    assert not traffic(world).conditions.flags
    write(world, restarted(world))
    world.advance(2 * MINUTE_MS)
    assert traffic(world).conditions.flags == (("paymentFailure", 1.0),)


def test_without_flagd_programs_do_as_they_were_written(world: World) -> None:
    set_flag(world, "paymentFailure", "100%")
    assert traffic(world).users.errors > 0.04
    write(world, Patch(FLAGD, {"spec": {"replicas": 0}}))
    world.advance(2 * MINUTE_MS)
    assert traffic(world).users.errors < 0.01


def test_a_text_that_is_no_definition_switches_nothing_on() -> None:
    assert definitions.read("{") == {}
    assert definitions.read('{"flags": [1]}') == {}
    off = {"flags": {"a": {"state": "DISABLED", "variants": {"on": True}, "defaultVariant": "on"}}}
    assert definitions.read(orjson.dumps(off).decode()) == {}


@pytest.mark.parametrize(("variant", "share"), [("100%", 1.0), ("50%", 0.5), ("10%", 0.1)])
def test_payments_fail_by_the_percentage_that_the_variant_says(world: World, variant: str, share: float) -> None:
    set_flag(world, "paymentFailure", variant)
    assert traffic(world).components["payment"].errors == pytest.approx(share, abs=0.01)
    assert "Payment request failed. Invalid token. app.loyalty.level=gold" in log_of(world, "payment")


def test_one_ad_in_ten_and_one_product_in_ten_fail() -> None:
    for flag, name in (("adFailure", "ad"), ("productCatalogFailure", "product-catalog")):
        conditions = healthy(SHOP)
        now = evaluate(SHOP, type(conditions)(conditions.edges, conditions.instances, flags=((flag, 1.0),)))
        assert 0.08 < now.components[name].errors < 0.11


def test_an_emptied_cart_fails_and_the_order_stands(world: World) -> None:
    set_flag(world, "cartFailure", "on")
    now = traffic(world)
    assert now.operations["cart", "oteldemo.CartService/EmptyCart"].errors > 0.99
    assert now.components["checkout"].errors < 0.01
    assert "badhost:1234" in log_of(world, "cart")


def test_an_unreachable_payment_is_looked_for_at_a_bad_address(world: World) -> None:
    set_flag(world, "paymentUnreachable", "on")
    assert traffic(world).flows["checkout", "payment"].worst == "nohost"
    assert traffic(world).components["payment"].rate == 0
    assert "lookup badAddress" in log_of(world, "checkout")


def test_the_proxy_writes_the_request_that_failed_as_it_came(world: World) -> None:
    set_flag(world, "paymentUnreachable", "on")
    failed = [line for line in log_of(world, "frontend-proxy").splitlines() if "[error]" in line]
    assert any('"POST /api/checkout HTTP/1.1" 500' in line for line in failed), failed


def test_pictures_wait_at_the_proxy_and_nothing_else_does(world: World) -> None:
    before = traffic(world)
    set_flag(world, "imageSlowLoad", "10sec")
    now = traffic(world)
    assert now.operations["frontend-proxy", "GET /images/{name}"].p50_ms == pytest.approx(10_000, rel=0.01)
    assert now.operations["frontend-proxy", "GET /api/cart"] == before.operations["frontend-proxy", "GET /api/cart"]
    assert now.components["image-provider"].p99_ms < 10


def test_a_flood_asks_for_the_home_page_and_a_queue_fills_faster_than_it_is_read(world: World) -> None:
    before = traffic(world)
    set_flag(world, "loadGeneratorFloodHomepage", "on")
    now = traffic(world)
    assert now.operations["frontend", "GET /"].rate > 20 * before.operations["frontend", "GET /"].rate
    set_flag(world, "kafkaQueueProblems", "on")
    now = traffic(world)
    assert now.operations["kafka", "orders publish"].rate > 50 * before.operations["kafka", "orders publish"].rate
    assert now.components["fraud-detection"].rate < 1.0
    assert "sleeping 1 second" in log_of(world, "fraud-detection")


def test_busy_threads_and_manual_collections_make_ads_slow(world: World) -> None:
    set_flag(world, "adHighCpu", "on")
    query = (("query", 'rate(container_cpu_usage_seconds_total{container="ad"}[1m])'),)
    cores = orjson.loads(prometheus(world, "/api/v1/query", query).body)["data"]["result"]
    assert float(cores[0]["value"][1]) > 2.5
    set_flag(world, "adManualGc", "on")
    assert traffic(world).components["ad"].p50_ms > 500
    assert "performing a manual gc now" in log_of(world, "ad")


def test_a_leaking_cache_ends_at_its_memory_limit_again_and_again(world: World) -> None:
    set_flag(world, "recommendationCacheFailure", "on")
    world.advance(20 * MINUTE_MS)
    pods = world.store.objects("pods", NAMESPACE)
    pod = next(p for p in pods if p["metadata"]["name"].startswith("recommendation-"))
    status = pod["status"]["containerStatuses"][0]
    assert status["restartCount"] >= 2
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    set_flag(world, "recommendationCacheFailure", "off")
    count = status["restartCount"]
    world.advance(20 * MINUTE_MS)
    pod = next(p for p in world.store.objects("pods", NAMESPACE) if p["metadata"]["uid"] == pod["metadata"]["uid"])
    assert pod["status"]["containerStatuses"][0]["restartCount"] <= count + 1


def test_two_shops_of_one_seed_are_the_same() -> None:
    assert astronomy_shop(5).digest() == astronomy_shop(5).digest()
    assert astronomy_shop(5).digest() != astronomy_shop(6).digest()
