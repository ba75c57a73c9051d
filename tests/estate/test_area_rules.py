"""Storage, nodes, configuration, network, Services, routes and rollouts: the broken beside its healthy look-alike."""

import pytest

from aoi.estate.rules.changes import changes
from aoi.estate.rules.configuration import configuration
from aoi.estate.rules.network import network
from aoi.estate.rules.nodes import nodes
from aoi.estate.rules.routes import routes
from aoi.estate.rules.services import services
from aoi.estate.rules.storage import storage
from tests.estate.estates import (
    ago,
    container,
    deployed,
    estate_of,
    event,
    pod,
    running,
    service,
    thing,
    told,
    waiting,
    workload,
)

CLASSES = {
    "storageclasses.storage.k8s.io": [thing("StorageClass", "slow", "", volumeBindingMode="WaitForFirstConsumer")]
}


def _claim(phase="Pending", wanted="fast", **spec):
    spec |= {} if wanted is None else {"storageClassName": wanted}
    return {"persistentvolumeclaims": [thing("PersistentVolumeClaim", "data", spec=spec, status={"phase": phase})]}


def _user(phase="Pending"):
    made = pod(
        "db-0", waiting("ContainerCreating"), volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    )
    made["status"]["phase"] = phase
    return {"pods": [made]}


@pytest.mark.parametrize(
    ("parts", "unread", "expected"),
    [
        ((_claim("Bound"), _user("Running")), (), []),
        ((_claim(), _user()), (), [("noclass", "Pod/db-0", "failing")]),
        ((_claim(), _user()), ("storageclasses.storage.k8s.io",), [("unbound", "Pod/db-0", "failing")]),
        ((_claim(wanted="slow"),), (), []),  # bound when a pod that uses it is placed
        ((_claim("Lost"), _user("Running")), (), [("released", "Pod/db-0", "failing")]),
        ((_user(),), (), [("noclaim", "Pod/db-0", "failing")]),
        ((_user(),), ("persistentvolumeclaims",), []),
        ((_user("Running"),), (), []),
        ((_claim(),), (), [("noclass", "PersistentVolumeClaim/data", "failing")]),
    ],
)
def test_claims_are_told_by_what_keeps_them_from_their_volume(parts, unread, expected):
    assert told(storage(estate_of(*parts, CLASSES, unread=unread))) == expected


def test_a_class_need_not_exist_for_a_volume_made_by_hand():
    volume = thing("PersistentVolume", "pv", "", spec={"storageClassName": "fast"}, status={"phase": "Available"})
    findings = storage(estate_of(_claim(), _user(), CLASSES, {"persistentvolumes": [volume]}))
    assert [finding.word for finding in findings] == ["unbound"]


def test_a_provisioners_words_are_told():
    claim = _claim(wanted="slow")
    said = event(claim["persistentvolumeclaims"][0], "ProvisioningFailed", "quota of disks exceeded")
    (finding,) = storage(estate_of(claim, CLASSES, {"events": [said]}))
    assert "quota of disks exceeded" in finding.summary


def _node(*conditions, **spec):
    states = [{"type": kind, "status": status, "reason": "R", "message": "m"} for kind, status in conditions]
    return {"nodes": [thing("Node", "node-1", "", spec=spec, status={"conditions": states})]}


@pytest.mark.parametrize(
    ("node", "ready", "expected"),
    [
        (_node(("Ready", "True")), False, []),
        (_node(("Ready", "Unknown")), False, [("nodedown", "Deployment/web", "failing")]),
        (_node(("Ready", "False")), True, [("nodedown", "Node/node-1", "suspect")]),
        (_node(("Ready", "True"), ("DiskPressure", "True")), False, [("nodedown", "Deployment/web", "failing")]),
        (_node(("Ready", "True"), ("DiskPressure", "False")), False, []),
        (_node(("Ready", "True"), unschedulable=True), False, []),  # nobody waits for a node
    ],
)
def test_a_node_is_told_where_pods_of_ours_suffer(node, ready, expected):
    assert told(nodes(estate_of(deployed("web", running(ready=ready)), node))) == expected


def test_a_cordoned_node_is_suspicious_where_a_pod_waits_for_one():
    made = pod("x", waiting(""))
    del made["spec"]["nodeName"]
    made["status"]["phase"] = "Pending"
    assert told(nodes(estate_of({"pods": [made]}, _node(("Ready", "True"), unschedulable=True)))) == [
        ("cordoned", "Node/node-1", "suspect")
    ]


