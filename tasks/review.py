"""Review: the page that a person decides on, and the decision."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact

from aoi.errors import CorruptObject, GateRefused
from aoi.promotion.briefing import briefing
from aoi.promotion.changes import changes
from aoi.promotion.flips import needed_trajectories
from aoi.promotion.history import reigns
from aoi.promotion.pictures import Curve
from aoi.promotion.review import Material, render
from aoi.promotion.standings import figures
from aoi.records.base import Sha256
from aoi.records.contracts import ContractReport
from aoi.records.episode import Trajectory
from aoi.records.evaluation import EvaluationResult
from aoi.records.learning import CorrectionOutcome, CorrectivePlan
from aoi.records.promotion import Cycle, PromotionRequest
from aoi.records.standings import Standings
from aoi.store.shards import read_rows, read_set
from models.registry import DESCRIPTION, Registry
from models.training.curves import TrainingRun
from tasks.approval import Word, decision_of, signed
from tasks.bundles import open_bundle, tree_ref
from tasks.evaluate import Evaluated
from tasks.evolve import Corrections
from tasks.kept import INSTALLATION, kept_times, remember_time
from tasks.promote import enter
from tasks.register import Registered
from tasks.status import OpenRequest, open_requests
from tasks.tracking import run_log
from tasks.workspace import login, workspace

FIGURES = ("loss", "reward", "reward_deviation", "entropy", "kl")


def review_page(
    cycle: Cycle,
    request: PromotionRequest,
    challenger: Registered,
    corrections: Corrections,
    evaluated: Evaluated,
    contracts: tuple[ContractReport, ...],
) -> Path:
    """Write the page of a request, keep it in the store, and show it where people look. Returns its path.

    MLflow's run of the cycle gets the page as a file, its first screen as its description, and the figures; Prefect's
    run of the flow gets the first screen as an artifact.
    """
    began = time.monotonic()
    ws = workspace()
    material = _material(request, challenger, corrections, evaluated, contracts)
    page = render(material)
    ws.store.put("page", page.encode())
    path = page_of(cycle.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)
    brief = briefing(material)
    registry = Registry.of(ws.settings)
    registry.log_file(cycle.number, path, "review")
    registry.log(cycle.number, metrics=figures(material.standings), tags={DESCRIPTION: brief})
    _show(cycle, brief, path)
    remember_time(cycle, "review_page", time.monotonic() - began)
    return path


def _show(cycle: Cycle, brief: str, page: Path) -> None:
    """As an artifact in Prefect. The page is kept and the request is entered by now: a display costs no night."""
    try:
        create_markdown_artifact(key=f"review-{cycle.number}", markdown=brief, description=f"The whole page: {page}")
    except Exception as error:  # of whatever Prefect's client is made of
        run_log().warning("Prefect has no artifact of the review; the page is %s: %s", page, error)


def page_of(cycle: int) -> Path:
    """Where the page of a cycle's request lies, on the machine that made it."""
    return workspace().settings.home.resolve() / "reviews" / f"cycle-{cycle:04d}.html"


def _material(
    request: PromotionRequest,
    challenger: Registered,
    corrections: Corrections,
    evaluated: Evaluated,
    contracts: tuple[ContractReport, ...],
) -> Material:
    ws = workspace()
    evaluation = ws.store.get(evaluated.result, EvaluationResult)
    former = ws.ledger.former_champions()
    champion = next((entry for entry in former if entry.bundle == request.champion), None)
    before = open_bundle(tree_ref("bundle", champion.tree)).manifest if champion else None
    after = open_bundle(challenger.tree).manifest
    taught = set(corrections.taught)
    plans = read_rows(ws.store, corrections.plans, CorrectivePlan)
    return Material(
        request=request,
        rules=ws.settings.gate,
        evaluation=evaluation,
        standings=ws.store.get(evaluated.standings, Standings),
        trajectories=_shown(evaluation, evaluated),
        curves=tuple(_curves(read_rows(ws.store, challenger.curves, TrainingRun))),
        judge=challenger.judge,
        contracts=contracts,
        corrections=[plan for plan in plans if plan.digest() in taught],
        learning=corrections.learning,
        outcomes=list(read_rows(ws.store, corrections.outcomes, CorrectionOutcome)) if corrections.outcomes else (),
        changes=changes(
            before,
            after,
            settings_before=kept_settings(before.settings) if before else None,
            settings_after=kept_settings(after.settings),
        ),
        champion=champion,
        history=reigns(ws.ledger, ws.store),
        stages=[time for time in kept_times(request.cycle) if time.stage not in INSTALLATION],
    )


def _shown(evaluation: EvaluationResult, evaluated: Evaluated) -> dict[Sha256, Trajectory]:
    """The trajectories of flipped runs, both arms."""
    wanted = needed_trajectories(evaluation)
    by_digest: dict[Sha256, Trajectory] = {}
    for ref in (evaluated.champion_runs, evaluated.challenger_runs):
        for trajectory in read_set(workspace().store, ref):
            digest = trajectory.content.digest()
            if digest in wanted:
                by_digest[digest] = trajectory
    return by_digest


def _curves(runs: Iterable[TrainingRun]) -> Iterator[Curve]:
    for run in runs:
        for name in FIGURES:
            values = tuple(value for point in run.points if (value := getattr(point, name)) is not None)
            if len(values) > 1:
                yield Curve(name=f"{run.method}: {name.replace('_', ' ')}", values=values)


def kept_settings(digest: Sha256) -> dict[str, Any] | None:
    """Settings behind a digest; None if they were not kept here."""
    store = workspace().store
    try:
        return dict(json.loads(store.get(store.find(f"settings:{digest}"))))
    except CorruptObject:
        return None


def find_request(prefix: str | None) -> OpenRequest:
    """The open request that starts with `prefix`; the newest if None. Raises: GateRefused if there is not one."""
    matching = [opened for opened in open_requests() if opened.sha256.startswith(prefix or "")]
    if not matching:
        asked = f"no open request starts with {prefix!r}" if prefix else "no promotion waits for a review"
        raise GateRefused(f"{asked}. Look: aoi status; make one: aoi retrain")
    if prefix is not None and len(matching) > 1:
        raise GateRefused(f"{prefix!r} names {len(matching)} open requests. Give more digits: aoi status lists them")
    return matching[0]


def decide_request(opened: OpenRequest, decision: Word, comment: str, passphrase: Callable[[], str]) -> str:
    """Enter a person's decision, signed if they have set a key; an approved challenger is promoted at once. Returns
    what happened."""
    approval = signed(decision_of(login(), opened.request, decision, comment), passphrase)
    champion = enter(opened.request, approval)
    if champion is None:
        return f"rejected; the champion stays. Request {opened.sha256[:12]}"
    return f"promoted: version {champion.version} is champion, bundle {champion.bundle[:12]}"
