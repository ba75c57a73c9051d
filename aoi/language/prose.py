"""Prompts of the `prose-1` layout: real names and text for a large chat model, with the same decision schema.

Everything from the cluster stands between markers and is declared to be evidence, never instruction.
"""

from collections.abc import Iterable

from aoi.language import lexicon
from aoi.language.decision import MOST_STEPS, render_do, render_finding
from aoi.language.profile import PromptProfile
from aoi.language.prompt import EvolverState, ExecutorState, ProbeState
from aoi.records.decision import ObserverState

_TASKS = {
    "detect": "Say whether there is a fault at all.",
    "locate": "Name the component at fault.",
    "analyse": "Name the component at fault, its cause, the system level and the type of fault.",
    "mitigate": "Find the fault, repair it with actions, verify, then submit.",
}
_GRAMMAR = f"""Answer with one JSON object whose values are strings:
{{"sum":"SIGNAL COMPONENT [COMPONENT] | none","phase":"{" | ".join(lexicon.PHASES)}","cause":"SIGNAL COMPONENT | none",\
"conf":"0-9","do":"probe CHECK COMPONENT | exec ACTION COMPONENT [VALUE] | submit VERDICT [COMPONENT CAUSE \
[LEVEL TYPE] [also COMPONENT CAUSE]]"}}
sum: the finding of the previous iteration that matters. conf: 9 means 95 %. also: a second, independent cause.
SIGNAL and CAUSE: {" ".join(lexicon.SIGNALS)}
CHECK: {" ".join(lexicon.CHECKS)}
ACTION: {" ".join(lexicon.ACTIONS)}
VERDICT: {" ".join(lexicon.VERDICTS)}  LEVEL: {" ".join(lexicon.LEVELS)}  TYPE: {" ".join(lexicon.TYPES)}"""


def render_observer(state: ObserverState, profile: PromptProfile) -> str:
    """The Observer's prompt. The unchanging part stands first, so that a server's prefix cache serves it."""
    parts = [profile.instructions, _GRAMMAR, f"Task: {_TASKS[state.task]}"]
    parts.append("Alerts:\n" + _list(f"{alert.word} {alert.subject}" for alert in state.alerts))
    if state.remaining is not None:
        parts.append(f"Iterations left: {state.remaining}")
    if state.memory:
        parts.append("Earlier findings, oldest first:\n" + _list(map(render_finding, state.memory)))
    if state.plan:
        parts.append("Suggested next steps (you may deviate):\n" + _list(map(render_do, state.plan)))
    if state.last_do:
        parts.append(f"Previous iteration: {render_do(state.last_do)}")
    parts.append("Its findings, most telling first:\n" + _list(map(render_finding, state.last)))
    if state.notice:
        parts.append(f"Notice: {_quoted(state.notice)}")
    if state.text:
        parts.append(f"<evidence>\n{_quoted(state.text)}\n</evidence>")
    return "\n\n".join(part for part in parts if part)


def render_probe(state: ProbeState) -> str:
    """The Probe's prompt: one line of kubectl syntax (or prom, jaeger) a round."""
    done = "\nAlready run:\n" + _list(state.done) if state.done else ""
    failure = f"\nThe last line failed ({state.failure}); try a different one." if state.failure else ""
    failure += _noticed(state.notice)
    return (
        f"You are the read-only Probe. Namespace: {state.namespace}. Check `{state.check}` of `{state.target}`."
        f"{done}{failure}\n"
        "Write one line of kubectl syntax (get, describe, logs, events, top, rollout history), or `prom metrics NAME`, "
        f"or `jaeger traces NAME`; `kubectl {state.check} {state.target}` runs the standard lines of this check. "
        'Write `done` if nothing is left to look at. Answer: {"cmd":"LINE"}'
    )


def render_executor(state: ExecutorState) -> str:
    """The Executor's prompt: one typed action, and after a failure its class first."""
    value = f" {state.value}" if state.value else ""
    asked = f"You are the Executor. Asked for: {state.action} {state.target}{value}.{_noticed(state.notice)}"
    if state.failure is None:
        return f'{asked} Answer: {{"act":"ACTION COMPONENT [VALUE]"}}'
    return (
        f"{asked} It failed ({state.failure}). Classify the failure ({', '.join(lexicon.FAILURE_CLASSES)}), "
        f"then propose a different action of: {' '.join(lexicon.ACTIONS)}. "
        'Answer: {"class":"CLASS","act":"ACTION COMPONENT [VALUE]"}'
    )


def render_evolver(state: EvolverState) -> str:
    """The Evolver's prompt: a failed episode in brief. It never sees the truth, nor text from the cluster."""
    parts = [
        "You are the coach of an on-call engineer for Kubernetes, who failed at the episode below. Write the looks "
        "and changes, in order, with which somebody who starts anew would find the cause (and, where the task is to "
        "mitigate, repair it).",
        f"Task: {_TASKS[state.task]}",
        "Alerts:\n" + _list(f"{alert.word} {alert.subject}" for alert in state.alerts),
        "Findings, oldest first:\n" + _list(map(render_finding, state.memory)),
        "What the engineer did:\n" + _list(map(render_do, state.did)),
        f"CHECK: {' '.join(lexicon.CHECKS)}\nACTION: {' '.join(lexicon.ACTIONS)}",
        'Answer with one JSON object: {"plan":"STEP ; STEP ; ..."} with at most '
        f"{MOST_STEPS} steps, each of them `probe CHECK COMPONENT` or `exec ACTION COMPONENT [VALUE]`.",
    ]
    return "\n\n".join(parts)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "- none"


def _noticed(notice: str) -> str:
    return f"\nNotice: {_quoted(notice)}" if notice else ""


def _quoted(text: str) -> str:
    """Cluster text cannot close its own marker."""
    return text.replace("</evidence", "< /evidence")
