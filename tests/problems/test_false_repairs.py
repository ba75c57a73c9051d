"""What looks mended and is not: each was once passed by the strict grade."""

import re
from collections.abc import Callable

import pytest

from aoi.problems import catalogue
from aoi.problems.scenario import Scenario, build
from aoi.problems.sites import find
from aoi.problems.writes import Create, Delete, Patch
from aoi.records.problem import ProblemInstance, TaskKind
from kubeworld.machine.store import Obj
from tests.problems.repairing import accepted, broken, change_container, guilty, replace_pods, write


def root(found: Scenario) -> Obj:
    assert found.plan is not None
    held = found.world.store.get(*found.plan.touched[0])
    assert held is not None
    return held


def wait_longer_than_anybody_looks(found: Scenario) -> None:
    """The wrong probe stays, behind a startup probe that takes its time and with a patience of its own."""
    site = guilty(found)
    containers = site.workload["spec"]["template"]["spec"]["containers"]
    place = f"/spec/template/spec/containers/{containers.index(site.container)}"
    patient = {**site.container["livenessProbe"], "periodSeconds": 10, "failureThreshold": 40, "initialDelaySeconds": 0}
    started = {"tcpSocket": {"port": site.spec.port}, "initialDelaySeconds": 300, "failureThreshold": 10}
    steps = [("livenessProbe", patient), ("startupProbe", started)]
    write(
        found,
        Patch(site.key, [{"op": "add", "path": f"{place}/{name}", "value": value} for name, value in steps], "json"),
    )


def empty_the_file_of_flags(found: Scenario) -> None:
    """All flags are off where there are none."""
    assert found.plan is not None
    (key, *_) = found.plan.touched
    write(found, Patch(key, {"data": dict.fromkeys(root(found)["data"], '{"flags":{}}')}))
    site = find(found.world, found.application, found.application.flags.component if found.application.flags else "")
    write(found, *(Delete(("pods", found.namespace, name)) for name in site.pods))


def let_the_storm_pass(found: Scenario) -> None:
    """A variable beside the one that is wrong, and users who stay away for a while."""
    site = guilty(found)
    beside = change_container(site, {"env": [{"name": "REVIEWED", "value": "yes"}]})
    write(found, beside, Patch(site.key, {"spec": {"replicas": 0}}))
    found.world.advance(120_000)
    write(found, Patch(site.key, {"spec": {"replicas": site.workload["spec"]["replicas"]}}))


def call_it_otherwise(found: Scenario) -> None:
    """The same schedule under another name, and seldom enough to be missed."""
    assert found.plan is not None
    (key, *_) = found.plan.touched
    held = root(found)
    spec = {**held["spec"], "schedule": "@every 45m"}
    again = {**held, "metadata": {"name": "nightly", "namespace": key[1]}, "spec": spec}
    write(found, Delete(key), Create((key[0], key[1], "nightly"), again))


def pause_the_rollouts(found: Scenario) -> None:
    """Undone, and nothing that comes after it will be rolled out."""
    assert found.plan is not None
    write(found, *(deed for deed in found.plan.repair if isinstance(deed, Patch)))
    found.world.advance(60_000)
    write(found, Patch(found.plan.touched[0], {"spec": {"paused": True}}))


def drop_a_port(found: Scenario) -> None:
    """Undone, and one of the ports that nobody calls just now is gone."""
    assert found.plan is not None
    write(found, *(deed for deed in found.plan.repair if isinstance(deed, Patch)))
    (first, *_) = root(found)["spec"]["ports"]
    write(found, Patch(found.plan.touched[0], [{"op": "replace", "path": "/spec/ports", "value": [first]}], "json"))


def try_more_and_calculate_faster(found: Scenario) -> None:
    """More attempts than ever, and a callee that can do it all the same."""
    caller, callee = (find(found.world, found.application, name) for name in accepted(found))
    env = [{"name": "RPC_MAX_ATTEMPTS", "value": "500"}]
    write(
        found, change_container(caller, {"env": env}), change_container(callee, {"resources": {"limits": {"cpu": "8"}}})
    )


def a_little_more_for_many(found: Scenario) -> None:
    """Another number that is as wrong, and so many pods that none of them has much to do."""
    site = guilty(found)
    limit = site.container["resources"]["limits"]["cpu"]
    more = {"limits": {"cpu": f"{int(limit.removesuffix('m')) + 1}m"}}
    write(found, change_container(site, {"resources": more}), Patch(site.key, {"spec": {"replicas": 30}}))