def _needs(reference, *maps, unread=()):
    spec = {"containers": [container(env=[{"name": "A", "valueFrom": {"configMapKeyRef": reference}}])]}
    return [
        f.word for f in configuration(estate_of(deployed("web", **spec), {"configmaps": list(maps)}, unread=unread))
    ]


def test_a_map_that_is_needed_and_absent_is_suspicious():
    held = thing("ConfigMap", "cm", data={"a": "1"}, binaryData={"b": "AA=="})
    assert _needs({"name": "cm", "key": "a"}, held) == []
    assert _needs({"name": "cm", "key": "b"}, held) == []
    assert _needs({"name": "cm", "key": "z"}, held) == ["missingkey"]
    assert _needs({"name": "mc", "key": "a"}, held) == ["missingconfig"]
    assert _needs({"name": "mc", "key": "a", "optional": True}, held) == []
    assert _needs({"name": "mc", "key": "a"}, held, unread=["configmaps"]) == []


def _configured(value, unread=()):
    spec = {"containers": [container(env=[{"name": "DB_HOST", "value": value}])]}
    held = [
        service("db", {"app": "db"}, port=5432, clusterIP="10.96.0.7"),
        service("heads", {"app": "db"}, port=1, clusterIP="None"),
        service("out", type="ExternalName", externalName="x.example.com"),
    ]
    return [
        (f.word, f.standing)
        for f in configuration(estate_of(deployed("web", **spec), {"services": held}, unread=unread))
    ]


@pytest.mark.parametrize(
    "value",
    [
        "db",
        "db:5432",
        "db.shop.svc:5432",
        "heads:9999",
        "out:443",
        "api.blog:80",
        "api.example.com:443",
        "localhost:80",
    ],
)
def test_addresses_that_lead_somewhere_or_elsewhere_are_no_finding(value):
    assert _configured(value) == []


@pytest.mark.parametrize("value", ["bd:5432", "bd", "bd.shop.svc.cluster.local:5432", "db:5433", "10.96.0.7:99"])
def test_an_address_that_leads_nowhere_is_suspicious(value):
    assert _configured(value) == [("badconfig", "suspect")]


def test_an_address_in_services_that_were_not_read_is_no_finding():
    assert _configured("bd:5432", unread=["services"]) == []


def _policy(**spec):
    return {
        "networkpolicies.networking.k8s.io": [
            thing("NetworkPolicy", "p", spec={"podSelector": {"matchLabels": {"app": "db"}}, **spec})
        ]
    }


CALLS = {"containers": [container(env=[{"name": "DB_HOST", "value": "db:5432"}])]}
SERVED = {"services": [service("db", {"app": "db"}, port=5432)]}


def test_a_policy_that_stops_a_configured_call_is_suspicious_and_one_that_lets_it_is_not():
    other, web = [{"from": [{"podSelector": {"matchLabels": {"app": app}}}]} for app in ("other", "web")]
    parts = (deployed("web", **CALLS), deployed("db"), SERVED)
    assert told(network(estate_of(*parts, _policy(ingress=[other])))) == [("netpolicy", "Deployment/db", "suspect")]
    assert told(network(estate_of(*parts, _policy(ingress=[web])))) == []
    assert told(network(estate_of(*parts))) == []


@pytest.mark.parametrize(
    ("state", "is_told"),
    [({}, True), ({"experiment": {"desiredPhase": "Run"}}, True), ({"experiment": {"desiredPhase": "Stop"}}, False)],
)
def test_an_experiment_is_told_while_it_acts(state, is_told):
    chaos = thing(
        "NetworkChaos", "slow", spec={"action": "delay", "selector": {"labelSelectors": {"app": "web"}}}, status=state
    )
    findings = network(estate_of(deployed("web"), deployed("db"), {"networkchaos.chaos-mesh.org": [chaos]}))
    assert told(findings) == ([("chaos", "Deployment/web", "failing")] if is_told else [])


def _served(*held, unread=()):
    return told(
        services(
            estate_of(
                deployed("web", containers=[container(ports=[{"name": "http", "containerPort": 8080}])]),
                {"services": list(held)},
                unread=unread,
            )
        )
    )


def _port(target):
    return service("entry", {"app": "web"}, ports=[{"port": 80, "targetPort": target}])


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (_port(8080), []),
        (_port("http"), []),
        (_port("htpp"), [("targetport", "Service/entry", "failing")]),
        (_port(8081), [("targetport", "Service/entry", "suspect")]),
        (service("entry", {"app": "wep"}), [("selector", "Service/entry", "failing")]),
        (service("entry", {"app": "payments"}), [("noendpoints", "Service/entry", "suspect")]),
        (service("entry"), [("noendpoints", "Service/entry", "suspect")]),
        (service("entry", type="ExternalName"), []),
    ],
)
def test_a_service_is_told_by_what_is_behind_it(held, expected):
    assert _served(held) == expected


