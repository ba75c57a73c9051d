"""A real HTTPS API server behind the read and write interfaces: which identities and kubeconfigs are let in."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from aoi.access.live import LiveReadTransport, LiveTransport
from aoi.access.live.kubeconfig import load
from aoi.access.reading import READABLES, Readable, discovery_path
from aoi.access.transport import Backend, ReadRequest, Request, Response
from aoi.agents.actions.database import script_digest
from aoi.agents.approval import HumanApprover
from aoi.agents.executor import Executor
from aoi.agents.journal import Journal
from aoi.agents.probe import Probe
from aoi.errors import ApprovalRefused, ClusterRefused, ClusterUnavailable, CommandRefused, SettingsError
from aoi.problems.sandbox import SandboxApprover
from aoi.worlds.applications.hotel import hotel_reservation
from aoi.worlds.applications.repairs import repair_scripts
from aoi.worlds.environment import new_world
from aoi.worlds.identities import EXECUTOR, PROBE
from aoi.worlds.transport import EmbeddedReadTransport
from kubeworld.api.server import api_of
from kubeworld.front import Front, serving, write_kubeconfig
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.world import World

NAMESPACE = "test-hotel-reservation"


def _now() -> datetime:
    return datetime.now(UTC)


def _executor(transport: Any, human: HumanApprover) -> Executor:
    """One that waits for nothing, and may run the repairs of the application's chart."""
    scripts = frozenset(map(script_digest, repair_scripts(hotel_reservation(1))))
    return Executor(
        transport, human, Journal(), NAMESPACE, scripts=scripts, clock=_now, wait=lambda ms: None, verify_ms=0
    )


class Served:
    """One world behind HTTPS, and a kubeconfig with a context for each identity."""

    def __init__(self, folder: Path, world: World, front: Front) -> None:
        tokens = {who.name: api_of(world).tokens.add(who) for who in (PROBE, EXECUTOR, ADMIN)}
        self.world = world
        self.front = front
        self.opened: list[Any] = []
        self.kubeconfig = folder / "config"
        write_kubeconfig(self.kubeconfig, front.url, front.authority_pem, tokens, namespace=NAMESPACE)

    def open(self, kind: Any = LiveReadTransport, context: str = PROBE.name, **options: Any) -> Any:
        """A transport whose connections end with the test."""
        options = {"namespace": NAMESPACE, "context": context, **options}
        transport = kind(options.pop("kubeconfig", self.kubeconfig), **options)
        self.opened.append(transport)
        return transport

    def edited(self, folder: Path, **changes: Any) -> Path:
        """A copy whose first cluster and user have other fields."""
        document = yaml.safe_load(self.kubeconfig.read_text())
        document["clusters"][0]["cluster"].update(changes.get("cluster", {}))
        document["users"][0]["user"].update(changes.get("user", {}))
        path = folder / "edited"
        path.write_text(yaml.safe_dump({**document, **changes.get("top", {})}))
        return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = new_world(hotel_reservation(1), 1)
    with serving(Front({"": world})) as front:
        served = Served(tmp_path_factory.mktemp("live"), world, front)
        yield served
        for transport in served.opened:
            transport.close()


def test_probe_reads_the_same_over_https_as_in_process(served: Served) -> None:
    live = Probe(served.open(), NAMESPACE)
    inside = Probe(EmbeddedReadTransport(served.world, PROBE), NAMESPACE)
    for line in (
        "kubectl get pods",
        "kubectl describe deploy/geo",
        "kubectl logs deploy/geo --tail=5",
        "kubectl get svc x",
    ):
        assert live.run(line) == inside.run(line)


def test_the_probe_is_answered_for_all_that_it_may_ask_for(served: Served) -> None:
    transport = served.open()
    served_here = {"pods", "deployments.apps", "replicationcontrollers", "ingressclasses.networking.k8s.io"}
    for key, readable in READABLES.items():
        status = transport.read(ReadRequest(readable.path(NAMESPACE), (("limit", "5"),))).status
        assert status in ((200,) if key in served_here else (200, 404)), f"{key}: {status}"
    for path in ("/version", discovery_path("apps", "v1")):
        assert transport.read(ReadRequest(path)).status == 200
    custom = Readable("clusters", "Cluster", "postgresql.cnpg.io").path(NAMESPACE, "orders")
    assert transport.read(ReadRequest(custom)).status in (403, 404)


