"""Host positions: whom the cluster's DNS and routes would lead to, and what nobody may call missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.estate.hosts import Setting, addresses_in, settings_of
from tests.estate.estates import SHOP, container, deployed, estate_of, pod, service, thing


def _estate(**options):
    db, six = deployed("db"), pod("six", labels={"app": "six"})
    db["pods"][0]["status"]["podIP"] = "10.0.0.4"
    six["status"] |= {"podIP": "10.0.0.6", "podIPs": [{"ip": "10.0.0.6"}, {"ip": "fd00::6"}]}
    named = [
        service("db", {"app": "db"}, clusterIP="10.96.4.4", clusterIPs=["10.96.4.4", "fd00:96::4"]),
        service("mail", type="ExternalName", externalName="smtp.example.com"),
    ]
    return estate_of(db, {"pods": [six], "services": named}, **options)


HOSTS = _estate().hosts


@pytest.mark.parametrize(
    "written",
    [
        "db",
        "DB",
        "db:5432",
        "db.shop",
        "db.shop.svc:5432",
        "db.shop.svc.cluster.local",
        "db.shop.svc.cluster.local.",
        "db.shop.svc.cluster.local.:5432",
        "db.shop.svc.corp.example",
        "db-0.db",
        "db-0.db.shop.svc.cluster.local:5432",
        "10.96.4.4",
        "10.96.4.4:5432",
        "[fd00:96::4]:5432",
        "http://db/path?x=1",
        "https://db:8443",
        "postgres://user:pass@db:5432/orders?sslmode=off",
        "postgresql+psycopg://user:p%40ss@db.shop.svc/orders",
        "tcp://user@db:5432",
        '"db:5432"',
        " db ",
    ],
)
def test_every_form_of_a_services_name_leads_to_it(written):
    host = HOSTS.resolve(written, SHOP)
    assert host is not None
    assert (host.standing, host.service and host.service.name) == ("known", "db")
    assert host.component is not None
    assert host.component.name == "db"


@pytest.mark.parametrize(("written", "owner"), [("10.0.0.4:5432", "db"), ("10.0.0.6", "six"), ("[fd00::6]:80", "six")])
def test_a_pods_addresses_lead_to_its_component(written, owner):
    host = HOSTS.resolve(written, SHOP)
    assert (host.standing, host.service, host.component.name) == ("known", None, owner)


def test_an_address_that_a_pod_shares_with_its_node_names_nobody():
    shared = pod("agent", hostNetwork=True)
    assert estate_of({"pods": [shared]}).hosts.resolve(shared["status"]["podIP"], SHOP).standing == "elsewhere"


@pytest.mark.parametrize("written", ["bd", "bd.shop", "bd.shop.svc", "bd.shop.svc.cluster.local:1234", "http://bd/x"])
def test_a_name_that_only_this_namespace_could_hold_is_missing(written):
    assert HOSTS.resolve(written, SHOP).standing == "missing"


@pytest.mark.parametrize(
    "written",
    ["api.blog", "api.blog.svc:80", "example.com", "smtp.example.com", "10.9.9.9", "[fd00::99]", "8.8.8.8:53"],
)
def test_what_other_namespaces_and_the_world_hold_is_elsewhere(written):
    assert HOSTS.resolve(written, SHOP).standing == "elsewhere"


@pytest.mark.parametrize("written", ["bd", "bd.shop.svc"])
def test_names_of_a_namespace_that_was_not_read_are_not_missing(written):
    assert _estate(unread=["services"]).hosts.resolve(written, SHOP).standing == "elsewhere"


def test_a_short_name_means_a_service_of_the_callers_namespace():
    far = estate_of({"services": [service("db", place="blog")]}, places=("shop", "blog")).hosts
    assert far.resolve("db", "blog").standing == "known"
    assert far.resolve("db", "shop").standing == "missing"
    assert far.resolve("db.blog", "shop").standing == "known"


@pytest.mark.parametrize(
    "written",
    ["localhost", "localhost:80", "127.0.0.1:9", "127.8.8.8", "0.0.0.0:80", "[::]:80", "[::1]:80", "", "a b", "/etc/x"],
)
def test_oneself_and_what_is_no_host_names_nobody(written):
    assert HOSTS.resolve(written, SHOP) is None


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("db", None),
        ("db:5432", 5432),
        ("http://db", 80),
        ("https://db", 443),
        ("redis://db/0", 6379),
        ("odd://db", None),
    ],
)
def test_a_url_without_a_port_means_its_schemes(written, port):
    assert HOSTS.resolve(written, SHOP).port == port


def test_two_components_behind_a_service_are_no_one_component():
    both = {"app": "pair"}
    pods = [pod("a", labels=both), pod("b", labels=both)]
    host = estate_of({"pods": pods, "services": [service("pair", both)]}).hosts.resolve("pair", SHOP)
    assert (host.standing, host.component) == ("known", None)


@given(st.text(max_size=300) | st.from_regex(r"[a-z:/@.\[\]0-9]{0,40}"), st.text(max_size=20))
def test_no_text_makes_resolving_or_finding_addresses_fall(written, key):
    HOSTS.resolve(written, SHOP)
    for address in addresses_in(Setting(key, written, "args")):
        HOSTS.resolve(address, SHOP)


@pytest.mark.parametrize(
    "written", ["a" * 100_000, "a." * 50_000, "a@" * 50_000, "x://" * 20_000, "[" + ":" * 90_000, "a-" * 50_000 + ":80"]
)
def test_long_text_is_read_once(written):
    # What grows with the square of these lengths does not end within a test's time.
    HOSTS.resolve(written, SHOP)
    assert isinstance(list(addresses_in(Setting("URL", written, "args"))), list)


@pytest.mark.parametrize(
    ("key", "value", "addresses"),
    [
        ("DB_HOST", "db", ["db"]),
        ("brokers", "k-0.k,k-1.k", ["k-0.k", "k-1.k"]),
        ("MODE", "db", []),
        ("X", "db:5432", ["db:5432"]),
        ("X", "db.shop.svc.:5432", ["db.shop.svc.:5432"]),
        ("HOST", "db.shop.svc.cluster.local.", ["db.shop.svc.cluster.local."]),
        ("X", "see http://api:80/v1 and redis://c:6379", ["http://api:80", "redis://c:6379"]),
        ("X", "image/name:8080", []),
        ("app.yaml", "db:\n  host: orders-db\n  port: 5432\n# host: old\n", ["orders-db"]),
        ("X", "10.96.4.4:5432", ["10.96.4.4:5432"]),
        ("X", "1.2.3:80 12:30:00 2026-01-01T10:00", []),
    ],
)
def test_addresses_are_found_where_a_value_says_so(key, value, addresses):
    assert list(addresses_in(Setting(key, value, "args"))) == addresses


def test_settings_come_from_environment_maps_and_arguments():
    maps = {"cm": thing("ConfigMap", "cm", data={"A": "1", "B": "2"})}
    reference = {"configMapKeyRef": {"name": "cm", "key": "A"}}
    spec = {
        "initContainers": [container(env=[{"name": "I", "value": "0"}])],
        "containers": [
            container(
                env=[
                    {"name": "X", "valueFrom": reference},
                    {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s"}}},
                ],
                envFrom=[{"configMapRef": {"name": "cm"}}, {"configMapRef": {"name": "gone"}}],
                args=["--db=db:5432", "run"],
            )
        ],
        "volumes": [{"name": "v", "configMap": {"name": "cm"}}],
    }
    assert [(s.key, s.value, s.source) for s in settings_of(spec, maps)] == [
        ("I", "0", "env I"),
        ("A", "1", "ConfigMap cm key A"),
        ("B", "2", "ConfigMap cm key B"),
        ("", "db:5432", "args"),
        ("", "run", "args"),
    ]
