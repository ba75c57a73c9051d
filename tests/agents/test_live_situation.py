"""A namespace that nobody prepared, as a situation for a model."""

import pytest

from aoi.agents.episode import run_episode
from aoi.agents.live_situation import PAGE, LiveAlert, LiveSituation
from aoi.agents.operators import ExpertOperator
from aoi.agents.rollout import rollout
from aoi.errors import ActionRefused
from aoi.estate.reading import Reader
from aoi.estate.survey import survey
from aoi.language.codec import WordCodec
from aoi.language.profile import SEED_PROFILE
from aoi.problems import catalogue, scenario
from aoi.records.problem import ProblemInstance, TaskKind


def live(fault: str, **options) -> tuple[LiveSituation, scenario.Scenario]:
    """The world of a problem, seen as a live cluster is: through its read transport alone."""
    problem = next(p for p in catalogue.problems(fault=fault) if p.application == "hotel_reservation")
    prepared = scenario.build(ProblemInstance(problem=problem, seed=5))
    transport = prepared.read_transport()
    return LiveSituation(transport, survey(Reader(transport), [prepared.namespace]), **options), prepared


def test_an_episode_in_a_live_situation_answers_but_never_counts_as_solved():
    situation, prepared = live("wrong_target_port", alerts=(LiveAlert("errors", "frontend"),))
    episode = run_episode(
        situation, profile=SEED_PROFILE, codec=WordCodec(), arm="live", bundle="scripted", rollout_seed=0
    )
    content = rollout([episode], ExpertOperator(WordCodec(), SEED_PROFILE))[0].content
    assert content.answer.component in prepared.truth.accepted
    assert not content.outcome.success
    assert content.error is None


def test_what_fails_pages_and_given_alerts_take_precedence():
    situation, prepared = live("bad_image_tag")
    assert LiveAlert(PAGE, prepared.truth.component) in situation.alerts()
    given = (LiveAlert("errors", "frontend"),)
    assert live("bad_image_tag", alerts=given)[0].alerts() == given


def test_a_live_situation_cannot_be_mitigated():
    with pytest.raises(ActionRefused, match="read-only"):
        live("scale_to_zero", kind=TaskKind.MITIGATION)
    assert live("scale_to_zero")[0].hands() is None
