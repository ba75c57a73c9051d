"""AOI plays in an orchestrator of AIOpsLab's protocol, with a real kubectl against an embedded cluster."""

import asyncio
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from aoi.errors import ClusterUnavailable, Permanent, UnknownNamespace
from aoi.interop.aiopslab import Agent, Place
from aoi.records.episode import Answer
from aoi.records.problem import TaskKind
from tests.interop.orchestrator import NEXT, Shell, begin, call_of, play, served

READ = r"kubectl get --raw '/apis?/[A-Za-z0-9/._-]+(\?[A-Za-z0-9=&%._~-]*)?' 2>&1"
LINE = re.compile(
    rf"date -u \+aoi-\w+-%Y-%m-%dT%H:%M:%SZ(; {READ} && echo aoi-[\w-]+-ok \|\| echo aoi-[\w-]+-failed)+; true"
)
"""All that an agent may let a shell run."""


class Cut:
    """A shell whose output is cut after so many characters, as some keepers of transcripts do."""

    def __init__(self, shell: Shell, most: int) -> None:
        self._shell, self._most = shell, most

    def run(self, command: str) -> str:
        return self._shell.run(command)[: self._most]


class Broken:
    """A shell that cannot run anything."""

    def __init__(self, said: str) -> None:
        self.said, self.asked = said, 0

    def run(self, command: str) -> str:
        self.asked += 1
        return self.said


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ("misconfig_app_hotel_res-detection-1", "Yes"),
        ("noop_detection_hotel_reservation-1", "No"),
        ("assign_to_non_existent_node_social_net-localization-1", ["user-service"]),
        ("k8s_target_port-misconfig-localization-2", ["text-service"]),
        (
            "scale_pod_zero_social_net-analysis-1",
            {"system_level": "Virtualization", "fault_type": "Operation Error"},
        ),
    ],
)
def test_the_survey_alone_solves_a_problem_in_few_steps_and_only_reads(
    problem: str, expected: Any, tmp_path: Path
) -> None:
    agent = Agent()
    with served(tmp_path / "shell", problem) as (built, shell):
        played = asyncio.run(play(agent, built.instance.problem.kind, built.namespace, shell, max_steps=10))
        assert played.submitted == expected
        assert built.grade(agent.answer).success
    assert played.steps <= 5
    assert agent.steps == len(shell.lines) == played.steps - 1
    assert all(LINE.fullmatch(line) for line in shell.lines)


def test_a_mitigation_is_submitted_without_having_changed_anything(tmp_path: Path) -> None:
    with served(tmp_path / "shell", "misconfig_app_hotel_res-mitigation-1") as (built, shell):
        agent = Agent()
        played = asyncio.run(play(agent, TaskKind.MITIGATION, built.namespace, shell, max_steps=10))
        assert played.submitted == ()
        assert agent.answer is not None
        assert agent.answer.component == "geo"
        assert all(LINE.fullmatch(line) for line in shell.lines)


def test_what_was_cut_off_is_asked_again_and_what_stays_unread_is_a_gap(tmp_path: Path) -> None:
    with served(tmp_path / "shell", "noop_detection_hotel_reservation-1") as (built, shell):
        agent = Agent(max_steps=4)
        asyncio.run(play(agent, TaskKind.DETECTION, built.namespace, Cut(shell, 60_000), max_steps=4))
    assert agent.answer is not None
    assert agent.answer.verdict == "inconclusive", "nobody says no fault of what was cut off"
    assert agent.answer.coverage is not None
    assert agent.answer.coverage.gaps
    assert agent.answer.coverage.looked


def test_the_last_step_is_kept_for_the_submission(tmp_path: Path) -> None:
    with served(tmp_path / "shell", "misconfig_app_hotel_res-detection-1") as (built, shell):
        played = asyncio.run(play(Agent(max_steps=2), TaskKind.DETECTION, built.namespace, shell, max_steps=2))
    assert played.is_submitted
    assert played.steps == 2
    assert played.submitted == "Yes", "a crash loop shows in the lists"


