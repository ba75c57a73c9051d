"""What pods go through on a node, in the states, reasons and event texts of a real kubelet."""

from itertools import pairwise

import pytest

from kubeworld.kubelet import container_memory, evict, kill_container
from kubeworld.machine.runtime import ContainerPlan, EvictionPlan, ExitPlan
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
    set_container,
    template,
    waiting,
    write_config,
)


def run(plan=None, *, seconds=10, spec=None, **container):
    world = make_world(nodes=1)
    if plan is not None:
        world.runtime.plans["shop/app:1"] = plan
    create(world, "deployments.apps", deployment("geo", template=template("geo", container=container, **(spec or {}))))
    world.advance(seconds * 1000)
    return world


def pod_of(world):
    (pod,) = pods_of(world, "geo")
    return pod


def messages(world, reason):
    return [event["message"] for event in events_of(world, "geo", reason)]


def status_of(world):
    return pod_of(world)["status"]["containerStatuses"][0]


def test_a_pod_is_pulled_created_started_and_ready_in_that_order():
    world = run(ContainerPlan(pull_ms=1500, ready_after_ms=3000), seconds=0)
    assert waiting(pod_of(world)) == {"reason": "ContainerCreating"}
    world.advance(1_499)
    assert pod_of(world)["status"]["phase"] == "Pending"
    world.advance(1)
    assert pod_of(world)["status"]["phase"] == "Running"
    assert condition(pod_of(world), "Ready")["message"] == "containers with unready status: [geo]"
    world.advance(3_000)
    pod = pod_of(world)
    assert {c["type"]: c["status"] for c in pod["status"]["conditions"]} == dict.fromkeys(
        ("PodScheduled", "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"), "True"
    )
    kubelet = [e["reason"] for e in events_of(world, "geo") if e["source"]["component"] == "kubelet"]
    assert kubelet == ["Pulling", "Pulled", "Created", "Started"]
    (pulled,) = messages(world, "Pulled")
    assert pulled.startswith('Successfully pulled image "shop/app:1" in 1.5s (1.5s including waiting). Image size: ')


def test_an_image_that_is_on_the_node_is_not_pulled_again():
    world = run()
    create(world, "deployments.apps", deployment("rate"))
    assert [e["message"] for e in events_of(world, "rate", "Pulled")] == [
        'Container image "shop/app:1" already present on machine'
    ]
    assert events_of(world, "rate", "Pulling") == []


def test_a_missing_image_alternates_between_pull_error_and_back_off():
    world = run(ContainerPlan(image_error="not_found"), seconds=1)
    error = (
        'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/shop/app:1": failed to resolve '
        'reference "docker.io/shop/app:1": docker.io/shop/app:1: not found'
    )
    assert waiting(pod_of(world)) == {"reason": "ErrImagePull", "message": error}
    seen = set()
    for _ in range(90):
        world.advance(1000)
        seen.add(waiting(pod_of(world))["reason"])
    assert seen == {"ErrImagePull", "ImagePullBackOff"}
    assert set(messages(world, "Failed")) == {
        f'Failed to pull image "shop/app:1": {error}',
        "Error: ErrImagePull",
        "Error: ImagePullBackOff",
    }
    (backing_off,) = events_of(world, "geo", "BackOff")
    assert (backing_off["message"], backing_off["type"]) == ('Back-off pulling image "shop/app:1"', "Normal")
    (pulling,) = events_of(world, "geo", "Pulling")
    assert pulling["count"] == 4  # at 0, 10, 30 and 70 seconds


def test_an_image_that_appears_is_picked_up_at_the_next_try():
    world = run(ContainerPlan(image_error="not_found"), seconds=60)
    world.runtime.plans["shop/app:1"] = ContainerPlan()
    world.advance(60_000)
    assert condition(pod_of(world), "Ready")["status"] == "True"


