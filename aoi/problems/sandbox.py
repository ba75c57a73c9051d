"""The Executor in a problem's world: approved because nothing real can break, and on the world's own time.

Imported only where a task is a mitigation; a diagnosis never loads what can write.
"""

from datetime import datetime

from aoi.access.transport import ReadTransport, Transport
from aoi.agents.actions.database import script_digest
from aoi.agents.actions.proposal import Proposal
from aoi.agents.approval import VALID_FOR, ActionApproval
from aoi.agents.executor import Executor
from aoi.agents.journal import Journal
from aoi.agents.situation import Deed
from aoi.errors import ApprovalRefused
from aoi.records.base import Sha256
from aoi.records.decision import ExecDo
from aoi.worlds.applications.repairs import repair_scripts
from aoi.worlds.runtime import AppRuntime
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.world import World


class SandboxApprover:
    """Says yes to everything in one embedded world, where nothing real can break."""

    def __init__(self, world: World) -> None:
        # The exact type: a stand-in for a world must not open a real cluster.
        if type(world) is not World:
            raise ApprovalRefused(f"a sandbox approver needs an embedded World, found {type(world).__name__}")
        self._world = world

    def check_transport(self, transport: Transport) -> None:
        """Only a transport into its own world."""
        if type(transport) is not EmbeddedTransport or not transport.leads_to(self._world):
            raise ApprovalRefused("a sandbox approver decides only about the embedded world that it was made for")

    def approve(self, proposal: Proposal) -> ActionApproval:
        """Yes, for the simulated moment: a standing one, since two equal tries at one instant get equal approvals."""
        now = world_time(self._world)
        return ActionApproval(proposal.digest, "sandbox", now, now + VALID_FOR, is_standing=True)


def world_time(world: World) -> datetime:
    """Simulated time of an embedded world."""
    return datetime.fromisoformat(world.clock.rfc3339())


def sandbox_executor(
    world: World, transport: Transport, namespace: str, *, journal: Journal, recorded: ReadTransport | None = None
) -> Executor:
    """An Executor whose approver, time and waiting are the world's; it runs the repairs that its application's chart
    brought. Raises: ApprovalRefused for another transport."""
    return Executor(
        transport,
        SandboxApprover(world),
        journal,
        namespace,
        recorded=recorded,
        scripts=_repairs(world),
        clock=lambda: world_time(world),
        wait=world.advance,
    )


def _repairs(world: World) -> frozenset[Sha256]:
    """By the application as its chart describes it, not by what the cluster holds now."""
    runtime = world.runtime
    texts = repair_scripts(runtime.application) if isinstance(runtime, AppRuntime) else ()
    return frozenset(map(script_digest, texts))


class SandboxHands:
    """Typed actions of one episode, with a journal of its own."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def act(self, do: ExecDo) -> Deed:
        """Carry out one action on real names."""
        result = self._executor.perform(do.action, do.target, do.value)
        return Deed(result.status, result.failure_class, result.text)


def sandbox_hands(world: World, transport: Transport, namespace: str, recorded: ReadTransport) -> SandboxHands:
    """Hands for one episode in a problem's world. Raises: ApprovalRefused unless it is an embedded one."""
    return SandboxHands(sandbox_executor(world, transport, namespace, journal=Journal(), recorded=recorded))
