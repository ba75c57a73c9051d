"""What of a model's answer about a live cluster is passed on: its claims need to be covered, and to be backed."""

from aoi.estate.verdict import ESSENTIAL
from aoi.records.coverage import Gap
from aoi.records.episode import Answer, Trajectory

MAX_GAPS, MAX_WHAT = 40, 200
"""Commands of an episode that its answer's coverage names, and characters of each."""


def concluded(said: Answer, survey: Answer, looks: int) -> Answer:
    """The model's answer with the survey's coverage; what nothing carries becomes `inconclusive`.

    `looks` is how many commands of the model were answered.
    """
    doubt = _doubt(said, survey, looks) if said.verdict == "no_fault" else _unbacked(said)
    if not doubt:
        return said.model_copy(update={"coverage": survey.coverage, "schema_version": 2})
    return Answer(
        verdict="inconclusive",
        confidence=0.0,
        evidence=said.evidence,
        dropped_claims=said.dropped_claims,
        summary=f"the model said {_claim(said)}, but {doubt}",
        next=survey.next,
        coverage=survey.coverage,
    )


def gaps_of(trajectory: Trajectory, namespace: str) -> tuple[Gap, ...]:
    """What an episode's own commands were refused, lost or given in part: its answer rests on the rest."""
    gaps = (
        Gap(
            what=interaction.command[:MAX_WHAT],
            namespace=namespace,
            reason="cut" if interaction.evidence == "cut" else "unreadable",
            detail=interaction.error or "only a part of what it would print was kept",
        )
        for step in trajectory.content.steps
        for interaction in step.interactions
        if interaction.evidence in ("cut", "unreadable")
    )
    return tuple(dict.fromkeys(gaps))[:MAX_GAPS]


def looks_of(trajectory: Trajectory) -> int:
    """Commands of an episode that a cluster answered."""
    steps = trajectory.content.steps
    return sum(interaction.status == "ok" for step in steps for interaction in step.interactions)


def _claim(said: Answer) -> str:
    return "no fault" if said.verdict == "no_fault" else f"that it is {said.component} ({said.cause})"


def _unbacked(said: Answer) -> str:
    """Why nobody may accuse a component; empty if something that was read backs it."""
    is_backed = bool(said.evidence) or said.verdict != "fault"
    return "" if is_backed else "nothing that was read backs it"


def _doubt(said: Answer, survey: Answer, looks: int) -> str:
    """Why nobody may say `no fault`; empty if one may."""
    if looks == 0 and survey.verdict != "no_fault":
        return f"without having looked at what the survey leaves open: {survey.summary}"
    if survey.verdict == "fault":
        return f"the survey found {survey.component} ({survey.cause}): {survey.summary}"
    gaps = survey.coverage.lacks(*ESSENTIAL, "namespaces") if survey.coverage else ()
    if gaps:
        return "not everything could be read: " + "; ".join(f"{gap.what} {gap.reason}" for gap in gaps[:4])
    several = survey.coverage is not None and len(survey.coverage.namespaces) > 1
    if several and survey.verdict != "no_fault":
        return f"it looked at one of several namespaces, and of all of them the survey says: {survey.summary}"
    return ""
