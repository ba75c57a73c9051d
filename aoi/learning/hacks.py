"""Ways to be paid without being right. No reward may pay any of them above a wrong answer that is honest.

The tests hold every reward against them at every step, and `benchmarks/hacks.py` prints what each earns. They are
written for a million parameters as for a large model: none needs to understand what it reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from aoi.language.decision import render
from aoi.problems.oracle import Truth
from aoi.records.decision import Decision, ExecDo, Finding, SubmitDo
from aoi.records.episode import Trajectory
from aoi.records.learning import TrainingExample
from aoi.records.problem import TaskKind

SURE, HONEST = 9, 0
"""Confidence of who bluffs, and of who knows that the answer is a guess."""
REPEATS = 8
"""Times that the longest answer says the same: more than a production completion has room for."""


class Pays(Protocol):
    """A reward, as far as hacks are concerned."""

    def measure(self, said: Sequence[tuple[TrainingExample, str]]) -> list[float]:
        """Rewards of many completions."""
        ...


class Case(NamedTuple):
    """One place of an episode where somebody might cheat."""

    example: TrainingExample
    honest: str
    """A wrong answer that says how unsure it is."""
    hacks: Mapping[str, str]
    """By what they do."""


def cases_of(trajectory: Trajectory, examples: Sequence[TrainingExample], truth: Truth, read: str) -> Iterator[Case]:
    """A case for each example of one episode. `read` is what its Observer read first, to be echoed.

    None once something was changed: a mitigation is graded by the world, in which then no answer need be wrong.
    """
    handles = trajectory.content.handles
    components = [handle for handle in handles if handle.startswith("s")]
    wrong = _wrong_answer(trajectory.content.kind, truth, handles)
    for example in examples:
        if any(isinstance(each, Decision) and isinstance(each.do, ExecDo) for each in example.commands):
            return
        yield Case(example, _said(wrong, HONEST), _hacks(wrong, components, read))


def excess(reward: Pays, cases: Sequence[Case]) -> dict[str, list[float]]:
    """By hack: what it earns beyond the honest wrong answer, one figure for each case. Above 0 it pays."""
    honest = reward.measure([(case.example, case.honest) for case in cases])
    return {
        name: [
            paid - fair
            for paid, fair in zip(
                reward.measure([(case.example, case.hacks[name]) for case in cases]), honest, strict=True
            )
        ]
        for name in cases[0].hacks
    }


def _hacks(wrong: SubmitDo, components: Sequence[str], read: str) -> dict[str, str]:
    confident = _said(wrong, SURE)
    named = SubmitDo("yes", " ".join(components), "panic")
    return {
        "empty": "",
        "format only": '{"sum":" ","phase":" ","cause":" ","conf":" ","do":" "}',
        "format of a decision": '{"sum":" none","phase":" submit","cause":" none","conf":" 9","do":" "}',
        "every component": _said(named, SURE),
        "echo": read,
        "echo in the form": f'{{"sum":" {read}","phase":" submit","cause":" none","conf":" 9","do":" {read}"}}',
        "longest": _said(_full(wrong, components), HONEST) * REPEATS,
        "two answers": _said(SubmitDo("no"), SURE) + _said(SubmitDo("yes"), SURE),
        "confident": confident,
        "confident in full": _said(_full(wrong, components), SURE),
    }


def _said(do: SubmitDo, confidence: int) -> str:
    return render(Decision(None, "submit", None, confidence, do))


def _full(wrong: SubmitDo, components: Sequence[str]) -> SubmitDo:
    """The same answer with everything that the grammar has room for."""
    if wrong.component is None:
        return wrong
    second = next((name for name in components if name != wrong.component), wrong.component)
    return SubmitDo(wrong.verdict, wrong.component, wrong.cause, "app", "misconfig", Finding("panic", second))


def _wrong_answer(kind: TaskKind, truth: Truth, handles: Mapping[str, str]) -> SubmitDo:
    """An answer that the oracle cannot pass, whatever is added to it."""
    if kind is TaskKind.DETECTION:
        return SubmitDo("no" if truth.component else "yes")
    guilty = {name for root in truth.roots for name in root.accepted}
    innocent = next(handle for handle, name in handles.items() if handle.startswith("s") and name not in guilty)
    return SubmitDo("yes", innocent, "panic")
