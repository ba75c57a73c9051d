"""What is allowed is a list: whatever is drawn from it is accepted, whatever else anybody thinks of is refused."""

import string
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.access.live.allowlist import READS, Role, excess, is_allowed
from aoi.access.live.grants import Access, Grants, PathAccess
from aoi.access.live.questions import of_a_namespace, of_another_namespace, of_the_cluster
from aoi.access.reading import READABLES

ROLES: tuple[Role, ...] = ("probe", "executor")
LISTED = sorted({(r.group, r.resource) for r in READABLES.values()} | {("", "pods/log"), ("apps", "deployments/scale")})
OWN = [("databases.example.com", "databases"), ("argoproj.io", "rollouts"), ("cluster.x-k8s.io", "machines/status")]
WORD = st.text(string.ascii_lowercase + "*/.-", min_size=1, max_size=12)
VERB = st.sampled_from([*READS, "create", "update", "patch", "delete", "deletecollection", "impersonate", "bind", "*"])


def held(rule: dict[str, Any], role: Role = "probe", namespace: str = "shop") -> list[str]:
    """What of one rule is too much."""
    kind = "nonResourceRules" if "nonResourceURLs" in rule else "resourceRules"
    body = orjson.dumps({"status": {kind: [rule], "incomplete": False}})
    return list(excess(Grants.read(body), role, namespace, ("shop",)))


def rule(verbs: list[str], groups: list[str], resources: list[str], names: list[str]) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names}


def some(*words: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3, unique=True)


@given(some(*READS), st.sampled_from([*LISTED, *OWN]), st.lists(WORD, max_size=2), st.sampled_from(ROLES))
def test_reads_of_what_is_listed_and_of_somebodys_own_kinds_are_accepted(
    verbs: list[str], what: tuple[str, str], names: list[str], role: Role
) -> None:
    assert not held(rule(verbs, [what[0]], [what[1]], names), role)


@given(VERB | WORD, st.sampled_from([*LISTED, *OWN]), st.lists(WORD, max_size=2))
def test_no_verb_but_reads_is_accepted_of_a_probe_with_or_without_names(
    verb: str, what: tuple[str, str], names: list[str]
) -> None:
    assert bool(held(rule([verb], [what[0]], [what[1]], names))) == (verb not in READS)


@given(VERB, st.sampled_from(["", "apps", "*", "rbac.authorization.k8s.io", "coordination.k8s.io"]) | WORD, WORD)
def test_what_nobody_listed_is_refused_whatever_it_is_called(verb: str, group: str, resource: str) -> None:
    known_groups, known = {group for group, _ in LISTED}, {path for _, path in LISTED}
    is_own = "." in group and not set("*/") & set(group + resource)
    if held(rule([verb], [group], [resource], [])):
        return
    assert verb in READS
    assert is_own or (group in known_groups and resource.removesuffix("/status") in known)


@given(some(*READS), st.sampled_from(LISTED), st.sampled_from(["verbs", "apiGroups", "resources"]), st.data())
def test_one_word_too_much_spoils_a_rule(verbs: list[str], what: tuple[str, str], where: str, data: Any) -> None:
    too_much = {
        "verbs": ["patch", "proxy", "*"],
        "apiGroups": ["rbac.authorization.k8s.io", "*"],
        "resources": ["secrets", "pods/exec", "nodes/proxy", "serviceaccounts/token", "*/log", "*"],
    }
    spoilt = rule(verbs, [what[0]], [what[1]], ["one"])
    spoilt[where].append(data.draw(st.sampled_from(too_much[where])))
    assert held(spoilt)


@pytest.mark.parametrize(
    ("group", "resource"),
    [
        ("external-secrets.io", "externalsecrets"),
        ("vault.example.com", "tokens"),
        ("subresources.kubevirt.io", "virtualmachineinstances/console"),
        ("subresources.kubevirt.io", "virtualmachineinstances/vnc"),
        ("*.example.com", "databases"),
        ("databases.example.com", "*"),
        ("databases.example.com", "databases/*"),
        ("sub.k8s.io", "things"),
        ("example", "things"),
    ],
)
def test_of_somebodys_own_kinds_no_secret_no_console_and_no_wildcard(group: str, resource: str) -> None:
    assert held(rule(["get"], [group], [resource], []))


@pytest.mark.parametrize(
    "path",
    [
        *("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version"),
        *("/version/", "/.well-known/openid-configuration", "/openid/v1/jwks", "/openid/v1/jwks/"),
    ],
)
def test_what_every_cluster_shows_everybody_is_accepted(path: str) -> None:
    assert not held({"verbs": ["get"], "nonResourceURLs": [path]})
    assert held({"verbs": ["get", "post"], "nonResourceURLs": [path]}) == [f"post {path}"]


OTHER_PATHS = ["*", "/*", "/metrics", "/logs/*", "/debug/*", "/apix", "/healthz/*", "/api/../metrics"]
SHOWN = ("/api", "/openapi", "/openid", "/version", "/.well-known", "/healthz", "/livez", "/readyz")


@given(st.sampled_from(OTHER_PATHS) | WORD.filter(lambda word: not word.startswith(SHOWN)))
def test_any_other_path_is_refused_with_its_name(path: str) -> None:
    assert held({"verbs": ["get"], "nonResourceURLs": [path]}) == [f"get {path}"]


def test_a_rule_that_names_no_group_or_resource_is_about_all() -> None:
    assert held({"verbs": ["delete"], "resources": ["pods"]}) == ["delete pods.*"]
    assert held({"verbs": ["get"], "apiGroups": [""]}) == ["get *"]


def test_what_the_executor_writes_it_does_not_write_in_the_systems_namespaces() -> None:
    patch = rule(["patch"], ["apps"], ["deployments"], [])
    assert not held(patch, "executor")
    assert not held(patch, "executor", "bank")
    assert held(patch, "executor", "kube-system") == ["patch deployments.apps"]
    assert not held(rule(["patch"], [""], ["nodes"], []), "executor", "kube-system")


@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_is_asked_about_is_on_the_list(role: Role) -> None:
    asked = (*of_a_namespace(role), *of_another_namespace(role), *of_the_cluster(role))
    assert len(set(asked)) > 200
    assert not any(is_allowed(right, role) for right in asked)
    assert Access("get", "nodes", "", "proxy", namespaced=False) in asked
    assert PathAccess("get", "/metrics") in asked
