"""Contract of collected episodes: what learning may start from. Owner: learning."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from aoi.language.layouts import agrees
from aoi.language.lexicon import SIGNALS
from aoi.records.episode import WRITES, Step, Trajectory, TrajectoryContent
from aoi.records.problem import Split
from data_contracts.contract import Contract, Value, between, bundles, digests, is_zero, one_of

MOST_STEPS = 64
MOST_TOKENS = 1_000_000
ENDINGS = ("submitted", "steps", "tokens", "malformed")
"""`error` is no ending to learn from: the episode broke and is collected again."""


def columns(row: Trajectory) -> Mapping[str, Value]:
    """An episode as columns. Those after `ended` count defects."""
    content = row.content
    problem = content.instance.problem
    utterances = [part for step in content.steps for part in step.utterances]
    return {
        "id": content.digest(),
        "problem": problem.id,
        "bundle": content.bundle,
        "world": content.world,
        "profile": content.profile,
        "split": content.split,
        "steps": len(content.steps),
        "tokens": content.tokens,
        "handles": len(content.handles),
        "ended": content.ended,
        "planted": content.injection is not None,
        "differs_from_problem": (content.split, content.kind, content.slice)
        != (problem.split, problem.kind, problem.slice),
        "steps_out_of_order": sum(step.index != place for place, step in enumerate(content.steps)),
        "clock_backwards": _falls([step.sim_ms for step in content.steps]),
        "decisions_lost": sum(_lacks_its_decision(step) for step in content.steps),
        "decisions_contradicted": sum(not agrees(step) for step in content.steps),
        "steps_without_observer": sum(not _observer_spoke(step) for step in content.steps),
        "empty_prompts": sum(not part.prompt_ids for part in utterances),
        "negative_token_ids": sum(min((*part.prompt_ids, *part.completion_ids), default=0) < 0 for part in utterances),
        "logprobs_do_not_match": sum(
            part.logprobs is not None and len(part.logprobs) != len(part.completion_ids) for part in utterances
        ),
        "impossible_logprobs": sum(value > 1e-6 for part in utterances for value in part.logprobs or ()),
        "observations_lost": sum(
            part.status == "ok" and part.observation is None and not part.command.startswith(WRITES)
            for step in content.steps
            for part in step.interactions
        ),
        "unknown_words": sum(signal.word not in SIGNALS for step in content.steps for signal in step.signals),
        "unknown_handles": _unknown_handles(content),
        "handles_of_one_name": len(content.handles) - len(set(content.handles.values())),
        "citations_backwards": _citations_backwards(content),
        "success_without_answer": content.outcome.success and content.answer is None,
        "submitted_without_answer": content.ended == "submitted" and content.answer is None,
        "false_alarm_on_a_fault": content.outcome.false_alarm and problem.fault is not None,
        "control_with_a_fault": (content.slice == "control") != (problem.fault is None),
    }


def contract(split: Split) -> Contract[Trajectory]:
    """The contract for episodes of one split."""

    def expectations() -> Sequence[Any]:
        defects = list(_defects())
        return [
            one_of("split", [split], f"not of the {split} split"),
            one_of("ended", ENDINGS, "the episode broke off"),
            between("steps", 1, MOST_STEPS, f"not between 1 and {MOST_STEPS} steps"),
            between("tokens", 1, MOST_TOKENS, f"not between 1 and {MOST_TOKENS} tokens"),
            between("handles", 1, 512, "no handles, or too many"),
            bundles("bundle"),
            digests("world"),
            digests("profile"),
            *(is_zero(column, reason) for column, reason in defects),
        ]

    return Contract(
        name=f"trajectories-{split}",
        version=4,
        owner="learning",
        severity="quarantines",
        record=Trajectory,
        columns=columns,
        expectations=expectations,
    )


CONTRACT = contract("train")


def _defects() -> Sequence[tuple[str, str]]:
    return (
        ("planted", "an injection was planted in it: such an episode is evaluated, never learned from"),
        ("differs_from_problem", "its split, kind or slice is not its problem's"),
        ("steps_out_of_order", "a step is missing or out of order"),
        ("clock_backwards", "the simulated clock runs backwards"),
        ("decisions_lost", "a step lacks what it was decided from, or what was decided"),
        ("decisions_contradicted", "a step's decision is not what its text says"),
        ("steps_without_observer", "a step has no decision of the Observer"),
        ("empty_prompts", "a prompt is empty"),
        ("negative_token_ids", "a token id is negative"),
        ("logprobs_do_not_match", "there are not as many log-probabilities as tokens"),
        ("impossible_logprobs", "a log-probability is above 0"),
        ("observations_lost", "a look succeeded but its observation is missing"),
        ("unknown_words", "a signal is not a word of the lexicon"),
        ("unknown_handles", "a signal is about a handle that the episode does not have"),
        ("handles_of_one_name", "two handles stand for one name"),
        ("citations_backwards", "a citation ends before it begins"),
        ("success_without_answer", "graded a success without an answer"),
        ("submitted_without_answer", "ended by submission without an answer"),
        ("false_alarm_on_a_fault", "a false alarm where there was a fault"),
        ("control_with_a_fault", "a control with a fault, or a fault among the controls"),
    )


def _falls(values: Sequence[int]) -> int:
    return sum(later < earlier for earlier, later in pairwise(values))


def _lacks_its_decision(step: Step) -> bool:
    if step.schema_version == 1:  # had neither
        return False
    return step.state is None or (step.decided is None) != (step.status == "malformed")


def _observer_spoke(step: Step) -> bool:
    return bool(step.utterances) and step.utterances[0].role == "observer"


def _unknown_handles(content: TrajectoryContent) -> int:
    signals = [signal for step in content.steps for signal in step.signals]
    return sum(
        handle not in content.handles for signal in signals for handle in (signal.subject, signal.other) if handle
    )


def _citations_backwards(content: TrajectoryContent) -> int:
    signals = [signal for step in content.steps for signal in step.signals]
    signals += content.answer.evidence if content.answer else ()
    return sum(cited.citation is not None and cited.citation.end_byte < cited.citation.start_byte for cited in signals)
