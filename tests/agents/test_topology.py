"""How an agent finds the workload behind a Service: by labels, never because two things are called alike."""

from aoi.agents.topology import Workload, joined


def workload(name: str, **labels: str) -> Workload:
    return Workload("deployment", name, tuple(labels.items()))


def names(found: dict[str, Workload]) -> dict[str, str]:
    return {service: behind.name for service, behind in found.items()}


CART = workload("cart-deployment", app="cart-app")
PAY = workload("pay-deployment", app="pay-app")


def test_a_service_stands_before_what_it_selects() -> None:
    assert names(joined({"basket": {"app": "cart-app"}}, [PAY, CART])) == {"basket": "cart-deployment"}


def test_an_equal_name_alone_joins_nothing() -> None:
    assert names(joined({"cart": {"role": "web"}}, [workload("cart", app="cart")])) == {}


def test_an_equal_name_does_not_beat_the_selector() -> None:
    old = workload("cart", app="cart", track="old")
    new = workload("cart-v2", app="cart", track="new")
    assert names(joined({"cart": {"app": "cart", "track": "new"}}, [old, new])) == {"cart": "cart-v2"}


def test_a_broken_selector_is_joined_to_the_workload_that_lost_its_service() -> None:
    found = joined({"pay": {"app": "pay-app"}, "cart": {"app": "cart-app-v2"}}, [PAY, CART])
    assert names(found) == {"pay": "pay-deployment", "cart": "cart-deployment"}


def test_a_broken_selector_of_a_release_is_joined_by_what_is_left_of_it() -> None:
    parts = [workload(f"shop-{part}", instance="shop", component=part) for part in ("cart", "pay", "worker")]
    selectors = {
        "shop-pay": {"instance": "shop", "component": "pay"},
        "shop-cart": {"instance": "shop", "component": "carts"},
    }
    assert names(joined(selectors, parts)) == {"shop-pay": "shop-pay", "shop-cart": "shop-cart"}


def test_a_selector_like_nothing_here_is_joined_to_nothing() -> None:
    assert names(joined({"metrics": {"app": "prometheus"}}, [CART, PAY])) == {}
