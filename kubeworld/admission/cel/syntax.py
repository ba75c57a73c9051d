"""A checked expression as a small tree, read from the runtime's own serialised form.

Format: cel.expr.CheckedExpr, https://github.com/google/cel-spec/blob/master/proto/cel/expr/checked.proto
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from kubeworld.machine.wire import fields


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `parts` by kind: select [operand]; call [target?, *arguments]; list and map their items;
    loop [range, accumulator, condition, step, result]."""

    id: int
    kind: Literal["const", "ident", "select", "call", "list", "map", "loop"]
    text: str = ""
    """Name, field, function; for a loop the element's name; for a string constant its text."""
    parts: tuple["Node", ...] = ()
    size: int = 1
    """Bytes of a constant."""
    accumulator: str = ""
    is_test: bool = False
    """`has(...)`."""

    def walk(self) -> Iterator["Node"]:
        """This node and all below."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Tree:
    """An expression with the places of its nodes in the source."""

    root: Node
    source_lines: tuple[int, ...]
    """Offset at which each line ends."""
    offsets: dict[int, int]

    def place(self, node: Node) -> tuple[int, int]:
        """(line, column) of a node; both count from one."""
        offset, line, start = self.offsets.get(node.id, 0), 1, 0
        for end in self.source_lines:
            if end > offset:
                break
            line, start = line + 1, end
        return line, offset - start + 1

    def report(self, source: str, node: Node, text: str) -> str:
        """`text` as the compiler reports it: position, line and a mark under it."""
        line, column = self.place(node)
        lines = source.split("\n")
        shown = lines[line - 1] if line <= len(lines) else ""
        return f"ERROR: <input>:{line}:{column}: {text}\n | {shown}\n | {'.' * (column - 1)}^"

    def names(self) -> frozenset[str]:
        """Identifiers that it reads."""
        return frozenset(node.text for node in self.root.walk() if node.kind == "ident")


def read_tree(serialised: bytes) -> Tree:
    """The tree in a serialised expression (google.protobuf.Any of a CheckedExpr)."""
    root, lines = Node(0, "const"), ()
    offsets: dict[int, int] = {}
    # Field 2 of Any is the CheckedExpr; of that, 4 is the expression and 5 its places in the source.
    for number, value in fields(dict(fields(serialised))[2]):
        if number == 4:
            root = _expression(value)
        elif number == 5:
            lines, offsets = _source_info(value)
    return Tree(root, lines, offsets)


def _source_info(data: bytes) -> tuple[tuple[int, ...], dict[int, int]]:
    lines: list[int] = []
    offsets: dict[int, int] = {}
    for number, value in fields(data):
        if number == 3:
            # Repeated integers are packed into one field in proto3, but a writer may send them one by one.
            lines += [value] if isinstance(value, int) else _packed(value)
        elif number == 4:
            entry = dict(fields(value))
            offsets[entry.get(1, 0)] = entry.get(2, 0)
    return tuple(lines), offsets


def _packed(data: bytes) -> list[int]:
    numbers: list[int] = []
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(value)
            value = shift = 0
    return numbers


def _expression(data: bytes) -> Node:
    id_ = 0
    variant: tuple[int, bytes] = (3, b"")
    for number, value in fields(data):
        if number == 2:
            id_ = value
        else:
            variant = (number, value)
    return _READERS[variant[0]](id_, variant[1])


def _constant(id_: int, data: bytes) -> Node:
    for number, value in fields(data):
        # Strings and bytes; every other constant is too small for its size to matter.
        if number in (6, 7):
            return Node(id_, "const", _text(value), size=len(value) + 1)
    return Node(id_, "const")


def _identifier(id_: int, data: bytes) -> Node:
    return Node(id_, "ident", _text(dict(fields(data)).get(1, b"")))


def _select(id_: int, data: bytes) -> Node:
    parts = dict(fields(data))
    return Node(id_, "select", _text(parts.get(2, b"")), (_expression(parts[1]),), is_test=bool(parts.get(3)))


def _list(id_: int, data: bytes) -> Node:
    return Node(id_, "list", parts=tuple(_expression(element) for number, element in fields(data) if number == 1))


def _map(id_: int, data: bytes) -> Node:
    entries = [part for number, entry in fields(data) if number == 2 for part in _entry(entry)]
    return Node(id_, "map", parts=tuple(entries))


def _call(id_: int, data: bytes) -> Node:
    name = ""
    parts: list[Node] = []
    for number, value in fields(data):
        # The target (field 1) comes before the arguments (3) on the wire, as in `parts`.
        if number == 2:
            name = _text(value)
        else:
            parts.append(_expression(value))
    return Node(id_, "call", name, tuple(parts))


def _entry(data: bytes) -> list[Node]:
    return [_expression(value) for number, value in fields(data) if number in (3, 4)]


def _loop(id_: int, data: bytes) -> Node:
    parts = dict(fields(data))
    # Comprehension: iter_range, accu_init, loop_condition, loop_step, result.
    nodes = tuple(_expression(parts[number]) for number in (2, 4, 5, 6, 7))
    return Node(id_, "loop", _text(parts.get(1, b"")), nodes, accumulator=_text(parts.get(3, b"")))


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


_READERS: dict[int, Callable[[int, bytes], Node]] = {
    3: _constant,
    4: _identifier,
    5: _select,
    6: _call,
    7: _list,
    8: _map,
    9: _loop,
}
"""By field number of cel.expr.Expr."""
