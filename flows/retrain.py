"""The loop, once: read this file first.

Every stage hands over a reference. A stage that was finished before a crash is skipped, so running the flow
again continues its cycle; running it after the cycle was closed opens the next one.
"""

from prefect import flow
from pydantic import BaseModel, ConfigDict

from aoi.records.report import CycleReport
from flows.approval import ask_for_approval
from flows.runs import watched
from tasks.collect import collect
from tasks.cycle import close_cycle, open_cycle
from tasks.evaluate import evaluate
from tasks.evolve import evolve
from tasks.gate import decide
from tasks.install import ensure_champion
from tasks.label import label
from tasks.promote import promote
from tasks.recheck import recheck
from tasks.register import register
from tasks.report import report
from tasks.review import review_page
from tasks.train import train
from tasks.validate import validate_evaluation, validate_examples, validate_plans, validate_trajectories


class RetrainParameters(BaseModel):
    """What a person may choose for one run; everything else is a setting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    auto_approve: bool = False
    """Approve a promotion that the gate proposes without asking anybody. For demonstrations."""
    wait_for_approval: bool = False
    """Suspend until a person has filled in the form; otherwise the request stays open for `aoi review`."""


@watched  # a night that is killed is told as crashed
@flow(name="retrain")
def retrain(parameters: RetrainParameters | None = None) -> CycleReport:
    """Collect, validate, evolve, train, evaluate, ask for promotion."""
    parameters = parameters or RetrainParameters()
    ensure_champion()  # the first night has nothing to improve on: the seed model is made
    cycle, champion = open_cycle()

    # Every batch passes its contract before anything is made of it; what fails is quarantined with its reason.
    episodes = validate_trajectories(cycle, collect(cycle, champion))
    corrections = evolve(cycle, champion, episodes.accepted, label(cycle, champion))
    plans = validate_plans(cycle, corrections.plans)
    examples = validate_examples(cycle, corrections.examples, plans.accepted)

    # Registered before it is measured: an answer to "what was that?" must exist for losers too.
    challenger = register(cycle, train(cycle, champion, corrections, examples.accepted))
    followed = recheck(cycle, champion, challenger.tree, corrections)
    evaluated = evaluate(cycle, champion, challenger.tree)
    measured = validate_evaluation(cycle, evaluated.result)

    # From here on a person could be asked, so everything that the page shows has to be stored first.
    request = decide(cycle, challenger, measured.accepted)
    reports = (*episodes.reports, *plans.reports, *examples.reports, *measured.reports)
    page = review_page(cycle, request, challenger, followed, evaluated, reports)
    approval = ask_for_approval(request, parameters.auto_approve, parameters.wait_for_approval)
    promote(cycle, request, approval)  # does nothing without an approval, and None is never one
    return report(cycle, corrections, evaluated, request, page, close_cycle(cycle, request, approval))
