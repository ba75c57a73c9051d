"""Services and what is behind them."""

import pytest

from aoi.access.transport import Response
from tests.estate.estates import deployed, estate_of, pod, read, running, service, thing


def _only(*parts, **options):
    (held,) = estate_of(*parts, **options).services
    return held


def _slice(of, *ready, place="shop"):
    made = thing(
        "EndpointSlice",
        f"{of}-1",
        place,
        endpoints=[{"conditions": {"ready": r} if r is not None else {}} for r in ready],
    )
    made["metadata"]["labels"] = {"kubernetes.io/service-name": of}
    return {"endpointslices.discovery.k8s.io": [made]}


def _endpoints(of, count):
    return {
        "endpoints": [thing("Endpoints", of, subsets=[{"addresses": [{"ip": f"10.1.1.{at}"} for at in range(count)]}])]
    }


def test_a_service_takes_pods_by_its_selector_and_not_by_its_name():
    held = _only(deployed("web"), {"services": [service("entry", {"app": "web"})]})
    assert (held.backing, [c.name for c in held.components], held.ready_pods) == ("selected", ["web"], 1)
    same_name = _only(deployed("web"), {"services": [service("web", {"app": "wbe"})]})
    assert (same_name.components, same_name.pods) == ((), ())


def test_only_pods_of_its_own_namespace_and_that_still_run_are_behind_it():
    gone = pod("done", labels={"app": "web"})
    gone["status"]["phase"] = "Succeeded"
    far = pod("far", labels={"app": "web"}, place="blog")
    held = _only({"pods": [gone, far], "services": [service("web", {"app": "web"})]}, places=("shop", "blog"))
    assert (held.pods, held.components) == ((), ())


def test_a_component_at_zero_is_behind_a_service_by_its_template():
    objects = dict(deployed("web"))
    objects["pods"] = []
    held = _only(objects, {"services": [service("web", {"app": "web"})]})
    assert [c.name for c in held.components] == ["web"]
    assert held.pods == ()


def test_unready_pods_get_traffic_only_where_the_service_says_so():
    parts = deployed("db", running(ready=False))
    assert _only(parts, {"services": [service("db", {"app": "db"})]}).ready_pods == 0
    assert _only(parts, {"services": [service("db", {"app": "db"}, publishNotReadyAddresses=True)]}).ready_pods == 1


def test_an_external_name_leads_elsewhere_even_with_a_selector():
    outside = service("mail", {"app": "mail"}, type="ExternalName", externalName="smtp.example.com")
    assert _only({"services": [outside]}).backing == "external"


def test_a_headless_service_has_pods_like_any_other():
    held = _only(deployed("db"), {"services": [service("db", {"app": "db"}, clusterIP="None")]})
    assert (held.backing, held.ready_pods) == ("selected", 1)


@pytest.mark.parametrize(
    ("written", "ready"),
    [
        ({}, 0),
        (_endpoints("ext", 2), 2),
        (_slice("ext", True, False, None), 2),
        ({**_slice("ext", True), **_endpoints("ext", 3)}, 3),
    ],
)
def test_without_a_selector_what_somebody_wrote_is_behind_it(written, ready):
    held = _only({"services": [service("ext")]}, written)
    assert (held.backing, held.addresses) == ("manual", ready)


@pytest.mark.parametrize("unread", ["endpoints", "endpointslices.discovery.k8s.io"])
def test_addresses_that_could_not_be_read_are_not_known_to_be_absent(unread):
    assert _only({"services": [service("ext")]}, unread=[unread]).addresses is None


def test_addresses_of_one_namespace_say_nothing_of_another():
    def refuse(request):
        is_hidden = "namespaces/blog/endpoint" in request.path
        return Response(403, b"{}") if is_hidden else None

    parts = {"services": [service("ext"), service("ext", place="blog")]}
    estate = read(parts, places=("shop", "blog"), answer=refuse)
    assert {s.namespace: s.addresses for s in estate.services} == {"shop": 0, "blog": None}
