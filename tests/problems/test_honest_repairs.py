"""Other repairs than the golden one, as people make them: the strict grade passes each."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from aoi.problems import catalogue
from aoi.problems.faults.base import Among, Mark, Such
from aoi.problems.faults.starts import SCHEMES
from aoi.problems.scenario import Scenario
from aoi.problems.writes import Create, Patch
from aoi.records.problem import TaskKind
from kubeworld.machine.store import Obj
from tests.problems.repairing import broken, change_container, guilty, replace_pods, write


def marks(found: Scenario) -> tuple[Mark, ...]:
    assert found.plan is not None
    return found.plan.marks


def added(found: Scenario) -> dict[str, Any]:
    """What the fault put into a list of the template."""
    return next(item for mark in marks(found) if isinstance(mark.value, Among) for item in mark.value.items)


def made(found: Scenario, resource: str, kind: str, name: str, fields: Obj) -> None:
    meta = {"name": name, "namespace": found.namespace}
    write(
        found, Create((resource, found.namespace, name), {"apiVersion": "v1", "kind": kind, "metadata": meta, **fields})
    )


def raise_the_bound(found: Scenario) -> None:
    bound = {"type": "Container", "max": {"memory": "8Gi"}}
    write(found, Patch(marks(found)[0].key, {"spec": {"limits": [bound]}}))
    found.world.advance(900_000)


def give_defaults(found: Scenario) -> None:
    bound = {"type": "Container", "default": {"cpu": "500m", "memory": "512Mi"}}
    made(found, "limitranges", "LimitRange", "filled-in", {"spec": {"limits": [bound]}})
    found.world.advance(900_000)


def tolerate(found: Scenario) -> None:
    (taint,) = (mark.value for mark in marks(found) if mark.key[0] == "nodes")
    toleration = {"key": taint["key"], "operator": "Equal", "value": taint["value"], "effect": taint["effect"]}
    write(found, Patch(guilty(found).key, {"spec": {"template": {"spec": {"tolerations": [toleration]}}}}))


def make_the_certificate(found: Scenario) -> None:
    name = added(found)["secret"]["secretName"]
    made(
        found, "secrets", "Secret", name, {"type": "kubernetes.io/tls", "data": {"tls.crt": "eA==", "tls.key": "eA=="}}
    )


def make_the_variable(found: Scenario) -> None:
    asked = added(found)["valueFrom"]["configMapKeyRef"]
    made(found, "configmaps", "ConfigMap", asked["name"], {"data": {asked["key"]: "100"}})


def copy_the_scripts(found: Scenario) -> None:
    name = added(found)["configMap"]["name"]
    spec = found.baseline[guilty(found).key]["spec"]["template"]["spec"]
    volume = next(v for v in spec["volumes"] if v["name"] == added(found)["name"])
    original = found.world.store.get("configmaps", found.namespace, volume["configMap"]["name"])
    assert original is not None
    made(found, "configmaps", "ConfigMap", name, {"data": original["data"]})


def copy_the_login(found: Scenario) -> None:
    name = marks(found)[-1].key[2]
    original = found.world.store.get("secrets", found.namespace, found.application.pull_secret)
    assert original is not None
    made(found, "secrets", "Secret", name, {"type": original["type"], "data": original["data"]})


def serve_what_is_awaited(found: Scenario) -> None:
    """The Service that the release waits for, in front of the pods that another one already leads to."""
    name = marks(found)[-1].key[2]
    base = next(c for c in sorted(found.application.by_name, key=len, reverse=True) if name.startswith(c))
    spec = next(s for s in found.world.store.objects("services", found.namespace) if s["metadata"]["name"] == base)[
        "spec"
    ]
    made(found, "services", "Service", name, {"spec": {"selector": spec["selector"], "ports": spec["ports"]}})


def add_the_key(found: Scenario) -> None:
    asked = added(found)["valueFrom"]["secretKeyRef"]
    spec = found.baseline[guilty(found).key]["spec"]["template"]["spec"]
    entries = [entry for container in spec["containers"] for entry in container.get("env", ())]
    before = next(entry["valueFrom"]["secretKeyRef"] for entry in entries if entry["name"] == added(found)["name"])
    held = found.world.store.get("secrets", found.namespace, asked["name"])
    assert held is not None
    write(
        found, Patch(("secrets", found.namespace, asked["name"]), {"data": {asked["key"]: held["data"][before["key"]]}})
    )


def wait_for_the_start(found: Scenario) -> None:
    site = guilty(found)
    handler = {
        k: v for k, v in site.container["livenessProbe"].items() if k in ("httpGet", "tcpSocket", "grpc", "exec")
    }
    probe = {**handler, "periodSeconds": 5, "failureThreshold": 60}
    write(found, change_container(site, {"startupProbe": probe}))


def log_in_by_the_account(found: Scenario) -> None:
    account = marks(found)[-1].key
    write(found, Patch(account, {"imagePullSecrets": [{"name": found.application.pull_secret}]}))
    replace_pods(found)


def fewer_attempts(found: Scenario) -> None:
    site = guilty(found)
    write(found, change_container(site, {"env": [{"name": "RPC_MAX_ATTEMPTS", "value": "1"}]}))


def more_files(found: Scenario) -> None:
    site = guilty(found)
    shell, flag, line = site.container["command"]
    command = [shell, flag, re.sub(r"ulimit -n \d+", "ulimit -n 65536", line)]
    write(found, change_container(site, {"command": command}))


def ask_by_default(found: Scenario) -> None:
    """A LimitRange says for the container what it asks for."""
    bound = {"type": "Container", "defaultRequest": {"cpu": "200m"}}
    made(found, "limitranges", "LimitRange", "asks-for", {"spec": {"limits": [bound]}})
    replace_pods(found)


def tell_it_the_database(found: Scenario) -> None:
    """The variable that the migration was not given, as the variants with a wrong one would have it right."""
    site = guilty(found)
    callees = [found.application.by_name[name] for name in site.spec.callees]
    database = next(c for c in callees if c.kind == "database" and c.protocol in SCHEMES)
    login = next((each.database for each in site.spec.logins if each.database_component == database.name), "app")
    url = f"{SCHEMES[database.protocol]}://{found.application.host_of(database.name)}:{database.port}/{login}"
    init = {"name": added(found)["name"], "env": [{"name": "DATABASE_URL", "value": url}]}
    write(found, Patch(site.key, {"spec": {"template": {"spec": {"initContainers": [init]}}}}, "strategic"))


def start_it_by_a_shell(found: Scenario) -> None:
    """The program that it should have been, as people write it who want a shell around it."""
    site = guilty(found)
    right = " ".join(site.spec.command)
    write(found, change_container(site, {"command": ["sh", "-c", f"exec {right}"]}))


REPAIRS: list[tuple[str, Callable[[Scenario], None]]] = [
    ("limit_range", raise_the_bound),
    ("quota_needs_limits", give_defaults),
    ("taint_no_execute", tolerate),
    ("missing_certificate", make_the_certificate),
    ("stalled_reference", make_the_variable),
    ("missing_scripts", copy_the_scripts),
    ("stalled_login", copy_the_login),
    ("stalled_login", log_in_by_the_account),
    ("pull_secret_lost", log_in_by_the_account),
    ("init_waits", serve_what_is_awaited),
    ("wrong_secret_key", add_the_key),
    ("eager_liveness", wait_for_the_start),
    ("retry_storm", fewer_attempts),
    ("open_files", more_files),
    ("wrong_binary", start_it_by_a_shell),
    ("hpa_without_request", ask_by_default),
    ("init_fails", tell_it_the_database),
]


def fits(fault: str, repair: Callable[[Scenario], None], found: Scenario) -> bool:
    """Whether the repair is one of this world: a fault is drawn in variants."""
    last = marks(found)[-1]
    if repair is copy_the_login:
        return last.key[0] == "secrets"
    if repair is log_in_by_the_account:
        return last.key[0] == "serviceaccounts"
    if repair is tell_it_the_database:
        return isinstance(added(found).get("env"), Such)
    if repair is serve_what_is_awaited:
        return any(last.key[2].startswith(name) for name in found.application.by_name)
    return True


@pytest.mark.parametrize(("fault", "repair"), REPAIRS, ids=lambda value: getattr(value, "__name__", value))
def test_another_honest_repair_passes(fault: str, repair: Callable[[Scenario], None]) -> None:
    applications = list(dict.fromkeys(p.application for p in catalogue.problems(fault=fault, kind=TaskKind.DETECTION)))
    worlds = (broken(fault, key, seed) for key in applications[:8] for seed in (77, 31, 8))
    found = next(one for one in worlds if fits(fault, repair, one))
    assert not found.fork().grade(None).success
    repair(found)
    outcome = found.grade(None)
    assert outcome.success, outcome.detail
