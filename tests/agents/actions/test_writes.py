"""Whatever a server does with a write, and says of it: the status is what the cluster holds, the journal came first."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.access.transport import Response
from aoi.agents.approval import HumanApprover
from aoi.agents.executor import Executor
from aoi.agents.journal import Journal
from aoi.problems.sandbox import world_time
from tests.agents.actions.conftest import Cluster
from tests.agents.actions.misbehaving import ANSWERS, WEBHOOKS, Misbehaving

USER = "/apis/apps/v1/namespaces/NS/deployments/user"

Obj = dict[str, Any]


class Desk:
    """An operator who approves everything that is shown, at a cluster behind a misbehaving wire."""

    def __init__(self, cluster: Cluster, path: Path | None = None, **faults: Any) -> None:
        self.cluster = cluster
        self.shown: list[str] = []
        self.while_asked: Callable[[], None] = lambda: None
        self.journal = Journal(path)
        read = path.read_bytes if path else (lambda: b"")
        self.wire = Misbehaving(cluster.admin, journal=read, **faults)
        self.executor = self.restarted()

    def restarted(self) -> Executor:
        """A new process with the same journal, and what it is given at start."""

        def ask(text: str) -> str:
            self.shown.append(text)
            self.while_asked()
            return "yes"

        def clock() -> datetime:
            return world_time(self.cluster.world) + self.journal.next_index() * timedelta(milliseconds=1)

        human = HumanApprover(ask, name="ana", clock=clock)
        return Executor(
            self.wire, human, self.journal, self.cluster.namespace, recorded=self.cluster.recorded,
            scripts=self.cluster.repairs, clock=clock, wait=self.wire.wait, verify_ms=0,
        )  # fmt: skip

    def user(self) -> Obj:
        return self.cluster.get("deployments.apps", "user")


@pytest.fixture
def desk(cluster: Cluster) -> Desk:
    return Desk(cluster)


def fields(obj: Obj) -> Obj:
    """What people and webhooks write of a Deployment; the rest is its controller's."""
    annotations = obj["metadata"].get("annotations") or {}
    mine = {key: value for key, value in annotations.items() if "deployment.kubernetes.io" not in key}
    return {"spec": obj["spec"], "labels": obj["metadata"].get("labels"), "annotations": mine}


def truth(before: Obj, approved: Obj, now: Obj) -> str:
    """By the store, and by nothing that the Executor computes."""
    if fields(now) == fields(before):
        return "not-written"
    return "written" if fields(now) == approved else "written-but-different"


def scaled(obj: Obj, replicas: int) -> Obj:
    return {**fields(obj), "spec": {**obj["spec"], "replicas": replicas}}