def one_more_file_for_many(found: Scenario) -> None:
    site = guilty(found)
    shell, flag, line = site.container["command"]
    more = re.sub(r"(ulimit -n )(\d+)", _one_more, line)
    write(found, change_container(site, {"command": [shell, flag, more]}), Patch(site.key, {"spec": {"replicas": 20}}))


def ask_for_next_to_nothing(found: Scenario) -> None:
    """The autoscaler has what it measures, and is at its maximum for ever."""
    site = guilty(found)
    write(found, change_container(site, {"resources": {"requests": {"cpu": "1m"}}}))


def forget_what_it_knew(found: Scenario) -> None:
    """Undone, and the database stands on a claim of its own that is empty."""
    assert found.plan is not None
    write(found, *(deed for deed in found.plan.repair if isinstance(deed, Patch)))
    site = guilty(found)
    spec = site.workload["spec"]["template"]["spec"]
    place, volume = next((n, v) for n, v in enumerate(spec["volumes"]) if "persistentVolumeClaim" in v)
    old = found.world.store.get("persistentvolumeclaims", found.namespace, volume["persistentVolumeClaim"]["claimName"])
    assert old is not None
    wanted = {name: old["spec"][name] for name in ("accessModes", "resources", "storageClassName")}
    fresh = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "fresh"}, "spec": wanted}
    path = f"/spec/template/spec/volumes/{place}/persistentVolumeClaim/claimName"
    write(
        found,
        Create(("persistentvolumeclaims", found.namespace, "fresh"), fresh),
        Patch(site.key, [{"op": "replace", "path": path, "value": "fresh"}], "json"),
    )


def lead_nowhere(found: Scenario) -> None:
    """The name that the release waits for is there, and nobody behind it."""
    assert found.plan is not None
    name = found.plan.marks[-1].key[2]
    meta = {"name": name, "namespace": found.namespace}
    spec = {"selector": {"app": "nobody"}, "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
    write(found, Create(("services", found.namespace, name), service))


def overwrite_the_password(found: Scenario) -> None:
    """The missing key with what is right, and what others read made wrong."""
    assert found.plan is not None
    mark = found.plan.marks[-1]
    held = found.world.store.get(*mark.key)
    assert held is not None
    assert mark.path is not None
    write(found, Patch(mark.key, {"data": {**dict.fromkeys(held["data"], "eA=="), str(mark.path[-1]): mark.value}}))


def one_more_for_many(found: Scenario) -> None:
    """One connection more, and so many pods that nobody waits for the moment."""
    assert found.plan is not None
    key = found.plan.marks[0].key
    site = guilty(found)
    if key[0] == "configmaps":
        (name,) = found.plan.marks[0].path[1:] if found.plan.marks[0].path else ()
        held = found.world.store.get(*key)
        assert held is not None
        write(found, Patch(key, {"data": {name: str(int(held["data"][name]) + 1)}}))
        replace_pods(found)
    else:
        more = [re.sub(r"^(|.*=)(\d+)$", _one_more, word) for word in site.container["args"][-2:]]
        write(found, change_container(site, {"args": [*site.container["args"][:-2], *more]}))
    write(found, Patch(site.key, {"spec": {"replicas": 40}}))


def _one_more(told: re.Match[str]) -> str:
    return f"{told[1]}{int(told[2]) + 1}"


def say_it_twice(found: Scenario) -> None:
    """Of two entries of one name the last counts; and the storm is given time to pass."""
    site = guilty(found)
    env = [entry for entry in site.container["env"] if entry["name"] != "RPC_MAX_ATTEMPTS"]
    twice = [{"name": "RPC_MAX_ATTEMPTS", "value": value} for value in ("1", "8")]
    number = site.workload["spec"]["template"]["spec"]["containers"].index(site.container)
    place = f"/spec/template/spec/containers/{number}/env"
    write(found, Patch(site.key, [{"op": "replace", "path": place, "value": [*env, *twice]}], "json"))
    write(found, Patch(site.key, {"spec": {"replicas": 0}}))
    found.world.advance(120_000)
    write(found, Patch(site.key, {"spec": {"replicas": site.workload["spec"]["replicas"]}}))


def rely_on_what_the_node_has(found: Scenario) -> None:
    """Not pulled again where it is already, and nobody is logged in."""
    site = guilty(found)
    old = found.baseline[site.key]["spec"]["template"]["spec"]["containers"]
    image = next(container["image"] for container in old if container["name"] == site.container["name"])
    write(found, change_container(site, {"imagePullPolicy": "IfNotPresent", "image": image}))


def ask_nobody_who_comes(found: Scenario) -> None:
    """Undone, and the database lets in whoever comes."""
    assert found.plan is not None
    write(found, *(deed for deed in found.plan.repair if isinstance(deed, Patch)))
    site = guilty(found)
    write(found, change_container(site, {"args": [*site.container.get("args", ()), "--noauth"]}))


def mount_nothing(found: Scenario) -> None:
    """An empty folder where the scripts were."""
    assert found.plan is not None
    site = guilty(found)
    volumes = site.workload["spec"]["template"]["spec"]["volumes"]
    lost = found.plan.marks[-1].key[2]
    number = next(n for n, v in enumerate(volumes) if v.get("configMap", {}).get("name") == lost)
    empty = {"name": volumes[number]["name"], "emptyDir": {}}
    path = f"/spec/template/spec/volumes/{number}"
    write(found, Patch(site.key, [{"op": "replace", "path": path, "value": empty}], "json"))


def shut_users_out(found: Scenario) -> None:
    """Undone, and the entry has no port outside the cluster any more."""
    assert found.plan is not None
    write(found, *(deed for deed in found.plan.repair if isinstance(deed, Patch)))
    entry = found.application.service_of(found.application.workload.entry).name
    held = found.world.store.get("services", found.namespace, entry)
    assert held is not None
    ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in held["spec"]["ports"]]
    write(found, Patch(("services", found.namespace, entry), {"spec": {"type": "ClusterIP", "ports": ports}}))


