"""Whose write it was: nothing of somebody else's is claimed or undone as ours, and no answer hides what is stored."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from aoi.access.transport import Request, Response
from aoi.agents.journal import Journal
from aoi.errors import StoreNotWritable
from tests.agents.actions.conftest import Cluster
from tests.agents.actions.misbehaving import WEBHOOKS, Misbehaving
from tests.agents.actions.test_scripts import KEY
from tests.agents.actions.test_writes import USER, Desk, scaled, truth


def desk_behind(cluster: Cluster, wire: type[Misbehaving], **faults: Any) -> Desk:
    """A desk whose wire is of another sort."""
    desk = Desk(cluster)
    desk.wire = wire(cluster.admin, **faults)
    desk.executor = desk.restarted()
    return desk


class Echoing(Misbehaving):
    """Answers a write with the object of its dry run, whatever a webhook made of it."""

    def request(self, request: Request) -> Response:
        response = super().request(request)
        if request.dry_run:
            self.dry = response
            return response
        return replace(response, body=self.dry.body)


class Queueing(Misbehaving):
    """Answers a dry run of a Deployment and stores it later, while somebody reads what it showed."""

    def request(self, request: Request) -> Response:
        if request.dry_run and "deployments" in request.path:
            response = self.inner.request(request)
            self.late.append(replace(request, dry_run=False))
            return response
        return super().request(request)


class Command(Misbehaving):
    """Runs a command and answers something else."""

    said = Response(200, b"")
    ran = 0

    def request(self, request: Request) -> Response:
        if not request.path.endswith("/exec"):
            return super().request(request)
        self.ran += 1
        self.inner.request(request)
        return self.said


@pytest.mark.parametrize("webhook", WEBHOOKS)
def test_an_answer_that_leaves_out_what_a_webhook_added_is_not_believed(cluster: Cluster, webhook: str) -> None:
    desk = desk_behind(cluster, Echoing, webhook=webhook)
    before = desk.user()
    result = desk.executor.perform("scale", "user", "7")
    assert result.write == truth(before, scaled(before, 7), desk.user()), result.text


@pytest.mark.parametrize("labels", [{}, {"by": "somebody"}])
@pytest.mark.parametrize("answer", ["honest", "lost after the write", "lost before the write", "500 after the write"])
def test_the_same_change_by_somebody_else_is_not_claimed_nor_undone(
    cluster: Cluster, answer: str, labels: dict[str, str]
) -> None:
    same = {"spec": {"replicas": 7}, "metadata": {"labels": labels}}
    headers = {"Content-Type": "application/merge-patch+json", "User-Agent": "kubectl"}
    desk = Desk(cluster, answer=answer, meanwhile=lambda: cluster.send("PATCH", USER, same, headers))
    result = desk.executor.perform("scale", "user", "7")
    assert result.write == ("not-written" if answer == "honest" else "unknown"), result.text
    desk.wire.answer, desk.wire.meanwhile = "honest", None
    assert desk.executor.undo().text == "nothing to undo"
    assert desk.user()["spec"]["replicas"] == 7


def test_a_dry_run_that_is_stored_later_is_told_and_ends_everything(cluster: Cluster) -> None:
    desk = desk_behind(cluster, Queueing)
    desk.while_asked = lambda: desk.wire.wait(1_000)
    result = desk.executor.perform("scale", "user", "7")
    assert desk.user()["spec"]["replicas"] == 7
    assert (result.status, result.write) == ("failed", "written"), result.text
    assert "written without approval" in result.text
    assert "ignores dryRun" in desk.executor.perform("scale", "user", "4").text


@pytest.mark.parametrize("status", [101, 200, 302, 408, 409, 429, 499, 502])
def test_no_command_follows_one_of_which_nobody_knows_what_it_did(cluster: Cluster, status: int) -> None:
    desk = desk_behind(cluster, Command)
    desk.wire.said = Response(status, b"")  # type: ignore[attr-defined]
    result = desk.executor.perform("repair_database", "mongodb-geo")
    assert (result.status, result.write) == ("failed", "unknown"), result.text
    assert desk.wire.ran == 1  # type: ignore[attr-defined]


COVERS = {
    "a file of another map": ("{folder}/{key}", {"configMap": {"name": "other"}}, {"subPath": "x.sh"}),
    "a file of the node": ("{folder}/{key}", {"hostPath": {"path": "/srv/x.sh", "type": "File"}}, {}),
    "the folder, spelt otherwise": ("{folder}/", {"hostPath": {"path": "/srv"}}, {}),
    "the folder by a detour": ("{folder}/x/..", {"emptyDir": {}}, {}),
}


@pytest.mark.parametrize(("place", "source", "more"), COVERS.values(), ids=COVERS)
def test_a_script_under_another_mount_is_not_taken_for_the_one_on_the_list(
    cluster: Cluster, place: str, source: dict[str, Any], more: dict[str, str]
) -> None:
    assert "verified" in cluster.executor.perform("repair_database", "mongodb-geo", KEY).text
    spec = cluster.get("deployments.apps", "mongodb-geo")["spec"]["template"]["spec"]
    volume = next(v["name"] for v in spec["volumes"] if "failure" in str(v.get("configMap")))
    first = spec["containers"][0]
    folder = next(m["mountPath"] for m in first["volumeMounts"] if m["name"] == volume)
    cover = {"name": "cover", "mountPath": place.format(folder=folder, key=KEY), **more}
    covered = {**first, "volumeMounts": [*first["volumeMounts"], cover]}
    volumes = [*spec["volumes"], {"name": "cover", **source}]
    template = {"spec": {"volumes": volumes, "containers": [covered, *spec["containers"][1:]]}}
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}, "data": {"x.sh": "rm -rf /data"}}
    cluster.send("POST", "/api/v1/namespaces/NS/configmaps", other)
    cluster.send("PATCH", "/apis/apps/v1/namespaces/NS/deployments/mongodb-geo", {"spec": {"template": template}},
                 {"Content-Type": "application/merge-patch+json"})  # fmt: skip
    cluster.world.advance(60_000)
    desk = Desk(cluster)
    assert desk.executor.perform("repair_database", "mongodb-geo", KEY).status == "refused"
    assert not [request for request in desk.wire.writes if request.path.endswith("/exec")]


def test_a_journal_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StoreNotWritable, match="Is a directory"):
        Journal(tmp_path)


def test_a_journal_that_vanished_lets_nothing_through(cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "actions.jsonl"
    desk = Desk(cluster, path)
    assert desk.executor.perform("scale", "user", "3").write == "written"
    kept = path.read_bytes()
    assert orjson.loads(kept.splitlines()[-1])["status"] == "written"
    path.unlink()
    assert desk.executor.perform("scale", "user", "4").write == "not-written"
    assert desk.user()["spec"]["replicas"] == 3
