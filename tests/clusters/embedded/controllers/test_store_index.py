"""The store's indexes always say what a scan of its tables would say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.clusters.embedded.store import Store, fork

OWNERS = ("u1", "u2", "u3")
steps = st.lists(
    st.tuples(
        st.sampled_from(["create", "bind", "own", "delete", "snapshot", "restore"]),
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
        assert store.pods_on(node) == [pod for pod in pods if pod["spec"].get("nodeName", "") == node]
    for uid in OWNERS:
        expected = [p for p in pods if uid in {r["uid"] for r in p["metadata"].get("ownerReferences") or ()}]
        assert store.owned("pods", uid) == expected
        assert store.dependents(uid) == [("pods", ("ns", pod["metadata"]["name"])) for pod in expected]
    assert store.objects("pods", "ns") == pods
    assert store.orphans("pods", "ns") == [p for p in pods if not p["metadata"].get("ownerReferences")]
    assert store.objects("pods", "other") == []


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
        elif kind == "delete" and pod is not None:
            store.delete("pods", "ns", name)
        elif kind == "snapshot":
            saved = store.snapshot()
        elif kind == "restore":
            store.restore(saved)
        check(store)