def test_a_private_image_is_denied():
    world = run(ContainerPlan(image_error="pull_denied"))
    assert any("pull access denied, repository does not exist or may require authorization" in m
               for m in messages(world, "Failed"))  # fmt: skip


def test_a_malformed_image_name_is_never_pulled():
    world = run(image="shop/app:v1:oops")
    assert waiting(pod_of(world))["reason"] == "InvalidImageName"
    assert messages(world, "InspectFailed") == [
        'Failed to apply default image tag "shop/app:v1:oops": couldn\'t parse image name "shop/app:v1:oops": '
        "invalid reference format"
    ]
    assert messages(world, "Failed") == ["Error: InvalidImageName"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ({"envFrom": [{"configMapRef": {"name": "settings"}}]}, 'configmap "settings" not found'),
        ({"envFrom": [{"secretRef": {"name": "login"}}]}, 'secret "login" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "partial", "key": "address"}}}]},
            "couldn't find key address in ConfigMap shop/partial",
        ),
    ],
)
def test_missing_configuration_keeps_a_container_from_being_created(source, error):
    world = make_world(nodes=1)
    write_config(world, "partial", {"other": "1"})
    create(world, "deployments.apps", deployment("geo", template=template("geo", container=source)))
    world.advance(10_000)
    assert waiting(pod_of(world)) == {"reason": "CreateContainerConfigError", "message": error}
    assert f"Error: {error}" in messages(world, "Failed")


def test_supplying_the_configuration_lets_the_container_start():
    world = run(envFrom=[{"configMapRef": {"name": "settings"}}])
    write_config(world, "settings", {"a": "1"})
    world.advance(15_000)
    assert condition(pod_of(world), "Ready")["status"] == "True"
    assert status_of(world)["restartCount"] == 0


def test_an_optional_reference_is_not_waited_for():
    world = run(envFrom=[{"configMapRef": {"name": "settings", "optional": True}}])
    assert condition(pod_of(world), "Ready")["status"] == "True"


def test_a_missing_volume_source_keeps_the_pod_creating():
    volume = {"name": "config", "configMap": {"name": "settings"}}
    world = run(spec={"volumes": [volume]}, seconds=60)
    assert waiting(pod_of(world)) == {"reason": "ContainerCreating"}
    assert "podIP" not in pod_of(world)["status"]
    (mount,) = events_of(world, "geo", "FailedMount")
    assert mount["message"] == 'MountVolume.SetUp failed for volume "config" : configmap "settings" not found'
    assert mount["count"] == 7  # at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 seconds
    write_config(world, "settings", {"a": "1"})
    world.advance(70_000)
    assert condition(pod_of(world), "Ready")["status"] == "True"


def test_a_missing_executable_is_a_start_error():
    error = 'exec: "serve": executable file not found in $PATH'
    world = run(ContainerPlan(start_error=error), seconds=0)
    world.advance(400)
    assert waiting(pod_of(world))["reason"] == "RunContainerError"
    world.advance(30_000)
    assert waiting(pod_of(world))["reason"] == "CrashLoopBackOff"
    last = status_of(world)["lastState"]["terminated"]
    assert (last["reason"], last["exitCode"]) == ("StartError", 128)
    assert last["message"] == (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        f"unable to start container process: {error}: unknown"
    )
    assert f"Error: {last['message']}" in messages(world, "Failed")
    assert messages(world, "Started") == []


