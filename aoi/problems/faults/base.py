"""What a fault is: where it may hit, the writes that cause it, and the one fix that is known to work.

A fault plans; it does not act. `Fault.plan` looks at a healthy world and returns writes as data, so the same
plan serves the injection, the repair of the oracle's self-test and the strict oracle's question "is it still there?".
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aoi.language import lexicon
from aoi.problems.sites import Site
from aoi.problems.writes import Deed, Key, Wait
from aoi.records.problem import FaultType, SystemLevel, TaskKind
from aoi.worlds.applications.spec import Application, Component
from kubeworld.kubelet.images import canonical
from kubeworld.machine.world import World

Evidence = tuple[str, str]
"""(check, component): where an expert would look."""


@dataclass(frozen=True, slots=True)
class Action:
    """A typed action by its name in `lexicon.ACTIONS`, as `exec ACTION H [VALUE]` spells it."""

    name: str
    component: str
    value: str | None = None

    def __post_init__(self) -> None:
        if self.name not in lexicon.ACTIONS:
            raise ValueError(f"action {self.name!r} is not one of {', '.join(lexicon.ACTIONS)}")


@dataclass(frozen=True, slots=True)
class Among:
    """Of a list: it holds all of these, whatever else and in whatever order. Who appends to it has mended nothing."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Such:
    """Any value (None: nothing) of which this is true: another number that is as wrong has mended nothing."""

    test: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Mark:
    """A field that has this value while the fault is there. `path` None: the object itself exists.

    A map counts if it holds the fault's keys: the API server adds defaults to what was written. Of a list any item may
    have a value, wherever it stands by now: what is put in front of a container mends nothing in it.
    """

    key: Key
    path: tuple[str | int, ...] | None = None
    value: Any = None
    absent: bool = False
    """The fault is that the object is *not* there; with a path, that the object, the field or this value is not."""

    def holds(self, world: World) -> bool:
        """Whether the world still shows it."""
        obj = world.store.get(*self.key)
        if self.path is None:
            return (obj is None) == self.absent
        if obj is None:
            return self.absent
        if self.value is None:
            return _dig(obj, self.path) is None
        field = str(self.path[-1])
        return any(_covers(present, self.value, field) for present in _found(obj, self.path)) != self.absent


def _covers(present: Any, wanted: Any, field: str = "") -> bool:
    if isinstance(wanted, Such):
        return wanted.test(present)
    if isinstance(wanted, dict) and isinstance(present, dict):
        return all(
            (key in present or isinstance(value, Such)) and _covers(present.get(key), value, key)
            for key, value in wanted.items()
        )
    if isinstance(wanted, Among):
        items = present if isinstance(present, list) else ()
        return all(any(_covers(item, one) for item in items) for one in wanted.items)
    if field == "image" and isinstance(wanted, str) and isinstance(present, str):
        return canonical(present) == canonical(wanted)
    return bool(present == wanted)


