"""A small real subset of PromQL: enough to ask what an operator asks during an incident.

    selectors    name{label="v", label!="v", label=~"re", label!~"re"} [range] offset 5m
    functions    rate irate increase delta avg_over_time max_over_time min_over_time histogram_quantile abs round
    aggregation  sum avg min max count (by|without) before or after the argument, topk bottomk
    operators    + - * / and comparisons (with bool or as filters), one-to-one on equal labels or with a number

Anything else raises `PromqlError`, which the HTTP layer answers as Prometheus does: 400 bad_data.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Labels = dict[str, str]
Sample = tuple[Labels, float]
_TOKEN = re.compile(
    r"\s*(?:(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<duration>(?:\d+(?:ms|[smhdw]))+)"
    r"|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)"
    r"|(?P<operator>=~|!~|!=|==|>=|<=|[-+*/(){}\[\],=<>]))"
)
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_AGGREGATIONS = ("sum", "avg", "min", "max", "count", "topk", "bottomk")
RANGE_FUNCTIONS = ("rate", "irate", "increase", "delta", "avg_over_time", "max_over_time", "min_over_time")
_PLAIN_FUNCTIONS = ("abs", "round", "ceil", "floor")


class PromqlError(ValueError):
    """The expression is not understood; the message says where."""


class Series(Protocol):
    """One time series of a metric."""

    @property
    def labels(self) -> Labels:
        """Name and value of each label."""
        ...

    def at(self, at_ms: int) -> float | None:
        """Value at a time, None before it exists."""
        ...

    def increase(self, start_ms: int, end_ms: int) -> float:
        """How much a counter grew, or a gauge changed."""
        ...


Source = Callable[[str, Sequence["Matcher"]], Sequence[Series]]
"""(metric name, matchers) -> candidate series; matchers are checked again here, so a source may ignore them."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher."""

    label: str
    operator: str
    value: str

    def accepts(self, labels: Labels) -> bool:
        """Whether a series' labels fit. Regular expressions are anchored, as in Prometheus."""
        value = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (value == self.value) is (self.operator == "=")
        return (re.fullmatch(self.value, value) is not None) is (self.operator == "=~")


@dataclass(frozen=True, slots=True)
class Node:
    """Parsed expression."""

    kind: str
    name: str = ""
    children: tuple["Node", ...] = ()
    matchers: tuple[Matcher, ...] = ()
    labels: tuple[str, ...] = ()
    is_without: bool = False
    range_ms: int = 0
    offset_ms: int = 0
    number: float = 0.0


def parse(text: str) -> Node:
    """Raises: PromqlError."""
    parser = _Parser(text)
    node = parser.comparison()
    parser.expect_end()
    return node


