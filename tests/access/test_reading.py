"""The allow-list of reads: one canonical spelling, named resources, named query keys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.access.reading import READABLES, TABLE, Readable, discovery_path
from aoi.access.transport import Backend, ReadRequest
from aoi.errors import CommandRefused

PODS = "/api/v1/namespaces/shop/pods"

REFUSED_PATHS = (
    "/api/v1/namespaces/shop/secrets",
    "/api/v1/namespaces/shop/secrets/db",
    "/api/v1/secrets",
    "/api/v1/pods",
    "/api/v1/watch/namespaces/shop/pods",
    "/api/v1/watch/namespaces/shop/secrets",
    "/api/v1/namespaces/shop/pods/x/exec",
    "/api/v1/namespaces/shop/pods/x/attach",
    "/api/v1/namespaces/shop/pods/x/portforward",
    "/api/v1/namespaces/shop/pods/x/proxy",
    "/api/v1/namespaces/shop/pods/x/proxy/metrics",
    "/api/v1/namespaces/shop/pods/x/eviction",
    "/api/v1/namespaces/shop/pods/x/ephemeralcontainers",
    "/api/v1/namespaces/shop/pods/x/log/y",
    "/api/v1/namespaces/shop/services/x/proxy",
    "/api/v1/nodes/n/proxy",
    "/api/v1/nodes/n/proxy/exec/shop/x/main",
    "/api/v1/namespaces/shop/serviceaccounts/default/token",
    "/apis/apps/v1/namespaces/shop/deployments/x/scale",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/authentication.k8s.io/v1/tokenreviews",
    "/apis/apps/v1/namespaces/shop/pods",
    "/api/v1/namespaces/shop/nodes",
    "/api/v1/namespaces/shop/pods/../secrets",
    "/api/v1/namespaces/shop/pods/./x",
    "/api/v1/namespaces/shop/pods/%2e%2e/secrets",
    "/api/v1/namespaces/shop/%73ecrets",
    "/api/v1/namespaces/shop//pods",
    "//api/v1/namespaces/shop/pods",
    "/api/v1/namespaces/shop/pods/",
    "/api/v1/namespaces/shop/pods?watch=true",
    "/api/v1/namespaces/shop/pods#x",
    "/api/v1/namespaces/shop/pods;x",
    "/api/v1/namespaces/shop/Pods",
    "/api/v1/namespaces/shop/pods\n",
    "/api/v1/namespaces/shop/pods/x y",
    "api/v1/namespaces/shop/pods",
    "http://127.0.0.1:9/api/v1/namespaces/shop/pods",
    "/",
    "/api",
    "/apis",
    "/metrics",
    "/logs",
    "/debug/pprof",
    "/openapi/v3",
    "",
    "/api/v1/namespaces/shop/pods/" + "a" * 254,
    "/api/v1/namespaces/" + "a/" * 300,
)


@pytest.mark.parametrize("path", REFUSED_PATHS)
def test_path_off_the_list_is_refused(path: str) -> None:
    with pytest.raises(CommandRefused):
        ReadRequest(path)


@pytest.mark.parametrize(
    "query",
    [
        (("watch", "true"),),
        (("follow", "true"),),
        (("allowWatchBookmarks", "true"),),
        (("dryRun", "All"),),
        (("pretty", "true"),),
        (("limit", "0"),),
        (("limit", "100000"),),
        (("limit", "5"), ("limit", "5")),
        (("labelSelector", "a" * 1025),),
        (("labelSelector", "a=b\n"),),
        (("fieldSelector", "a=%00"),),
        (("access_token", "x"),),
    ],
)
def test_query_off_the_list_is_refused(query: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(CommandRefused):
        ReadRequest(PODS, query)


def test_log_may_not_be_followed() -> None:
    ReadRequest(f"{PODS}/x/log", (("tailLines", "50"), ("container", "main"), ("previous", "true")))
    with pytest.raises(CommandRefused, match="follow"):
        ReadRequest(f"{PODS}/x/log", (("follow", "true"),))


@pytest.mark.parametrize("readable", READABLES.values(), ids=READABLES.keys())
def test_every_listed_resource_can_be_listed_and_got(readable) -> None:
    ReadRequest(readable.path("shop"), (("labelSelector", "app=x"), ("limit", "500")), accept=TABLE)
    ReadRequest(readable.path("shop", "x"))


@pytest.mark.parametrize("readable", READABLES.values(), ids=READABLES.keys())
def test_older_versions_of_a_resource_can_be_read_where_a_server_has_no_other(readable) -> None:
    for served in readable.every_version:
        ReadRequest(served.path("shop"))
    assert len({served.path("shop") for served in readable.every_version}) == 1 + len(readable.older)


CUSTOM = "/apis/postgresql.cnpg.io/v1/namespaces/shop/clusters/orders"


def test_one_object_of_a_custom_resource_can_be_read_by_its_whole_name() -> None:
    ReadRequest(CUSTOM)
    ReadRequest("/apis/kafka.strimzi.io/v1beta2/namespaces/shop/kafkas/events.main")
    ReadRequest(Readable("rollouts", "Rollout", "argoproj.io", "v1alpha1").path("shop", "web"))


@pytest.mark.parametrize(
    "path",
    [
        "/apis/postgresql.cnpg.io/v1/namespaces/shop/clusters",
        "/apis/postgresql.cnpg.io/v1/clusters/orders",
        "/apis/postgresql.cnpg.io/v1/clusters",
        f"{CUSTOM}/status",
        f"{CUSTOM}/scale",
        f"{CUSTOM}/",
        "/apis/postgresql.cnpg.io/1/namespaces/shop/clusters/orders",
        "/apis/postgresql.cnpg.io/v1/namespaces/shop/secrets/orders",
        "/apis/external-secrets.io/v1/namespaces/shop/externalsecrets/orders",
        "/apis/vault.example.com/v1/namespaces/shop/credentialsets/orders",
        "/apis/oauth.openshift.io/v1/namespaces/shop/oauthaccesstokens/x",
        "/apis/gateway.example.com/v1/namespaces/shop/apikeys/x",
        "/apis/machines.example.com/v1/namespaces/shop/sshkeypairs/x",
        "/apis/management.cattle.io/v3/namespaces/shop/kubeconfigs/x",
        "/apis/oauth.openshift.io/v1/namespaces/shop/oauthclients/x",
        "/apis/ca.example.com/v1/namespaces/shop/privatekeys/x",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/x",
        "/apis/certificates.k8s.io/v1/namespaces/shop/x/y",
        "/apis/k8s.io/v1/namespaces/shop/x/y",
        "/apis/a.kubernetes.io/v1/namespaces/shop/x/y",
        "/apis/apps/v1/namespaces/shop/scales/x",
        "/apis/extensions/v1beta1/namespaces/shop/deployments/x",
        "/apis/postgresql.cnpg.io/v1/namespaces/shop/clusters/..",
        "/apis/postgresql.cnpg.io/v1/watch/namespaces/shop/clusters/x",
    ],
)
def test_no_more_of_custom_resources_is_open(path: str) -> None:
    with pytest.raises(CommandRefused):
        ReadRequest(path)


def test_a_custom_object_takes_no_query() -> None:
    with pytest.raises(CommandRefused):
        ReadRequest(CUSTOM, (("watch", "true"),))


def test_what_a_server_serves_can_be_asked_group_by_group() -> None:
    ReadRequest("/version")
    ReadRequest(discovery_path("postgresql.cnpg.io", "v1"))
    for path in ("/version/x", "/apis/apps", "/apis/apps/v1/", "/apis/apps/latest", "/api/v1", "/openid/v1/jwks"):
        with pytest.raises(CommandRefused):
            ReadRequest(path)


def test_no_secret_is_on_the_list() -> None:
    assert not [key for key in READABLES if "secret" in key or "token" in key or "rbac" in key]


def test_header_cannot_be_smuggled_through_accept() -> None:
    with pytest.raises(CommandRefused, match="accept"):
        ReadRequest(PODS, accept="application/json\r\nImpersonate-User: admin")


@pytest.mark.parametrize(
    ("backend", "path"),
    [
        (Backend.PROMETHEUS, "/api/v1/admin/tsdb/delete_series"),
        (Backend.PROMETHEUS, "/-/reload"),
        (Backend.PROMETHEUS, "/api/v1/write"),
        (Backend.PROMETHEUS, "/api/v1/status/config"),
        (Backend.PROMETHEUS, PODS),
        (Backend.JAEGER, "/api/traces/../x"),
        (Backend.JAEGER, "/api/archive/abc"),
        (Backend.JAEGER, PODS),
        (Backend.KUBERNETES, "/api/v1/query"),
    ],
)
def test_each_backend_has_its_own_list(backend: Backend, path: str) -> None:
    with pytest.raises(CommandRefused):
        ReadRequest(path, backend=backend)


def test_queries_of_the_telemetry_backends_are_checked() -> None:
    ReadRequest("/api/v1/query", (("query", 'up{job="x"}[5m]'),), backend=Backend.PROMETHEUS)
    ReadRequest("/api/traces", (("service", "geo"), ("limit", "20")), backend=Backend.JAEGER)
    with pytest.raises(CommandRefused):
        ReadRequest("/api/v1/query", (("query", "up;`id`"),), backend=Backend.PROMETHEUS)


SEGMENTS = st.sampled_from(
    ("", ".", "..", "%2e%2e", "%73ecrets", "secrets", "Secrets", "s\u0435crets", "pods", "pods?watch=1", "exec", "log",
     "proxy", "token", "api", "apis", "v1", "namespaces", "shop", "nodes", "watch", "events", "apps", "deployments",
     "scale", "x", "x y")
)  # fmt: skip
PATHS = st.one_of(
    st.text(alphabet="/.%abcdeinoprstvxw12-_:?#\\ \n\u0430", max_size=60).map(
        lambda tail: f"/api/v1/namespaces/{tail}"
    ),
    st.lists(SEGMENTS, max_size=8).map(lambda parts: "/" + "/".join(parts)),
    st.lists(SEGMENTS, max_size=4).map(lambda parts: "/api/v1/namespaces/shop/" + "/".join(parts)),
)


@settings(max_examples=2000, deadline=None)
@given(PATHS)
def test_no_spelling_reaches_outside_the_list(path: str) -> None:
    try:
        ReadRequest(path)
    except CommandRefused:
        return
    parts = path.split("/")[1:]
    assert not {"", ".", ".."} & set(parts)
    assert "%" not in path
    if parts[0] == "apis" and len(parts) == 3:
        return  # names of resources, of which no object is shown
    resource = (
        parts[4]
        if parts[:3] == ["api", "v1", "namespaces"] and len(parts) > 4
        else parts[2 if parts[0] == "api" else 3]
    )
    assert resource in {readable.resource for readable in READABLES.values()}
    assert not {"exec", "proxy", "token", "scale"} & set(parts[6:])
