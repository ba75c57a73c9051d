"""Pruning: smaller in memory, and the same to every rule."""

import tracemalloc

import orjson
import pytest

from aoi.estate.hosts import settings_of
from aoi.estate.objects import containers, main_container
from aoi.estate.pruning import MAX_VALUE, Pruner
from aoi.estate.rules.configuration import references
from tests.estate.estates import container, pod, thing

TOKEN = {"name": "kube-api-access-x7k2p", "projected": {"sources": [{"serviceAccountToken": {}}]}}
MOUNT = {"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets"}


def _pod(label="web-1", **spec):
    main = container(
        "main", env=[{"name": "DB_HOST", "value": "db"}], volumeMounts=[MOUNT, {"name": "v", "mountPath": "/v"}]
    )
    made = pod(
        label,
        containers=[main, container("log")],
        initContainers=[container("init", volumeMounts=[MOUNT])],
        volumes=[{"name": "v", "configMap": {"name": "cm"}}, TOKEN],
        **spec,
    )
    made["metadata"] |= {
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:a": {}}}],
        "annotations": {"kubectl.kubernetes.io/default-container": "log", "long": "x" * 9000},
    }
    return made


def test_what_rules_read_of_a_pod_is_unchanged():
    made = _pod()
    pruned = Pruner().prune(orjson.loads(orjson.dumps(made)))
    assert pruned["status"] == made["status"]
    assert main_container(pruned) == "log"
    assert [(c.role, c.name, c.status) for c in containers(pruned)] == [
        (c.role, c.name, c.status) for c in containers(made)
    ]
    assert list(references(pruned["spec"])) == list(references(made["spec"]))
    assert list(settings_of(pruned["spec"], {})) == list(settings_of(made["spec"], {}))
    for key in ("nodeName",):
        assert pruned["spec"][key] == made["spec"][key]
    kept = {key: value for key, value in made["metadata"].items() if key not in ("managedFields", "annotations")}
    assert kept.items() <= pruned["metadata"].items()


def test_what_every_pod_gets_and_nobody_reads_is_dropped():
    written = orjson.dumps(Pruner().prune(_pod()))
    assert b"kube-api-access" not in written
    assert b"managedFields" not in written
    assert b"x" * 300 not in written


def test_an_objects_own_copy_is_left_alone():
    made = _pod()
    before = orjson.dumps(made)
    Pruner().prune(made)
    assert orjson.dumps(made) == before


def test_pods_with_one_spec_share_it_and_keep_their_own_nodes():
    pruner = Pruner()
    first, second = (pruner.prune(_pod(f"web-{at}", nodeName=f"node-{at}")) for at in range(2))
    assert first["spec"]["containers"] is second["spec"]["containers"]
    assert (first["spec"]["nodeName"], second["spec"]["nodeName"]) == ("node-0", "node-1")
    other = pruner.prune(_pod("web-9", priority=7))
    assert other["spec"]["priority"] == 7
    assert "priority" not in first["spec"]


def test_a_thousand_pods_of_one_owner_take_less_than_half_the_memory():
    def grown(make) -> int:
        tracemalloc.start()
        kept = [make(orjson.loads(orjson.dumps(_pod(f"web-{at}")))) for at in range(1000)]
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(kept) == 1000
        return taken

    assert grown(Pruner().prune) * 2 < grown(lambda made: made)


def test_long_entries_of_maps_are_shortened_and_their_keys_kept():
    made = thing("ConfigMap", "cm", data={"a": "x" * 10**6, "b": "db:5432"}, binaryData={"c": "AAAA" * 1000})
    pruned = Pruner().prune(made)
    assert len(pruned["data"]["a"]) == MAX_VALUE
    assert (pruned["data"]["b"], pruned["binaryData"]) == ("db:5432", {"c": ""})


@pytest.mark.parametrize("key", ["metadata", "spec", "status", "data"])
@pytest.mark.parametrize(
    "forged",
    [
        None,
        [],
        "",
        3,
        [1],
        {"containers": "x", "volumes": 7, "annotations": []},
        {"containers": [None, {"volumeMounts": [3]}], "volumes": ["v"]},
    ],
)
@pytest.mark.parametrize("kind", ["Pod", "ConfigMap", "Service"])
def test_odd_shapes_are_kept_as_they_come(kind, key, forged):
    assert Pruner().prune({**thing(kind, "x"), key: forged})["kind"] == kind
