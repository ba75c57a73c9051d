"""The store's indexes always say what a scan of its tables would say."""

from random import Random

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeworld.machine.store import Store, fork
from kubeworld.machine.table import RUN_LIMIT, Table

OWNERS = ("u1", "u2", "u3")
LABELS = ({}, {"app": "a"}, {"app": "a", "tier": "a"}, {"app": "b", "tier": "a"})
steps = st.lists(
    st.tuples(
        st.sampled_from(["create", "bind", "own", "label", "select", "delete", "snapshot", "restore"]),
        st.integers(0, 6),
        st.sampled_from(["a", "b"]),
        st.lists(st.sampled_from(OWNERS), max_size=2),
    ),
    max_size=40,
)


def references(uids):
    return [{"uid": uid, "name": uid, "kind": "X", "apiVersion": "v1", "controller": True} for uid in uids]


def check(store):
    pods = store.objects("pods")
    assert [p["metadata"]["name"] for p in pods] == sorted(p["metadata"]["name"] for p in pods)
    for node in ("", "a", "b"):
        assert list(store.pods_on(node)) == [pod for pod in pods if pod["spec"].get("nodeName", "") == node]
    for uid in OWNERS:
        expected = [p for p in pods if uid in {r["uid"] for r in p["metadata"].get("ownerReferences") or ()}]
        assert store.owned("pods", uid) == expected
        assert store.dependents(uid) == [("pods", ("ns", pod["metadata"]["name"])) for pod in expected]
    assert store.objects("pods", "ns") == pods
    assert store.orphans("pods", "ns") == [p for p in pods if not p["metadata"].get("ownerReferences")]
    assert store.objects("pods", "other") == []
    services = [one for one in store.objects("services", "ns") if one["spec"]["selector"]]
    for labels in LABELS:
        carriers = [pod for pod in pods if labels.items() <= pod["metadata"].get("labels", {}).items()]
        assert store.pods_labelled("ns", labels) == carriers
        selecting = [one for one in services if one["spec"]["selector"].items() <= labels.items()]
        assert store.services_selecting("ns", labels) == selecting


@settings(max_examples=200, deadline=None)
@given(steps)
def test_indexes_equal_scans_through_writes_and_restores(sequence):
    store = Store(1, lambda: "2026-01-05T08:00:00Z")
    saved = store.snapshot()
    for kind, number, node, owners in sequence:
        name = f"p{number}"
        pod = store.get("pods", "ns", name)
        if kind == "create" and pod is None:
            meta = {"name": name, "namespace": "ns", "ownerReferences": references(owners)}
            store.create("pods", {"metadata": meta, "spec": {}})
        elif kind == "bind" and pod is not None:
            changed, spec = fork(pod, "spec")
            spec["nodeName"] = node
            store.update("pods", changed)
        elif kind == "own" and pod is not None:
            changed, meta = fork(pod, "metadata")
            meta["ownerReferences"] = references(owners)
            store.update("pods", changed)
        elif kind == "label" and pod is not None:
            changed, meta = fork(pod, "metadata")
            meta["labels"] = LABELS[len(owners)] if node == "a" else LABELS[-1]
            store.update("pods", changed)
        elif kind == "select":
            service = {"metadata": {"name": name, "namespace": "ns"}, "spec": {"selector": LABELS[number % 4]}}
            if store.get("services", "ns", name) is None:
                store.create("services", service)
            else:
                store.update("services", {**service, "spec": {"selector": LABELS[len(owners)]}})
        elif kind == "delete" and pod is not None:
            store.delete("pods", "ns", name)
        elif kind == "snapshot":
            saved = store.snapshot()
        elif kind == "restore":
            store.restore(saved)
        check(store)


def as_json(table, namespace=None):
    pieces = table.json(namespace)
    return None if pieces is None else orjson.loads(b"[" + b",".join(pieces) + b"]")


def test_a_table_of_many_runs_and_its_copies_each_list_their_own_objects_in_order():
    random, kinds = Random(5), {"kind": "X", "apiVersion": "v1"}
    table, copies = Table(), []
    for step in range(6 * RUN_LIMIT * 8):
        name = (random.choice(("", "a", "ab", "b")), f"n{random.randrange(6 * RUN_LIMIT)}")
        obj = {**kinds, "step": step}
        if name not in table.by_name:
            table.add(name, obj)
        elif random.random() < 0.6:
            table.replace(name, obj)
        else:
            assert table.remove(name)["kind"] == "X"
        if step % 1000 == 0:
            copies.append((table, dict(table.by_name)))
            table = table.copy()
            assert as_json(table) == table.objects()  # both fill what the runs that they share remember
    for one, expected in [*copies, (table, dict(table.by_name))]:
        assert one.objects() == as_json(one) == [expected[name] for name in sorted(expected)]
        for namespace in ("", "a", "ab", "b", "c"):
            wanted = [expected[name] for name in sorted(expected) if name[0] == namespace]
            assert one.objects(namespace) == as_json(one, namespace) == wanted
    assert Table(dict(table.by_name)).objects() == table.objects()


def test_an_object_that_does_not_say_its_kind_has_no_json_of_its_own():
    table = Table({("", "a"): {"kind": "X", "apiVersion": "v1"}})
    assert table.json() == [b'{"kind":"X","apiVersion":"v1"}']
    table.add(("", "b"), {"metadata": {}})
    assert table.json() is None