def test_crashes_back_off_from_ten_seconds_to_five_minutes():
    world = run(ContainerPlan(pull_ms=0, exit=ExitPlan(500, 1, "Error")), seconds=0)
    starts = []
    for _ in range(1600):
        world.advance(1000)
        attempt = container_memory(world, pod_of(world), "geo").attempt
        if attempt == len(starts) + 1:
            starts.append(container_memory(world, pod_of(world), "geo").started_ms)
    gaps = [round((later - earlier) / 1000) for earlier, later in pairwise(starts)]
    assert starts[0] <= 2_000  # the first restart is immediate
    assert [gap // 10 * 10 for gap in gaps[:6]] == [10, 20, 40, 80, 160, 300]
    pod = pod_of(world)
    uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
    assert waiting(pod)["message"] == f"back-off 5m0s restarting failed container=geo pod={name}_shop({uid})"
    assert messages(world, "BackOff") == [f"Back-off restarting failed container geo in pod {name}_shop({uid})"]


def test_a_container_that_runs_out_of_memory_says_so():
    world = run(ContainerPlan(exit=ExitPlan(2000, 137, "OOMKilled")), seconds=30)
    status = status_of(world)
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert status["lastState"]["terminated"]["exitCode"] == 137
    assert status["restartCount"] >= 1


def test_a_long_run_forgets_the_back_off():
    world = run(ContainerPlan(exit=ExitPlan(700_000, 1, "Error")), seconds=1)
    world.advance(3_600_000)
    memory = container_memory(world, pod_of(world), "geo")
    assert memory.attempt == 5
    assert memory.crash_backoff_ms == 10_000


def test_init_containers_run_one_after_another_before_the_others():
    world = make_world(nodes=1)
    world.runtime.plans["shop/init:1"] = ContainerPlan(pull_ms=0, exit=ExitPlan(3000, 0, "Completed"))
    init = [{"name": name, "image": "shop/init:1"} for name in ("first", "second")]
    create(world, "deployments.apps", deployment("geo", template=template("geo", initContainers=init)))
    world.advance(2_000)
    pod = pod_of(world)
    assert waiting(pod) == {"reason": "PodInitializing"}
    assert condition(pod, "Initialized")["message"] == "containers with incomplete status: [first second]"
    assert [next(iter(s["state"])) for s in pod["status"]["initContainerStatuses"]] == ["running", "waiting"]
    world.advance(10_000)
    pod = pod_of(world)
    assert condition(pod, "Ready")["status"] == "True"
    assert [s["state"]["terminated"]["reason"] for s in pod["status"]["initContainerStatuses"]] == ["Completed"] * 2


def test_a_failing_init_container_keeps_the_pod_pending():
    world = make_world(nodes=1)
    world.runtime.plans["shop/init:1"] = ContainerPlan(exit=ExitPlan(500, 1, "Error"))
    init = [{"name": "wait", "image": "shop/init:1"}]
    create(world, "deployments.apps", deployment("geo", template=template("geo", initContainers=init)))
    world.advance(60_000)
    pod = pod_of(world)
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["initContainerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert messages(world, "Started") == ["Started container wait"]


def test_a_deleted_pod_is_ended_within_its_grace_period():
    world = run(ContainerPlan(stop_ms=4000))
    pod = pod_of(world)
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    assert get(world, "pods", pod["metadata"]["name"])["metadata"]["deletionGracePeriodSeconds"] == 30
    assert messages(world, "Killing") == ["Stopping container geo"]
    world.advance(3_999)
    assert len(pods_of(world, "geo")) == 1
    world.advance(1)
    assert pods_of(world, "geo") == []


def test_a_process_that_ignores_sigterm_is_killed_when_grace_ends():
    world = run(ContainerPlan(stop_ms=600_000), spec={"terminationGracePeriodSeconds": 7})
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    world.advance(6_999)
    assert len(pods_of(world, "geo")) == 1
    world.advance(1)
    assert pods_of(world, "geo") == []


def test_changing_an_image_in_place_restarts_only_that_container():
    world = run()
    pod = pod_of(world)
    containers = [{**pod["spec"]["containers"][0], "image": "shop/app:2"}]
    edit(world, "pods", pod["metadata"]["name"], "spec", containers=containers)
    world.advance(10_000)
    assert status_of(world)["restartCount"] == 1
    assert status_of(world)["image"] == "docker.io/shop/app:2"
    assert "Container geo definition changed, will be restarted" in messages(world, "Killing")


def test_pod_addresses_are_unique_and_of_their_nodes_range():
    world = make_world()
    create(world, "deployments.apps", deployment("geo", 12))
    world.advance(10_000)
    addresses = [pod["status"]["podIP"] for pod in pods_of(world, "geo")]
    assert len(set(addresses)) == 12
    for pod in pods_of(world, "geo"):
        node = get(world, "nodes", pod["spec"]["nodeName"], "")
        assert pod["status"]["podIP"].startswith(node["spec"]["podCIDR"].removesuffix("0/24"))
        assert pod["status"]["hostIP"] == node["status"]["addresses"][0]["address"]


def test_a_quiet_world_has_no_timer_that_fires_soon():
    world = make_world()
    probe = {"httpGet": {"path": "/", "port": 8080}}
    for name in ("geo", "rate", "user"):
        probed = template(name, container={"readinessProbe": probe, "livenessProbe": probe})
        create(world, "deployments.apps", deployment(name, 3, template=probed))
    world.advance(60_000)
    world.runtime.asked = 0
    revision = world.store.revision
    world.advance(500_000)
    assert (world.runtime.asked, world.store.revision) == (0, revision)


def test_forgetting_a_pod_leaves_nothing_behind():
    world = run()
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    world.advance(60_000)
    assert not [key for key in world.state if key.startswith("kubelet/")]


def test_pods_of_never_restarted_jobs_end_in_their_exit_codes_phase():
    for code, phase in ((0, "Succeeded"), (3, "Failed")):
        world = make_world(nodes=1)
        world.runtime.plans["shop/task:1"] = ContainerPlan(
            exit=ExitPlan(1000, code, "Completed" if not code else "Error")
        )
        spec = {
            "restartPolicy": "Never",
            "nodeName": "node-1",
            "containers": [{"name": "task", "image": "shop/task:1"}],
        }
        meta = {"name": "task", "namespace": NAMESPACE}
        create(world, "pods", {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        world.advance(10_000)
        pod = get(world, "pods", "task")
        assert pod["status"]["phase"] == phase
        assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code


def test_a_rollout_recovers_when_a_bad_command_is_undone():
    world = run()
    world.runtime.plans["shop/bad:1"] = ContainerPlan(start_error='exec: "x": executable file not found in $PATH')
    set_container(world, "geo", image="shop/bad:1")
    world.advance(90_000)
    set_container(world, "geo", image="shop/app:1")
    world.advance(90_000)
    assert condition(pod_of(world), "Ready")["status"] == "True"


def test_a_killed_container_is_restarted_once_and_then_fine():
    world = run()
    kill_container(world, pod_of(world), "geo")
    world.advance(60_000)
    status = status_of(world)
    assert (status["restartCount"], status["ready"]) == (1, True)
    assert status["lastState"]["terminated"]["exitCode"] == 137


def test_an_evicted_pod_fails_and_is_replaced():
    world = run()
    evicted = pod_of(world)
    message = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
    evict(world, evicted, message)
    world.advance(10_000)
    stored = get(world, "pods", evicted["metadata"]["name"])
    assert (stored["status"]["phase"], stored["status"]["reason"]) == ("Failed", "Evicted")
    assert stored["status"]["message"] == message
    assert events_of(world, evicted["metadata"]["name"], "Evicted")[0]["type"] == "Warning"
    assert get(world, "deployments.apps", "geo")["status"]["availableReplicas"] == 1


def test_a_node_without_addresses_left_cannot_make_sandboxes():
    world = make_world(nodes=1)
    edit(world, "nodes", "node-1", "spec", podCIDR="10.244.9.0/29", podCIDRs=["10.244.9.0/29"])
    create(world, "deployments.apps", deployment("geo", 7))
    world.advance(10_000)
    without = [pod for pod in pods_of(world, "geo") if "podIP" not in pod["status"]]
    assert len(without) == 2
    failure = events_of(world, "geo", "FailedCreatePodSandBox")[0]["message"]
    assert failure.endswith("failed to allocate for range 0: no IP addresses available in range set: "
                            "10.244.9.1-10.244.9.6")  # fmt: skip
    edit(world, "deployments.apps", "geo", "spec", replicas=5)
    world.advance(60_000)
    assert get(world, "deployments.apps", "geo")["status"]["availableReplicas"] == 5


def test_the_address_of_a_pod_that_ended_is_free_again():
    world = make_world(nodes=1)
    edit(world, "nodes", "node-1", "spec", podCIDR="10.244.9.0/29", podCIDRs=["10.244.9.0/29"])
    create(world, "deployments.apps", deployment("geo", 1))
    world.advance(10_000)
    for _ in range(7):
        (running,) = [pod for pod in pods_of(world, "geo") if pod["status"]["phase"] == "Running"]
        evict(world, running, "The node was low on resource: ephemeral-storage. ")
        world.advance(30_000)
    assert get(world, "deployments.apps", "geo")["status"]["availableReplicas"] == 1
    assert len(pods_of(world, "geo")) == 8


def test_a_pre_stop_hook_delays_the_end():
    hook = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 5"]}}}
    world = run(ContainerPlan(stop_ms=1000), lifecycle=hook)
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    world.advance(5_999)
    assert len(pods_of(world, "geo")) == 1
    world.advance(1)
    assert pods_of(world, "geo") == []


def test_a_missing_pull_secret_is_mentioned():
    world = run(ContainerPlan(image_error="pull_denied"), spec={"imagePullSecrets": [{"name": "registry"}]})
    assert messages(world, "FailedToRetrieveImagePullSecret") == [
        "Unable to retrieve some image pull secrets (registry); attempting to pull the image may not succeed."
    ]


def test_a_finalizer_keeps_a_stopped_pod_as_an_object():
    world = run()
    pod = pod_of(world)
    edit(world, "pods", pod["metadata"]["name"], "metadata", finalizers=["example.org/hold"])
    edit(world, "deployments.apps", "geo", "spec", replicas=0)
    world.advance(600_000)
    (held,) = pods_of(world, "geo")
    assert "terminated" in held["status"]["containerStatuses"][0]["state"]
    edit(world, "pods", pod["metadata"]["name"], "metadata", finalizers=[])
    world.advance(1_000)
    assert pods_of(world, "geo") == []


def test_a_native_sidecar_runs_beside_the_container_it_was_started_before():
    world = make_world(nodes=1)
    sidecar = [{"name": "proxy", "image": "shop/proxy:1", "restartPolicy": "Always"}]
    create(world, "deployments.apps", deployment("geo", template=template("geo", initContainers=sidecar)))
    world.advance(10_000)
    pod = pod_of(world)
    assert "running" in pod["status"]["initContainerStatuses"][0]["state"]
    assert condition(pod, "Ready")["status"] == "True"
    assert messages(world, "Started") == ["Started container proxy", "Started container geo"]


def test_a_container_that_writes_more_than_it_may_costs_its_pod_at_the_kubelets_next_look():
    world = make_world()
    message = "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. "
    world.runtime.plans["shop/app:1"] = ContainerPlan(evict=EvictionPlan(12_000, message))
    create(world, "deployments.apps", deployment("geo"))
    world.advance(19_000)
    assert [pod["status"]["phase"] for pod in pods_of(world, "geo")] == ["Running"]
    world.advance(3_000)
    failed = next(pod for pod in pods_of(world, "geo") if pod["status"]["phase"] == "Failed")
    assert (failed["status"]["reason"], failed["status"]["message"]) == ("Evicted", message)
    assert condition(failed, "DisruptionTarget")["reason"] == "TerminationByKubelet"
    assert len(pods_of(world, "geo")) == 2
