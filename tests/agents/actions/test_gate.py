"""Nothing leaves without a dry run, an allowed diff and a fresh yes to exactly that; everything is journalled."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from aoi.access.transport import ReadRequest, Request, Response
from aoi.agents.actions.catalogue import make
from aoi.agents.actions.change import Change, Refused, differences, is_allowed, merge_patch, patch_change
from aoi.agents.actions.proposal import Proposal
from aoi.agents.actions.view import View
from aoi.agents.approval import ActionApproval, HumanApprover, check_approval
from aoi.agents.executor import Executor
from aoi.agents.gate import Gate
from aoi.agents.journal import Journal
from aoi.errors import ApprovalRefused
from aoi.problems.sandbox import SandboxApprover, sandbox_executor, world_time
from aoi.worlds.identities import PROBE
from aoi.worlds.transport import EmbeddedReadTransport, EmbeddedTransport
from kubeworld.cluster import new_cluster
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.world import World

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Wire:
    """A real transport that notes what goes over it, and may let the operator step in before a write."""

    def __init__(self, inner: EmbeddedTransport, meanwhile: Any = None) -> None:
        self.inner = inner
        self.sent: list[Request] = []
        self.meanwhile = meanwhile

    def read(self, request: ReadRequest) -> Response:
        return self.inner.read(request)

    def request(self, request: Request) -> Response:
        self.sent.append(request)
        if self.meanwhile and not request.dry_run:
            self.meanwhile()
        return self.inner.request(request)


def human(answer: Any, clock: Any = lambda: NOON) -> HumanApprover:
    return HumanApprover(lambda text: answer(text) if callable(answer) else answer, name="ana", clock=clock)


def executor(cluster: Any, approver: Any, transport: Any = None, **options: Any) -> Executor:
    transport = transport or Wire(cluster.transport)
    options = {"clock": lambda: NOON, "wait": cluster.world.advance, "scripts": cluster.repairs, **options}
    return Executor(transport, approver, cluster.journal, cluster.namespace, **options)


def test_dry_run_precedes_every_write_and_the_write_is_pinned(cluster) -> None:
    wire = Wire(cluster.transport)
    assert executor(cluster, human("yes"), wire).perform("scale", "user", "3").status == "ok"
    proof, dry, write = wire.sent
    assert (proof.dry_run, dry.dry_run, write.dry_run) == (True, True, False)
    assert (proof.method, proof.path.rpartition("/")[2]) == ("POST", "configmaps")
    assert dry.body == write.body
    metadata = orjson.loads(write.body)["metadata"]
    assert set(metadata) == {"uid", "resourceVersion"}


@pytest.mark.parametrize("answer", ["no", "", "y", "YES", "yes please", None, "yes\nyes"])
def test_only_the_word_yes_is_a_yes(cluster, answer: str | None) -> None:
    before = cluster.world.digest()
    result = executor(cluster, human(answer)).perform("scale", "user", "3")
    assert (result.status, result.failure_class) == ("refused", "permission")
    assert cluster.world.digest() == before


def test_human_sees_the_request_and_every_field_that_changes(cluster) -> None:
    shown: list[str] = []
    executor(cluster, human(lambda text: shown.append(text) or "no")).perform("scale", "user", "3")
    assert "PATCH /apis/apps/v1/namespaces/test-hotel-reservation/deployments/user" in shown[0]
    assert "/spec/replicas: " in shown[0]
    assert "-> 3" in shown[0]


def test_approver_sees_the_text_of_a_script_without_its_credentials(cluster) -> None:
    shown: list[str] = []
    executor(cluster, human(lambda text: shown.append(text) or "no")).perform("repair_database", "mongodb-geo")
    assert "grantRolesToUser" in shown[0]


def test_object_that_changed_after_the_dry_run_is_not_overwritten(cluster) -> None:
    def meddle() -> None:
        cluster.patch("/apis/apps/v1/namespaces/NS/deployments/user", {"metadata": {"labels": {"touched": "yes"}}})

    wire = Wire(cluster.transport, meddle)
    result = executor(cluster, human("yes"), wire).perform("scale", "user", "3")
    assert (result.status, result.failure_class) == ("failed", "resource")
    assert cluster.get("deployments.apps", "user")["spec"]["replicas"] != 3
    assert [entry.status for entry in cluster.journal.entries] == ["not-written", "not-written"]


def test_script_that_changed_after_the_approval_was_asked_is_not_run(cluster) -> None:
    key = "revoke-mitigate-admin-geo-mongo.sh"

    def swap(text: str) -> str:
        script = "#!/bin/bash\nmongo admin -u root -p root --eval \"db.dropUser('admin')\"\n"
        cluster.patch("/api/v1/namespaces/NS/configmaps/failure-admin-geo", {"data": {key: script}})
        return "yes"

    users = cluster.world.state["databases"]["mongodb-geo"]["users"]
    executor(cluster, human(swap)).perform("repair_database", "mongodb-geo", key)
    assert "admin" in users
    assert cluster.world.state["databases"]["mongodb-geo"]["users"].keys() == users.keys()


def gate_of(cluster: Any, approver: Any, *, journal: Journal, clock: Any) -> Gate:
    return Gate(cluster.transport, approver, journal, clock, namespace=cluster.namespace, wait=cluster.world.advance)


class Fixed:
    """An approver that says what it was told to say."""

    def __init__(self, approve: Any) -> None:
        self._approve = approve

    def check_transport(self, transport: Any) -> None:
        """Anything."""

    def approve(self, proposal: Proposal) -> ActionApproval:
        return self._approve(proposal)


def repair(cluster: Any, view: View) -> Change:
    name = "revoke-mitigate-admin-geo-mongo.sh"
    return make("repair_database", "mongodb-geo", name, str, cluster.repairs).render(view)[0]


LATER = NOON + timedelta(minutes=5)


def approval(digest: str, name: str = "ana", *, issued: Any = NOON, expires: Any = LATER) -> ActionApproval:
    return ActionApproval(digest, name, issued, expires)


@pytest.mark.parametrize(
    "approve",
    [
        lambda proposal: None,
        lambda proposal: True,
        lambda proposal: proposal.digest,
        lambda proposal: approval("0" * 64),
        lambda proposal: approval(proposal.digest, issued=NOON - timedelta(minutes=5), expires=NOON),
        lambda proposal: approval(
            proposal.digest, issued=NOON - timedelta(days=1), expires=NOON - timedelta(hours=23.9)
        ),
        lambda proposal: approval(replace(proposal, differences=()).digest),
        lambda proposal: approval(
            replace(proposal, change=replace(proposal.change, path="/api/v1/namespaces/x")).digest
        ),
        lambda proposal: approval(proposal.digest, expires=NOON + timedelta(minutes=15, seconds=1)),
        lambda proposal: approval(proposal.digest, expires=datetime.max.replace(tzinfo=UTC)),
        lambda proposal: approval(proposal.digest, issued=NOON + timedelta(seconds=1)),
        lambda proposal: approval(proposal.digest, expires=LATER.replace(tzinfo=None)),
        lambda proposal: approval(proposal.digest, issued=NOON.replace(tzinfo=None)),
        lambda proposal: approval(proposal.digest, expires="2099-01-01T00:00:00Z"),
        lambda proposal: replace(approval(proposal.digest, expires=NOON + timedelta(hours=1)), is_standing=True),
    ],
    ids=[
        "none",
        "true",
        "bare digest",
        "other digest",
        "just expired",
        "long expired",
        "other diff",
        "other path",
        "a second too long",
        "for ever",
        "from the future",
        "end without a zone",
        "beginning without a zone",
        "text",
        "standing for an hour",
    ],
)
def test_answer_that_is_no_present_yes_to_this_change_is_refused(cluster, approve: Any) -> None:
    before = cluster.world.digest()
    result = executor(cluster, Fixed(approve)).perform("scale", "user", "3")
    assert (result.status, result.failure_class) == ("refused", "permission")
    assert cluster.world.digest() == before


def test_approval_of_one_object_does_not_fit_another_of_the_same_change(cluster) -> None:
    gate = gate_of(cluster, SandboxApprover(cluster.world), journal=Journal(), clock=lambda: NOON)
    view = View(cluster.transport, cluster.namespace)
    one, other = (gate.propose(make("scale", name, "3", str).render(view)[0]) for name in ("user", "rate"))
    given = approval(one.digest)
    check_approval(given, one, NOON)
    with pytest.raises(ApprovalRefused, match="Ask again"):
        check_approval(given, other, NOON)


def test_approval_dies_with_the_state_that_it_saw(cluster) -> None:
    gate = gate_of(cluster, SandboxApprover(cluster.world), journal=Journal(), clock=lambda: NOON)
    view = View(cluster.transport, cluster.namespace)
    first = gate.propose(make("scale", "user", "3", str).render(view)[0])
    cluster.patch("/apis/apps/v1/namespaces/NS/deployments/user", {"metadata": {"labels": {"touched": "yes"}}})
    second = gate.propose(make("scale", "user", "3", str).render(view)[0])
    assert first.differences == second.differences
    assert first.digest != second.digest


@pytest.mark.parametrize("name", ["ana", "sandbox"])
def test_used_approval_is_refused_whatever_its_approver_is_called(cluster, name: str) -> None:
    kept: list[ActionApproval] = []

    def once(proposal: Proposal) -> ActionApproval:
        kept.append(approval(proposal.digest, name))
        return kept[0]

    gate = gate_of(cluster, Fixed(once), journal=cluster.journal, clock=lambda: NOON)
    view = View(cluster.transport, cluster.namespace)
    change = repair(cluster, view)
    gate.apply(change, "repair")
    with pytest.raises(Refused, match="has been used"):
        gate.apply(change, "repair")


def test_a_standing_approval_is_good_for_two_equal_writes_at_one_instant(cluster) -> None:
    now = world_time(cluster.world)
    gate = gate_of(cluster, SandboxApprover(cluster.world), journal=cluster.journal, clock=lambda: now)
    view = View(cluster.transport, cluster.namespace)
    change = repair(cluster, view)
    assert [gate.apply(change, "repair").state for _ in range(2)] == ["done", "done"]


def test_sandbox_approver_needs_the_real_world_and_its_own_transport(cluster) -> None:
    class Imitation(World):
        pass

    for impostor in (None, object(), Imitation(seed=1, runtime=PlainRuntime())):
        with pytest.raises(ApprovalRefused):
            SandboxApprover(impostor)  # type: ignore[arg-type]
    approver = SandboxApprover(new_cluster(seed=2, controllers=()))
    for transport in (cluster.transport, Wire(cluster.transport), None):
        with pytest.raises(ApprovalRefused):
            Executor(transport, approver, Journal(), cluster.namespace, clock=lambda: NOON, wait=int)  # type: ignore[arg-type]


def test_field_outside_the_allowed_paths_stops_the_change(cluster) -> None:
    user = cluster.get("deployments.apps", "user")
    gate = gate_of(
        cluster, SandboxApprover(cluster.world), journal=cluster.journal, clock=lambda: world_time(cluster.world)
    )
    path = f"/apis/apps/v1/namespaces/{cluster.namespace}/deployments/user"
    spec = user["spec"]
    for field, value in (("hostname", "other"), ("dnsPolicy", "Default")):
        pod = {**spec["template"]["spec"], field: value}
        after = {**user, "spec": {**spec, "replicas": 3, "template": {**spec["template"], "spec": pod}}}
        change = patch_change("scale and more", path, user, after, ("/spec/replicas",))
        with pytest.raises(Refused, match="would also change") as refused:
            gate.apply(change, "scale")
        assert refused.value.failure_class == "configuration"
    assert [entry.action for entry in cluster.journal.entries] == ["try a dry run"]


def test_undo_takes_changes_back_last_first(cluster) -> None:
    replicas = cluster.get("deployments.apps", "user")["spec"]["replicas"]
    run = executor(cluster, human("yes"))
    run.perform("scale", "user", "4")
    run.perform("scale", "user", "6")
    assert run.undo().status == "ok"
    assert cluster.get("deployments.apps", "user")["spec"]["replicas"] == 4
    assert run.undo().status == "ok"
    assert cluster.get("deployments.apps", "user")["spec"]["replicas"] == replicas
    assert run.undo().status == "refused"


def test_undo_needs_an_approval_of_its_own(cluster) -> None:
    executor(cluster, human("yes")).perform("scale", "user", "4")
    result = executor(cluster, human("no")).undo()
    assert (result.status, result.failure_class) == ("refused", "permission")
    assert cluster.get("deployments.apps", "user")["spec"]["replicas"] == 4


def test_undo_does_not_overwrite_somebody_elses_work(cluster) -> None:
    run = executor(cluster, human("yes"))
    run.perform("scale", "user", "4")
    cluster.patch("/apis/apps/v1/namespaces/NS/deployments/user", {"spec": {"replicas": 5}})
    result = run.undo()
    assert (result.status, result.failure_class) == ("refused", "resource")
    assert cluster.get("deployments.apps", "user")["spec"]["replicas"] == 5


def test_undo_of_a_rollback_brings_the_whole_template_back(cluster) -> None:
    cluster.break_deployment("geo", {"image": "yinfangchen/hotelreservation:nope", "args": ["--fast"]})
    broken = cluster.get("deployments.apps", "geo")["spec"]["template"]
    run = executor(cluster, human("yes"))
    assert run.perform("rollback", "geo").status == "ok"
    assert run.undo().status == "ok"
    assert cluster.get("deployments.apps", "geo")["spec"]["template"]["spec"] == broken["spec"]


def test_change_without_effect_is_a_failure_of_method_that_can_be_undone(cluster) -> None:
    cluster.break_deployment("geo", {"image": "yinfangchen/hotelreservation:nope"})
    result = executor(cluster, human("yes"), verify_ms=20_000).perform("restart", "geo")
    assert (result.status, result.failure_class) == ("failed", "method")
    assert "ImagePullBackOff" in result.text or "ErrImagePull" in result.text
    assert (result.entries, result.writes) == ((1,), ("written",))


def test_journal_survives_its_process_and_belongs_to_its_owner(cluster, tmp_path: Path) -> None:
    path = tmp_path / "journal" / "actions.jsonl"
    journal = Journal(path)
    sandbox_executor(cluster.world, cluster.transport, cluster.namespace, journal=journal).perform("scale", "user", "4")
    again = Journal(path)
    assert again.entries == journal.entries
    assert path.stat().st_mode & 0o077 == 0
    assert sandbox_executor(cluster.world, cluster.transport, cluster.namespace, journal=again).undo().status == "ok"
    states = [entry.state for entry in Journal(path).entries if entry.action != "try a dry run"]
    assert states == ["undone", "done"]


def test_intent_is_written_before_the_request_leaves(cluster) -> None:
    states: list[list[str]] = []

    def note() -> None:
        states.append([entry.state for entry in cluster.journal.entries])

    executor(cluster, human("yes"), Wire(cluster.transport, note)).perform("scale", "user", "4")
    assert states == [["failed", "intended"]]


def test_identity_that_may_not_write_is_a_failure_of_permission(cluster) -> None:
    probe = EmbeddedTransport(cluster.world, PROBE)
    run = sandbox_executor(cluster.world, probe, cluster.namespace, journal=Journal())
    result = run.perform("scale", "user", "4")
    assert (result.status, result.failure_class) == ("refused", "permission")


def test_read_transport_has_no_way_to_write(cluster) -> None:
    assert not hasattr(EmbeddedReadTransport(cluster.world, PROBE), "request")


def test_merge_patch_names_only_what_differs() -> None:
    before = {"a": 1, "b": {"c": 2, "d": 3}, "e": [1, 2]}
    after = {"a": 1, "b": {"c": 4}, "e": [1], "f": {}}
    assert merge_patch(before, after) == {"b": {"c": 4, "d": None}, "e": [1], "f": {}}


@pytest.mark.parametrize(
    ("pointer", "pattern", "fits"),
    [
        ("/spec/replicas", "/spec/replicas", True),
        ("/spec/replicas/x", "/spec/replicas", False),
        ("/spec/template/spec/containers/0/image", "/spec/template/spec/containers/*/image", True),
        ("/spec/template/spec/containers/0/env/0/value", "/spec/template/spec/containers/*/image", False),
        ("/spec/template", "/spec/template/**", True),
        ("/spec/template/a/b", "/spec/template/**", True),
        ("/spec/templates", "/spec/template/**", False),
        ("/metadata/annotations/a~1b", "/metadata/annotations/a~1b", True),
    ],
)
def test_pattern_allows_its_own_branch_alone(pointer: str, pattern: str, fits: bool) -> None:
    assert is_allowed(pointer, (pattern,)) is fits


def test_status_and_server_fields_are_no_difference() -> None:
    before = {"metadata": {"name": "x", "resourceVersion": "1"}, "status": {"a": 1}}
    after = {"metadata": {"name": "x", "resourceVersion": "2"}, "status": {"a": 2}, "spec": {}}
    assert differences(before, after) == ()


@pytest.mark.parametrize("valid_for", [timedelta(0), timedelta(minutes=-5), timedelta(minutes=15, microseconds=1)])
def test_no_person_is_given_longer_than_any_approval_counts(valid_for: timedelta) -> None:
    with pytest.raises(ApprovalRefused, match="at most"):
        HumanApprover(lambda text: "yes", name="ana", clock=lambda: NOON, valid_for=valid_for)


def test_an_approval_that_runs_out_while_the_object_is_looked_at_again_is_none(cluster) -> None:
    times = iter([NOON, NOON, *[NOON + timedelta(minutes=6)] * 10])  # of the proof, of the approval, and after it
    run = executor(cluster, human("yes"), clock=lambda: next(times))
    wanted = cluster.get("deployments.apps", "user")["spec"]["replicas"]
    assert run.perform("scale", "user", "4").failure_class == "permission"
    assert cluster.get("deployments.apps", "user")["spec"]["replicas"] == wanted
