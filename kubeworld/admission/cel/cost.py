"""Bounds on what an expression may make and do, worked out once from its tree and applied to the size of a request.

The runtime stops an expression after 10,000 loop steps, but counts neither the bytes that one step builds nor those it
scans: `[s].map(x, x + x)` thirty times over is a gigabyte. So each node gets an upper bound as a polynomial in `S`
(bytes of the request), `N` (elements of its longest list) and the elements of the loops around it. The elements of one
list weigh no more than the list, which keeps the bound tight for nested loops over one object.
kube-apiserver meters while it runs and refuses at 1,000,000 units; the words of that refusal are used here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kubeworld.admission.cel.syntax import Node, Tree

EXCEEDED = "operation cancelled: actual cost limit exceeded"
STEPS = 10_000
"""Loop steps after which the runtime stops."""
BYTES_LIMIT = 64 * 1024 * 1024
WORK_LIMIT = 400_000_000
"""Bytes scanned; the runtime's `contains` reads some 160 MB a second, so this is two or three seconds of one core."""
_FACTORS = {"matches": 20.0, "replace": 20.0, "split": 20.0}
"""How much slower than a comparison the runtime's functions read, where they are: regular expressions, copies."""
_PYTHON_FACTOR = 50.0
"""The same for functions that are written in Python here, with what it takes to hand them their arguments."""

