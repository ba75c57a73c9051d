"""Diagnose with the champion: the world of a problem, or a namespace of a live cluster.

Needs the store and the ledger, neither Prefect nor MLflow; a survey of a live cluster needs no model either.
"""

import time
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from aoi import progress
from aoi.agents.episode import run_episode
from aoi.agents.evidence import Evidence, Seen, changes_of, evidence_of
from aoi.agents.rollout import rollout
from aoi.agents.situation import Situation
from aoi.agents.survey import LiveSituation, survey
from aoi.errors import SettingsError
from aoi.problems import catalogue, scenario
from aoi.records.base import Record
from aoi.records.episode import Answer, Trajectory
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.settings import derive_seed
from aoi.store.shards import put_traceback, put_trajectories
from models.policies.of_bundle import codec_of, policy_of
from tasks.bundles import champion_ref, open_bundle, present_champion, serving
from tasks.workspace import workspace

OBSERVATION = "observation"
"""Kind of the stored objects that evidence cites: what commands printed, redacted."""


class Diagnosis(Record):
    """An answer with all that it rests on."""

    answer: Answer | None
    evidence: tuple[Evidence, ...]
    """The answer's evidence, as it was seen."""
    ended: str
    """As in a trajectory; `survey` if no model was asked."""
    trajectory: Trajectory | None
    trajectory_ref: str | None
    bundle: str | None
    version: str | None
    """Who answered; None for a survey."""
    seconds: float = Field(ge=0)
    tokens: int = Field(ge=0)
    changed: tuple[str, ...]
    """Commands that changed the cluster; empty for every kind of task but mitigation."""


class LiveTarget(Record):
    """Where to look on a live cluster. What is None comes from the settings of the group `cluster`."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    kind: TaskKind = TaskKind.LOCALIZATION


def diagnose_problem(problem_id: str, seed: int) -> Diagnosis:
    """Diagnose the embedded world of a problem. Raises: UnknownProblem, UnknownBundle without a champion."""
    instance = ProblemInstance(problem=catalogue.get(problem_id), seed=seed)
    return _ask_champion(lambda: scenario.build(instance), derive_seed(seed, "diagnose", problem_id))


def diagnose_live(target: LiveTarget, *, is_demonstration: bool = False) -> Diagnosis:
    """Look at a namespace of a live cluster, with an identity that was proven to be able to do nothing but look.

    The champion answers where a model server is set. The seed model knows the problem set and nothing else, so it
    answers only for a demonstration; otherwise the ranked findings are given, as inconclusive.
    Raises: SettingsError for an identity that can do more, ClusterUnavailable, UnknownBundle without a champion.
    """
    from aoi.access.live import LiveReadTransport  # the vendor's client: half a second

    cluster = workspace().settings.cluster
    namespace = target.namespace or cluster.namespace
    kubeconfig = target.kubeconfig or cluster.kubeconfig
    if not kubeconfig:
        raise SettingsError(
            "no kubeconfig: give --kubeconfig FILE or set AOI_CLUSTER__KUBECONFIG. See: aoi access print"
        )
    transport = LiveReadTransport(
        Path(kubeconfig),
        namespace=namespace,
        context=target.context or cluster.context or None,
        prometheus_url=cluster.prometheus_url or None,
        jaeger_url=cluster.jaeger_url or None,
    )
    try:
        situation = LiveSituation(transport, namespace, kind=target.kind)
        if workspace().settings.server.url or is_demonstration:
            return _ask_champion(lambda: situation, 0)
        return _survey(situation)
    finally:
        transport.close()


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


def _survey(situation: LiveSituation) -> Diagnosis:
    observations = Seen()
    began = time.monotonic()
    progress.stage("survey")
    answer = survey(situation, keep=observations.keep)
    return Diagnosis(
        answer=answer,
        evidence=evidence_of(answer, observations.by_digest, _stored),
        ended="survey",
        trajectory=None,
        trajectory_ref=None,
        bundle=None,
        version=None,
        seconds=round(time.monotonic() - began, 3),
        tokens=0,
        changed=(),
    )


def _stored(observation: bytes) -> str:
    """The whole observation is stored for whoever doubts the lines that are shown."""
    return workspace().store.put(OBSERVATION, observation).short
