"""Authorization, impersonation, reviews and tokens."""

import pytest

from kubeworld.machine.identity import ADMIN, ANONYMOUS, Identity, service_account
from tests.kubeworld.identities import EXECUTOR, PROBE

RBAC = "/apis/rbac.authorization.k8s.io/v1"
PODS = "/api/v1/namespaces/shop/pods"
READER = service_account("shop", "reader")


def role(*rules):
    return {"metadata": {"name": "reader"}, "rules": list(rules)}


def rule(groups, resources, verbs, **more):
    return {"apiGroups": groups, "resources": resources, "verbs": verbs, **more}


@pytest.fixture
def reader(cluster):
    cluster.post(f"{RBAC}/namespaces/shop/roles", role(rule([""], ["pods", "pods/log"], ["get", "list"])))
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": "shop"}
    reference = {"kind": "Role", "name": "reader"}
    body = {"metadata": {"name": "reader"}, "roleRef": reference, "subjects": [subject]}
    cluster.post(f"{RBAC}/namespaces/shop/rolebindings", body)
    cluster.post("/api/v1/namespaces", {"metadata": {"name": "other"}})
    cluster.pod()
    return cluster


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PODS, 200),
        ("GET", f"{PODS}/web-1", 200),
        ("GET", f"{PODS}/web-1/log", 200),
        ("GET", f"{PODS}/web-1/exec", 403),
        ("GET", f"{PODS}/web-1/status", 403),
        ("GET", "/api/v1/pods", 403),
        ("GET", "/api/v1/namespaces/other/pods", 403),
        ("GET", "/api/v1/namespaces/shop/secrets", 403),
        ("GET", "/api/v1/namespaces/shop/secrets/x", 403),
        ("GET", "/api/v1/nodes", 403),
        ("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods", 403),
        ("DELETE", f"{PODS}/web-1", 403),
        ("DELETE", PODS, 403),
        ("PATCH", f"{PODS}/web-1", 403),
        ("PUT", f"{PODS}/web-1", 403),
        ("POST", PODS, 403),
        ("POST", f"{PODS}/web-1/exec", 403),
        ("POST", f"{PODS}/web-1/eviction", 403),
        ("POST", "/api/v1/namespaces/shop/serviceaccounts/reader/token", 403),
        ("GET", "/api/v1/namespaces/shop/pods?watch=true", 403),
    ],
)
def test_a_role_gives_what_it_names_and_nothing_else(reader, method, path, status):
    path, _, query = path.partition("?")
    pairs = (("watch", "true"),) if query else ()
    assert reader.send(method, path, query=pairs, who=READER)[0] == status


def test_a_refusal_says_who_wanted_what_where(reader):
    message = reader.send("GET", "/api/v1/namespaces/shop/secrets/db", who=READER)[1]["message"]
    assert message == (
        'secrets "db" is forbidden: User "system:serviceaccount:shop:reader" cannot get resource "secrets" '
        'in API group "" in the namespace "shop"'
    )
    assert reader.send("GET", "/api/v1/nodes", who=READER)[1]["message"].endswith("at the cluster scope")


def test_a_changed_role_counts_at_once(reader):
    assert reader.send("GET", "/api/v1/namespaces/shop/secrets", who=READER)[0] == 403
    change = role(rule([""], ["secrets"], ["list"]))
    reader.patch(f"{RBAC}/namespaces/shop/roles/reader", change, "application/merge-patch+json")
    assert reader.send("GET", "/api/v1/namespaces/shop/secrets", who=READER)[0] == 200
    assert reader.send("GET", PODS, who=READER)[0] == 403


