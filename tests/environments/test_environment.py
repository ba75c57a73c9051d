"""One environment for everybody's agent: what it tells, what it refuses, how it ends."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aoi.errors import Permanent, UnknownProblem
from aoi.interop.environments import Environment
from aoi.interop.environments.sets import problem_ids
from aoi.interop.environments.tools import TOOLS, schema_of
from aoi.interop.environments.trl import Tools
from aoi.language.lexicon import ACTIONS
from aoi.problems import catalogue
from aoi.problems.preparing import prepare

FIXED = "k8s_target_port-misconfig-mitigation-1"
FOUND = "k8s_target_port-misconfig-localization-1"
HEALTHY = "noop_detection_hotel_reservation-1"


@pytest.fixture(scope="module")
def mitigation() -> Environment:
    environment = Environment()
    environment.reset(FIXED, seed=1)
    return environment


def test_a_repair_that_the_oracle_accepts_is_rewarded(mitigation: Environment) -> None:
    episode = mitigation.fork()
    assert episode.call("act", {"action": "fix_port", "component": "user-service"}).text.startswith("ok")
    seen = episode.call("submit", {})
    assert (seen.reward, seen.is_done) == (1.0, True)


def test_a_submission_without_a_repair_is_not_rewarded(mitigation: Environment) -> None:
    seen = mitigation.fork().call("submit", {})
    assert seen.reward == 0.0
    assert seen.detail["fault"]


def test_what_one_session_changes_no_other_sees(mitigation: Environment) -> None:
    one, other = mitigation.fork(), mitigation.fork()
    look = {"command": "kubectl describe service user-service"}
    before = other.fork().call("kubectl", look).text
    one.call("act", {"action": "fix_port", "component": "user-service"})
    fresh = Environment()
    fresh.reset(FIXED, seed=1)
    assert one.call("kubectl", look).text != before
    assert other.call("kubectl", look).text == fresh.call("kubectl", look).text == before


def test_the_same_calls_bring_the_same_words() -> None:
    calls = [("kubectl", {"command": "kubectl get pods"}), ("traces", {}), ("metrics", {"query": "up"})]
    said = []
    for _ in "ab":
        environment = Environment()
        said.append([environment.reset(FOUND, seed=3).text, *(environment.call(*call).text for call in calls)])
    assert said[0] == said[1]


def test_nothing_that_is_said_names_the_answer() -> None:
    environment = Environment()
    told = environment.reset(FOUND, seed=2).text
    fault = catalogue.get(FOUND).fault
    assert fault is not None
    assert FOUND not in told
    assert fault not in told
    assert set(environment.call("kubectl", {"command": "kubectl get svc"}).detail) == set()


@pytest.mark.parametrize(
    "call",
    [
        ("kubectl", {"command": "kubectl delete pod x"}),
        ("kubectl", {"command": "kubectl get secrets -o yaml"}),
        ("kubectl", {"command": "rm -rf /"}),
        ("kubectl", {}),
        ("kubectl", {"command": 7}),
        ("kubectl", {"command": "kubectl get pods", "more": 1}),
        ("exec", {"pod": "../../secrets", "command": "ls"}),
        ("exec", {"pod": "nobody", "command": "'"}),
        ("metrics", {"query": "sum("}),
        ("metrics", {"query": "up", "minutes": -1}),
        ("act", {"action": "restart", "component": "user-service"}),
        ("submit", {"verdict": "perhaps"}),
        ("submit", {"components": ["x"] * 99}),
        ("sudo", {}),
    ],
)
def test_a_call_that_cannot_be_answered_costs_a_step_and_changes_nothing(call: tuple[str, dict[str, object]]) -> None:
    environment = Environment()
    environment.reset(FOUND, seed=1)
    before = environment.state.steps
    seen = environment.call(*call)
    assert not seen.is_done
    assert any(word in seen.text for word in ("refused", "error", "no tool", ": "))
    assert environment.state.steps == before + 1


def test_an_episode_ends_with_its_last_step() -> None:
    environment = Environment(max_steps=2)
    environment.reset(HEALTHY)
    assert not environment.call("kubectl", {"command": "kubectl get pods"}).is_done
    seen = environment.call("kubectl", {"command": "kubectl get pods"})
    assert (seen.is_done, seen.reward) == (True, 0.0)
    with pytest.raises(Permanent, match="over"):
        environment.call("submit", {"verdict": "no_fault"})


def test_an_observation_is_bounded_and_says_what_it_left_out() -> None:
    environment = Environment(max_chars=400)
    environment.reset(FOUND)
    text = environment.call("kubectl", {"command": "kubectl get pods -o yaml"}).text
    assert len(text) < 500
    assert "characters left out" in text


def test_calls_before_a_problem_are_refused() -> None:
    with pytest.raises(Permanent, match="reset"):
        Environment().call("submit", {})
    with pytest.raises(UnknownProblem):
        Environment().reset("nothing-of-that-name")
    with pytest.raises(Permanent, match="draw"):
        Environment().reset()


def test_a_seed_draws_the_same_problem_everywhere() -> None:
    drawn = []
    for _ in "ab":
        environment = Environment(problem_ids("aiopslab"))
        environment.reset(seed=11)
        environment.call("submit", {})
        drawn.append(environment.state.problem)
    assert drawn[0] == drawn[1]
    assert drawn[0] in problem_ids("aiopslab")


@pytest.mark.parametrize("problem", [FIXED, FOUND])
def test_whoever_acts_is_told_the_problems_id_once_the_episode_is_over(problem: str) -> None:
    environment = Environment()
    told = [environment.reset(problem, seed=1).text, str(environment.state)]
    told += [environment.call("kubectl", {"command": "kubectl get pods"}).text, str(environment.state)]
    told.append(str(environment.fork().state))
    mechanism = catalogue.get(problem).fault
    assert not [text for text in told if problem in text or str(mechanism) in text]
    environment.call("submit", {})
    assert environment.state.problem == problem


def test_every_tool_is_described_without_references() -> None:
    for name in TOOLS:
        schema = schema_of(name)
        assert schema["description"]
        assert "$ref" not in str(schema)
    assert schema_of("act")["parameters"]["properties"]["action"]["enum"] == list(ACTIONS)


def test_trl_is_shown_the_tools_of_one_rollout_with_its_reward() -> None:
    tools = Tools()
    assert "on call" in tools.reset(problem=FOUND, seed=1)
    assert "user-service" in tools.kubectl("kubectl get svc")
    tools.submit(components=["user-service"])
    assert tools.get_reward() == 1.0
    assert tools.kubectl("kubectl get svc") == "the episode is over"
    tools.reset(problem=FOUND, seed=1)
    assert tools.get_reward() == 0.0


@pytest.mark.parametrize("seed", [-1, "1", 2**63])
def test_a_seed_that_is_none_is_refused_in_words(seed: Any) -> None:
    with pytest.raises(Permanent, match="expected a whole number from 0 to"):
        Environment().reset("misconfig_app_hotel_res-detection-1", seed)


def test_sessions_in_threads_build_the_world_that_they_share_once() -> None:
    before = prepare.cache_info().misses
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: Environment().reset(FOUND, seed=977).text, range(4)))
    assert len(set(said)) == 1
    assert prepare.cache_info().misses == before + 1
