"""Diagnose the world of a problem with the champion, or namespaces of a live cluster with whoever can answer.

Needs the store and the ledger, neither Prefect nor MLflow; a survey of a live cluster needs no model either.
"""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from aoi import progress
from aoi.access.patience import Patience, Patient
from aoi.agents import narrator
from aoi.agents.conclusion import concluded, gaps_of, looks_of
from aoi.agents.costs import spent_together, together
from aoi.agents.evidence import Seen, evidence_of
from aoi.agents.live_situation import PAGE, LiveAlert, LiveSituation
from aoi.errors import AoiError, UnknownBundle
from aoi.estate.survey import named_in
from aoi.records.coverage import Gap
from aoi.records.diagnosis import Diagnosis
from aoi.records.episode import Answer
from aoi.records.request import DiagnosisRequest
from aoi.settings import ClusterSettings
from tasks.answers import kept
from tasks.clusters import cluster_named, place_of
from tasks.live import INTERRUPTED, LiveTarget, SurveyClock, Surveyed, again_in, connected, look
from tasks.observations import stored
from tasks.workspace import workspace

if TYPE_CHECKING:
    from aoi.access.live import LiveReadTransport

__all__ = ["LiveTarget", "SurveyClock", "diagnose", "diagnose_live", "diagnose_problem"]


def diagnose(request: DiagnosisRequest, *, clock: SurveyClock | None = None) -> Diagnosis:
    """What every face calls for a place that has a name. The clock counts from now, and `clock.stop` ends it early.

    Raises: UnknownCluster, and as `diagnose_problem` and `diagnose_live`.
    """
    if request.problem is not None:
        return diagnose_problem(request.problem, request.seed, clock=clock, budget_s=request.budget_s)
    cluster = cluster_named(request.cluster or "")
    # Namespaces that alerts name are taken by whoever looks.
    is_said = request.is_everywhere or any(alert.namespace for alert in request.alerts)
    target = LiveTarget(
        namespaces=request.namespaces or (() if is_said else cluster.namespaces),
        is_everywhere=request.is_everywhere,
        symptoms=request.symptoms,
        alerts=request.alerts,
        kind=request.kind,
    )
    place = place_of(cluster, workspace().settings.cluster)
    return diagnose_live(
        target, place, is_demonstration=request.is_demonstration, clock=clock, budget_s=request.budget_s
    )


def diagnose_problem(
    problem_id: str, seed: int, *, clock: SurveyClock | None = None, budget_s: float | None = None
) -> Diagnosis:
    """Diagnose the embedded world of a problem. Raises: UnknownProblem, UnknownBundle without a champion."""
    from tasks import champion  # seconds, which nobody who asks no model should wait

    return kept(champion.ask_about_problem(problem_id, seed, clock or SurveyClock(), budget_s=budget_s))


def diagnose_live(
    target: LiveTarget,
    place: ClusterSettings | None = None,
    *,
    is_demonstration: bool = False,
    clock: SurveyClock | None = None,
    budget_s: float | None = None,
) -> Diagnosis:
    """Look at namespaces of a live cluster, with an identity that was proven to be able to do nothing but look.

    `place` says what the target leaves out, in the place of the settings. The survey answers by its own rules. Where a
    model server is set the champion answers beside it; the seed model knows the problem set and nothing else, so it
    does only for a demonstration. `budget_s` is for both together: the model gets what the survey has left.
    Raises: SettingsError for an identity that can do more, ClusterUnavailable, UnknownNamespace, UnknownBundle without
    a champion.
    """
    settings = workspace().settings
    where = place or settings.cluster
    if budget_s is not None:
        where = where.model_copy(update={"budget_s": min(where.budget_s, budget_s)})
    is_asked = bool(settings.server.url) or is_demonstration
    if is_demonstration and workspace().ledger.champion() is None:  # told now, not after a minute of looking
        raise UnknownBundle("there is no champion yet. Make one: aoi retrain")
    began, clock = time.monotonic(), clock or SurveyClock()
    with connected(target, where, clock) as transport:
        surveyed = look(transport, target, where, clock)
        narrator.surveyed(progress.listener(), surveyed.answer)
        if clock.is_stopped or not is_asked:
            ended = INTERRUPTED if clock.is_stopped else "survey"
            return kept(of_survey(surveyed, target, ended, time.monotonic() - began))
        try:
            from tasks import champion

            patience = Patience(champion.episode_s(clock, budget_s), clock=clock, sleep=clock.sleep)
            situation = _situation(transport, where, surveyed, target, patience)
            said = champion.ask(lambda: situation, 0, clock, budget_s=budget_s)
        except AoiError as error:
            surveyed = _without_model(surveyed, f"the champion could not be asked: {error}")
            return kept(of_survey(surveyed, target, "survey", time.monotonic() - began))
        except KeyboardInterrupt:  # opening a model takes seconds, and the survey has its answer already
            if clock.is_stopped:  # not the first one
                raise
            clock.stop()
            surveyed = _without_model(surveyed, "interrupted by whoever asked, before the champion was asked")
            return kept(of_survey(surveyed, target, INTERRUPTED, time.monotonic() - began))
        lost = gaps_of(said.trajectory, situation.namespace) if said.trajectory else ()
        untold = (*_untold(said, situation), *lost)
        return kept(_beside(said, surveyed, target, untold, time.monotonic() - began))