def test_a_service_selects_nothing_only_if_all_pods_were_read():
    assert _served(service("entry", {"app": "wep"}), unread=["pods"]) == []


def test_ports_that_pods_do_not_declare_at_all_are_healthy():
    assert told(services(estate_of(deployed("web"), {"services": [_port(8081)]}))) == []


def _ingress(name, port):
    backend = {"service": {"name": name, "port": {"number": port} if isinstance(port, int) else {"name": port}}}
    return {
        "ingresses.networking.k8s.io": [
            thing("Ingress", "front", spec={"rules": [{"http": {"paths": [{"backend": backend}]}}]})
        ]
    }


@pytest.mark.parametrize(
    ("name", "port", "unread", "words"),
    [
        ("db", 5432, (), []),
        ("bd", 5432, (), ["noservice"]),
        ("db", 80, (), ["targetport"]),
        ("db", "pg", (), ["targetport"]),
        ("bd", 1, ("services",), []),
    ],
)
def test_a_route_is_told_where_its_service_or_port_does_not_exist(name, port, unread, words):
    assert [f.word for f in routes(estate_of(deployed("db"), SERVED, _ingress(name, port), unread=unread))] == words


def _revised(ready, age_s=600, status=None, made_s=7200, done_s=None, **changed):
    parts = deployed("web", status or running(ready=ready), **changed)
    parts["pods"][0]["metadata"]["creationTimestamp"] = ago(made_s)
    if done_s is not None:
        done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
        parts["deployments.apps"][0]["status"] = {"conditions": [{**done, "lastUpdateTime": ago(done_s)}]}
    older = workload("ReplicaSet", "web-5a")
    newest = parts["replicasets.apps"][0]
    for made, revision, pod_hash in ((older, "9", "5a"), (newest, "10", "6f")):
        made["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": revision}
        made["metadata"]["labels"] = {"pod-template-hash": pod_hash}
    older["metadata"]["ownerReferences"] = newest["metadata"]["ownerReferences"]
    newest["metadata"]["creationTimestamp"] = ago(age_s)
    parts["pods"][0]["metadata"]["labels"]["pod-template-hash"] = "6f"
    parts["replicasets.apps"].append(older)
    return told(changes(estate_of(parts)))


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (container(image="registry.example/main:2"), "badimage"),
        (container(command=["x"]), "badcommand"),
        (container(args=["x"]), "badargs"),
        (container(env=[{"name": "A", "value": "1"}]), "badenv"),
        (container(livenessProbe={"httpGet": {"path": "/"}}), "liveness"),
        (container(resources={"limits": {"memory": "1Mi"}}), "oomkilled"),
    ],
)
def test_what_a_rollout_changed_is_a_lead_where_it_does_not_come_up(changed, word):
    assert _revised(False, containers=[changed]) == [(word, "Deployment/web", "suspect")]
    assert _revised(True, containers=[changed]) == []
    assert _revised(False, age_s=5, containers=[changed]) == []
    assert _revised(False) == []


def _loops(restarts, attempt_s=1):
    ended = {"exitCode": 1, "startedAt": ago(30 + attempt_s), "finishedAt": ago(30)}
    return waiting("CrashLoopBackOff", lastState={"terminated": ended}) | {"restartCount": restarts}


@pytest.mark.parametrize(
    ("history", "is_lead"),
    [
        ({"done_s": 10_000, "made_s": 600}, False),  # its pods were made anew, and those before worked
        ({"done_s": 10_000, "made_s": 10_001, "status": _loops(5)}, False),  # five restarts take a quarter of an hour
        ({"done_s": 10_000, "made_s": 10_001, "status": _loops(40)}, True),  # since the rollout, or not
        ({"done_s": 10_000, "made_s": 10_001, "status": _loops(2, 4_000)}, True),  # it dies of it after an hour
        ({"done_s": 1_000, "made_s": 600}, True),  # too soon after it
        ({"made_s": 600}, True),  # it never came up
    ],
)
def test_a_rollout_that_worked_for_long_is_no_cause(history, is_lead):
    changed = {"containers": [container(image="registry.example/main:2")]}
    found = _revised(False, age_s=10_030, **history, **changed)
    assert [word for word, _, _ in found] == (["badimage"] if is_lead else [])