def test_a_restored_world_forgets_the_roles_of_the_abandoned_one(reader):
    point = reader.world.snapshot()
    reader.send("DELETE", f"{RBAC}/namespaces/shop/rolebindings/reader")
    assert reader.send("GET", PODS, who=READER)[0] == 403
    reader.world.restore(point)
    reader.post("/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "same-revision"}})
    assert reader.send("GET", PODS, who=READER)[0] == 200


def test_resource_names_narrow_a_rule(cluster):
    cluster.post(f"{RBAC}/clusterroles", role(rule([""], ["namespaces"], ["get", "list"], resourceNames=["shop"])))
    body = {
        "metadata": {"name": "r"},
        "roleRef": {"kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "User", "name": "ann"}],
    }
    cluster.post(f"{RBAC}/clusterrolebindings", body)
    ann = Identity("ann")
    assert cluster.send("GET", "/api/v1/namespaces/shop", who=ann)[0] == 200
    assert cluster.send("GET", "/api/v1/namespaces/other", who=ann)[0] == 403
    assert cluster.send("GET", "/api/v1/namespaces", who=ann)[0] == 403


def test_nobody_without_a_binding_gets_anything(cluster):
    for who in (PROBE, EXECUTOR, ANONYMOUS):
        assert cluster.send("GET", PODS, who=who)[0] == 403
        assert cluster.send("POST", PODS, {}, who=who)[0] == 403
    assert cluster.send("GET", "/apis", who=ANONYMOUS)[0] == 403
    assert cluster.send("GET", "/apis", who=PROBE)[0] == 200


def test_only_an_admin_may_impersonate(reader):
    headers = {"Impersonate-User": "kubernetes-admin", "Impersonate-Group": "system:masters"}
    status, body = reader.send("GET", "/api/v1/nodes", headers=headers, who=READER)
    assert status == 403
    assert 'cannot impersonate resource "users"' in body["message"]
    assert reader.send("GET", PODS, headers={"Impersonate-User": READER.name}, who=ADMIN)[0] == 200
    assert reader.send("GET", "/api/v1/nodes", headers={"Impersonate-User": READER.name}, who=ADMIN)[0] == 403


def test_access_reviews_agree_with_what_happens(reader):
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    def asks(**attributes):
        body = {"spec": {"resourceAttributes": {"namespace": "shop", **attributes}}}
        return reader.post(path, body, who=READER)["status"]["allowed"]

    assert asks(verb="get", resource="pods")
    assert asks(verb="get", resource="pods", subresource="log")
    assert not asks(verb="create", resource="pods", subresource="exec")
    assert not asks(verb="get", resource="secrets")
    rules = reader.post(
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "shop"}}, who=READER
    )
    assert {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]} in rules["status"][
        "resourceRules"
    ]
    who = reader.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, who=READER)
    assert who["status"]["userInfo"]["username"] == READER.name


def test_a_rules_review_tells_each_namespace_and_paths(reader):
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    metrics = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    reader.post(f"{RBAC}/clusterroles", {"metadata": {"name": "scraper"}, "rules": [metrics]})
    subjects = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": READER.name}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "scraper"}

    def told(namespace):
        status = reader.post(path, {"spec": {"namespace": namespace}}, who=READER)["status"]
        assert status["incomplete"] is False
        return {url for rule in status["nonResourceRules"] for url in rule["nonResourceURLs"]}

    assert {"/api", "/apis/*", "/healthz", "/openapi/*", "/version"} <= told("nowhere")
    assert "/metrics" not in told("shop")
    binding = {"metadata": {"name": "scraper"}, "roleRef": reference, "subjects": subjects}
    reader.post(f"{RBAC}/clusterrolebindings", binding)
    assert all("/metrics" in told(namespace) for namespace in ("shop", "nowhere"))
    assert reader.send("POST", path, {"spec": {}}, who=READER)[0] == 400


def test_a_probe_may_not_review_others(reader):
    body = {"spec": {"user": "kubernetes-admin", "resourceAttributes": {"verb": "get", "resource": "secrets"}}}
    assert reader.send("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body, who=READER)[0] == 403
    assert reader.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)["status"]["allowed"] is False


def test_a_token_dies_with_its_time_and_with_its_account(cluster):
    account = cluster.post("/api/v1/namespaces/shop/serviceaccounts", {"metadata": {"name": "bot"}})
    path = "/api/v1/namespaces/shop/serviceaccounts/bot/token"
    token = cluster.post(path, {"spec": {"expirationSeconds": 600}})["status"]["token"]
    tokens = cluster.api.tokens
    assert tokens.authenticate(token) == service_account("shop", "bot")
    assert tokens.authenticate(token[:-2] + "xx") is None
    cluster.world.advance(601_000)
    assert tokens.authenticate(token) is None
    fresh = cluster.post(path, {})["status"]["token"]
    assert tokens.authenticate(fresh) is not None
    cluster.send("DELETE", f"/api/v1/namespaces/shop/serviceaccounts/{account['metadata']['name']}")
    cluster.post("/api/v1/namespaces/shop/serviceaccounts", {"metadata": {"name": "bot"}})
    assert tokens.authenticate(fresh) is None
    assert cluster.send("POST", path, {"spec": {"expirationSeconds": 5}})[0] == 422
