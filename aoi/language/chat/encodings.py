"""Ways to write one decision: the object itself, or a native call of a tool, as servers and templates spell it.

A call is an object with a name and its arguments, whatever stands around it: `<tool_call>` of Hermes and Qwen, the
`tool_calls` of OpenAI's messages (arguments as text), Mistral's list, the `parameters` of Llama. What the Observer
thinks stands among the arguments. Each comes to the same fields, so that two ways to say one thing are one decision.
"""

from collections.abc import Mapping

from aoi.language.extraction import Fields, Malformed, decoded

OBSERVER_KEYS = ("observation", "finding", "hypotheses", "next")
PROBE_KEYS = ("command", "thought")
EXECUTOR_KEYS = ("failure", "reason", "action", "target", "value")
EVOLVER_KEYS = ("missed", "steps")
OBSERVER_TOOLS, PROBE_TOOL, EXECUTOR_TOOL, EVOLVER_TOOL = ("probe", "execute", "submit"), "run", "change", "plan"
_ARGUMENTS = ("arguments", "parameters")
_CALL_KEYS = frozenset({"name", "id", "type", *_ARGUMENTS})
_BESIDE = ("observation", "finding", "hypotheses")
"""Of the Observer's keys, those that stand among a call's arguments."""


def of_observer(found: Fields) -> Fields | None:
    """The fields of a decision; None of an object that is neither one nor a call. Raises: Malformed."""
    if {"observation", "next"} <= set(found):
        return _present(found)
    call = _call(found, OBSERVER_TOOLS)
    if call is None:
        return None
    name, arguments = call
    if "do" in arguments or "next" in arguments:
        raise Malformed(f"{name}: expected its arguments alone, found do or next")
    beside = {key: arguments[key] for key in _BESIDE if key in arguments}
    return {**beside, "next": {"do": name, **{key: part for key, part in arguments.items() if key not in beside}}}


def of_probe(found: Fields) -> Fields | None:
    """As `of_observer`, of a Probe."""
    return _plain(found, {"command"}, PROBE_TOOL)


def of_executor(found: Fields) -> Fields | None:
    """As `of_observer`, of an Executor."""
    return _plain(found, {"action", "target"}, EXECUTOR_TOOL)


def of_evolver(found: Fields) -> Fields | None:
    """As `of_observer`, of an Evolver."""
    return _plain(found, {"steps"}, EVOLVER_TOOL)


def _plain(found: Fields, needed: set[str], tool: str) -> Fields | None:
    if needed <= set(found):
        return _present(found)
    call = _call(found, (tool,))
    return call[1] if call else None


def _call(found: Fields, tools: tuple[str, ...]) -> tuple[str, Fields] | None:
    """Name and arguments of a call; None of what is no call. Raises: Malformed for a tool that is not there."""
    given = [key for key in _ARGUMENTS if key in found]
    if "name" not in found or len(given) != 1 or not set(found) <= _CALL_KEYS:
        return None
    name, arguments = found["name"], found[given[0]]
    if name not in tools:
        raise Malformed(f"tool: expected one of {', '.join(tools)}, found {str(name)[:80]!r}")
    if isinstance(arguments, str):
        arguments = decoded(arguments)
    if not isinstance(arguments, Mapping):
        raise Malformed(f"arguments of {name}: expected an object")
    return str(name), _present(arguments)


def _present(fields: Mapping[str, object]) -> Fields:
    """Without keys that hold null: one that is left out is the same."""
    return {str(key): part for key, part in fields.items() if part is not None}