@pytest.mark.parametrize("context", [ADMIN.name, EXECUTOR.name])
def test_probe_refuses_to_run_with_an_identity_that_can_write(served: Served, context: str) -> None:
    with pytest.raises(SettingsError, match="aoi access print"):
        LiveReadTransport(served.kubeconfig, namespace=NAMESPACE, context=context)


def test_executor_refuses_to_run_with_an_identity_that_can_read_secrets(served: Served) -> None:
    with pytest.raises(SettingsError, match=r"aoi access print"):
        LiveTransport(served.kubeconfig, namespace=NAMESPACE, context=ADMIN.name)


def test_identity_without_rights_in_the_namespace_is_told_what_it_lacks(served: Served) -> None:
    with pytest.raises(SettingsError, match="may not get pods"):
        LiveReadTransport(served.kubeconfig, namespace="kube-system", context=PROBE.name)


def test_executor_writes_over_https_after_a_human_yes(served: Served) -> None:
    transport = served.open(LiveTransport, EXECUTOR.name)
    with pytest.raises(ApprovalRefused):
        Executor(transport, SandboxApprover(served.world), Journal(), NAMESPACE)
    human = HumanApprover(lambda text: "yes", name="ana", clock=_now)
    run = _executor(transport, human)
    result = run.perform("scale", "recommendation", "4")
    assert (result.entries, result.write) == ((1,), "written"), result.text
    stored = served.world.store.get("deployments.apps", NAMESPACE, "recommendation")
    assert stored is not None
    assert stored["spec"]["replicas"] == 4
    assert run.undo().status == "ok"


class _Mesh:
    """A webhook that lets dry runs pass, before a connection that breaks when an answer is on its way."""

    def __init__(self, inner: LiveTransport) -> None:
        self.read = inner.read
        self._inner = inner
        self.is_broken = True

    def request(self, request: Request) -> Response:
        if request.dry_run or not self.is_broken:
            return self._inner.request(request)
        body = orjson.loads(request.body)
        mutated = {**body, "spec": {"replicas": 7}, "metadata": {**body["metadata"], "annotations": {"mesh": "yes"}}}
        self._inner.request(replace(request, body=orjson.dumps(mutated)))
        raise ClusterUnavailable("connection reset by peer")


def test_a_write_whose_answer_is_lost_is_known_as_ours_by_the_servers_own_record(served: Served) -> None:
    mesh = _Mesh(served.open(LiveTransport, EXECUTOR.name))
    before = served.world.store.get("deployments.apps", NAMESPACE, "search")
    run = _executor(mesh, HumanApprover(lambda text: "yes", name="ana", clock=_now))
    result = run.perform("scale", "search", "4")
    assert (result.status, result.write) == ("failed", "written-but-different"), result.text
    assert "/metadata/annotations/mesh" in result.text
    mesh.is_broken = False
    assert run.undo().write == "written"
    after = served.world.store.get("deployments.apps", NAMESPACE, "search")
    assert before is not None
    assert after is not None
    assert after["spec"] == before["spec"]
    assert "mesh" not in after["metadata"]["annotations"]


def test_command_without_the_whole_right_to_exec_is_a_failure_of_permission(served: Served) -> None:
    # A WebSocket is a GET, and servers since 1.35 ask for `create` too: one of both is not enough.
    table = "clusterroles.rbac.authorization.k8s.io"
    role = served.world.store.get(table, "", "aoi-executor-databases")
    assert role is not None
    for verb in ("create", "get"):
        now = served.world.store.get(table, "", "aoi-executor-databases")
        assert now is not None
        rule = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": [verb]}
        served.world.store.update(table, {**now, "rules": [rule]})
        try:
            human = HumanApprover(lambda text: "yes", name="ana", clock=_now)
            transport = served.open(LiveTransport, EXECUTOR.name)
            run = _executor(transport, human)
            result = run.perform("repair_database", "mongodb-rate")
        finally:
            now = served.world.store.get(table, "", "aoi-executor-databases")
            assert now is not None
            served.world.store.update(table, {**now, "rules": role["rules"]})
        assert result.failure_class == "permission", result.text
        assert "pods/exec" in result.text