def duration_ms(text: str) -> int:
    """`1h30m` or plain seconds (`15`) in milliseconds. Raises: PromqlError."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return int(float(text) * 1000)
    parts = re.findall(r"(\d+)(ms|[smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise PromqlError(f"not a valid duration string: {text!r}")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in parts)


class _Parser:
    """Recursive descent over tokens (kind, text)."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _TOKEN.match(stripped, position)
            if match is None:
                raise PromqlError(f"unexpected character at {position}: {stripped[position : position + 10]!r}")
            self.tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            position = match.end()
        self.position = 0

    def peek(self) -> str:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.position][0] if self.position < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise PromqlError(f"expected {expected or 'more'!r}, found {token or 'the end'!r}")
        self.position += 1
        return token

    def expect_end(self) -> None:
        if self.position < len(self.tokens):
            raise PromqlError(f"unexpected {self.peek()!r}")

    def comparison(self) -> Node:
        node = self.sum()
        while self.peek() in ("==", "!=", ">", "<", ">=", "<="):
            operator = self.take()
            is_bool = self.peek() == "bool"
            if is_bool:
                self.take()
            node = Node("compare", operator, (node, self.sum()), is_without=is_bool)
        return node

    def sum(self) -> Node:
        node = self.product()
        while self.peek() in ("+", "-"):
            operator = self.take()
            node = Node("arithmetic", operator, (node, self.product()))
        return node

    def product(self) -> Node:
        node = self.unary()
        while self.peek() in ("*", "/"):
            operator = self.take()
            node = Node("arithmetic", operator, (node, self.unary()))
        return node

    def unary(self) -> Node:
        if self.peek() == "-":
            self.take()
            return Node("arithmetic", "*", (Node("number", number=-1.0), self.unary()))
        if self.peek() == "(":
            self.take()
            node = self.comparison()
            self.take(")")
            return node
        if self.kind() == "number":
            return Node("number", number=float(self.take()))
        return self.named()

    def named(self) -> Node:
        following = self.tokens[self.position + 1][1] if self.position + 1 < len(self.tokens) else ""
        word = self.peek()
        if word in _AGGREGATIONS and following in ("(", "by", "without"):
            return self.aggregation()
        if following == "(" and self.kind() == "name":
            return self.function()
        return self.selector()

    def aggregation(self) -> Node:
        name = self.take()
        labels, is_without = self.grouping()
        self.take("(")
        arguments = [self.comparison()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.comparison())
        self.take(")")
        if not labels and not is_without:
            labels, is_without = self.grouping()
        expected = 2 if name in ("topk", "bottomk") else 1
        if len(arguments) != expected:
            raise PromqlError(f"{name} expects {expected} argument(s), found {len(arguments)}")
        return Node("aggregate", name, tuple(arguments), labels=labels, is_without=is_without)

    def grouping(self) -> tuple[tuple[str, ...], bool]:
        if self.peek() not in ("by", "without"):
            return (), False
        is_without = self.take() == "without"
        self.take("(")
        labels = []
        while self.peek() != ")":
            labels.append(self.take())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return tuple(labels), is_without

    def function(self) -> Node:
        name = self.take()
        self.take("(")
        arguments = []
        while self.peek() != ")":
            arguments.append(self.comparison())
            if self.peek() == ",":
                self.take()
        self.take(")")
        known = (*RANGE_FUNCTIONS, *_PLAIN_FUNCTIONS, "histogram_quantile")
        if name not in known:
            raise PromqlError(f"unknown function with name {name!r}")
        if len(arguments) != (2 if name == "histogram_quantile" else 1):
            raise PromqlError(f"wrong number of arguments for {name}")
        if name in RANGE_FUNCTIONS and not (arguments[0].kind == "selector" and arguments[0].range_ms):
            raise PromqlError(f"expected type range vector in call to function {name!r}")
        return Node("function", name, tuple(arguments))

    def selector(self) -> Node:
        name = self.take() if self.kind() == "name" else ""
        matchers: list[Matcher] = []
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                matchers.append(self.matcher())
                if self.peek() == ",":
                    self.take()
            self.take("}")
        if not name:
            named = [matcher for matcher in matchers if matcher.label == "__name__" and matcher.operator == "="]
            if not named:
                raise PromqlError("a selector needs a metric name")
            name = named[0].value
        range_ms = offset_ms = 0
        if self.peek() == "[":
            self.take()
            range_ms = duration_ms(self.take())
            self.take("]")
        if self.peek() == "offset":
            self.take()
            offset_ms = duration_ms(self.take())
        kept = tuple(matcher for matcher in matchers if matcher.label != "__name__")
        return Node("selector", name, matchers=kept, range_ms=range_ms, offset_ms=offset_ms)

    def matcher(self) -> Matcher:
        label, operator = self.take(), self.take()
        if operator not in ("=", "!=", "=~", "!~") or self.kind() != "string":
            raise PromqlError(f"bad matcher for label {label!r}")
        value = re.sub(r"\\(.)", r"\1", self.take()[1:-1])
        if operator in ("=~", "!~"):
            try:
                re.compile(value)
            except re.error as error:
                raise PromqlError(f"bad regular expression {value!r}: {error}") from error
        return Matcher(label, operator, value)
