"""Whatever is sent, `Api.handle` answers: it never raises, never says 500, and refuses without changing anything."""

# ruff: noqa: E501, SIM905 - tables of words and objects read better unbroken

import string
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeworld.api.results import Exec
from kubeworld.api.server import Api
from kubeworld.api.watch import Watch
from kubeworld.bootstrap import empty_world
from kubeworld.kinds.catalogue import KINDS
from kubeworld.machine.identity import ADMIN, ANONYMOUS
from kubeworld.machine.response import Response
from tests.kubeworld.identities import EXECUTOR, PROBE

WORLD = empty_world(1, seed=1)
SNAPSHOT = WORLD.snapshot()
API = Api(WORLD)
MEDIA = (
    "",
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "text/html",
)
NAMES = ("coredns", "kube-dns", "node-1", "default", "x", "", "A_b", "..", "%00", "a" * 300)
PLURALS = sorted({kind.plural for kind in KINDS})
FIELDS = (
    "metadata name namespace labels annotations finalizers ownerReferences uid resourceVersion managedFields spec status "
    "replicas selector matchLabels matchExpressions key operator values template containers image ports containerPort "
    "targetPort env valueFrom resources limits requests cpu memory volumes volumeClaimTemplates clusterIP type data "
    "stringData rules subjects roleRef subresource conditions kind apiVersion deletionTimestamp creationTimestamp $patch "
    "$retainKeys op path value from schedule jobTemplate strategy rollingUpdate maxSurge readinessProbe httpGet port "
    "initContainers affinity tolerations nodeName restartPolicy versions schema openAPIV3Schema names plural group scope"
).split()
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.sampled_from(
        (
            "web",
            "100m",
            "1Gi",
            "-1",
            "25%",
            "",
            "Always",
            "2026-01-05T08:00:00Z",
            "replace",
            "/spec/x",
            "\x00",
            "é" * 80,
        )
    )
    | st.text(max_size=6)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=20,
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str], dict[str, str], bytes]:
    kind = draw(st.sampled_from(KINDS))
    prefix = f"/api/{kind.version}" if not kind.group else f"/apis/{kind.group}/{kind.version}"
    namespace = draw(st.sampled_from(("default", "kube-system", "none", "")))
    path = (
        f"{prefix}/namespaces/{namespace}/{kind.plural}" if kind.namespaced and namespace else f"{prefix}/{kind.plural}"
    )
    if draw(st.booleans()):
        path += "/" + draw(st.sampled_from(NAMES))
        path += draw(st.sampled_from(("", *("/" + name for name in (*kind.subresources, "proxy", "log", "scale")))))
    query = draw(
        st.dictionaries(
            st.sampled_from(
                "watch limit continue labelSelector fieldSelector resourceVersion resourceVersionMatch dryRun fieldManager "
                "force fieldValidation tailLines sinceSeconds sinceTime container command timeoutSeconds sendInitialEvents "
                "propagationPolicy gracePeriodSeconds previous".split()
            ),
            st.sampled_from(
                (
                    "1",
                    "true",
                    "-1",
                    "a=b",
                    "a in (b",
                    "metadata.name=x",
                    "All",
                    "Strict",
                    "x" * 50,
                    "",
                    "\x00",
                    "9" * 30,
                )
            ),
            max_size=3,
        )
    )
    headers = {
        "content-type": draw(st.sampled_from(MEDIA)),
        "accept": draw(st.sampled_from((*MEDIA, "application/json;as=Table;v=v1;g=meta.k8s.io", "*/*"))),
    }
    body: Any = draw(
        JSON.map(lambda value: orjson.dumps(value, default=str) if _fits(value) else b"{}")
        | st.binary(max_size=60)
        | st.binary(max_size=60).map(lambda raw: b"k8s\x00" + raw)
    )
    return (
        draw(st.sampled_from(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"))),
        path,
        query,
        headers,
        body,
    )


def _fits(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True


def check(
    request: tuple[str, str, dict[str, str], dict[str, str], bytes], identity: Any = ADMIN
) -> Response | Watch | Exec:
    method, path, query, headers, body = request
    result = API.handle(method, path, query, headers, body, identity)
    if isinstance(result, Response):
        assert result.status < 500, (request, result.body)
        if result.status >= 400:
            assert orjson.loads(result.body)["kind"] == "Status"
    elif isinstance(result, Watch):
        result.poll()
    return result


FUZZ = settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@FUZZ
@given(requests())
def test_any_request_of_an_administrator_is_answered_and_the_world_settles(request):
    WORLD.restore(SNAPSHOT)
    check(request)
    WORLD.settle()
    WORLD.advance(5_000)


@FUZZ
@given(requests(), st.sampled_from((ANONYMOUS, PROBE)))
def test_who_may_not_write_changes_nothing(request, identity):
    revision = WORLD.store.revision
    check(request, identity)
    assert WORLD.store.revision == revision


@settings(FUZZ, max_examples=200)
@given(st.lists(JSON, min_size=1, max_size=3), st.sampled_from(MEDIA[4:8]), st.sampled_from((ADMIN, EXECUTOR)))
def test_any_patch_of_a_real_object_is_answered(patches, media, identity):
    WORLD.restore(SNAPSHOT)
    for patch in patches:
        body = orjson.dumps(patch) if _fits(patch) else b"{}"
        query = {"fieldManager": "fuzz"}
        for path in ("/apis/apps/v1/namespaces/kube-system/deployments/coredns", "/api/v1/nodes/node-1"):
            check(("PATCH", path, query, {"content-type": media}, body), identity)
    WORLD.settle()
    WORLD.advance(60_000)


@settings(FUZZ, max_examples=200)
@given(st.text(string.printable, max_size=60))
def test_any_path_is_answered(path):
    check(("GET", "/" + path, {}, {}, b""))


POD = {
    "serviceAccountName": "default",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}],
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"labelSelector": {"matchLabels": {"app": "z"}}, "topologyKey": "kubernetes.io/hostname"}
            ]
        }
    },
    "initContainers": [{"name": "i", "image": "busybox"}],
    "containers": [
        {
            "name": "c",
            "image": "web:1",
            "command": ["sleep", "5"],
            "ports": [{"name": "http", "containerPort": 80}],
            "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k", "optional": True}}}],
            "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "2Mi"}},
            "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
            "livenessProbe": {"exec": {"command": ["true"]}, "failureThreshold": 2},
            "lifecycle": {"preStop": {"exec": {"command": ["true"]}}},
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        }
    ],
    "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "claim"}}],
}
TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": POD}
TASK = {"metadata": {"labels": {"app": "t"}}, "spec": {**POD, "restartPolicy": "Never"}}
CHOSEN = {"matchLabels": {"app": "a"}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
METRIC = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
PORTS = [{"port": 80, "targetPort": "http"}]
PEER = {"podSelector": {"matchLabels": {"app": "b"}}}
SCALED = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "one"}
SPECIMENS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("apis/apps/v1|deployments", {"replicas": 2, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}, "selector": CHOSEN, "template": TEMPLATE}),
    ("apis/apps/v1|statefulsets", {"serviceName": "s", "replicas": 2, "selector": CHOSEN, "template": TEMPLATE, "volumeClaimTemplates": [{"metadata": {"name": "w"}, "spec": CLAIM}]}),
    ("apis/apps/v1|daemonsets", {"selector": CHOSEN, "template": TEMPLATE, "updateStrategy": {"rollingUpdate": {"maxUnavailable": "50%"}}}),
    ("apis/batch/v1|jobs", {"completions": 2, "parallelism": 1, "backoffLimit": 1, "activeDeadlineSeconds": 30, "ttlSecondsAfterFinished": 3, "template": TASK}),
    ("apis/batch/v1|cronjobs", {"schedule": "*/1 * * * *", "timeZone": "Etc/UTC", "startingDeadlineSeconds": 20, "jobTemplate": {"spec": {"template": TASK}}}),
    ("api/v1|pods", POD),
    ("api/v1|services", {"type": "NodePort", "selector": {"app": "a"}, "ports": PORTS, "sessionAffinity": "None"}),
    ("api/v1|persistentvolumeclaims", CLAIM),
    ("api/v1|resourcequotas", {"hard": {"pods": "3", "requests.cpu": "1"}, "scopes": ["NotTerminating"]}),
    ("api/v1|limitranges", {"limits": [{"type": "Container", "max": {"memory": "1Gi"}, "default": {"cpu": "1m"}}]}),
    ("apis/autoscaling/v2|horizontalpodautoscalers", {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": SCALED, "metrics": [METRIC]}),
    ("apis/policy/v1|poddisruptionbudgets", {"minAvailable": "50%", "selector": CHOSEN}),
    ("apis/networking.k8s.io/v1|networkpolicies", {"podSelector": {}, "ingress": [{"from": [PEER], "ports": [{"port": 80}]}], "policyTypes": ["Ingress"]}),
)  # fmt: skip


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in children for found in paths_of(item, (*path, key)))]


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_value(value[path[0]], path[1:], new)
    return copy


