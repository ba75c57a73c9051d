"""Events as the recorder writes them: counted, combined, limited, expired."""

from kubeworld.kinds.events import record
from tests.kubeworld.controllers.cluster import NAMESPACE, create, deployment, events_of, get, make_world


def world_with_subject():
    world = make_world()
    create(world, "configmaps", {"metadata": {"name": "subject", "namespace": NAMESPACE}})
    return world, get(world, "configmaps", "subject")


def write(world, subject, message, reason="Tested", component="tester"):
    record(world, "configmaps", subject, reason, message, component=component)


def test_a_repeated_event_is_counted_and_keeps_its_first_time():
    world, subject = world_with_subject()
    write(world, subject, "hello")
    world.advance(7_000)
    write(world, subject, "hello")
    (event,) = events_of(world, "subject")
    assert event["count"] == 2
    assert event["firstTimestamp"] != event["lastTimestamp"] == world.clock.rfc3339()


def test_different_messages_reasons_and_sources_are_different_events():
    world, subject = world_with_subject()
    write(world, subject, "hello")
    write(world, subject, "bye")
    write(world, subject, "hello", reason="Other")
    write(world, subject, "hello", component="somebody")
    assert [event["count"] for event in events_of(world, "subject")] == [1, 1, 1, 1]


def test_the_eleventh_similar_event_is_combined():
    world, subject = world_with_subject()
    for number in range(15):
        write(world, subject, f"number {number}")
    events = events_of(world, "subject")
    assert len(events) == 11
    (combined,) = [e for e in events if e["message"].startswith("(combined from similar events): ")]
    assert (combined["message"], combined["count"]) == ("(combined from similar events): number 14", 5)


def test_a_flood_is_cut_off_and_refilled_slowly():
    world, subject = world_with_subject()
    for _ in range(100):
        write(world, subject, "again")
    (event,) = events_of(world, "subject")
    assert event["count"] == 25
    world.advance(300_000)
    for _ in range(10):
        write(world, subject, "again")
    (event,) = events_of(world, "subject")
    assert event["count"] == 26


def test_names_are_unique_and_follow_the_order_of_writing():
    world, subject = world_with_subject()
    for number in range(9):
        write(world, subject, f"number {number}")
    events = events_of(world, "subject")
    assert [event["message"] for event in events] == [f"number {number}" for number in range(9)]
    assert all(event["metadata"]["name"].startswith("subject.") for event in events)


def test_events_expire_after_an_hour_and_leave_no_timer():
    world = make_world()
    create(world, "deployments.apps", deployment("geo"))
    world.advance(3_500_000)
    assert events_of(world, "geo")
    world.advance(300_000)
    assert world.store.objects("events") == []
    assert world.clock.next_at_ms() is None


def test_an_event_that_recurs_outlives_its_hour():
    world, subject = world_with_subject()
    for _ in range(8):
        write(world, subject, "still here")
        world.advance(1_000_000)
    (event,) = events_of(world, "subject")
    assert event["count"] == 8


def test_an_event_names_its_object_exactly():
    world, subject = world_with_subject()
    write(world, subject, "hello")
    (event,) = events_of(world, "subject")
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "subject",
        "namespace": NAMESPACE,
        "uid": subject["metadata"]["uid"],
        "resourceVersion": subject["metadata"]["resourceVersion"],
    }
    assert world.store.events_about(subject["metadata"]["uid"]) == [event]