def test_script_runs_over_a_websocket_with_its_exit_code(served: Served) -> None:
    transport = served.open(LiveTransport, EXECUTOR.name)
    human = HumanApprover(lambda text: "yes", name="ana", clock=_now)
    run = _executor(transport, human)
    result = run.perform("repair_database", "mongodb-rate", "revoke-mitigate-admin-rate-mongo.sh")
    assert result.status == "ok", result.text
    pods = served.world.store.objects("pods", NAMESPACE)
    name = next(p["metadata"]["name"] for p in pods if p["metadata"]["name"].startswith("mongodb-rate"))
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/exec"
    query = (("command", "bash"), ("command", "/scripts/no-such.sh"))
    assert transport.request(Request("POST", path, query)).headers["X-Exit-Code"] == "127"


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"command": "sh", "args": ["-c", "id"]}},
        {"auth-provider": {"name": "oidc"}},
        {"as": "system:admin"},
        {"username": "admin", "password": "x"},
    ],
    ids=["exec", "auth-provider", "impersonation", "password"],
)
def test_kubeconfig_that_runs_programs_or_borrows_identities_is_refused(
    served: Served, tmp_path: Path, user: Any
) -> None:
    with pytest.raises(SettingsError):
        LiveReadTransport(served.edited(tmp_path, user=user), namespace=NAMESPACE)


@pytest.mark.parametrize(
    "cluster",
    [
        {"insecure-skip-tls-verify": True},
        {"server": "http://127.0.0.1:9"},
        {"server": "https://me:pw@127.0.0.1:9"},
        {"proxy-url": "http://127.0.0.1:9"},
    ],
    ids=["no verification", "plain http", "user in url", "proxy"],
)
def test_kubeconfig_that_would_give_the_token_away_is_refused(served: Served, tmp_path: Path, cluster: Any) -> None:
    with pytest.raises(SettingsError):
        LiveReadTransport(served.edited(tmp_path, cluster=cluster), namespace=NAMESPACE)


def test_server_with_another_authority_gets_no_token(served: Served, tmp_path: Path) -> None:
    from kubeworld.front.certificates import make_certificates

    other = tmp_path / "other"
    write_kubeconfig(other, served.front.url, make_certificates("127.0.0.1").authority_pem, {"probe": "secret-token"})
    with pytest.raises(ClusterRefused):
        LiveReadTransport(other, namespace=NAMESPACE)


def test_several_kubeconfig_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/a:/b")
    with pytest.raises(SettingsError, match="Name one file"):
        load()


@pytest.mark.parametrize(
    "text", ["", "[]", "kind: Config", "kind: Config\ncurrent-context: x\ncontexts: 3", "{", "\x00"]
)
def test_file_that_is_no_kubeconfig_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(SettingsError, match=str(path)):
        load(path)


def test_proxy_variables_do_not_change_where_the_token_goes(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    transport = served.open()
    assert transport.read(ReadRequest(f"/api/v1/namespaces/{NAMESPACE}/pods")).status == 200


def test_header_of_a_caller_cannot_change_the_identity(served: Served) -> None:
    transport = served.open(LiveTransport, EXECUTOR.name)
    headers = {
        "Impersonate-User": "kubernetes-admin",
        "Impersonate-Group": "system:masters",
        "Authorization": "Bearer x",
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    assert transport.request(Request("GET", path, headers=headers)).status == 403


@pytest.mark.parametrize(
    "path", ["/api/v1/../x", "/api/v1//x", "/api/v1/%2e%2e/x", "http://127.0.0.1:9/x", "/api/v1/x?y=z", "/a b"]
)
def test_write_path_has_one_spelling(served: Served, path: str) -> None:
    transport = served.open(LiveTransport, EXECUTOR.name)
    with pytest.raises(CommandRefused):
        transport.request(Request("PATCH", path))


def test_telemetry_that_is_not_configured_says_so(served: Served) -> None:
    transport = served.open()
    response = transport.read(ReadRequest("/api/v1/alerts", backend=Backend.PROMETHEUS))
    assert response.status == 503
    assert "no prometheus is configured" in Probe(transport, NAMESPACE).run("prom alerts").observation.decode()


def test_server_that_is_gone_is_unavailable_not_empty(served: Served, tmp_path: Path) -> None:
    gone = served.edited(tmp_path, cluster={"server": "https://127.0.0.1:9"})
    with pytest.raises(ClusterUnavailable):
        LiveReadTransport(gone, namespace=NAMESPACE, timeout_s=2)
