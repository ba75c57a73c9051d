"""The survey as a whole: nothing that a cluster holds makes it fall, and no secret leaves by it."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.estate.components import Identity
from aoi.estate.finding import Finding, LogKey, Tier
from aoi.estate.survey import merged, named_in
from tests.estate.estates import (
    SHOP,
    ago,
    container,
    deployed,
    died,
    estate_of,
    event,
    owned_by,
    pod,
    running,
    service,
    surveyed,
    thing,
    together,
    waiting,
    workload,
)

_QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_SCALARS = st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats(allow_nan=False) | st.text(max_size=12)
_SCALARS |= st.sampled_from(["²", "-1", "Deployment", "db.shop.svc:5432", "\x00", "a" * 3000, ago(10), "9999-12-31"])
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _everything() -> dict[str, list[dict[str, Any]]]:
    """A namespace with something wrong of many kinds, so that many rules have something to read."""
    env = [
        {"name": "DB_HOST", "value": "nodb:5432"},
        {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "gone"}}},
    ]
    spec = {
        "containers": [
            container(env=env, ports=[{"name": "http", "containerPort": 80}], readinessProbe={"failureThreshold": 3})
        ]
    }
    web = deployed("web", running(ready=False, restarts=3, lastState=died(1)), **spec)
    crash = deployed("crash", waiting("CrashLoopBackOff", lastState=died(137, "OOMKilled"), restartCount=4))
    older = workload("ReplicaSet", "web-5a")
    for made, revision in ((older, "1"), (web["replicasets.apps"][0], "2")):
        made["metadata"]["annotations"] |= {"deployment.kubernetes.io/revision": revision}
    older["metadata"]["ownerReferences"] = [owned_by(web["deployments.apps"][0])]
    job = thing(
        "Job",
        "load",
        spec={"backoffLimit": 1},
        status={"failed": 2, "conditions": [{"type": "Failed", "status": "True"}]},
    )
    unplaced = pod("alone", running(ready=False))
    del unplaced["spec"]["nodeName"]
    unplaced["status"] = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "reason": "Unschedulable",
                "message": "0/1 nodes are available: 1 Insufficient cpu.",
            }
        ],
    }
    unplaced["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    scaler = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3}
    inactive = {"conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric"}]}
    backend = {"service": {"name": "nowhere", "port": {"number": 80}}}
    policy = {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [],
        "egress": [
            {
                "to": [{"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}}],
                "ports": [{"port": 1, "endPort": 9}],
            }
        ],
    }
    chaos = {"selector": {"namespaces": [SHOP], "labelSelectors": {"app": "web"}}, "action": "delay"}
    node = thing(
        "Node",
        "node-1",
        "",
        spec={"unschedulable": True},
        status={"conditions": [{"type": "Ready", "status": "Unknown"}]},
    )
    other = {
        "replicasets.apps": [older],
        "pods": [unplaced, pod("load-1", {**running(ready=False), "state": died(2)}, owner=job)],
        "jobs.batch": [job],
        "cronjobs.batch": [thing("CronJob", "nightly", spec={"jobTemplate": {"spec": {}}}, status={})],
        "daemonsets.apps": [workload("DaemonSet", "agent", 2)],
        "statefulsets.apps": [workload("StatefulSet", "db", 2)],
        "services": [
            service("web", {"app": "web"}),
            service("off", {"app": "wbe"}),
            service("hand"),
            service("db", {"app": "db"}, clusterIP="None"),
        ],
        "configmaps": [thing("ConfigMap", "settings", data={"url": "http://nodb:80"})],
        "persistentvolumeclaims": [
            thing("PersistentVolumeClaim", "data", spec={"storageClassName": "fast"}, status={"phase": "Pending"})
        ],
        "horizontalpodautoscalers.autoscaling": [thing("HorizontalPodAutoscaler", "web", spec=scaler, status=inactive)],
        "ingresses.networking.k8s.io": [
            thing("Ingress", "front", spec={"rules": [{"http": {"paths": [{"backend": backend}]}}]})
        ],
        "networkpolicies.networking.k8s.io": [thing("NetworkPolicy", "shut", spec=policy)],
        "networkchaos.chaos-mesh.org": [thing("NetworkChaos", "slow", spec=chaos)],
        "endpointslices.discovery.k8s.io": [
            thing("EndpointSlice", "hand-1", endpoints=[{"conditions": {"ready": True}}])
        ],
        "endpoints": [thing("Endpoints", "hand", subsets=[{"addresses": [{"ip": "10.1.1.1"}]}])],
        "nodes": [node],
        "httproutes.gateway.networking.k8s.io": [
            thing(
                "HTTPRoute",
                "r",
                spec={"rules": [{"backendRefs": [{"name": "gone", "port": 1}]}]},
                status={"parents": [{"conditions": [{"type": "Accepted", "status": "False"}]}]},
            )
        ],
        "resourcequotas": [thing("ResourceQuota", "q", spec={"hard": {"pods": "1"}}, status={"used": {"pods": "1"}})],
        "limitranges": [thing("LimitRange", "l", spec={"limits": [{"type": "Container", "max": {"cpu": "1"}}]})],
        "poddisruptionbudgets.policy": [
            thing("PodDisruptionBudget", "p", spec={"selector": {"matchLabels": {"app": "web"}}})
        ],
        "storageclasses.storage.k8s.io": [thing("StorageClass", "slow", "")],
        "persistentvolumes": [
            thing("PersistentVolume", "pv", "", spec={"storageClassName": "x"}, status={"phase": "Available"})
        ],
    }
    events = [
        event(
            web["pods"][0],
            "Unhealthy",
            "Readiness probe failed: dial tcp 10.0.0.9:81: connect: connection refused",
            count=9,
        ),
        event(crash["pods"][0], "BackOff", "Back-off restarting failed container"),
        event(other["statefulsets.apps"][0], "FailedCreate", "exceeded quota: q"),
    ]
    return together(web, crash, other, {"events": events})


_WHOLE = orjson.dumps(_everything())
_LOGS = {"web-6f-x": b"ERROR: dial tcp: lookup nodb: no such host\n" * 3, "crash-6f-x": b"Traceback\nKeyError: 'A'\n"}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = [place for step, held in steps for place in _places(held, (*path, step))]
    return [path, *inner] if path else inner


_PLACES = [place for place in _places(orjson.loads(_WHOLE)) if len(place) > 2]


def _put(value: Any, path: tuple[Any, ...], forged: Any) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = forged


@_QUICK
@given(place=st.sampled_from(_PLACES), forged=_JSON)
def test_any_json_in_place_of_any_field_is_read(place, forged):
    objects = orjson.loads(_WHOLE)
    _put(objects, place, forged)
    answer = surveyed(objects, logs=_LOGS, symptoms=["web is down"]).answer
    assert answer.verdict == "fault"  # so much is wrong that no one field hides it all


@pytest.mark.parametrize("forged", [{"a": {}}, [{}], "²"], ids=repr)
def test_each_field_may_hold_each_odd_shape(forged):
    for place in _PLACES:
        objects = orjson.loads(_WHOLE)
        _put(objects, place, forged)
        assert surveyed(objects, logs=_LOGS).answer.verdict == "fault", place


SECRET = "hunter2-Zx9-correct-horse"


def _planted():
    env = [
        {"name": "DB_PASSWORD", "value": SECRET},
        {"name": "DB_URL", "value": f"postgres://app:{SECRET}@nodb:5432/x"},
        {"name": "API_TOKEN", "value": SECRET},
    ]
    spec = {
        "containers": [
            container(env=env, args=[f"--password={SECRET}", "--token", SECRET], command=["run", f"token={SECRET}"])
        ]
    }
    ended = died(1, message=f"login failed: password={SECRET} at postgres://app:{SECRET}@nodb:5432")
    parts = deployed("web", waiting("CrashLoopBackOff", f"password={SECRET}", restartCount=4, lastState=ended), **spec)
    older = workload("ReplicaSet", "web-5a")
    older["metadata"]["ownerReferences"] = [owned_by(parts["deployments.apps"][0])]
    for made, revision in ((older, "1"), (parts["replicasets.apps"][0], "2")):
        made["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": revision}
    pulled = pod("pull", waiting("ErrImagePull", f"GET https://robot:{SECRET}@registry.example/v2/: unauthorized"))
    stuck = pod("stuck", waiting("ContainerCreating"))
    held = thing(
        "ConfigMap",
        "cm",
        data={"db_password": SECRET, "app.conf": f"password: {SECRET}\nurl: http://u:{SECRET}@nodb:80\n"},
    )
    parts["deployments.apps"][0]["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "cm"}}]
    events = [
        event(stuck, "FailedMount", f"mount failed: token={SECRET} for smb://app:{SECRET}@host"),
        event(
            parts["pods"][0], "Unhealthy", f"Liveness probe failed: http://u:{SECRET}@10.0.0.9/health?token={SECRET}"
        ),
    ]
    return together(
        parts, {"replicasets.apps": [older], "pods": [pulled, stuck], "configmaps": [held], "events": events}
    )


def test_no_planted_secret_leaves_by_the_answer_or_by_an_observation():
    logs = {"web-6f-x": f"ERROR password={SECRET}\nERROR cannot reach postgres://app:{SECRET}@nodb:5432\n".encode()}
    survey = surveyed(_planted(), logs=logs, symptoms=["web"])
    assert survey.answer.verdict == "fault"
    assert SECRET not in survey.answer.model_dump_json()
    for finding in survey.findings:
        assert SECRET not in f"{finding.summary} {finding.next}", finding.word
    observed = list(survey.observations)
    assert observed
    for observation in observed:
        assert SECRET not in observation.text, observation.line
        assert SECRET not in observation.line


def _about(label, word="crashloop", *, of_pod=True, container_="main"):
    key = (LogKey(SHOP, f"{label}-1", container_),) if container_ else ()
    return Finding(word, Identity("Deployment", SHOP, label), "s", Tier.ENDED, logs=key, is_of_pod=of_pod)


def test_pods_that_show_the_same_are_one_finding_with_their_number():
    same = [_about("web")] * 3
    assert [(f.owner.name, f.weight) for f in merged([*same, _about("db"), _about("web", container_="side")])] == [
        ("web", 3.0),
        ("db", 1.0),
        ("web", 1.0),
    ]


def test_findings_about_different_things_of_one_component_stay_apart():
    assert len(merged([_about("web", "badconfig", of_pod=False, container_="")] * 2)) == 2


@pytest.mark.parametrize(
    ("symptom", "named"),
    [
        ("web is slow", {"web"}),
        ("Web: 503", {"web"}),
        ("http://web.shop.svc:80/ times out", {"web"}),
        ("pod web-6f-x restarts", {"web"}),
        ("webs and web-x", set()),
        ("entry returns 502", {"web", "entry"}),
        ("", set()),
    ],
)
def test_symptoms_name_components_by_whole_words(symptom, named):
    estate = estate_of(deployed("web"), deployed("db"), {"services": [service("entry", {"app": "web"})]})
    assert {identity.name for identity in named_in(estate, [symptom])} == named


def test_a_name_that_several_kinds_share_means_all_of_them():
    estate = estate_of(deployed("web"), {"statefulsets.apps": [workload("StatefulSet", "web")]})
    assert {identity.kind for identity in named_in(estate, ["web is down"])} == {"Deployment", "StatefulSet"}


def test_that_nobody_looked_for_the_secret_of_a_route_is_told() -> None:
    ingress = thing("Ingress", "front", spec={"tls": [{"hosts": ["shop.example"], "secretName": "front-tls"}]})
    done = surveyed(deployed("web"), {"ingresses.networking.k8s.io": [ingress]})
    assert done.answer.verdict == "no_fault"
    [gap] = done.coverage.lacks("secrets")
    assert "front-tls of Ingress front" in gap.detail
