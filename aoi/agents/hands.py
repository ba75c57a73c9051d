"""The Executor's hands in a sandbox: typed actions on an embedded world, approved because nothing real can break.

Imported only where a task is a mitigation; a diagnosis never loads what can write.
"""

from typing import TYPE_CHECKING, cast

from aoi.agents.approval import SandboxApprover
from aoi.agents.decision import ExecDo
from aoi.agents.executor import Executor
from aoi.agents.journal import Journal
from aoi.agents.workers import Deed

if TYPE_CHECKING:
    from aoi.agents.episode import Situation
    from aoi.clusters.embedded.world import World


class SandboxHands:
    """Typed actions of one episode, with a journal of its own."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def act(self, do: ExecDo) -> Deed:
        """Carry out one action on real names."""
        result = self._executor.perform(do.action, do.target, do.value)
        return Deed(result.status, result.failure_class, result.text)


def sandbox_hands(situation: "Situation") -> SandboxHands:
    """Hands for a problem's world. Raises: ApprovalRefused unless it is an embedded one."""
    approver = SandboxApprover(cast("World", situation.world))
    executor = Executor(
        situation.write_transport(),
        approver,
        Journal(),
        situation.namespace,
        recorded=situation.recorded_transport(),
    )
    return SandboxHands(executor)