NEAR = st.sampled_from(
    ([], {}, "", 0, -1, 1, 2, 10**6, 2**31, True, None, "0", "-5", "1e3", "150%", "a/b", "A B", [None], [{}], [[]], {"": ""}, {"a": None})
) | JSON  # fmt: skip


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    where, spec = draw(st.sampled_from(SPECIMENS))
    whole: dict[str, Any] = {
        "metadata": {"name": "one", "labels": {"app": "a"}, "annotations": {"n": "1"}},
        "spec": spec,
    }
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(paths_of(whole)[1:]))
        whole = with_value(whole, path, draw(NEAR))
    prefix, _, plural = where.partition("|")
    return f"/{prefix}/namespaces/default/{plural}", whole


def test_the_objects_that_are_broken_below_are_right():
    for where, spec in SPECIMENS:
        WORLD.restore(SNAPSHOT)
        prefix, _, plural = where.partition("|")
        body = orjson.dumps({"metadata": {"name": "one"}, "spec": spec})
        result = check(("POST", f"/{prefix}/namespaces/default/{plural}", {}, {}, body))
        assert isinstance(result, Response)
        assert result.status == 201, result.body


@settings(FUZZ, max_examples=600)
@given(broken())
def test_objects_that_are_almost_right_are_refused_or_lived_with(found):
    path, whole = found
    WORLD.restore(SNAPSHOT)
    if not _fits(whole):
        return
    result = check(("POST", path, {}, {}, orjson.dumps(whole)))
    WORLD.settle()
    if isinstance(result, Response) and result.status == 201:
        stored = orjson.loads(result.body)
        WORLD.advance(90_000)
        check(("GET", path, {}, {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}, b""))
        check(
            (
                "GET",
                "/api/v1/namespaces/default/pods",
                {},
                {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"},
                b"",
            )
        )
        check(("DELETE", f"{path}/{stored['metadata']['name']}", {}, {}, b""))
        WORLD.advance(60_000)
