"""The manifests of a real installation: what each identity may do, read from the files and tried in a cluster."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from aoi.access.live.access import check_identity
from aoi.access.reading import READABLES
from aoi.access.transport import Request
from aoi.access.transport import Response as Answered
from aoi.agents.journal import Journal
from aoi.errors import SettingsError
from aoi.problems.sandbox import sandbox_executor
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.environment import new_world
from aoi.worlds.identities import EXECUTOR, PROBE
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.api.server import Api
from kubeworld.cluster import new_cluster
from kubeworld.kinds.registry import Registry
from kubeworld.machine.identity import ADMIN, Identity
from kubeworld.machine.response import Response
from kubeworld.machine.world import World

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RBAC = "rbac.authorization.k8s.io"
READS = {"get", "list", "watch"}
FORBIDDEN_RESOURCES = {"secrets", "serviceaccounts/token", "pods/exec", "pods/attach", "pods/portforward"}
FORBIDDEN_VERBS = {"*", "impersonate", "escalate", "bind", "deletecollection", "proxy", "approve", "sign"}
NAMESPACE = "shop"

Obj = dict[str, Any]


def manifests() -> Iterator[tuple[str, Obj]]:
    """(file, object) of every document."""
    for path in sorted(DEPLOY.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield path.relative_to(DEPLOY).as_posix(), document


DOCUMENTS = tuple(manifests())
ROLES = tuple(obj for _, obj in DOCUMENTS if obj["kind"] in ("Role", "ClusterRole"))
OPTIONAL = "aoi-executor-databases"
"""The one role that a person has to ask for."""
BINDINGS = tuple(obj for _, obj in DOCUMENTS if obj["kind"] in ("RoleBinding", "ClusterRoleBinding"))
POLICIES = tuple(obj for _, obj in DOCUMENTS if obj["kind"] == "ValidatingAdmissionPolicy")


def rules_of(account: str, *, optional: bool = False) -> list[Obj]:
    """Every rule that a binding gives to a service account of the namespace aoi."""
    names = [
        binding["roleRef"]["name"]
        for binding in BINDINGS
        for subject in binding["subjects"]
        if (subject["kind"], subject["namespace"], subject["name"]) == ("ServiceAccount", "aoi", account)
        and (optional or binding["roleRef"]["name"] != OPTIONAL)
    ]
    return [rule for role in ROLES if role["metadata"]["name"] in names for rule in role["rules"]]


def granted(account: str, *, optional: bool = False) -> set[tuple[str, str, str]]:
    """(verb, resource, group), with or without what has to be asked for."""
    return {
        (verb, resource, group)
        for rule in rules_of(account, optional=optional)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_no_rule_has_a_wildcard_a_secret_an_exec_or_a_way_to_more_rights():
    assert ROLES
    for role in ROLES:
        for rule in role["rules"]:
            assert set(rule) == {"apiGroups", "resources", "verbs"}, role["metadata"]["name"]
            assert RBAC not in rule["apiGroups"]
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not any("*" in word for word in words)
            assert not words & FORBIDDEN_VERBS
            assert not set(rule["resources"]) & FORBIDDEN_RESOURCES or role["metadata"]["name"] == OPTIONAL
            assert not any(resource.endswith("/proxy") for resource in rule["resources"])


def test_commands_in_pods_are_in_a_file_of_their_own_that_applying_the_folder_does_not_apply():
    assert granted("executor", optional=True) - granted("executor") == {
        ("create", "pods/exec", ""),
        ("get", "pods/exec", ""),
    }
    assert granted("probe", optional=True) == granted("probe")
    (folder,) = {Path(name).parent for name, obj in DOCUMENTS if obj["metadata"]["name"] == OPTIONAL}
    assert folder == Path("rbac/optional"), "`kubectl apply -f deploy/rbac/` does not look into folders"
    assert {binding["kind"] for binding in BINDINGS if binding["roleRef"]["name"] == OPTIONAL} == {"RoleBinding"}


def test_the_probe_has_read_verbs_alone():
    assert {verb for verb, _, _ in granted("probe")} <= READS


def test_the_probe_may_read_what_its_transport_can_ask_for_and_nothing_else():
    wanted = {(readable.resource, readable.group) for readable in READABLES.values()}
    wanted |= {
        (f"{readable.resource}/{sub}", readable.group)
        for readable in READABLES.values()
        for sub in readable.subresources
    }
    assert {(resource, group) for _, resource, group in granted("probe")} == wanted


def test_the_executor_has_the_verbs_of_typed_actions_beyond_reading():
    writes = {item for item in granted("executor") if item[0] not in READS}
    assert {verb for verb, _, _ in writes} == {"patch", "create", "delete"}
    assert {resource for verb, resource, _ in writes if verb == "create"} == {"configmaps"}
    deleted = {(resource, group) for verb, resource, group in writes if verb == "delete"}
    chaos = {(readable.resource, readable.group) for readable in READABLES.values() if "chaos" in readable.group}
    assert deleted == {("pods", ""), *chaos}


def test_services_of_the_loop_have_no_role_at_all():
    assert rules_of("services") == []


def test_every_role_is_bound_and_every_binding_names_a_role_that_is_there():
    bound = {binding["roleRef"]["name"] for binding in BINDINGS}
    assert bound == {role["metadata"]["name"] for role in ROLES}
    accounts = {obj["metadata"]["name"] for _, obj in DOCUMENTS if obj["kind"] == "ServiceAccount"}
    assert {subject["name"] for binding in BINDINGS for subject in binding["subjects"]} <= accounts


def test_no_account_or_pod_is_given_a_token_by_itself():
    assert {"ServiceAccount", "Deployment"} <= {obj["kind"] for _, obj in DOCUMENTS}
    for _, obj in DOCUMENTS:
        if obj["kind"] == "ServiceAccount":
            assert obj["automountServiceAccountToken"] is False
        if obj["kind"] == "Deployment":
            assert obj["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_pods_keep_the_restricted_security_standard():
    pods = [obj["spec"]["template"]["spec"] for _, obj in DOCUMENTS if obj["kind"] == "Deployment"]
    assert pods
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        assert all(volume.keys() & {"emptyDir", "persistentVolumeClaim"} for volume in pod["volumes"])
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]


def test_credentials_come_from_secrets_and_never_stand_in_a_manifest():
    for name, obj in DOCUMENTS:
        assert obj["kind"] != "Secret", name
        for word in re.findall(r"://[^/@\s\"']*:[^/@\s\"']+@", orjson.dumps(obj).decode()):
            raise AssertionError(f"{name}: {word}")


def test_settings_of_the_worker_are_settings(monkeypatch):
    from aoi.settings import Settings, refuse_misspelt

    worker = next(obj for _, obj in DOCUMENTS if obj["kind"] == "Deployment" and obj["metadata"]["name"] == "worker")
    env = worker["spec"]["template"]["spec"]["containers"][0]["env"]
    given = {item["name"]: item["value"] for item in env if item["name"].startswith("AOI_")}
    refuse_misspelt(given)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.server.url == "http://vllm:8000"
    assert settings.gate.team


def test_what_is_changed_with_the_executors_role_is_behind_a_policy():
    changed = {(r, g) for v, r, g in granted("executor") if v == "patch"} - {("configmaps", "")}
    fenced = {
        (resource, group)
        for policy in POLICIES
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if "UPDATE" in rule["operations"]
    }
    assert changed <= fenced


def test_every_policy_denies_the_executor_and_nobody_else():
    bound = {obj["spec"]["policyName"]: obj for _, obj in DOCUMENTS if obj["kind"].endswith("PolicyBinding")}
    assert POLICIES
    for policy in POLICIES:
        spec = policy["spec"]
        assert spec["failurePolicy"] == "Fail"
        assert [condition["expression"] for condition in spec["matchConditions"]] == [
            f'request.userInfo.username == "{EXECUTOR.name}"'
        ]
        assert bound[policy["metadata"]["name"]]["spec"]["validationActions"] == ["Deny"]
        for validation in spec["validations"]:
            expression = validation["expression"]
            assert expression.count("(") == expression.count(")")
            assert validation["message"]


# In a cluster ------------------------------------------------------------------------------------------------------


class Installed:
    """An embedded cluster with the manifests applied, as `kubectl apply` would."""

    asking = threading.Lock()

    def __init__(self, world: World, namespace: str) -> None:
        self.world = world
        self.namespace = namespace
        self.api = Api(world)
        self.unserved: set[str] = set()
        for _, document in DOCUMENTS:
            self.apply(document)

    def apply(self, document: Obj) -> None:
        obj = orjson.loads(orjson.dumps(document).replace(b'"shop"', f'"{self.namespace}"'.encode()))
        path = self._path(obj)
        if path is None:
            self.unserved.add(obj["kind"])
            return
        for query in ((("dryRun", "All"),), ()):
            answer = self.api.handle("POST", path, query, {}, orjson.dumps(obj), ADMIN)
            assert isinstance(answer, Response)
            assert answer.status in (201, 409), answer.body

    def _path(self, obj: Obj) -> str | None:
        group, _, version = obj["apiVersion"].rpartition("/")
        kinds = [kind for kind in _kinds(self.world) if (kind.group, kind.kind) == (group, obj["kind"])]
        if not kinds:
            return None
        scope = f"/namespaces/{obj['metadata']['namespace']}" if kinds[0].namespaced else ""
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        return f"{root}{scope}/{kinds[0].plural}"

    def check(self, who: Identity, role: Any) -> None:
        """AOI's own start-up check, asked as an identity."""

        def send(method: str, path: str, query: tuple[tuple[str, str], ...], body: bytes) -> Answered:
            with self.asking:  # a world belongs to one thread at a time
                answer = self.api.handle(method, path, query, {"content-type": "application/json"}, body, who)
            assert isinstance(answer, Response)
            return Answered(answer.status, answer.body)

        check_identity(
            lambda path, body: send("POST", path, (), body),
            lambda request: send("GET", request.path, request.query, b""),
            (self.namespace,),
            role,
        )


