"""One episode of the champion, answered by whatever serves it. The import costs seconds: it brings the engine."""

import time
from collections.abc import Callable

from aoi import progress
from aoi.access.redaction import CREDENTIALS, Level, Strictness
from aoi.agents import narrator
from aoi.agents.deadline import Deadline
from aoi.agents.episode import run_episode
from aoi.agents.evidence import Seen, changes_of, evidence_of
from aoi.agents.rollout import follow
from aoi.agents.situation import Situation
from aoi.problems import catalogue, scenario
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import BROKEN_OFF
from aoi.records.problem import ProblemInstance
from aoi.settings import ServerSettings, derive_seed
from models.bundle import Bundle
from models.identity import Watch
from models.policies.of_bundle import codec_of, policy_of
from tasks.bundles import open_champion, present_champion, serving
from tasks.live import SurveyClock
from tasks.observations import stored, stored_episode, stored_traceback
from tasks.workspace import workspace

HURRY_S = 5.0
"""For the proof that follows an episode whose time is over: somebody waits, and the server may be what kept them."""


def ask_about_problem(problem_id: str, seed: int, clock: SurveyClock, *, budget_s: float | None = None) -> Diagnosis:
    """Of the embedded world of a problem. Raises: UnknownProblem, UnknownBundle without a champion."""
    instance = ProblemInstance(problem=catalogue.get(problem_id), seed=seed)

    def prepare() -> Situation:
        built = scenario.build(instance)
        narrator.surveyed(progress.listener(), built.survey().answer)
        return built

    return ask(prepare, derive_seed(seed, "diagnose", problem_id), clock, budget_s=budget_s)


def episode_s(clock: SurveyClock, budget_s: float | None) -> float:
    """Seconds that an episode may take which begins now."""
    deadline_s = workspace().settings.diagnosis.deadline_s
    return deadline_s if budget_s is None else min(deadline_s, clock.left_s(budget_s))


def level_of(server: ServerSettings) -> Level:
    """What is hidden from the model that answers: nobody else's machine is shown values of configuration by itself."""
    is_strict = server.hides == "values" or (server.hides == "auto" and server.is_elsewhere)
    return Strictness() if is_strict else CREDENTIALS


def ask(
    prepare: Callable[[], Situation], rollout_seed: int, clock: SurveyClock, *, budget_s: float | None = None
) -> Diagnosis:
    """Of any situation, which is not made before there is a champion. Whatever ends the episode, there is an answer.

    `budget_s` is for everything since the clock was made: the episode gets what is left of it, and never more than the
    deadline of the settings.

    Raises: UnknownBundle without a champion; ServerUnavailable if its server never answered; IdentityMismatch if what
    answered is not the champion, whose name no answer of another gets.
    """
    champion = present_champion()
    bundle = open_champion(champion)
    observations = Seen()
    began = time.monotonic()
    situation = prepare()
    with policy_of(bundle, serving()) as policy, clock.counting():  # from here on there is something to tell
        deadline = Deadline(episode_s(clock, budget_s), clock)
        episode = run_episode(
            situation,
            profile=bundle.profile,
            codec=codec_of(bundle),
            arm="champion",
            bundle=bundle.digest,
            rollout_seed=rollout_seed,
            keep=observations.keep,
            keep_traceback=stored_traceback,
            temperature=0.0,
            tell=progress.listener(),
            deadline=deadline,
            level=level_of(workspace().settings.server),
        )
        trajectory = follow(episode, policy, deadline)
    content = trajectory.content
    if content.tokens:  # the model has said something, and is named as who said it
        _prove(bundle, is_cut_short=content.ended in BROKEN_OFF)
    return Diagnosis(
        answer=content.answer,
        evidence=evidence_of(content.answer, observations.by_digest, stored),
        ended=content.ended,
        trajectory=trajectory,
        trajectory_ref=stored_episode(trajectory),
        bundle=bundle.digest,
        version=champion.version,
        seconds=round(time.monotonic() - began, 3),
        tokens=content.tokens,
        costs=content.costs,
        spent_ms=trajectory.provenance.spent_ms,
        changed=changes_of(trajectory),
    )


def _prove(bundle: Bundle, *, is_cut_short: bool) -> None:
    """Show that it was the champion that answered. Raises: IdentityMismatch, ServerUnavailable."""
    how = serving()
    if is_cut_short:
        hurried = how.server.model_copy(update={"timeout_s": min(how.server.timeout_s, HURRY_S)})
        how = how.model_copy(update={"server": hurried})
    Watch(bundle, how, kept=workspace().store).now()
