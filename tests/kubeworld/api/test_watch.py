"""Watches resume, end with 410 and tell of what enters and leaves a selection."""

import orjson
import pytest

from kubeworld.api.watch import INITIAL_EVENTS_END, Watch
from kubeworld.machine.identity import ADMIN

MAPS = "/api/v1/namespaces/shop/configmaps"
MERGE = "application/merge-patch+json"


def watch(cluster, path=MAPS, **query):
    result = cluster.api.handle("GET", path, {"watch": "true", **query}, {}, b"", ADMIN)
    assert isinstance(result, Watch)
    return result


def events(opened, **more):
    return [
        (event["type"], event["object"].get("metadata", {}).get("name") or event["object"].get("code"))
        for event in map(orjson.loads, opened.poll(**more))
    ]


def put(cluster, name, **labels):
    cluster.post(MAPS, {"metadata": {"name": name, "labels": labels}})


def test_a_watch_starts_with_what_exists_and_follows_changes(cluster):
    put(cluster, "a")
    opened = watch(cluster)
    assert events(opened) == [("ADDED", "a")]
    put(cluster, "b")
    cluster.patch(f"{MAPS}/a", {"data": {"k": "v"}}, MERGE)
    cluster.send("DELETE", f"{MAPS}/b")
    assert events(opened) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    assert events(opened) == []


def test_a_watch_resumes_after_the_revision_of_a_list_without_gap_or_repeat(cluster):
    put(cluster, "a")
    revision = cluster.get(MAPS)["metadata"]["resourceVersion"]
    put(cluster, "b")
    assert events(watch(cluster, resourceVersion=revision)) == [("ADDED", "b")]


def test_objects_that_enter_or_leave_a_selection_are_added_or_deleted(cluster):
    put(cluster, "a", tier="web")
    opened = watch(cluster, labelSelector="tier=web", resourceVersion=cluster.get(MAPS)["metadata"]["resourceVersion"])
    cluster.patch(f"{MAPS}/a", {"metadata": {"labels": {"tier": "db"}}}, MERGE)
    cluster.patch(f"{MAPS}/a", {"data": {"k": "v"}}, MERGE)
    cluster.patch(f"{MAPS}/a", {"metadata": {"labels": {"tier": "web"}}}, MERGE)
    assert events(opened) == [("DELETED", "a"), ("ADDED", "a")]


def test_a_watch_sees_its_own_namespace_and_kind_only(cluster):
    cluster.post("/api/v1/namespaces", {"metadata": {"name": "other"}})
    opened = watch(cluster)
    cluster.post("/api/v1/namespaces/other/configmaps", {"metadata": {"name": "x"}})
    cluster.pod()
    assert events(opened) == []
    assert events(watch(cluster, "/api/v1/configmaps")) == [("ADDED", "x")]


@pytest.mark.parametrize("revision", ["999999", "soon"])
def test_an_unknown_revision_is_410(cluster, revision):
    opened = watch(cluster, resourceVersion=revision)
    assert events(opened) == [("ERROR", 410)]
    assert not opened.is_open


def test_a_compacted_revision_is_410(cluster):
    cluster.world.store.LOG_LIMIT = 20
    for number in range(30):
        put(cluster, f"m{number}")
    assert events(watch(cluster, resourceVersion="3")) == [("ERROR", 410)]


def test_restoring_the_world_ends_its_watches(cluster):
    opened = watch(cluster)
    point = cluster.world.snapshot()
    put(cluster, "a")
    cluster.world.restore(point)
    put(cluster, "b")
    assert events(opened) == [("ERROR", 410)]
    assert not opened.is_open
    assert events(opened) == []


def test_initial_events_end_with_an_annotated_bookmark(cluster):
    put(cluster, "a")
    opened = watch(cluster, sendInitialEvents="true", resourceVersionMatch="NotOlderThan", allowWatchBookmarks="true")
    added, bookmark = map(orjson.loads, opened.poll())
    assert added["type"] == "ADDED"
    assert bookmark["object"]["metadata"]["annotations"] == {INITIAL_EVENTS_END: "true"}


def test_bookmarks_come_only_when_allowed_and_when_the_world_moved(cluster):
    allowed, plain = watch(cluster, allowWatchBookmarks="true"), watch(cluster)
    assert events(allowed, bookmark=True) == []
    cluster.pod()
    assert [kind for kind, _ in events(allowed, bookmark=True)] == ["BOOKMARK"]
    assert events(plain, bookmark=True) == []


def test_a_table_watch_sends_its_columns_once(cluster):
    put(cluster, "a")
    put(cluster, "b")
    headers = {"accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
    opened = cluster.api.handle("GET", MAPS, {"watch": "true"}, headers, b"", ADMIN)
    first, second = (orjson.loads(line)["object"] for line in opened.poll())
    assert [column["name"] for column in first["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert second["columnDefinitions"] is None
    assert second["rows"][0]["cells"][0] == "b"