def _kinds(world: World) -> tuple[Any, ...]:
    from kubeworld.kinds.catalogue import KINDS

    return (*KINDS, *Registry(world.store).custom().values())


@pytest.fixture(scope="module")
def installed() -> Installed:
    world = new_cluster(seed=1, controllers=())
    body = orjson.dumps({"metadata": {"name": NAMESPACE}})
    Api(world).handle("POST", "/api/v1/namespaces", (), {}, body, ADMIN)
    return Installed(world, NAMESPACE)


def test_the_embedded_api_takes_every_manifest_of_a_kind_that_it_serves(installed):
    assert installed.unserved == set()


def test_the_start_up_check_accepts_both_identities(installed):
    installed.check(PROBE, "probe")
    installed.check(EXECUTOR, "executor")


def test_the_start_up_check_refuses_the_executor_in_the_probes_place(installed):
    with pytest.raises(SettingsError, match="aoi access print"):
        installed.check(EXECUTOR, "probe")


def test_an_identity_without_a_binding_is_told_what_it_lacks(installed):
    with pytest.raises(SettingsError, match="may not get pods"):
        installed.check(Identity("system:serviceaccount:aoi:services"), "probe")


def test_typed_actions_work_with_the_executors_role_and_a_database_is_repaired_only_with_the_optional_one():
    application = hotel_reservation(1)
    world = new_world(application, 1)
    transport = EmbeddedTransport(world, EXECUTOR)
    executor = sandbox_executor(world, transport, application.namespace, journal=Journal())
    scaled = executor.perform("scale", "recommendation", "3")
    assert scaled.status == "ok", scaled.text
    assert executor.perform("repair_database", "mongodb-rate").status == "ok"
    world.store.delete(f"rolebindings.{RBAC}", application.namespace, OPTIONAL)
    refused = executor.perform("repair_database", "mongodb-rate")
    assert refused.failure_class == "permission", refused.text
    secrets = Request("GET", f"/api/v1/namespaces/{application.namespace}/secrets")
    assert transport.request(secrets).status == 403
