"""One episode of the champion, answered by whatever serves it. The import costs seconds: it brings the engine."""

import time
from collections.abc import Callable

from aoi.agents.episode import run_episode
from aoi.agents.evidence import Seen, changes_of, evidence_of
from aoi.agents.rollout import rollout
from aoi.agents.situation import Situation
from aoi.problems import catalogue, scenario
from aoi.records.diagnosis import Diagnosis
from aoi.records.problem import ProblemInstance
from aoi.settings import derive_seed
from aoi.store.shards import put_traceback, put_trajectories
from models.policies.of_bundle import codec_of, policy_of
from tasks.bundles import champion_ref, open_bundle, present_champion, serving
from tasks.observations import stored
from tasks.workspace import workspace


def ask_about_problem(problem_id: str, seed: int) -> Diagnosis:
    """Of the embedded world of a problem. Raises: UnknownProblem, UnknownBundle without a champion."""
    instance = ProblemInstance(problem=catalogue.get(problem_id), seed=seed)
    return ask(lambda: scenario.build(instance), derive_seed(seed, "diagnose", problem_id))


def ask(prepare: Callable[[], Situation], rollout_seed: int) -> Diagnosis:
    """Of any situation, which is not made before there is a champion. Raises: UnknownBundle without one."""
    champion = present_champion()
    bundle = open_bundle(champion_ref(champion))
    observations = Seen()
    began = time.monotonic()
    episode = run_episode(
        prepare(),
        profile=bundle.profile,
        codec=codec_of(bundle),
        arm="champion",
        bundle=bundle.digest,
        rollout_seed=rollout_seed,
        keep=observations.keep,
        keep_traceback=lambda traceback: put_traceback(workspace().store, traceback),
        temperature=0.0,
    )
    with policy_of(bundle, serving()) as policy:
        trajectory = rollout([episode], policy)[0]
    content = trajectory.content
    return Diagnosis(
        answer=content.answer,
        evidence=evidence_of(content.answer, observations.by_digest, stored),
        ended=content.ended,
        trajectory=trajectory,
        trajectory_ref=put_trajectories(workspace().store, "diagnose", [trajectory]).short,
        bundle=bundle.digest,
        version=champion.version,
        seconds=round(time.monotonic() - began, 3),
        tokens=content.tokens,
        changed=changes_of(trajectory),
    )
