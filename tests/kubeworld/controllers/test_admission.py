"""What keeps pods from being created: the FailedCreate texts, and what repairs them."""

import orjson
import pytest

from kubeworld.admission.plugins import admit, admit_pod
from kubeworld.api.server import api_of
from kubeworld.controllers.quota import used_by
from kubeworld.machine.admission import Refused
from kubeworld.machine.identity import ADMIN
from tests.kubeworld.controllers.cluster import (
    NAMESPACE,
    condition,
    create,
    deployment,
    edit,
    events_of,
    get,
    make_world,
    pods_of,
    service,
    template,
)


def quota(hard, name="compute"):
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": hard}}


def limit_range(**item):
    meta = {"name": "bounds", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": meta, "spec": {"limits": [item]}}


def resources(**kinds):
    return {"container": {"resources": kinds}}


def refused(world, replicas=1, **spec):
    create(world, "deployments.apps", deployment("geo", replicas, template=template("geo", **spec)))
    world.advance(1_000)
    (replica_set,) = world.store.objects("replicasets.apps", NAMESPACE)
    failure = condition(replica_set, "ReplicaFailure")
    assert (failure["status"], failure["reason"]) == ("True", "FailedCreate")
    assert condition(get(world, "deployments.apps", "geo"), "ReplicaFailure")["message"] == failure["message"]
    last = events_of(world, replica_set["metadata"]["name"], "FailedCreate")[0]
    assert last["type"] == "Warning"
    prefix = f'Error creating: pods "{replica_set["metadata"]["name"]}-'
    assert last["message"].startswith(prefix)
    return last["message"][len(prefix) + 5 :]


def test_an_exhausted_quota_is_named_with_its_numbers():
    world = make_world()
    create(world, "resourcequotas", quota({"limits.cpu": "1", "pods": "10"}))
    text = refused(world, 3, **resources(limits={"cpu": "600m"}))
    assert text == (
        '" is forbidden: exceeded quota: compute, requested: limits.cpu=600m, used: limits.cpu=600m, '
        "limited: limits.cpu=1"
    )
    assert len(pods_of(world, "geo")) == 1
    assert get(world, "resourcequotas", "compute")["status"]["used"] == {"limits.cpu": "600m", "pods": "1"}


def test_several_exceeded_keys_are_listed_together():
    world = make_world()
    create(world, "resourcequotas", quota({"limits.cpu": "1", "limits.memory": "1Gi"}))
    text = refused(world, **resources(limits={"cpu": "2", "memory": "2Gi"}))
    assert text.endswith(
        "requested: limits.cpu=2,limits.memory=2Gi, used: limits.cpu=0,limits.memory=0, "
        "limited: limits.cpu=1,limits.memory=1Gi"
    )


def test_a_quota_on_limits_makes_them_obligatory():
    world = make_world()
    create(world, "resourcequotas", quota({"limits.cpu": "1", "limits.memory": "1Gi"}))
    text = refused(world)
    assert text == '" is forbidden: failed quota: compute: must specify limits.cpu for: geo; limits.memory for: geo'


def test_raising_the_quota_lets_the_pods_come():
    world = make_world()
    create(world, "resourcequotas", quota({"pods": "1"}))
    refused(world, 3)
    world.advance(120_000)
    edit(world, "resourcequotas", "compute", "spec", hard={"pods": "10"})
    world.advance(60_000)
    geo = get(world, "deployments.apps", "geo")
    assert geo["status"]["availableReplicas"] == 3
    assert all(one["type"] != "ReplicaFailure" for one in geo["status"]["conditions"])


def test_a_deleted_pod_gives_its_quota_back():
    world = make_world()
    create(world, "resourcequotas", quota({"pods": "3"}))
    create(world, "deployments.apps", deployment("geo", 3))
    world.advance(10_000)
    edit(world, "deployments.apps", "geo", "spec", replicas=1)
    world.advance(40_000)
    assert get(world, "resourcequotas", "compute")["status"]["used"] == {"pods": "1"}


def test_a_limit_range_refuses_what_is_too_large():
    world = make_world()
    create(world, "limitranges", limit_range(type="Container", max={"memory": "256Mi"}))
    text = refused(world, **resources(limits={"memory": "512Mi"}))
    assert text == '" is forbidden: maximum memory usage per Container is 256Mi, but limit is 512Mi'


def test_a_limit_range_supplies_what_is_missing():
    world = make_world()
    item = {"default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}}
    create(world, "limitranges", limit_range(type="Container", **item))
    create(world, "deployments.apps", deployment("geo"))
    (pod,) = pods_of(world, "geo")
    assert pod["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}}
    assert pod["status"]["qosClass"] == "Burstable"


def test_a_missing_service_account_is_named():
    world = make_world()
    text = refused(world, serviceAccountName="payments")
    assert text == (
        '" is forbidden: error looking up service account shop/payments: serviceaccount "payments" not found'
    )
    meta = {"name": "payments", "namespace": NAMESPACE}
    create(world, "serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    world.advance(30_000)
    assert len(pods_of(world, "geo")) == 1


def test_the_restricted_level_lists_every_violation():
    world = make_world()
    edit(world, "namespaces", NAMESPACE, "metadata", labels={"pod-security.kubernetes.io/enforce": "restricted"})
    assert refused(world) == (
        '" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "geo" '
        "must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "
        '"geo" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "geo" must '
        'set securityContext.runAsNonRoot=true), seccompProfile (pod or container "geo" must set '
        'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )


def test_the_baseline_level_keeps_pods_off_the_host():
    world = make_world()
    edit(world, "namespaces", NAMESPACE, "metadata", labels={"pod-security.kubernetes.io/enforce": "baseline"})
    text = refused(world, hostPID=True, volumes=[{"name": "logs", "hostPath": {"path": "/var/log"}}])
    assert text == (
        '" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true), '
        'hostPath volumes (volume "logs")'
    )


def test_an_unknown_priority_class_is_refused():
    assert refused(make_world(), priorityClassName="vip") == (
        '" is forbidden: no PriorityClass with name vip was found'
    )


def test_refusals_are_retried_with_growing_pauses():
    world = make_world()
    create(world, "resourcequotas", quota({"pods": "0"}))
    refused(world)
    written = sum(event["count"] for event in events_of(world, "geo", "FailedCreate"))
    assert 7 <= written <= 9  # 5 ms, doubling, within the first second
    # Every attempt names another pod: after ten of them the recorder combines.
    world.advance(60_000)
    combined = [e for e in events_of(world, "geo", "FailedCreate") if e["message"].startswith("(combined from similar")]
    assert len(combined) == 1


def test_the_first_refusal_stays_written_until_a_pod_is_made():
    """The controller sets the condition once, though every attempt is refused in words of its own."""
    world = make_world()
    create(world, "resourcequotas", quota({"pods": "0"}))
    refused(world)
    first = condition(world.store.objects("replicasets.apps", NAMESPACE)[0], "ReplicaFailure")
    world.advance(60_000)
    assert condition(world.store.objects("replicasets.apps", NAMESPACE)[0], "ReplicaFailure") == first
    edit(world, "resourcequotas", "compute", "spec", hard={"pods": "5"})
    world.advance(600_000)
    assert "conditions" not in world.store.objects("replicasets.apps", NAMESPACE)[0]["status"]


def test_a_terminating_namespace_takes_nothing_new():
    world = make_world()
    edit(world, "namespaces", NAMESPACE, "metadata", finalizers=["example.org/hold"])
    namespace = get(world, "namespaces", NAMESPACE, "")
    stamped = {**namespace, "metadata": {**namespace["metadata"], "deletionTimestamp": "2026-01-05T08:00:00Z"}}
    world.store.update("namespaces", stamped)
    pod = {"metadata": {"name": "x", "namespace": NAMESPACE}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    with pytest.raises(Refused, match="because it is being terminated"):
        admit_pod(world, pod)


def test_services_and_claims_count_against_their_quotas():
    world = make_world()
    create(world, "resourcequotas", quota({"services": "1", "requests.storage": "1Gi"}))
    create(world, "services", service("geo"))
    with pytest.raises(
        Refused, match="exceeded quota: compute, requested: services=1, used: services=1, limited: serv"
    ):
        admit(world, "services", service("rate"))
    meta = {"name": "data", "namespace": NAMESPACE}
    claim = {"metadata": meta, "spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    with pytest.raises(Refused, match=r"requested: requests\.storage=2Gi, used: requests\.storage=0, limited"):
        admit(world, "persistentvolumeclaims", claim)


def test_pods_default_as_the_api_server_defaults_them():
    world = make_world()
    meta = {"name": "x", "namespace": NAMESPACE}
    container = {"name": "x", "image": "nginx", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    pod = admit_pod(world, {"metadata": meta, "spec": {"containers": [container]}})
    (stored,) = pod["spec"]["containers"]
    assert stored["imagePullPolicy"] == "Always"
    assert stored["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert pod["status"] == {"phase": "Pending", "qosClass": "Guaranteed"}
    assert [t["tolerationSeconds"] for t in pod["spec"]["tolerations"]] == [300, 300]


NODE_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def stays_s(world, tolerations):
    """Seconds for which the pod of a Deployment with these tolerations stays on a lost node, by the node's taint."""
    create(world, "deployments.apps", deployment("geo", template=template("geo", tolerations=tolerations)))
    world.advance(1_000)
    (pod,) = pods_of(world, "geo")
    return {
        item["key"]: item["tolerationSeconds"] for item in pod["spec"]["tolerations"] if "tolerationSeconds" in item
    }


@pytest.mark.parametrize(
    "own",
    [
        [],
        [{"operator": "Exists", "effect": "NoSchedule"}],
        [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"}],
        [{"key": "dedicated", "operator": "Exists"}],
    ],
)
def test_a_controllers_pod_stays_five_minutes_on_a_lost_node_whatever_else_it_tolerates(own):
    assert stays_s(make_world(), own) == dict.fromkeys(NODE_TAINTS, 300)


@pytest.mark.parametrize(
    ("own", "left"),
    [
        ([{"operator": "Exists"}], {}),
        ([{"key": "", "operator": "Exists", "effect": "NoExecute"}], {}),
        ([{"key": NODE_TAINTS[0], "operator": "Exists", "effect": ""}], {NODE_TAINTS[1]: 300}),
        (
            [{"key": NODE_TAINTS[0], "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
            {NODE_TAINTS[0]: 5, NODE_TAINTS[1]: 300},
        ),
    ],
)
def test_a_controllers_pod_that_says_how_long_it_stays_is_left_alone(own, left):
    assert stays_s(make_world(), own) == left


def test_a_controllers_pod_has_the_defaults_of_a_pod_that_the_api_is_sent():
    world = make_world()
    probe = {"httpGet": {"port": 80}}
    spec = {"containers": [{"name": "x", "image": "nginx", "readinessProbe": probe}], "volumes": [{"name": "v"}]}
    meta = {"name": "x", "namespace": NAMESPACE}
    create(world, "deployments.apps", deployment("geo", template=template("geo") | {"spec": spec}))
    world.settle()
    (pod,) = pods_of(world, "geo")
    sent = api_of(world).handle(
        "POST", f"/api/v1/namespaces/{NAMESPACE}/pods", body=orjson.dumps({"metadata": meta, "spec": spec}),
        identity=ADMIN,
    )  # fmt: skip
    assert sent.status == 201
    own = orjson.loads(sent.body)["spec"]
    assert {key: value for key, value in pod["spec"].items() if key != "nodeName"} == own


@pytest.mark.parametrize(
    ("resources_of", "class_"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"ephemeral-storage": "1Gi"}}], "BestEffort"),
        ([{"requests": {"cpu": "0"}}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1024Mi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "900m"}}], "Burstable"),
    ],
)
def test_quality_of_service_follows_from_cpu_and_memory(resources_of, class_):
    containers = [{"name": f"c{at}", "image": "x", "resources": one} for at, one in enumerate(resources_of)]
    meta = {"name": "x", "namespace": NAMESPACE}
    pod = admit_pod(make_world(), {"metadata": meta, "spec": {"containers": containers}})
    assert pod["status"]["qosClass"] == class_


def test_usage_followed_from_change_to_change_is_what_a_count_gives():
    world = make_world()
    create(world, "resourcequotas", quota({"pods": "20", "count/pods": "20", "requests.cpu": "9", "services": "5"}))
    create(world, "resourcequotas", quota({"services": "5"}, name="other"))

    def follow():
        quotas = world.store.objects("resourcequotas", NAMESPACE)
        followed = [used_by(world, one) for one in quotas]
        world.derived.clear()
        assert followed == [used_by(world, one) for one in quotas]
        return followed[0]

    spec = template("geo", **resources(requests={"cpu": "250m"}, limits={"cpu": "500m"}))
    create(world, "deployments.apps", deployment("geo", 4, template=spec))
    create(world, "services", service("geo"))
    world.advance(30_000)
    assert follow() == {"pods": 4, "count/pods": 4, "requests.cpu": 1000, "services": 1}
    saved = world.snapshot()
    edit(world, "deployments.apps", "geo", "spec", replicas=2)
    world.store.delete("services", NAMESPACE, "geo")
    world.advance(60_000)
    assert follow() == {"pods": 2, "count/pods": 2, "requests.cpu": 500, "services": 0}
    world.restore(saved)
    assert follow()["pods"] == 4
    edit(world, "resourcequotas", "compute", "spec", hard={"pods": "3"})
    world.advance(1_000)
    assert follow() == {"pods": 4}
