"""Diagnose the world of a problem with the champion, or namespaces of a live cluster with whoever can answer.

Needs the store and the ledger, neither Prefect nor MLflow; a survey of a live cluster needs no model either.
"""

import time
from collections.abc import Callable

from aoi.agents.conclusion import concluded, looks_of
from aoi.agents.episode import run_episode
from aoi.agents.evidence import Seen, changes_of, evidence_of
from aoi.agents.rollout import rollout
from aoi.agents.situation import Situation
from aoi.agents.survey import LiveSituation
from aoi.problems import catalogue, scenario
from aoi.records.diagnosis import Diagnosis
from aoi.records.problem import ProblemInstance
from aoi.settings import derive_seed
from aoi.store.shards import put_traceback, put_trajectories
from models.policies.of_bundle import codec_of, policy_of
from tasks.bundles import champion_ref, open_bundle, present_champion, serving
from tasks.live import INTERRUPTED, LiveTarget, SurveyClock, Surveyed, connected, look
from tasks.workspace import workspace

__all__ = ["LiveTarget", "SurveyClock", "diagnose_live", "diagnose_problem"]

OBSERVATION = "observation"
"""Kind of the stored objects that evidence cites: what commands printed, redacted."""
DIAGNOSIS = "diagnosis"
"""Kind of the stored diagnoses."""


def diagnose_problem(problem_id: str, seed: int) -> Diagnosis:
    """Diagnose the embedded world of a problem. Raises: UnknownProblem, UnknownBundle without a champion."""
    instance = ProblemInstance(problem=catalogue.get(problem_id), seed=seed)
    return _kept(_ask_champion(lambda: scenario.build(instance), derive_seed(seed, "diagnose", problem_id)))


def diagnose_live(target: LiveTarget, *, is_demonstration: bool = False, clock: SurveyClock | None = None) -> Diagnosis:
    """Look at namespaces of a live cluster, with an identity that was proven to be able to do nothing but look.

    The survey answers by its own rules. Where a model server is set the champion answers beside it; the seed model
    knows the problem set and nothing else, so it does only for a demonstration.
    Raises: SettingsError for an identity that can do more, ClusterUnavailable, UnknownNamespace, UnknownBundle without
    a champion.
    """
    settings = workspace().settings
    is_asked = bool(settings.server.url) or is_demonstration
    if is_asked:
        present_champion()  # whoever has none is told before a minute of looking
    began = time.monotonic()
    with connected(target, settings.cluster) as transport:
        surveyed = look(transport, target, settings.cluster, clock)
        is_cut = clock is not None and clock.is_stopped
        if is_cut or not is_asked:
            return _kept(_of_survey(surveyed, target, INTERRUPTED if is_cut else "survey", time.monotonic() - began))
        place = _place_of(surveyed)
        said = _ask_champion(lambda: LiveSituation(transport, place, kind=target.kind), 0)
        return _kept(_beside(said, surveyed, target, time.monotonic() - began))


def _ask_champion(prepare: Callable[[], Situation], rollout_seed: int) -> Diagnosis:
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
        evidence=evidence_of(content.answer, observations.by_digest, _stored),
        ended=content.ended,
        trajectory=trajectory,
        trajectory_ref=put_trajectories(workspace().store, "diagnose", [trajectory]).short,
        bundle=bundle.digest,
        version=champion.version,
        seconds=round(time.monotonic() - began, 3),
        tokens=content.tokens,
        changed=changes_of(trajectory),
    )


def _of_survey(surveyed: Surveyed, target: LiveTarget, ended: str, seconds: float) -> Diagnosis:
    observations = Seen(surveyed.survey.observations)
    return Diagnosis(
        answer=surveyed.answer,
        evidence=evidence_of(surveyed.answer, observations.by_digest, _stored),
        ended=ended,
        symptoms=surveyed.symptoms,
        alerts=target.alerts,
        trajectory=None,
        trajectory_ref=None,
        bundle=None,
        version=None,
        seconds=round(seconds, 3),
        tokens=0,
        changed=(),
    )


def _beside(said: Diagnosis, surveyed: Surveyed, target: LiveTarget, seconds: float) -> Diagnosis:
    """The champion's answer as far as it is covered, and the survey's own."""
    answer = said.answer
    if answer is not None and said.trajectory is not None:
        answer = concluded(answer, surveyed.answer, looks_of(said.trajectory))
    seen = _of_survey(surveyed, target, said.ended, seconds)
    return said.model_copy(
        update={
            "answer": answer,
            "survey": surveyed.answer,
            "evidence": (*said.evidence, *seen.evidence),
            "symptoms": seen.symptoms,
            "alerts": seen.alerts,
            "seconds": seen.seconds,
        }
    )


def _place_of(surveyed: Surveyed) -> str:
    """The namespace that a model looks at: an episode is about one, so the one of the likeliest cause."""
    roots = surveyed.survey.ranked.roots
    place = roots[0].identity.namespace if roots else ""
    return place or surveyed.survey.estate.namespaces[0]


def _kept(diagnosis: Diagnosis) -> Diagnosis:
    """Stored, so that feedback can name it."""
    ref = workspace().store.put(DIAGNOSIS, diagnosis)
    return diagnosis.model_copy(update={"kept_as": ref.short})


def _stored(observation: bytes) -> str:
    """The whole observation is stored for whoever doubts the lines that are shown."""
    return workspace().store.put(OBSERVATION, observation).short