Term = tuple[str, ...]
"""Factors of a product, sorted: `("N", "S")`."""
Poly = Mapping[Term, float]
_ONE: Poly = {(): 1.0}
_DATA: Poly = {("S",): 1.0}
_SCALARS = frozenset(
    (
        *("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "@in", "@not_strictly_false", "size"),
        *("contains", "startsWith", "endsWith", "matches", "indexOf", "lastIndexOf", "isSorted"),
        *("int", "double", "bool"),
    )
)
_PASSING = frozenset(("_[_]", "_[?_]", "_?._", "@index", "optional.of", "value"))
"""Functions that give a part of their first argument."""


@dataclass(frozen=True)
class Size:
    """What a request weighs: bytes of its objects as JSON, and an upper bound on elements of a list in it."""

    octets: int
    elements: int
    objects: Sequence[Any] = ()

    @cached_property
    def longest(self) -> int:
        """Elements of the longest list or map in the objects: dearer to find out, and closer."""
        return max(_longest(list(self.objects)), 1) if self.objects else self.elements


def _longest(value: Any) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value
    return max([len(inner), *(_longest(part) for part in inner)]) if isinstance(inner, list) else 0


@dataclass(frozen=True)
class Bounds:
    """Upper bounds of one expression."""

    weight: Poly
    """Bytes of its value."""
    largest: Poly
    """Bytes of everything that it makes on the way."""
    work: Poly
    """Bytes that it scans."""
    makes_lists: bool
    """Whether it can make lists longer than those of the request: by splitting a string."""

    def allow(self, size: Size) -> bool:
        """Whether it may run on a request of this size."""
        if self._fit(size.octets, size.octets if self.makes_lists else size.elements):
            return True
        # The commas of the document were a cheap upper bound on its lists; only where that is too much are they
        # counted.
        return not self.makes_lists and self._fit(size.octets, _CONCATENATED * size.longest)

    def _fit(self, octets: int, elements: int) -> bool:
        return (
            _value(self.largest, octets, elements) <= BYTES_LIMIT and _value(self.work, octets, elements) <= WORK_LIMIT
        )


_CONCATENATED = 4
"""How many of the request's lists an expression is taken to join into one."""
Known = tuple[tuple[str, "Frozen"], ...]
"""(name, weight) of variables that were computed from the request."""
Frozen = tuple[tuple[Term, float], ...]


def frozen(poly: Poly) -> Frozen:
    """`poly` as a key."""
    return tuple(sorted(poly.items()))


def bounds(tree: Tree, known: Known, in_python: frozenset[str]) -> Bounds:
    """The bounds of an expression whose variables are bounded by `known`; `in_python` names functions of that kind."""
    meter = _Meter({name: dict(poly) for name, poly in known}, in_python)
    weight = meter.weigh(tree.root)
    splits = any(node.kind == "call" and node.text == "split" for node in tree.root.walk())
    return Bounds(weight, _sum(*meter.made), _sum(*meter.scanned), splits)


@dataclass
class _Meter:
    """Walks a tree, collecting what is made and scanned at each node."""

    known: dict[str, Poly]
    in_python: frozenset[str]
    made: list[Poly] = field(default_factory=list)
    scanned: list[Poly] = field(default_factory=list)

    def weigh(self, node: Node) -> Poly:
        if node.kind == "const":
            return {(): float(node.size)}
        if node.kind == "ident":
            return self.known.get(node.text, _DATA)
        if node.kind == "loop":
            return self._loop(node)
        parts = [self.weigh(part) for part in node.parts]
        if node.kind == "select":
            return _ONE if node.is_test else parts[0]
        if node.kind == "call":
            return self._call(node, parts)
        return self._made(_sum(_ONE, *parts))

    def _call(self, node: Node, parts: list[Poly]) -> Poly:
        name, given = node.text, _sum(_ONE, *parts)
        factor = _PYTHON_FACTOR if name in self.in_python else _FACTORS.get(name, 1.0)
        self.scanned.append(_times(given, {(): factor}))
        if name in _SCALARS:
            return _ONE
        if name in _PASSING:
            return parts[0]
        if name in ("_?_:_", "orValue", "or"):
            return _sum(*parts)
        return self._made(_growth(name, parts))

    def _made(self, poly: Poly) -> Poly:
        self.made.append(poly)
        return poly

    def _loop(self, node: Node) -> Poly:
        elements, start, condition, step, result = node.parts
        ranged, initial = self.weigh(elements), self.weigh(start)
        name = f"@{node.id}"
        # What the loop adds is weighed with an empty accumulator, per element, and summed up over the list afterwards.
        inner = _Meter({**self.known, node.text: {(name,): 1.0}, node.accumulator: {}}, self.in_python)
        inner.weigh(condition)
        added = _closed(inner.weigh(step), name, ranged)
        self.made += [_closed(poly, name, ranged) for poly in inner.made]
        self.scanned += [_closed(_sum(_ONE, poly), name, ranged) for poly in inner.scanned]
        total = self._made(_sum(initial, added))
        outer = _Meter({**self.known, node.accumulator: total}, self.in_python, self.made, self.scanned)
        return outer.weigh(result)


def _growth(name: str, parts: list[Poly]) -> Poly:
    """How large a value becomes that a function makes of its arguments."""
    if name == "replace" and len(parts) > 2:
        return _sum(parts[0], _times(_sum(_ONE, parts[0]), parts[2]))
    if name == "join":
        return _sum(parts[0], *(_times(parts[0], separator) for separator in parts[1:]))
    if name == "_+_":
        return _sum(*parts)
    # Everything else gives no more than its arguments, printed: quoted and escaped, or a number of 32 characters.
    return _times(_sum(_ONE, *parts), {(): 32.0}) if name == "format" else _sum({(): 64.0}, *parts)


def _closed(poly: Poly, name: str, ranged: Poly) -> Poly:
    """The sum over all elements `name` of a list that weighs `ranged`."""
    closed: list[Poly] = []
    for term, factor in poly.items():
        others: Poly = {tuple(symbol for symbol in term if symbol != name): factor}
        power = term.count(name)
        # Elements together weigh what the list weighs: the sum of products is at most the product of sums.
        for _ in range(power):
            others = _times(others, ranged)
        closed.append(others if power else _times(others, {("N",): 1.0}))
    return _sum(*closed)


def _sum(*polys: Poly) -> Poly:
    total: dict[Term, float] = {}
    for poly in polys:
        for term, factor in poly.items():
            total[term] = total.get(term, 0.0) + factor
    return total


def _times(left: Poly, right: Poly) -> Poly:
    product: dict[Term, float] = {}
    for term, factor in left.items():
        for other, more in right.items():
            both = tuple(sorted(term + other))
            product[both] = product.get(both, 0.0) + factor * more
    return product


def _value(poly: Poly, octets: int, elements: int) -> float:
    total = 0.0
    for term, factor in poly.items():
        loops = term.count("N")
        # However loops are nested, the runtime counts their steps together.
        steps = min(float(elements) ** loops, float(STEPS)) if loops else 1.0
        total += factor * steps * float(octets) ** (len(term) - loops)
    return total
