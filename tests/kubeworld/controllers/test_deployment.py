"""What a Deployment promises: a bounded rollout, a history, and conditions that say how it goes."""

import pytest

from kubeworld.machine.runtime import ContainerPlan
from tests.kubeworld.controllers.cluster import (
    condition,
    create,
    deployment,
    edit,
    events_of,
    get,
    make_world,
    pods_of,
    set_container,
    template,
)

BAD = ContainerPlan(image_error="not_found")
COST = "controller.kubernetes.io/pod-deletion-cost"


def rolled_out(replicas=3, **spec):
    world = make_world()
    world.runtime.plans["shop/bad:9"] = BAD
    create(world, "deployments.apps", deployment("geo", replicas, **spec))
    world.advance(10_000)
    return world


def sets(world):
    return world.store.objects("replicasets.apps", "shop")


def types(deployment_of_a_name):
    return [one["type"] for one in deployment_of_a_name["status"]["conditions"]]


def test_the_condition_that_changed_last_stands_last():
    world = rolled_out(1)
    assert types(get(world, "deployments.apps", "geo")) == ["Available", "Progressing"]
    (pod,) = pods_of(world, "geo")
    world.store.delete("pods", "shop", pod["metadata"]["name"])
    world.advance(10_000)
    assert types(get(world, "deployments.apps", "geo")) == ["Progressing", "Available"]


def test_a_new_deployment_becomes_available_and_complete():
    world = rolled_out()
    geo = get(world, "deployments.apps", "geo")
    assert geo["status"]["availableReplicas"] == geo["status"]["updatedReplicas"] == 3
    assert "unavailableReplicas" not in geo["status"]
    assert condition(geo, "Available")["reason"] == "MinimumReplicasAvailable"
    progressing = condition(geo, "Progressing")
    assert (progressing["status"], progressing["reason"]) == ("True", "NewReplicaSetAvailable")
    assert progressing["message"] == f'ReplicaSet "{sets(world)[0]["metadata"]["name"]}" has successfully progressed.'


def test_pods_carry_the_template_hash_that_names_their_replica_set():
    world = rolled_out()
    (replica_set,) = sets(world)
    suffix = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"geo-{suffix}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "geo", "pod-template-hash": suffix}
    assert all(pod["metadata"]["labels"]["pod-template-hash"] == suffix for pod in pods_of(world, "geo"))
    assert all(pod["metadata"]["name"].startswith(f"geo-{suffix}-") for pod in pods_of(world, "geo"))


def test_a_bad_image_leaves_the_old_pods_up():
    world = rolled_out()
    set_container(world, "geo", image="shop/bad:9")
    world.advance(90_000)
    ready = [pod for pod in pods_of(world, "geo") if condition(pod, "Ready")["status"] == "True"]
    assert len(ready) == 3
    assert len(pods_of(world, "geo")) == 4  # 25 % surge of three, rounded up
    assert get(world, "deployments.apps", "geo")["status"]["unavailableReplicas"] == 1


