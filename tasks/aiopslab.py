"""Who plays in AIOpsLab's orchestrator: the survey alone, or the champion with the survey before it.

from tasks.aiopslab import agent
orchestrator.register_agent(agent(max_steps=30), name="aoi")
"""

from aoi.agents.conclusion import concluded, looks_of
from aoi.agents.live_situation import LiveSituation
from aoi.interop.aiopslab import Agent, Place, survey_only
from aoi.records.episode import Answer
from aoi.records.problem import TaskKind
from tasks.live import SurveyClock
from tasks.workspace import workspace

MAX_STEPS = 30
"""What AIOpsLab's command line and its example clients allow."""


def agent(*, max_steps: int = MAX_STEPS, is_demonstration: bool = False) -> Agent:
    """An agent for `register_agent`; `max_steps` as `start_problem` is called with.

    As in `aoi diagnose`, the champion answers where a model server is set, or for a demonstration; else the survey.
    """
    is_asked = is_demonstration or bool(workspace().settings.server.url)
    return Agent(ask_champion if is_asked else survey_only, max_steps=max_steps)


def ask_champion(place: Place) -> Answer:
    """The champion's answer as far as the survey carries it; the survey's where the champion comes to none.

    Raises: UnknownBundle without a champion, ClusterUnavailable.
    """
    from tasks import champion  # seconds, which nobody who asks no model should wait

    survey = place.survey()
    # A mitigation is looked at like a localization: nobody here may change anything.
    kind = TaskKind.LOCALIZATION if place.kind is TaskKind.MITIGATION else place.kind
    said = champion.ask(lambda: LiveSituation(place.transport, survey, kind=kind), 0, SurveyClock())
    if said.answer is None or said.trajectory is None:
        return survey.answer
    answer = concluded(said.answer, survey.answer, looks_of(said.trajectory))
    return survey.answer if answer.verdict == "inconclusive" else answer
