"""Behaviours that change while a cluster runs: what follows at once, what follows later, and what is left alone."""

import pytest
import yaml

from kubeworld.behaviours import BadBehaviours, BehavioursFile, apply, parse
from kubeworld.bootstrap import empty_world
from tests.kubeworld.behaviours.conftest import PODS, last, state, status

HTTP = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2}


def test_probes_of_running_containers_follow_at_once(described):
    described.start("app", seconds=60, readinessProbe=HTTP, livenessProbe=HTTP)
    described.behave("- {match: {pod: app}, probes: {readiness: broken, liveness: ok}}")
    pod = described.after(5, "app")
    assert not status(pod)["ready"]
    assert "Readiness probe failed: broken" in described.events("app", "Unhealthy")
    described.behave("")
    assert status(described.after(3, "app"))["ready"]


def test_an_exit_that_is_new_for_a_running_container_counts_from_now(described):
    described.start("app", seconds=3600)
    described.behave("- {match: {pod: app}, exit: {after_s: 5, code: 9}}")
    assert "running" in state(described.after(4, "app"))
    assert last(described.after(3, "app"))["exitCode"] == 9


def test_an_exit_that_stays_as_it_was_is_not_moved_by_a_change_beside_it(described):
    described.behave("- {match: {pod: app}, exit: {after_s: 10, code: 9}, log: [a]}")
    described.start("app", seconds=8)
    described.behave("- {match: {pod: app}, exit: {after_s: 10, code: 9}, log: [b]}")
    assert last(described.after(4, "app"))["exitCode"] == 9


def test_an_exit_that_is_taken_away_does_not_come(described):
    described.behave("- {match: {pod: app}, exit: {after_s: 10, code: 9}}")
    described.start("app", seconds=8)
    described.behave("")
    pod = described.after(600, "app")
    assert "running" in state(pod)
    assert status(pod)["restartCount"] == 0


def test_what_ends_by_its_own_command_ends_again_once_nobody_says_otherwise(described):
    described.behave("- {match: {pod: app}, exit: {after_s: 100000}}")
    described.start("app", seconds=600, command=["sh", "-c", "exit 5"])
    described.behave("")
    assert last(described.after(4, "app"))["exitCode"] == 5


def test_a_stopped_kubelet_is_a_node_that_is_not_ready_and_loses_its_pods(described):
    described.start("app", seconds=10)
    node = described.get(f"{PODS}/app")["spec"]["nodeName"]
    described.behave(f"- {{node: '{node[:-1]}[{node[-1]}]', ready: false}}")
    answer = described.send("GET", f"{PODS}/app/log")
    assert answer.status == 500
    assert b":10250: connect: connection refused" in answer.body
    described.world.advance(60_000)
    shown = described.get(f"/api/v1/nodes/{node}")
    ready = next(each for each in shown["status"]["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("Unknown", "NodeStatusUnknown")
    taints = [(taint["key"], taint["effect"]) for taint in shown["spec"]["taints"]]
    assert ("node.kubernetes.io/unreachable", "NoExecute") in taints
    assert described.after(400, "app")["metadata"]["deletionTimestamp"]
    described.behave("")
    described.world.advance(60_000)
    assert "taints" not in described.get(f"/api/v1/nodes/{node}")["spec"]
    assert described.send("GET", f"{PODS}/app").status == 404


def test_a_node_that_joins_later_meets_its_entry_and_true_brings_one_back(described):
    described.behave("- {node: spare-*, ready: false}")
    assert described.send("POST", "/api/v1/nodes", {"metadata": {"name": "spare-1"}}).status == 201
    described.world.advance(60_000)
    assert _is_ready(described, "spare-1") == "Unknown"
    described.behave("[{node: spare-1, ready: true}, {node: spare-*, ready: false}]")
    described.world.advance(1000)
    assert _is_ready(described, "spare-1") == "True"


def _is_ready(described, node):
    conditions = described.get(f"/api/v1/nodes/{node}")["status"]["conditions"]
    return next(condition["status"] for condition in conditions if condition["type"] == "Ready")


@pytest.fixture
def followed(tmp_path):
    file = tmp_path / "behaviours.yaml"
    file.write_text("- {match: {}, exit: {code: 1}}\n")
    said: list[str] = []
    world = empty_world(1, seed=1)
    return file, world, BehavioursFile(file, [world], said.append), said


def test_a_file_is_read_again_once_whoever_writes_it_has_paused(followed):
    file, world, watched, said = followed
    watched.look()
    assert said == []
    file.write_text("")
    watched.look()
    file.write_text("- {match: {}, exit: {code: 22}}\n- {node: x, ready: true}\n")
    watched.look()
    assert world.runtime.current.containers[0].ending.plan.code == 1
    watched.look()
    assert world.runtime.current.containers[0].ending.plan.code == 22
    assert said == [f"{file}: read again, 2 entries"]
    watched.look()
    assert len(said) == 1


@pytest.mark.parametrize("spoil", ["bad", "gone"])
def test_a_file_that_turns_bad_changes_nothing_and_is_said_once(followed, spoil):
    file, world, watched, said = followed
    before = world.runtime.current
    if spoil == "bad":
        file.write_text("- {match: {}, exit: {code: none}}\n")
    else:
        file.unlink()
    for _ in range(4):
        watched.look()
    (message,) = said
    assert message.startswith(str(file))
    assert message.endswith("The behaviours stay as they were.")
    assert world.runtime.current is before
    file.write_text("- {match: {pod: later}, exit: {code: 1}}\n")
    watched.look()
    watched.look()
    assert world.runtime.current.containers[0].match.pod == "later"


def test_a_bad_file_at_the_start_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        BehavioursFile(tmp_path / "none.yaml", [], print)
    file = tmp_path / "behaviours.yaml"
    file.write_text("- 1")
    with pytest.raises(BadBehaviours):
        BehavioursFile(file, [], print)


def test_a_world_that_goes_back_in_time_forgets_the_changes_that_came_after():
    world = empty_world(1, seed=1)
    point = world.snapshot()
    world.advance(10_000)
    apply(world, parse(yaml.safe_load("- {match: {}, log: [later]}")))
    world.restore(point)
    apply(world, parse(yaml.safe_load("- {match: {}, log: [first]}")))
    assert [entry.log.source for entry in world.runtime.current.containers] == [b"first\n"]
