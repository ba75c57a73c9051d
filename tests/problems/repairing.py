"""A world to mend, and the writes of whoever mends it: for claims about what the strict grade passes."""

from aoi.problems import catalogue
from aoi.problems.scenario import Scenario, build
from aoi.problems.sites import Site, find
from aoi.problems.writes import Delete, Patch, Write, send
from aoi.records.problem import ProblemInstance, TaskKind
from aoi.worlds.transport import EmbeddedTransport
from kubeworld.machine.identity import ADMIN
from kubeworld.machine.store import Obj


def broken(fault: str, application: str, seed: int) -> Scenario:
    """A mitigation of the mechanism, in a world that may be spoilt."""
    problems = [p for p in catalogue.problems(fault=fault, kind=TaskKind.DETECTION) if p.application == application]
    problem = problems[0].model_copy(update={"kind": TaskKind.MITIGATION})
    return build(ProblemInstance(problem=problem, seed=seed))


def write(found: Scenario, *writes: Write) -> None:
    for one in writes:
        send(EmbeddedTransport(found.world, ADMIN), one)


def accepted(found: Scenario) -> tuple[str, ...]:
    assert found.plan is not None
    return found.plan.accepted


def guilty(found: Scenario) -> Site:
    """Where the fault is."""
    return find(found.world, found.application, accepted(found)[0])


def change_container(site: Site, fields: Obj) -> Patch:
    """Fields of the application's container."""
    container = {"name": site.container["name"], **fields}
    return Patch(site.key, {"spec": {"template": {"spec": {"containers": [container]}}}}, "strategic")


def replace_pods(found: Scenario) -> None:
    """Those that are there are made anew."""
    write(found, *(Delete(("pods", found.namespace, name)) for name in guilty(found).pods))