def test_a_rollout_that_stalls_exceeds_its_deadline():
    world = rolled_out(progressDeadlineSeconds=60)
    set_container(world, "geo", image="shop/bad:9")
    world.advance(58_000)
    assert condition(get(world, "deployments.apps", "geo"), "Progressing")["reason"] == "ReplicaSetUpdated"
    world.advance(10_000)
    progressing = condition(get(world, "deployments.apps", "geo"), "Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "ProgressDeadlineExceeded")
    name = sets(world)[0]["metadata"]["name"]
    assert progressing["message"].endswith("has timed out progressing.")
    assert any(f'"{one["metadata"]["name"]}"' in progressing["message"] for one in sets(world)), name


def test_rolling_back_brings_the_old_replica_set_to_a_new_revision():
    world = rolled_out()
    set_container(world, "geo", image="shop/bad:9")
    world.advance(90_000)
    set_container(world, "geo", image="shop/app:1")
    world.advance(30_000)
    annotations = {
        one["spec"]["template"]["spec"]["containers"][0]["image"]: one["metadata"]["annotations"] for one in sets(world)
    }
    assert annotations["shop/app:1"]["deployment.kubernetes.io/revision"] == "3"
    assert annotations["shop/app:1"]["deployment.kubernetes.io/revision-history"] == "1"
    assert annotations["shop/bad:9"]["deployment.kubernetes.io/revision"] == "2"
    geo = get(world, "deployments.apps", "geo")
    assert geo["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert condition(geo, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert len(pods_of(world, "geo")) == 3


def test_scaling_events_are_worded_as_kubernetes_words_them():
    world = rolled_out()
    edit(world, "deployments.apps", "geo", "spec", replicas=5)
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    name = sets(world)[0]["metadata"]["name"]
    messages = [event["message"] for event in events_of(world, "geo", "ScalingReplicaSet")]
    assert messages == [
        f"Scaled up replica set {name} from 0 to 3",
        f"Scaled up replica set {name} from 3 to 5",
        f"Scaled down replica set {name} from 5 to 0",
    ]
    assert {event["source"]["component"] for event in events_of(world, "geo", "ScalingReplicaSet")} == {
        "deployment-controller"
    }


def test_scaling_to_zero_removes_every_pod_and_counts_as_available():
    world = rolled_out()
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    world.advance(40_000)
    assert pods_of(world, "geo") == []
    assert condition(get(world, "deployments.apps", "geo"), "Available")["status"] == "True"


def test_a_restart_annotation_replaces_every_pod():
    world = rolled_out()
    before = {pod["metadata"]["uid"] for pod in pods_of(world, "geo")}
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-01-05T08:00:10Z"}
    edit(world, "deployments.apps", "geo", "spec", "template", "metadata", annotations=stamp)
    world.advance(60_000)
    after = {pod["metadata"]["uid"] for pod in pods_of(world, "geo")}
    assert len(after) == 3
    assert not before & after


def test_a_paused_deployment_scales_but_does_not_roll():
    world = rolled_out()
    edit(world, "deployments.apps", "geo", "spec", paused=True)
    set_container(world, "geo", image="shop/app:2")
    edit(world, "deployments.apps", "geo", "spec", replicas=4)
    world.advance(20_000)
    assert len(sets(world)) == 1
    assert len(pods_of(world, "geo")) == 4
    assert condition(get(world, "deployments.apps", "geo"), "Progressing")["reason"] == "DeploymentPaused"
    edit(world, "deployments.apps", "geo", "spec", paused=None)
    world.advance(30_000)
    images = {pod["spec"]["containers"][0]["image"] for pod in pods_of(world, "geo")}
    assert images == {"shop/app:2"}
    assert condition(get(world, "deployments.apps", "geo"), "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_recreate_starts_new_pods_only_after_the_old_ones_are_gone():
    world = rolled_out(strategy={"type": "Recreate"})
    old = {pod["metadata"]["uid"] for pod in pods_of(world, "geo")}
    set_container(world, "geo", image="shop/app:2")
    for _ in range(20):
        world.advance(500)
        present = {pod["metadata"]["uid"] for pod in pods_of(world, "geo")}
        assert not (present & old and present - old)
    assert len(pods_of(world, "geo")) == 3


def test_history_is_kept_to_its_limit():
    world = rolled_out(revisionHistoryLimit=2)
    for number in range(2, 8):
        set_container(world, "geo", image=f"shop/app:{number}")
        world.advance(30_000)
    revisions = sorted(int(s["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) for s in sets(world))
    assert revisions == [5, 6, 7]


def test_min_ready_seconds_delay_availability():
    world = rolled_out(minReadySeconds=60)
    assert get(world, "deployments.apps", "geo")["status"].get("availableReplicas", 0) == 0
    assert condition(get(world, "deployments.apps", "geo"), "Available")["reason"] == "MinimumReplicasUnavailable"
    world.advance(60_000)
    assert get(world, "deployments.apps", "geo")["status"]["availableReplicas"] == 3


def test_scaling_in_the_middle_of_a_rollout_is_proportional():
    world = make_world(cpu="64", memory="64Gi")
    world.runtime.plans["shop/bad:9"] = BAD
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    create(world, "deployments.apps", deployment("geo", 10, strategy=strategy))
    world.advance(10_000)
    set_container(world, "geo", image="shop/bad:9")
    world.advance(10_000)
    assert sorted(s["spec"]["replicas"] for s in sets(world)) == [5, 8]
    edit(world, "deployments.apps", "geo", "spec", replicas=15)
    # The example of the Deployment documentation: of five more, three go to the old set and two to the new.
    assert sorted(s["spec"]["replicas"] for s in sets(world)) == [7, 11]


def half_rolled_out(annotations):
    """Ten replicas in the middle of a rollout, both ReplicaSets with these annotations instead of the controller's."""
    world = make_world(cpu="64", memory="64Gi")
    world.runtime.plans["shop/bad:9"] = BAD
    create(world, "deployments.apps", deployment("geo", 10))
    world.advance(10_000)
    set_container(world, "geo", image="shop/bad:9")
    world.advance(10_000)
    for one in sets(world):
        edit(world, "replicasets.apps", one["metadata"]["name"], "metadata", "annotations", **annotations)
    return world


NUMBERS = [f"deployment.kubernetes.io/{name}" for name in ("revision", "desired-replicas", "max-replicas")]


@pytest.mark.parametrize("text", ["abc", "", "1.5", "²", "9" * 5000])
@pytest.mark.parametrize("annotation", NUMBERS)
def test_an_annotation_that_users_made_no_number_counts_as_absent(annotation, text):
    spoilt, bare = half_rolled_out({annotation: text}), half_rolled_out({annotation: None})
    for world in (spoilt, bare):
        edit(world, "deployments.apps", "geo", "spec", replicas=15)
        world.advance(10_000)
        set_container(world, "geo", image="shop/app:2")
        world.advance(60_000)
    assert [(s["metadata"]["name"], s["spec"]["replicas"]) for s in sets(spoilt)] == [
        (s["metadata"]["name"], s["spec"]["replicas"]) for s in sets(bare)
    ]
    assert condition(get(spoilt, "deployments.apps", "geo"), "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert len(pods_of(spoilt, "geo")) == 15


@pytest.mark.parametrize("text", ["abc", "", "5x", "+5", "05", "2147483648", "²"])
def test_of_two_pods_the_one_that_costs_less_goes_and_an_unreadable_cost_is_none(text):
    world = rolled_out(replicas=2)
    dear, cheap = pods_of(world, "geo")
    for pod, cost in ((dear, text), (cheap, "-1")):
        edit(world, "pods", pod["metadata"]["name"], "metadata", annotations={COST: cost})
    edit(world, "deployments.apps", "geo", "spec", replicas=1)
    world.advance(60_000)
    assert [pod["metadata"]["name"] for pod in pods_of(world, "geo")] == [dear["metadata"]["name"]]
    edit(world, "deployments.apps", "geo", "spec", replicas=2)
    world.advance(10_000)
    (fresh,) = (pod for pod in pods_of(world, "geo") if pod["metadata"]["name"] != dear["metadata"]["name"])
    edit(world, "pods", fresh["metadata"]["name"], "metadata", annotations={COST: "1"})
    edit(world, "deployments.apps", "geo", "spec", replicas=1)
    world.advance(60_000)
    assert [pod["metadata"]["name"] for pod in pods_of(world, "geo")] == [fresh["metadata"]["name"]]


def test_a_selector_mismatch_between_two_deployments_does_not_mix_their_pods():
    world = rolled_out()
    create(world, "deployments.apps", deployment("rate", 2, template=template("rate")))
    world.advance(10_000)
    assert (len(pods_of(world, "geo")), len(pods_of(world, "rate"))) == (3, 2)