def of_survey(surveyed: Surveyed, target: LiveTarget, ended: str, seconds: float) -> Diagnosis:
    observations = Seen(surveyed.survey.observations)
    return Diagnosis(
        answer=surveyed.answer,
        evidence=evidence_of(surveyed.answer, observations.by_digest, stored),
        ended=ended,
        symptoms=surveyed.symptoms,
        alerts=surveyed.alerts,
        trajectory=None,
        trajectory_ref=None,
        bundle=None,
        version=None,
        seconds=round(seconds, 3),
        tokens=0,
        costs=surveyed.account.costs,
        spent_ms=surveyed.account.spent_ms,
        changed=(),
    )


def _without_model(surveyed: Surveyed, why: str) -> Surveyed:
    """The survey's answer, with why no model stands beside it."""
    coverage = surveyed.answer.coverage or surveyed.survey.coverage
    gap = Gap(what="model", namespace="", reason="skipped", detail=why)
    told = coverage.model_copy(update={"gaps": (*coverage.gaps, gap)})
    return replace(surveyed, answer=surveyed.answer.model_copy(update={"coverage": told}))


def _untold(said: Diagnosis, situation: LiveSituation) -> tuple[Gap, ...]:
    """What the model never heard of: a vocabulary of handles ends, and the healthy are left out first."""
    known = set(said.trajectory.content.handles.values()) if said.trajectory else set()
    left = [name for name in situation.components if name not in known]
    if not left:
        return ()
    count = f"{len(left)} of {len(situation.components)} components"
    listed = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
    detail = f"{count} have no short name in what the model sees ({listed}); the survey looked at them"
    return (Gap(what="handles", namespace=situation.namespace, reason="skipped", detail=detail),)


def _beside(
    said: Diagnosis, surveyed: Surveyed, target: LiveTarget, untold: tuple[Gap, ...], seconds: float
) -> Diagnosis:
    """The champion's answer as far as it is covered, and the survey's own."""
    why = f"the model gave no answer (ended: {said.ended}); the survey's stands beside it"
    answer = said.answer or Answer(verdict="inconclusive", confidence=0.0, summary=why, next=surveyed.answer.next)
    answer = concluded(answer, surveyed.answer, looks_of(said.trajectory) if said.trajectory else 0)
    if answer.coverage is not None:
        coverage = answer.coverage.model_copy(update={"gaps": (*answer.coverage.gaps, *untold)})
        answer = answer.model_copy(update={"coverage": coverage})
    seen = of_survey(surveyed, target, said.ended, seconds)
    return said.model_copy(
        update={
            "answer": answer,
            "survey": surveyed.answer,
            "evidence": (*said.evidence, *seen.evidence),
            "symptoms": seen.symptoms,
            "alerts": seen.alerts,
            "seconds": seen.seconds,
            "costs": together(seen.costs, said.costs),
            "spent_ms": spent_together(seen.spent_ms, said.spent_ms),
        }
    )


def _situation(
    transport: "LiveReadTransport",
    settings: ClusterSettings,
    surveyed: Surveyed,
    target: LiveTarget,
    patience: Patience,
) -> LiveSituation:
    """What a model is put into. An episode is about one namespace: of several, the one of the likeliest cause."""
    places = surveyed.survey.estate.namespaces
    survey = surveyed.survey
    if len(places) > 1:
        roots = survey.ranked.roots
        place = (roots[0].identity.namespace if roots else "") or places[0]
        survey = again_in(transport, settings, place, surveyed.reports)
    estate = survey.estate
    given = [LiveAlert(PAGE, estate.label(identity)) for identity in sorted(named_in(estate, surveyed.reports))]
    paged = LiveSituation(transport, survey, kind=target.kind).alerts()
    # One lost connection costs one read of the episode, as it does in the survey.
    patient = Patient(transport, patience, request_s=settings.request_s)
    return LiveSituation(patient, survey, kind=target.kind, alerts=tuple(dict.fromkeys([*given, *paged])))
