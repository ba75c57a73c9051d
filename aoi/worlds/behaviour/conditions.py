"""How every call edge and component of an application stands, from the state of the API objects alone.

`observe` follows each call as the network would: configured address, DNS, Service or registry, ready endpoints,
target port against what the pod really listens on, NetworkPolicies, chaos objects, the identity of the program that
answers, and the database's accounts. What comes out is small: it is remembered as telemetry (memory.py), and
traffic.py turns it into rates and latencies.
"""

from dataclasses import astuple, dataclass
from typing import Any

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.clients import surges_of
from aoi.worlds.behaviour.flags import Served, misdirected, served
from aoi.worlds.behaviour.network import Network, Reach
from aoi.worlds.behaviour.strains import Strain, Surge, strains_of
from kubeworld.machine.world import World

WORDS = (
    "ok",
    "refused",
    "timeout",
    "nohost",
    "reset",
    "unavailable",
    "unimplemented",
    "unauthorized",
    "authfailed",
    "badpassword",
    "dns",
    "servfail",
    "tls",
    "connlimit",
    "readonly",
    "cachefull",
    "fds",
)
"""How one attempt of a call can end. `authfailed` is an unknown user, `badpassword` a known one with another password,
`unauthorized` a missing role; `tls` a plain connection to who wants none, `connlimit` one too many, `readonly` a write
to a database that takes none, `cachefull` one to a cache that may not evict, `fds` a server without descriptors left.

Of a name that is looked up `nohost` says that it does not exist, `dns` that nobody answers, `servfail` that DNS fails.
"""

FAILING = "failing"
"""Where a world remembers what share of the calls failed that are retried: (caller, callee, share)."""

USERS = ""
"""Stands for the users as the caller of the entry."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A call edge that is not simply healthy."""

    caller: str
    callee: str
    outcomes: tuple[tuple[str, float], ...]
    """(word, share of attempts); shares sum to 1."""
    delay_ms: float
    """Added to each attempt that gets an answer."""
    address: str
    """`host:port` that the caller uses."""


@dataclass(frozen=True, slots=True)
class Instances:
    """Pods of a component."""

    component: str
    ready: int
    desired: int
    cpu_limit_m: int
    """What it may use; of a limit that stress workers share, its part."""
    stress_m: float = 0.0
    """What stress workers beside it would use."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that traffic depends on. Edges that are not listed are healthy, components without a strain run as specified.

    `failing` is how a system that amplifies its own trouble stood before: (caller, callee, share of attempts that
    failed) of the edges that are retried. With retries there can be two ways to be under the same load, and which
    one it is depends on where it comes from.
    """

    edges: tuple[Edge, ...]
    instances: tuple[Instances, ...]
    strains: tuple[Strain, ...] = ()
    surges: tuple[Surge, ...] = ()
    failing: tuple[tuple[str, str, float], ...] = ()
    flags: Served = ()
    """Feature flags that are on, as programs hear of them."""

    def to_json(self) -> tuple[Any, ...]:
        """Tuples of plain values, to be remembered."""
        edges = tuple((e.caller, e.callee, e.outcomes, e.delay_ms, e.address) for e in self.edges)
        instances = tuple(
            (i.component, i.ready, i.desired, i.cpu_limit_m, *((i.stress_m,) if i.stress_m else ()))
            for i in self.instances
        )
        if not (self.strains or self.surges or self.failing or self.flags):
            return edges, instances
        strains, surges = tuple(map(astuple, self.strains)), tuple(map(astuple, self.surges))
        return edges, instances, strains, surges, self.failing, self.flags

    @classmethod
    def from_json(cls, data: tuple[Any, ...]) -> "Conditions":
        """The inverse of `to_json`."""
        edges, instances, *more = data
        strains, surges, failing, flags = more or ((), (), (), ())
        return cls(
            tuple(Edge(a, b, tuple((w, s) for w, s in outcomes), d, at) for a, b, outcomes, d, at in edges),
            tuple(Instances(*entry) for entry in instances),
            tuple(Strain(*entry) for entry in strains),
            tuple(Surge(*entry) for entry in surges),
            failing,
            flags,
        )

    def edge(self, caller: str, callee: str) -> Edge | None:
        """The edge if it is not simply healthy."""
        for edge in self.edges:
            if edge.caller == caller and edge.callee == callee:
                return edge
        return None


class _Memo:
    """The conditions of a world when they were last asked for, and what they were read from."""

    def __init__(self, world: World) -> None:
        self.read_from: tuple[object, int, int, object, object, Application] | None = None
        self.conditions = Conditions((), ())


def observe(world: World, application: Application) -> Conditions:
    """Conditions now. Remembered until an object, the time or the databases change, since every read asks."""
    store, databases, memo = world.store, world.state.get("databases"), world.part(_Memo)
    failing = world.state.get(FAILING, ())
    seen = memo.read_from
    # A restored store has a new change log, so equal revisions of two histories are told apart by its identity.
    if (
        seen is None
        or seen[0] is not store.log
        or seen[1:3] != (store.revision, world.clock.now_ms)
        or seen[3] is not databases
        or seen[4] is not failing
        or seen[5] is not application
    ):
        memo.conditions = _observe(world, application)
        memo.read_from = (store.log, store.revision, world.clock.now_ms, databases, failing, application)
    return memo.conditions


def _observe(world: World, application: Application) -> Conditions:
    network = Network(world, application)
    flags = served(network)
    elsewhere = misdirected(network, flags) if flags else {}
    edges = []
    for caller, callee in ((USERS, application.workload.entry), *application.edges):
        reach = elsewhere.get((caller, callee)) or network.reach(caller, callee)
        if reach.outcomes != Reach.HEALTHY or reach.delay_ms:
            edges.append(Edge(caller, callee, reach.outcomes, reach.delay_ms, reach.address))
    instances = tuple(_instances(network, component) for component in application.by_name)
    strains = tuple(strains_of(network))
    is_retried = any(strain.attempts > 1 for strain in strains)
    failing = world.state.get(FAILING, ()) if is_retried else ()
    return Conditions(tuple(edges), instances, strains, tuple(surges_of(network)), failing, flags)


def _instances(network: Network, component: str) -> Instances:
    ready = network.ready_count(component)
    workload = network.workload(component)
    desired = workload["spec"].get("replicas", 1) if workload else 0
    return Instances(component, ready, desired, network.cpu_limit_m(component), network.stress_m(component))