@pytest.mark.parametrize("webhook", WEBHOOKS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_status_of_a_write_is_what_the_cluster_holds(cluster: Cluster, answer: str, webhook: str) -> None:
    desk = Desk(cluster, answer=answer, webhook=webhook)
    before = desk.user()
    result = desk.executor.perform("scale", "user", "7")
    assert result.write == truth(before, scaled(before, 7), desk.user()), result.text
    assert result.writes == tuple(desk.journal.entries[index].status for index in result.entries)
    assert result.status != "ok" or result.write == "written"
    assert result.write == "written" or result.write in result.text, result.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=3),
    webhook=st.sampled_from(WEBHOOKS),
    failing_reads=st.sampled_from((0, 0, 0, 1, 3, 5, 1000)),
    replicas=st.integers(1, 10),
    undo=st.booleans(),
)
def test_whatever_fails_the_status_is_the_truth_and_the_journal_came_first(
    tmp_path_factory: pytest.TempPathFactory, answers: list[str], webhook: str, failing_reads: int, replicas: int,
    undo: bool,
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("journal") / "actions.jsonl"
    desk = Desk(Cluster(), path, webhook=webhook)
    for answer in answers:
        desk.wire.answer, desk.wire.failing_reads = answer, 0
        before = desk.user()
        sent = len(desk.wire.writes)
        desk.wire.failing_reads = failing_reads if not sent else 0
        result = desk.executor.undo() if undo and sent else desk.executor.perform("scale", "user", str(replicas))
        if len(desk.wire.writes) == sent:
            assert fields(desk.user()) == fields(before), result.text
            continue
        wanted = orjson.loads(desk.wire.writes[-1].body)
        entry = desk.journal.entries[result.entries[-1]]
        approved = fields(entry.approved or {})
        held = truth(before, approved, desk.user())
        assert result.write == (held if failing_reads < 6 or sent else "unknown"), (answer, result.text, wanted)
        desk.cluster.world.advance(1_000)
    for at, request in zip(desk.wire.on_disk, desk.wire.writes, strict=True):
        last = orjson.loads(at.splitlines()[-1])
        assert (last["state"], last["path"]) == ("intended", request.path)
    assert Journal(path).entries == desk.journal.entries


def test_what_a_webhook_made_of_it_is_told_whole_and_its_undo_restores_that_too(cluster: Cluster) -> None:
    desk = Desk(cluster, webhook="adds an annotation")
    before = fields(desk.user())
    result = desk.executor.perform("scale", "user", "4")
    assert (result.status, result.write) == ("failed", "written-but-different")
    assert '/metadata/annotations/mesh.example~1injected: (absent) -> "yes"' in result.text
    assert "before -> now" in result.text
    assert "approved -> now" in result.text
    assert f"entry {result.entries[0]} undoes it" in result.text
    desk.wire.webhook = "none"
    undone = desk.executor.undo()
    assert (undone.status, undone.write) == ("ok", "written"), undone.text
    assert "mesh.example" in desk.shown[-1]
    assert fields(desk.user()) == before


def test_undo_that_a_webhook_changes_is_not_reported_as_done(cluster: Cluster) -> None:
    desk = Desk(cluster)
    before = fields(desk.user())
    assert desk.executor.perform("scale", "user", "4").write == "written"
    desk.wire.webhook = "adds an annotation"
    undone = desk.executor.undo()
    assert (undone.status, undone.write) == ("failed", "written-but-different"), undone.text
    assert desk.journal.entries[1].state == "done"
    desk.wire.webhook = "none"
    assert desk.executor.undo().status == "ok"
    assert fields(desk.user()) == before
    assert desk.executor.undo().text == "nothing to undo"


@pytest.mark.parametrize("answer", ["200 without the write", "lost before the write", "409 instead of the write"])
def test_undo_that_was_not_written_is_not_reported_as_done(cluster: Cluster, answer: str) -> None:
    desk = Desk(cluster)
    desk.executor.perform("scale", "user", "4")
    desk.wire.answer = answer
    undone = desk.executor.undo()
    assert (undone.status == "ok", undone.write) == (False, "not-written"), undone.text
    assert desk.user()["spec"]["replicas"] == 4
    desk.wire.answer = "honest"
    assert desk.executor.undo().status == "ok"


def test_undo_of_what_somebody_has_taken_back_is_noted_without_a_write(desk: Desk) -> None:
    replicas = desk.user()["spec"]["replicas"]
    desk.executor.perform("scale", "user", "4")
    desk.cluster.patch(USER, {"spec": {"replicas": replicas}})
    sent = len(desk.wire.sent)
    assert desk.executor.undo().status == "ok"
    assert len([request for request in desk.wire.sent[sent:] if not request.dry_run]) == 0
    assert desk.executor.undo().text == "nothing to undo"


def test_a_server_that_ignores_dry_runs_is_refused_and_its_trace_removed(cluster: Cluster) -> None:
    names = {obj["metadata"]["name"] for obj in cluster.world.store.objects("configmaps", cluster.namespace)}
    desk = Desk(cluster, ignores_dry_runs=True)
    before = desk.user()
    result = desk.executor.perform("scale", "user", "4")
    assert (result.status, result.failure_class) == ("refused", "configuration")
    assert "ignores dryRun" in result.text
    assert "removed again" in result.text
    assert desk.user() == before
    assert {obj["metadata"]["name"] for obj in cluster.world.store.objects("configmaps", cluster.namespace)} == names
    sent = len(desk.wire.sent)
    assert desk.executor.perform("delete_pod", "user").failure_class == "configuration"
    assert desk.executor.perform("repair_database", "mongodb-geo").status == "refused"
    assert len(desk.wire.sent) == sent


def test_what_a_proof_of_dry_runs_left_is_told_where_it_may_not_be_removed(cluster: Cluster) -> None:
    desk = Desk(cluster, ignores_dry_runs=True)
    desk.wire.inner = cluster.transport  # the Executor's own role, which may delete no ConfigMap
    result = desk.executor.perform("scale", "user", "4")
    assert "kubectl delete configmap aoi-dry-run-" in result.text
    assert f"-n {cluster.namespace}" in result.text
    left = [o["metadata"]["name"] for o in cluster.world.store.objects("configmaps", cluster.namespace)]
    assert [name for name in left if name.startswith("aoi-dry-run-") and name in result.text]
    assert [(entry.action, entry.status) for entry in desk.journal.entries] == [("try a dry run", "written")]


def test_a_dry_run_of_the_target_that_is_stored_is_told_and_can_be_undone(cluster: Cluster) -> None:
    desk = Desk(cluster)
    before = fields(desk.user())
    assert desk.executor.perform("scale", "user", "3").write == "written"
    assert desk.executor.undo().status == "ok"
    desk.wire.ignores_dry_runs = True  # e.g. a proxy that came between
    result = desk.executor.perform("scale", "user", "4")
    assert (result.status, result.write) == ("failed", "written"), result.text
    assert "written without approval" in result.text
    again = desk.restarted()
    desk.wire.ignores_dry_runs = False
    assert again.undo().status == "ok"
    assert fields(desk.user()) == before


@pytest.mark.parametrize(
    "answered",
    [
        lambda response: Response(500, b"{}"),
        lambda response: Response(200, response.body[: len(response.body) // 2]),
        lambda response: Response(200, b"[]"),
        lambda response: Response(200, b"[" * 100_000),
        lambda response: Response(200, b'{"metadata":{"name":"other"}}'),
        lambda response: Response(302, b""),
        lambda response: Response(403, b'{"message":"configmaps is forbidden"}'),
    ],
    ids=["500", "half", "a list", "deep", "another", "302", "403"],
)
def test_what_does_not_prove_dry_runs_lets_nothing_through(cluster: Cluster, answered: Any) -> None:
    desk = Desk(cluster, dry_answer=answered)
    digest = cluster.world.digest()
    assert desk.executor.perform("scale", "user", "4").write == "not-written"
    assert (desk.wire.writes, cluster.world.digest()) == ([], digest)
    desk.wire.dry_answer = None
    assert desk.executor.perform("scale", "user", "4").write == "written"


def test_dry_runs_are_proven_once(desk: Desk) -> None:
    desk.executor.perform("scale", "user", "4")
    desk.executor.perform("scale", "user", "5")
    assert len([request for request in desk.wire.sent if request.path.endswith("/configmaps")]) == 1


def test_an_object_that_changes_between_dry_run_and_write_is_not_written(cluster: Cluster) -> None:
    touch = {"metadata": {"labels": {"touched": "yes"}}}
    at_dry_run = Desk(cluster, dry_answer=lambda response: cluster.patch(USER, touch) or response)
    result = at_dry_run.executor.perform("scale", "user", "4")
    assert (result.failure_class, result.write, at_dry_run.wire.writes) == ("resource", "not-written", [])
    touch["metadata"]["labels"]["touched"] = "again"
    desk = Desk(cluster, meanwhile=lambda: cluster.patch(USER, touch))
    result = desk.executor.perform("scale", "user", "4")
    assert (result.failure_class, result.write, len(desk.wire.writes)) == ("resource", "not-written", 1)
    assert desk.user()["spec"]["replicas"] != 4


def test_somebody_elses_change_of_the_same_field_is_not_claimed(cluster: Cluster) -> None:
    desk = Desk(cluster, answer="lost after the write")
    desk.wire.meanwhile = lambda: cluster.patch(USER, {"spec": {"replicas": 9}})
    result = desk.executor.perform("scale", "user", "4")
    assert (result.status, result.write) == ("failed", "unknown")
    assert "nobody can tell" in result.text
    assert "/spec/replicas: 4 -> 9" in result.text
    assert desk.executor.undo().text == "nothing to undo"
    assert desk.user()["spec"]["replicas"] == 9


@pytest.mark.parametrize("answer", ["lost after the write", "lost before the write"])
def test_intent_of_an_interrupted_process_is_resolved_by_reading(cluster: Cluster, tmp_path: Path, answer: str) -> None:
    path = tmp_path / "actions.jsonl"
    desk = Desk(cluster, path, answer=answer)
    desk.wire.failing_reads = 1000
    result = desk.executor.perform("scale", "user", "4")
    assert (result.status, result.write) == ("failed", "unknown")
    blocked = desk.executor.perform("scale", "user", "5")
    assert (blocked.status, blocked.failure_class, len(desk.wire.writes)) == ("refused", "resource", 1)
    desk.wire.failing_reads, desk.wire.answer = 0, "honest"
    desk.journal = Journal(path)
    held = "written" if desk.user()["spec"]["replicas"] == 4 else "not-written"
    again = desk.restarted()
    assert [found.write for found in again.resolve()] == [held]
    assert again.resolve() == ()
    assert len(desk.wire.writes) == 1
    assert Journal(path).entries == desk.journal.entries
    assert again.undo().status == ("ok" if held == "written" else "refused")


def test_a_command_whose_end_is_not_known_is_unknown_and_no_other_is_tried(cluster: Cluster) -> None:
    desk = Desk(cluster, answer="lost after the write")
    result = desk.executor.perform("repair_database", "mongodb-geo")
    assert (result.status, result.write, len(desk.wire.writes)) == ("failed", "unknown", 1)


@pytest.mark.parametrize("answer", ["honest", "lost after the write", "500 after the write", "200 without the write"])
def test_status_of_a_deletion_is_what_the_cluster_holds(cluster: Cluster, answer: str) -> None:
    desk = Desk(cluster, answer=answer)
    names = {pod["metadata"]["name"] for pod in cluster.world.store.objects("pods", cluster.namespace)}
    result = desk.executor.perform("delete_pod", "rate")
    name = desk.wire.writes[0].path.rpartition("/")[2]
    assert name in names
    pod = cluster.world.store.get("pods", cluster.namespace, name)
    is_gone = pod is None or "deletionTimestamp" in pod["metadata"]
    assert result.write == ("written" if is_gone else "not-written"), result.text


@pytest.mark.parametrize("answer", ANSWERS)
def test_status_of_a_creation_is_what_the_cluster_holds(cluster: Cluster, answer: str) -> None:
    cluster.send("DELETE", "/api/v1/namespaces/NS/configmaps/geo-config", {})
    desk = Desk(cluster, answer=answer)
    result = desk.executor.perform("set_config", "geo")
    is_there = cluster.world.store.get("configmaps", cluster.namespace, "geo-config") is not None
    assert result.write == ("written" if is_there else "not-written"), result.text