@pytest.mark.parametrize("said", ["", "sh: 1: kubectl: not found", "[ERROR] Command execution failed: timed out"])
def test_a_shell_that_cannot_read_ends_in_a_submission_that_claims_no_fault_found(said: str) -> None:
    agent, shell = Agent(), Broken(said)
    played = asyncio.run(play(agent, TaskKind.LOCALIZATION, "shop", shell, max_steps=10))
    assert played.submitted == []
    assert shell.asked == 2, "it does not ask a broken shell to the last step"
    assert agent.answer is None
    assert isinstance(agent.error, ClusterUnavailable)


@pytest.mark.parametrize(
    "said", [None, 7, b"\xff: not found", {"output": "x"}, ["x"]], ids=lambda said: type(said).__name__
)
def test_an_observation_that_is_no_text_is_no_crash(said: object) -> None:
    async def act() -> str:
        begin(agent, TaskKind.LOCALIZATION, "shop")
        for _ in range(10):
            action = await agent.get_action(said)
            if call_of(action)[0] == "submit":
                break
        return action

    agent = Agent(max_steps=10)
    assert call_of(asyncio.run(act())) == ("submit", ([],))
    assert isinstance(agent.error, ClusterUnavailable)


def test_a_namespace_that_is_not_there_is_no_crash(tmp_path: Path) -> None:
    agent = Agent()
    with served(tmp_path / "shell", "noop_detection_hotel_reservation-1") as (_, shell):
        played = asyncio.run(play(agent, TaskKind.DETECTION, "elsewhere", shell, max_steps=10))
    assert played.submitted == "No"
    assert isinstance(agent.error, (UnknownNamespace, ClusterUnavailable))


def test_one_agent_plays_one_problem_after_another_also_after_one_that_was_left(tmp_path: Path) -> None:
    agent = Agent()

    async def left() -> None:
        begin(agent, TaskKind.DETECTION, "shop")
        await agent.get_action(NEXT)

    asyncio.run(left())
    with served(tmp_path / "shell", "misconfig_app_hotel_res-localization-1") as (built, shell):
        played = asyncio.run(play(agent, TaskKind.LOCALIZATION, built.namespace, shell, max_steps=10))
    assert played.submitted == ["geo"]


def test_an_orchestrator_that_gives_up_waiting_ends_the_diagnosis() -> None:
    ends: list[str] = []

    def slow(place: Place) -> Answer:
        try:
            place.survey()
        except ClusterUnavailable as error:
            ends.append(str(error))
            raise
        raise AssertionError("it read something")

    async def give_up() -> str:
        agent = Agent(slow)
        begin(agent, TaskKind.DETECTION, "shop")
        await agent.get_action(NEXT)
        agent.close()
        return await agent.get_action("nobody reads this")

    assert call_of(asyncio.run(give_up())) == ("submit", ("No",))
    assert "no further action" in ends[0]


def test_a_cancelled_wait_ends_the_diagnosis_and_what_was_seen_is_submitted() -> None:
    gate = threading.Event()

    def waits(place: Place) -> Answer:
        gate.wait(30)
        return place.survey().answer

    async def cancel() -> str:
        agent = Agent(waits)
        begin(agent, TaskKind.DETECTION, "shop")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(agent.get_action(NEXT), 0.05)
        gate.set()
        return await agent.get_action(NEXT)

    assert call_of(asyncio.run(cancel())) == ("submit", ("No",))


def test_a_defect_of_a_diagnosis_is_heard_of_and_not_turned_into_an_answer() -> None:
    def defective(place: Place) -> Answer:
        raise ZeroDivisionError("a defect")

    async def ask() -> str:
        agent = Agent(defective)
        begin(agent, TaskKind.DETECTION, "shop")
        return await agent.get_action(NEXT)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(ask())


def test_an_action_is_not_asked_for_before_a_problem_and_one_step_is_too_few() -> None:
    with pytest.raises(Permanent, match="init_context"):
        asyncio.run(Agent().get_action(NEXT))
    with pytest.raises(Permanent, match="max_steps"):
        Agent(max_steps=1)