@pytest.mark.parametrize(
    ("fault", "application", "trick", "check", "says"),
    [
        ("bad_liveness_probe", "hotel_reservation", wait_longer_than_anybody_looks, "lost", "asked too late"),
        ("flag_ad_failure", "astronomy_shop", empty_the_file_of_flags, "lost", "flags/cartFailure"),
        ("retry_storm", "gen000", let_the_storm_pass, "fault", "still there"),
        ("network_flaps", "hotel_reservation", call_it_otherwise, "fault", "nightly acts"),
        ("pod_kills", "hotel_reservation", call_it_otherwise, "fault", "nightly acts"),
        ("bad_image_tag", "hotel_reservation", pause_the_rollouts, "lost", "rollouts are paused"),
        ("retry_storm", "gen000", try_more_and_calculate_faster, "fault", "still there"),
        ("cpu_limit", "gen001", a_little_more_for_many, "fault", "still there"),
        ("open_files", "gen000", one_more_file_for_many, "fault", "still there"),
        ("hpa_without_request", "gen001", ask_for_next_to_nothing, "fault", "still there"),
        ("volume_denied", "hotel_reservation", forget_what_it_knew, "lost", "kept folders"),
        ("db_requires_tls", "hotel_reservation", forget_what_it_knew, "lost", "kept folders"),
        ("init_waits", "gen000", lead_nowhere, "fault", "still there"),
        ("connection_limit", "gen000", one_more_for_many, "fault", "still there"),
        ("db_connections", "gen000", one_more_for_many, "fault", "still there"),
        ("cache_connections", "social_network", one_more_for_many, "fault", "still there"),
        ("retry_storm", "gen000", say_it_twice, "fault", "still there"),
        ("pull_secret_lost", "gen001", rely_on_what_the_node_has, "fault", "still there"),
        ("db_requires_tls", "hotel_reservation", ask_nobody_who_comes, "lost", "open to everybody"),
        ("missing_scripts", "hotel_reservation", mount_nothing, "lost", "files"),
        ("wrong_target_port", "gen000", shut_users_out, "lost", "from outside are gone"),
        ("wrong_secret_key", "gen000", overwrite_the_password, "lost", "was changed"),
    ],
)
def test_what_only_looks_mended_fails(
    fault: str, application: str, trick: Callable[[Scenario], None], check: str, says: str
) -> None:
    found = broken(fault, application, 29)
    trick(found)
    outcome = found.grade(None)
    assert not outcome.success
    assert says in str(outcome.detail[check])


def test_a_service_that_was_mended_keeps_its_ports() -> None:
    problems = catalogue.problems(fault="wrong_target_port", kind=TaskKind.DETECTION)
    several = next(
        p.model_copy(update={"kind": TaskKind.MITIGATION})
        for p in problems
        if p.application == "astronomy_shop"
        and len(root(build(ProblemInstance(problem=p, seed=29)))["spec"]["ports"]) > 1
    )
    found = build(ProblemInstance(problem=several, seed=29))
    drop_a_port(found)
    outcome = found.grade(None)
    assert not outcome.success
    assert "ports" in str(outcome.detail["lost"])
