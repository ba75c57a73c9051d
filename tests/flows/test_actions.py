"""Changes of a live cluster: proposed, approved as shown, made by an identity of its own, read back and taken back."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from aoi.agents.approval import GivenApproval
from aoi.database.actions import ActionBook
from aoi.errors import ApprovalRefused
from aoi.records.action import ProposedAction
from kubeworld.machine.identity import ADMIN
from tasks.actions import action_named, approve
from tasks.clusters import cluster_named, place_of
from tasks.executing import hands, opened
from tasks.workspace import workspace
from tests.command import Ended
from tests.flows.acting import BINDINGS, DEPLOYMENTS, NAMESPACE, SERVICES, Shop, shop

Run = Callable[..., Ended]

pytestmark = pytest.mark.usefixtures("own_home")
SCALE = ("actions", "propose", "--cluster", "prod", "scale", "till", "2")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop(tmp_path_factory.mktemp("shop")) as found:
        yield found


@pytest.fixture
def prod(served: Shop, typed: Run) -> Iterator[Shop]:
    """The namespace as it was, in a cluster that is registered with both identities."""
    read(typed(*served.registering, "--json"))
    yield served
    served.scale(1)
    served.pass_time(60_000)
    served.front.call(served.world.settle)


def read(ended: Ended) -> Any:
    assert ended.status == 0, ended.err
    return json.loads(ended.out)


def proposed(typed: Run, *words: str) -> ProposedAction:
    return ProposedAction.model_validate(read(typed(*words, "--json")))


def agreed(typed: Run, action: ProposedAction) -> Ended:
    return typed("actions", "approve", action.id, "--digest", action.request_digest, "--json")


def written(served: Shop) -> int:
    return len(served.writes())


# ---------------------------------------------------------------------- who may


def test_nothing_is_proposed_where_no_identity_may_change_anything(served: Shop, typed: Run) -> None:
    read(typed("clusters", "add", "prod", "--kubeconfig", str(served.kubeconfig), "--json"))
    before = len(served.writes(dry_run=True))
    refused = typed(*SCALE)
    assert refused.status == 1
    assert "aoi access print --namespace shop --executor" in refused.err
    assert f"--kubeconfig {served.kubeconfig} --context" in refused.err
    assert "--executor-kubeconfig FILE" in refused.err
    assert len(served.writes(dry_run=True)) == before


def test_an_executor_that_may_do_more_than_the_shipped_roles_is_not_entered(served: Shop, typed: Run) -> None:
    words = [ADMIN.name if word.endswith("executor") and ":" in word else word for word in served.registering]
    assert ADMIN.name in words
    refused = typed(*words)
    assert refused.status == 69
    assert "the executor identity may do everything" in refused.err
    assert read(typed("clusters", "list", "--json")) == []


def test_an_executor_that_was_given_more_since_changes_nothing(prod: Shop, typed: Run) -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": "executor", "namespace": "aoi"}
    action = proposed(typed, *SCALE)
    prod.send("POST", BINDINGS, {"metadata": {"name": "more"}, "roleRef": reference, "subjects": [subject]})
    try:
        for refused in (typed(*SCALE), agreed(typed, action)):
            assert refused.status == 1
            assert "does not run with an identity that powerful" in refused.err
    finally:
        prod.send("DELETE", f"{BINDINGS}/more", {})
    assert prod.replicas() == 1


def test_two_identities_of_different_clusters_are_refused(served: Shop, typed: Run, tmp_path: Path) -> None:
    with shop(tmp_path / "other", seed=4) as other:
        words = list(served.registering)
        words[words.index("--executor-kubeconfig") + 1] = str(other.kubeconfig)
        refused = typed(*words)
    assert refused.status == 69
    assert "see two different namespaces" in refused.err


# ---------------------------------------------------------------------- what is proposed


def test_a_proposal_sends_nothing_but_reads_and_dry_runs(prod: Shop, typed: Run) -> None:
    before = written(prod)
    action = proposed(typed, *SCALE)
    assert action.state == "proposed"
    assert "/spec/replicas: 1 -> 2" in action.text
    assert written(prod) == before
    assert {(record.verb, record.resource) for record in prod.writes(dry_run=True)} == {
        ("create", "configmaps"),
        ("patch", "deployments.apps"),
    }
    assert {record.user for record in prod.writes(dry_run=True)} == {"system:serviceaccount:aoi:executor"}


def selector(served: Shop) -> None:
    served.send("PATCH", f"{SERVICES}/till-svc", {"spec": {"selector": {"part": "tell-part"}}})


def zero(served: Shop) -> None:
    served.scale(0)


@pytest.mark.parametrize(
    ("fault", "action", "shown"),
    [
        (zero, "scale", "/spec/replicas: 0 -> 1"),
        (selector, "fix_selector", '/spec/selector/part: "tell-part" -> "till-part"'),
    ],
)
def test_from_a_diagnosis_over_an_approval_to_a_verified_repair_and_back(
    fault: Callable[[Shop], None], action: str, shown: str, prod: Shop, typed: Run
) -> None:
    fault(prod)
    prod.pass_time(120_000)
    try:
        answer = json.loads(typed("diagnose", "--cluster", "prod", "--symptom", "till is down", "--json").out)
        kept = answer["kept_as"]
        step = proposed(typed, "actions", "propose", "--answer", kept)
        assert (step.action, step.answer) == (action, kept)
        assert shown in step.text
        done = read(agreed(typed, step))
        assert (done["state"], done["write"]) == ("applied", "written"), done["result"]
        assert "verified" in done["result"]
        after = json.loads(typed("diagnose", "--cluster", "prod", "--json").out)
        assert after["answer"]["verdict"] == "no_fault"
        assert f"{action_named(step.id).summaries[0]}: applied" in typed("answers", "show", kept).out
        back = proposed(typed, "actions", "undo", step.id)
        assert (back.action, back.undoes, back.state) == ("undo", step.id, "proposed")
        assert read(agreed(typed, back))["state"] == "applied"
        assert action_named(step.id).state == "undone"
        again = typed("diagnose", "--cluster", "prod", "--symptom", "till is down", "--json")
        assert json.loads(again.out)["answer"]["cause"] == answer["answer"]["cause"]
    finally:
        prod.send("PATCH", f"{SERVICES}/till-svc", {"spec": {"selector": {"part": "till-part"}}})


def test_a_cause_that_no_typed_action_puts_right_is_told_with_what_a_person_could_do(prod: Shop, typed: Run) -> None:
    container = {"name": "main", "image": "registry.example/till:1", "resources": {"requests": {"cpu": "900"}}}
    before = prod.get("deployments.apps", "till")["spec"]["template"]["spec"]["containers"]
    prod.send("PATCH", f"{DEPLOYMENTS}/till", {"spec": {"template": {"spec": {"containers": [container]}}}})
    prod.pass_time(300_000)
    try:
        answer = json.loads(typed("diagnose", "--cluster", "prod", "--json").out)
        assert answer["answer"]["cause"] == "insufficient"
        refused = typed("actions", "propose", "--answer", answer["kept_as"])
        assert refused.status == 1
        assert "no typed action is known to put right" in refused.err
        assert "What a person could do: kubectl" in refused.err
        named = proposed(typed, "actions", "propose", "--answer", answer["kept_as"], "rollback", "till")
        assert named.answer == answer["kept_as"]
    finally:
        prod.send("PATCH", f"{DEPLOYMENTS}/till", {"spec": {"template": {"spec": {"containers": before}}}})


def test_an_answer_that_accuses_nobody_proposes_nothing(prod: Shop, typed: Run) -> None:
    answer = json.loads(typed("diagnose", "--cluster", "prod", "--json").out)
    refused = typed("actions", "propose", "--answer", answer["kept_as"])
    assert refused.status == 1
    assert "no fault" in refused.err


def test_a_scale_without_a_number_never_takes_replicas_away(prod: Shop, typed: Run) -> None:
    refused = typed("actions", "propose", "--cluster", "prod", "scale", "till")
    assert refused.status == 1
    assert "give a number" in refused.err


# ---------------------------------------------------------------------- what is approved


def test_what_moved_since_it_was_shown_is_refused_for_good(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    prod.scale(3)
    before = written(prod)
    stale = agreed(typed, action)
    assert stale.status == 1
    assert "is stale" in stale.err
    assert "aoi actions propose --cluster prod -n shop scale till 2" in stale.err
    assert action_named(action.id).state == "expired"
    prod.scale(1)  # as it was, but another state of the object
    assert agreed(typed, action).status == 1
    assert written(prod) == before


def test_what_cannot_be_rendered_now_stays_proposed_and_is_not_sent(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    prod.scale(2)  # as it would be
    refused = agreed(typed, action)
    assert refused.status == 1
    assert "cannot be carried out now: scale deployment/till from 2 to 2 replicas: it is already so" in refused.err
    assert action_named(action.id).state == "proposed"


def test_what_moves_while_somebody_thinks_is_refused(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    before = written(prod)
    with pytest.raises(ApprovalRefused, match="is stale"):
        approve(action.id, lambda shown: prod.scale(3))
    assert (prod.replicas(), written(prod)) == (3, before)


def test_another_digest_than_the_one_that_was_shown_is_no_approval(prod: Shop, typed: Run) -> None:
    action, other = proposed(typed, *SCALE), proposed(typed, *SCALE[:-1], "3")
    before = written(prod)
    for digest in (other.request_digest, action.request_digest[:12], "yes", ""):
        refused = typed("actions", "approve", action.id, "--digest", digest)
        assert refused.status == 1
        assert "nothing is changed" in refused.err
    assert action_named(action.id).state == "proposed"
    assert written(prod) == before


def test_without_a_terminal_and_a_digest_nothing_is_approved(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    assert typed("actions", "approve", action.id).status == 2
    assert typed("actions", "approve", action.id, "--json").status == 2
    assert prod.replicas() == 1


def test_an_approval_is_used_once(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    assert read(agreed(typed, action))["state"] == "applied"
    before = written(prod)
    for words in (("approve", action.id, "--digest", action.request_digest), ("reject", action.id)):
        refused = typed("actions", *words)
        assert refused.status == 1
        assert "is applied" in refused.err
    assert written(prod) == before


def test_what_was_rejected_or_is_too_old_is_not_approved(
    prod: Shop, typed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejected = proposed(typed, *SCALE)
    assert read(typed("actions", "reject", rejected.id, "--json"))["state"] == "rejected"
    monkeypatch.setenv("AOI_EXECUTOR__PROPOSAL_MINUTES", "0.000001")
    workspace.cache_clear()
    late = proposed(typed, *SCALE)
    for action, why in ((rejected, "is rejected"), (late, "is expired: nobody decided by")):
        refused = agreed(typed, action)
        assert refused.status == 1
        assert why in refused.err
    assert {action["state"] for action in read(typed("actions", "list", "--json"))} == {"rejected", "expired"}
    assert prod.replicas() == 1


def test_a_proposal_of_another_home_is_not_approved(
    prod: Shop, typed: Run, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = proposed(typed, *SCALE)
    monkeypatch.setenv("AOI_DATABASE_URL", f"sqlite:///{own_home}/aoi.db")
    monkeypatch.setenv("AOI_HOME", str(own_home.with_name("elsewhere")))
    workspace.cache_clear()
    refused = agreed(typed, action)
    assert refused.status == 1
    assert "in another home" in refused.err
    assert prod.replicas() == 1
    update = {"state": "approved", "decided_by": "ana"}  # and its home was lost before it could tell
    ActionBook(workspace().database).move(action.model_copy(update=update), "proposed")
    blocked = typed(*SCALE)
    assert blocked.status == 75
    assert f"aoi actions resolve {action.id}" in blocked.err
    closed = read(typed("actions", "resolve", action.id, "--json"))
    assert (closed["state"], closed["write"]) == ("failed", "unknown")
    assert proposed(typed, *SCALE).state == "proposed"


def test_what_was_altered_where_it_is_kept_is_not_approved(prod: Shop, typed: Run) -> None:
    for change in ({"text": "restart till"}, {"value": "9"}, {"component": "door"}):
        action = proposed(typed, *SCALE)
        book = ActionBook(workspace().database)
        book.move(action.model_copy(update=change), "proposed")
        refused = agreed(typed, action)
        assert refused.status == 1
        assert "is stale" in refused.err
    assert (prod.replicas(), prod.replicas("door")) == (1, 1)


def test_a_namespace_that_was_made_anew_is_another_one(prod: Shop, typed: Run, tmp_path: Path) -> None:
    action = proposed(typed, *SCALE)
    with shop(tmp_path / "other", seed=4) as other:
        assert typed(*other.registering).status == 0
        for words in (("approve", action.id, "--digest", action.request_digest), ("undo", action.id)):
            refused = typed("actions", *words)
            assert refused.status == 1
        assert "is about another namespace shop" in typed("actions", "approve", action.id, "--digest", "x").err
        assert other.replicas() == 1


def test_where_an_executor_is_at_work_another_one_waits_its_turn(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    leases = workspace().leases
    lease = leases.take(f"executor/{action.place}", wait_s=0)
    assert lease is not None
    for busy in (agreed(typed, action), typed(*SCALE)):
        assert busy.status == 75
        assert "another Executor is at work" in busy.err
    assert action_named(action.id).state == "proposed"
    leases.give_back(lease)
    assert read(agreed(typed, action))["state"] == "applied"


def test_an_executor_whose_place_was_taken_meanwhile_writes_nothing(prod: Shop) -> None:
    registered, now = cluster_named("prod"), datetime.now(UTC)
    approval = GivenApproval(lambda digest: True, name="ana", issued_at=now)
    place = place_of(registered, workspace().settings.cluster)
    with opened(registered, NAMESPACE, place) as site, hands(site, now, approval) as own:
        with workspace().database.write() as connection:
            connection.execute(text("UPDATE leases SET token = 'of another one'"))
        result = own.executor.perform("scale", "till", "2")
        with workspace().database.write() as connection:
            connection.execute(text("DELETE FROM leases"))
    assert (result.status, result.write) == ("refused", "not-written"), result.text
    assert "taken over" in result.text
    assert prod.replicas() == 1


# ---------------------------------------------------------------------- taking back


def test_an_undo_does_not_overwrite_what_somebody_did_since(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    read(agreed(typed, action))
    prod.scale(4)
    refused = typed("actions", "undo", action.id)
    assert refused.status == 1
    assert "has changed since" in refused.err
    assert prod.replicas() == 4


def test_what_reads_as_before_already_is_undone_without_a_write(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    read(agreed(typed, action))
    prod.scale(1)
    before = written(prod)
    assert read(typed("actions", "undo", action.id, "--json"))["state"] == "undone"
    assert written(prod) == before


def test_of_two_actions_the_newer_one_is_undone_first(prod: Shop, typed: Run) -> None:
    first = proposed(typed, *SCALE)
    read(agreed(typed, first))
    second = proposed(typed, *SCALE[:-2], "door", "2")
    read(agreed(typed, second))
    refused = typed("actions", "undo", first.id)
    assert refused.status == 1
    assert "undo it first" in refused.err
    for action in (second, first):
        assert read(agreed(typed, proposed(typed, "actions", "undo", action.id)))["state"] == "applied"
    assert (prod.replicas("door"), prod.replicas("till")) == (1, 1)


@pytest.mark.parametrize("namespace", ["../shop", "--all", "Shop", "shop\x1b[2J"])
def test_what_is_no_name_of_a_namespace_is_refused(namespace: str, prod: Shop, typed: Run) -> None:
    refused = typed(*SCALE, f"--namespace={namespace}")
    assert refused.status == 1
    assert "is no name of a namespace" in refused.err
    assert "\x1b" not in refused.err


@pytest.mark.parametrize("words", [("undo",), ("approve", "--digest", "x"), ("show",), ("reject",), ("resolve",)])
def test_an_action_that_nobody_proposed_is_unknown(words: tuple[str, ...], typed: Run) -> None:
    refused = typed("actions", words[0], "000000000000", *words[1:])
    assert refused.status == 1
    assert "aoi actions list" in refused.err


def test_only_what_was_carried_out_is_undone(prod: Shop, typed: Run) -> None:
    action = proposed(typed, *SCALE)
    refused = typed("actions", "undo", action.id)
    assert refused.status == 1
    assert f"action {action.id} is proposed" in refused.err