def _dig(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _found(value: Any, path: tuple[str | int, ...]) -> Iterator[Any]:
    """What stands at a path, at every place of the lists on the way."""
    for number, step in enumerate(path):
        if isinstance(step, int):
            items = value if isinstance(value, list) else ()
            for item in items:
                yield from _found(item, path[number + 1 :])
            return
        value = value.get(step) if isinstance(value, dict) else None
    yield value


StateWrite = Callable[[World], None]
"""A change of application state that is no API object (a database's users). Needs the world's control."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One fault at one site, ready to be carried out."""

    writes: tuple[Deed, ...]
    """In order; each is sent by the same user as all other work on the cluster."""
    repair: tuple[Deed, ...]
    """Direct writes that undo it, for the oracle's self-test. Agents repair with `actions`."""
    marks: tuple[Mark, ...]
    """All hold while the fault is there; the strict oracle asks for at least one to be gone."""
    actions: tuple[Action, ...]
    """The golden repair."""
    evidence: tuple[Evidence, ...]
    accepted: tuple[str, ...]
    """Component names that count as right, the true one first."""
    state: StateWrite | None = None
    """Done first, with the world's control."""
    undo_state: StateWrite | None = None
    state_holds: Callable[[World], bool] | None = None
    """Whether the state is still as the fault left it."""
    then: StateWrite | None = None
    """Done last, with the world's control."""
    spreads: bool = False
    """It hits whoever needs a new pod: to name another component that lacks pods at the first look is right as well."""
    neighbours: tuple[str, ...] = ()
    """Components that ordinary work leaves alone afterwards: it would move what the fault rests on."""
    kept: tuple[Key, ...] = ()
    """Objects that it makes or changes and others live by: whoever takes them away has mended nothing."""
    parts: tuple["Plan", ...] = ()
    """The plans of several independent faults, which this one holds together; empty for a single one."""

    @property
    def roots(self) -> tuple["Plan", ...]:
        """One plan for each thing that is wrong of itself."""
        return self.parts or (self,)

    def is_present(self, world: World) -> bool:
        """Whether the fault is still there, field by field; of several, whether any of them is."""
        if self.parts:
            return any(part.is_present(world) for part in self.parts)
        if self.state_holds is not None:
            return self.state_holds(world)
        return all(mark.holds(world) for mark in self.marks)

    def marked_by(self, value: Any) -> "Plan":
        """The same plan, whose one mark has another value."""
        (mark,) = self.marks
        return replace(self, marks=(replace(mark, value=value),))

    def while_also(self, *marks: Mark) -> "Plan":
        """The same plan, as well repaired by whoever ends one of these."""
        return replace(self, marks=(*self.marks, *marks))

    @property
    def touched(self) -> tuple[Key, ...]:
        """Objects that the fault itself changes, and its repair may change back."""
        supplied = self.supplied
        marked = [mark.key for mark in self.marks if mark.key not in supplied]
        return tuple(dict.fromkeys([w.key for w in self.writes if not isinstance(w, Wait)] + marked))

    @property
    def supplied(self) -> tuple[Key, ...]:
        """Objects of which the fault is that they lack something: a repair may give it to them, and change no more."""
        return tuple(dict.fromkeys(mark.key for mark in self.marks if mark.absent and mark.path is not None))


def _where_replaced(eligible: Callable[[Application, Component], bool]) -> Callable[[Application, Component], bool]:
    """The same, but for components whose old pods serve until new ones are ready."""
    return lambda application, component: not component.rolls and eligible(application, component)


def compose(*plans: Plan) -> Plan:
    """Several independent faults at once: what all of them write, mark, and need for their repair."""
    state, undone = [p.state for p in plans if p.state], [p.undo_state for p in plans if p.undo_state]
    last = [p.then for p in plans if p.then]
    return Plan(
        writes=tuple(write for plan in plans for write in plan.writes),
        repair=tuple(write for plan in plans for write in plan.repair),
        marks=tuple(mark for plan in plans for mark in plan.marks),
        actions=tuple(action for plan in plans for action in plan.actions),
        evidence=tuple(look for plan in plans for look in plan.evidence),
        accepted=tuple(dict.fromkeys(name for plan in plans for name in plan.accepted)),
        state=_in_turn(state) if state else None,
        undo_state=_in_turn(undone) if undone else None,
        then=_in_turn(last) if last else None,
        neighbours=tuple(dict.fromkeys(name for plan in plans for name in plan.neighbours)),
        kept=tuple(dict.fromkeys(key for plan in plans for key in plan.kept)),
        parts=plans,
    )


def _in_turn(changes: Sequence[StateWrite]) -> StateWrite:
    def change_all(world: World) -> None:
        for change in changes:
            change(world)

    return change_all


def never(_application: Application, _component: Component) -> bool:
    """Of `Fault.mendable`: no typed action repairs it anywhere."""
    return False


@dataclass(frozen=True, slots=True)
class Fault:
    """One mechanism. `eligible` looks only at the application, `plan` only at the healthy site it is given."""

    key: str
    version: str
    family: str
    """Key of `faults.FAMILIES`: mechanisms that teach one another, so that one split meets them all."""
    causes: tuple[str, ...]
    """Words of `lexicon.SIGNALS` that name it, the best first."""
    level: SystemLevel
    type: FaultType
    eligible: Callable[[Application, Component], bool]
    """Whether it can hit this component of this application, and be seen there."""
    plan: Callable[[Site, random.Random], Plan]
    """(site in the healthy world, seeded choices) -> what to do."""
    mendable: Callable[[Application, Component], bool] = lambda _application, _component: True
    """Whether a typed action can repair it there; otherwise it is no mitigation problem."""
    at_rolled: bool = False
    """Whether it shows at a component that is rolled (`Component.rolls`): a new template does not, as an outage, since
    the old pods serve on. What has nothing to do with templates does, and what is about rollouts shows there alone."""
    passes_with_restart: bool = False
    """Restarting everything honestly repairs it (a wedged process, a password read at start): admission allows it."""
    oldest_s: int = 24 * 3600
    """How long it goes on before somebody looks, in simulated seconds, where other faults may be older.

    For what leaves an object behind each time that it strikes: after hours of it there would be thousands of dead pods,
    which is another problem. And for exercises that strike every few seconds, which nobody lets run all day. The
    longest of the rest is `preparing.AGE_S`; experiments that last are made for a day.
    """
    needs_requests: bool = False
    """It shows in how requests fare and nowhere else: where none come, it hides."""
    needs_control: bool = False
    """It changes state inside a database, which no API request can."""

    def __post_init__(self) -> None:
        unknown = set(self.causes) - set(lexicon.SIGNALS)
        if unknown:
            raise ValueError(f"fault {self.key}: {sorted(unknown)} are not words of lexicon.SIGNALS")
        if not self.at_rolled:
            object.__setattr__(self, "eligible", _where_replaced(self.eligible))

    def kinds(self, application: Application, component: Component) -> tuple[TaskKind, ...]:
        """Tasks that a problem with this fault at this component may set."""
        mends = self.mendable(application, component)
        return tuple(kind for kind in TaskKind if mends or kind != TaskKind.MITIGATION)

    @property
    def cause(self) -> str:
        """The word that the truth carries."""
        return self.causes[0]
