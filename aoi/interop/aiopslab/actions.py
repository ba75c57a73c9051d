"""What an agent may say to AIOpsLab's orchestrator: one call in a fenced block, without any word around it."""

from collections.abc import Iterator, Mapping

import orjson

from aoi.problems.faults import MECHANISMS
from aoi.records.episode import Answer
from aoi.records.problem import FaultType, SystemLevel, TaskKind

UNSAFE = frozenset('"`$\\()\n\r')
"""Characters that its parser, or one of the shells that it hands a command through, would read as something else."""


def exec_shell(command: str) -> str:
    """Run a command line. Raises: ValueError for one that would not arrive as it is written."""
    if bad := UNSAFE & set(command):
        raise ValueError(f"{''.join(sorted(bad))!r} in a command for exec_shell: {command!r:.120}")
    if command[:1] in "'\"" or command[-1:] in "'\"":
        raise ValueError(f"a command for exec_shell begins or ends with a quote, which is stripped: {command!r:.120}")
    return _block(f'exec_shell("{command}")')


def submission(kind: TaskKind, answer: Answer | None) -> str:
    """An answer in the form of the task. Where no fault is claimed, what the task has for that.

    A mitigation is submitted as it stands: nothing is changed by an agent that can only read.
    """
    fault = answer if answer is not None and answer.verdict == "fault" else None
    if kind is TaskKind.MITIGATION:
        return _block("submit()")
    if kind is TaskKind.DETECTION:
        return _block(f'submit("{"Yes" if fault else "No"}")')
    if kind is TaskKind.LOCALIZATION:
        named = [service_name(fault.component)] if fault and fault.component else []
        return _block(f"submit({orjson.dumps(named).decode()})")
    if fault is None:
        return _block("submit(None)")
    told = labelled(fault)
    both = {"system_level": told.system_level, "fault_type": told.fault_type}
    return _block(f"submit({orjson.dumps(both).decode()})")


def service_name(component: str) -> str:
    """The name alone, of what may carry its kind or its namespace before a slash."""
    return component.rpartition("/")[2]


def labelled(answer: Answer) -> Answer:
    """With AIOpsLab's two labels: the answer's own, else by what its cause means."""
    if answer.verdict != "fault" or (answer.system_level and answer.fault_type):
        return answer
    level, fault_type = _MEANING.get(answer.cause or "", (SystemLevel.APPLICATION, FaultType.MISCONFIGURATION))
    return answer.model_copy(update={"system_level": level.value, "fault_type": fault_type.value})


def _by_mechanism() -> Iterator[tuple[str, tuple[SystemLevel, FaultType]]]:
    """Of those that are learned from, best causes last. Mechanisms of the test split would tell its answers."""
    faults = [fault for split in ("train", "development") for fault in MECHANISMS[split]]
    yield from ((word, (fault.level, fault.type)) for fault in faults for word in fault.causes[1:])
    yield from ((fault.causes[0], (fault.level, fault.type)) for fault in reversed(faults))


_MEANING: Mapping[str, tuple[SystemLevel, FaultType]] = {
    **dict.fromkeys(
        ("unauthorized", "authfailed", "nouser", "forbidden"), (SystemLevel.APPLICATION, FaultType.AUTHENTICATION)
    ),
    **dict.fromkeys(
        ("unbound", "noclaim", "noclass", "released", "readonly", "diskfull", "netpolicy", "dns", "delay", "loss"),
        (SystemLevel.VIRTUALIZATION, FaultType.NETWORK_STORAGE),
    ),
    **dict.fromkeys(("cordoned", "preempted"), (SystemLevel.VIRTUALIZATION, FaultType.OPERATION)),
    **dict.fromkeys(("exception", "leak", "fds", "gc"), (SystemLevel.APPLICATION, FaultType.CODE_DEFECT)),
    **dict(_by_mechanism()),
}
"""Word of a cause -> level and type; what is learned from overrules what the word means by itself."""


def _block(call: str) -> str:
    return f"```\n{call}\n```"
