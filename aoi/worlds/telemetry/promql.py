"""A small real subset of PromQL: enough to ask what an operator asks during an incident.

    selectors    name{label="v", label!="v", label=~"re", label!~"re"} [range] offset 5m
                 {__name__=~"re"} without a name; alone with a range: a matrix
    functions    rate irate increase delta changes histogram_quantile, avg max min sum count last _over_time,
                 abs round ceil floor clamp_min clamp_max sort sort_desc absent scalar vector time
    aggregation  sum avg min max count group (by|without) before or after the argument, topk bottomk
    operators    + - * / % ^ and comparisons (with bool or as filters), and or unless; one-to-one on equal labels,
                 on(...) or ignoring(...) labels, or with a number

What is no PromQL raises `PromqlError`, which the HTTP layer answers as Prometheus does: 400 bad_data. What is, but not
in the subset, raises `Unsupported`: 422 execution.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kubeworld.admission.cel.patterns import PatternError, check, is_match

Labels = dict[str, str]
Sample = tuple[Labels, float]
_TOKEN = re.compile(
    r"(?:(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)"
    r"|(?P<duration>(?:\d+(?:ms|[smhdwy]))+)|(?P<number>0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)"
    r"|(?P<operator>=~|!~|!=|==|>=|<=|[-+*/%^@(){}\[\],:=<>]))"
)
_LEVELS = (("or",), ("and", "unless"), ("==", "!=", ">", "<", ">=", "<="), ("+", "-"), ("*", "/", "%"))
"""Binary operators from the weakest to the strongest; `^`, which binds from the right, is stronger."""
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
_AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "topk", "bottomk")
RANGE_FUNCTIONS = (
    "rate",
    "irate",
    "increase",
    "delta",
    "changes",
    *(f"{what}_over_time" for what in ("avg", "max", "min", "sum", "count", "last")),
)
_ARGUMENTS = {
    "abs": 1,
    "round": 1,
    "ceil": 1,
    "floor": 1,
    "sort": 1,
    "sort_desc": 1,
    "absent": 1,
    "scalar": 1,
    "vector": 1,
    "time": 0,
    "clamp_min": 2,
    "clamp_max": 2,
    "histogram_quantile": 2,
    **dict.fromkeys(RANGE_FUNCTIONS, 1),
}
"""Functions of the subset -> how many arguments they take."""
_ELSEWHERE = frozenset(
    (
        *(
            "absent_over_time",
            "clamp",
            "day_of_month",
            "day_of_week",
            "days_in_month",
            "deriv",
            "double_exponential_smoothing",
        ),
        *("exp", "histogram_avg", "histogram_count", "histogram_fraction", "histogram_sum", "holt_winters", "hour"),
        *("idelta", "label_join", "label_replace", "ln", "log10", "log2", "minute", "month", "predict_linear"),
        *("present_over_time", "quantile_over_time", "resets", "sgn", "sort_by_label", "sqrt", "stddev_over_time"),
        *("stdvar_over_time", "timestamp", "year", "stddev", "stdvar", "quantile", "count_values", "limitk"),
        *("limit_ratio", "info", "pi", "deg", "rad", "day_of_year", "sort_by_label_desc", "histogram_stddev"),
        *("histogram_stdvar", "mad_over_time", "first_over_time"),
        *(f"ts_of_{which}_over_time" for which in ("first", "last", "max", "min")),
        *(f"{arc}{what}{kind}" for arc in ("", "a") for what in ("sin", "cos", "tan") for kind in ("", "h")),
    )
)
"""Functions and aggregations that Prometheus knows and this subset does not."""
_SETS = ("and", "or", "unless")
_WORDS = (*_SETS, "on", "ignoring", "bool", "offset", "by", "without", "group_left", "group_right")


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_KEYWORDS = frozenset((*_WORDS, *_AGGREGATIONS, "atan2"))
"""Written in capitals as well."""
_BLANK = re.compile(r"(?:\s|#[^\n]*(?:\n|\Z))*")
"""Between tokens: spaces and comments."""


class PromqlError(ValueError):
    """The expression is not understood; the message says where."""


class Unsupported(PromqlError):
    """PromQL that this subset does not have."""


class Series(Protocol):
    """One time series of a metric."""

    @property
    def labels(self) -> Labels:
        """Name and value of each label."""
        ...

    def at(self, at_ms: int) -> float | None:
        """Value at a time, None before it exists."""
        ...

    def exists(self, at_ms: int) -> bool:
        """Whether it has a value at a time: what it is may cost more."""
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
        return is_match(self.value, value) is (self.operator == "=~")


@dataclass(frozen=True, slots=True)
class Node:
    """Parsed expression."""

    kind: str
    name: str = ""
    children: tuple["Node", ...] = ()
    matchers: tuple[Matcher, ...] = ()
    labels: tuple[str, ...] = ()
    is_without: bool = False
    """Of an aggregation: `without` its labels. Of an operator: match `ignoring` them; without labels, all of them."""
    is_bool: bool = False
    range_ms: int = 0
    offset_ms: int = 0
    number: float = 0.0


def parse(text: str) -> Node:
    """Raises: PromqlError."""
    parser = _Parser(text)
    node = parser.expression()
    parser.expect_end()
    return node


def duration_ms(text: str) -> int:
    """`1h30m` or plain seconds (`15`) in milliseconds. Raises: PromqlError."""
    if re.fullmatch(r"\d{1,12}(\.\d+)?", text):
        return int(float(text) * 1000)
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise PromqlError(f"not a valid duration string: {text!r}")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in parts)


def _blank_end(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _unquoted(text: str) -> str:
    """What a string literal stands for; between back quotes, exactly what is written."""
    return (
        text[1:-1] if text[0] == "`" else re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])
    )


class _Parser:
    """Recursive descent over tokens (kind, text)."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        position = _blank_end(text, 0)
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise PromqlError(f"unexpected character at {position}: {text[position : position + 10]!r}")
            kind, token = match.lastgroup or "", match[match.lastgroup or 0]
            self.tokens.append((kind, token.lower() if token.isupper() and token.lower() in _KEYWORDS else token))
            position = _blank_end(text, match.end())
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
        if self.peek() == "atan2":
            raise Unsupported("atan2 is not supported")
        if self.position < len(self.tokens):
            raise PromqlError(f"unexpected {self.peek()!r}")

    def expression(self) -> Node:
        """Of the weakest operator."""
        return self.binary(0)

    def binary(self, level: int) -> Node:
        """Operators of one level of precedence, from the left."""
        if level == len(_LEVELS):
            return self.power()
        node = self.binary(level + 1)
        while self.peek() in _LEVELS[level] and self.kind() in ("operator", "name"):
            operator = self.take()
            kind = "set" if operator in _SETS else "compare" if operator in _LEVELS[2] else "arithmetic"
            node = self.operation(kind, operator, node, level)
        return node

    def operation(self, kind: str, operator: str, left: Node, level: int) -> Node:
        is_bool = kind == "compare" and self.peek() == "bool"
        if is_bool:
            self.take()
        labels: tuple[str, ...] = ()
        is_without = True
        if self.peek() in ("on", "ignoring"):
            is_without = self.take() == "ignoring"
            labels = self.names()
            if self.peek() in ("group_left", "group_right"):
                raise Unsupported(f"{self.peek()} is not supported: match one to one")
        children = (left, self.binary(level + 1))
        return Node(kind, operator, children, labels=labels, is_without=is_without, is_bool=is_bool)

    def power(self) -> Node:
        node = self.unary()
        if self.peek() != "^":
            return node
        self.take()
        return Node("arithmetic", "^", (node, self.power()), is_without=True)

    def unary(self) -> Node:
        if self.peek() == "-":
            self.take()
            return Node("arithmetic", "*", (Node("number", number=-1.0), self.power()), is_without=True)
        if self.peek() == "+":
            self.take()
            return self.power()
        if self.peek() == "(":
            self.take()
            node = self.expression()
            self.take(")")
            return self.plain(node)
        if self.kind() == "number":
            number = self.take()
            return Node("number", number=float(int(number, 16) if number[:2] in ("0x", "0X") else number))
        if self.kind() == "string":
            raise Unsupported("strings are not supported as values")
        return self.named()

    def named(self) -> Node:
        following = self.tokens[self.position + 1][1] if self.position + 1 < len(self.tokens) else ""
        word = self.peek()
        if word in _AGGREGATIONS and following in ("(", "by", "without"):
            return self.aggregation()
        if word in _ELSEWHERE and following in ("(", "by", "without"):
            raise Unsupported(f"{word} is not supported")
        if following == "(" and self.kind() == "name":
            return self.plain(self.function())
        if word.lower() in ("inf", "nan") and self.kind() == "name":
            return Node("number", number=float(self.take()))
        return self.selector()

    def plain(self, node: Node) -> Node:
        """What can have no range, since it is no selector."""
        if self.peek() == "[":
            raise Unsupported("subqueries are not supported")
        return node

    def aggregation(self) -> Node:
        name = self.take()
        labels, is_without = self.grouping()
        self.take("(")
        arguments = [self.expression()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.expression())
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
        return self.names(), is_without

    def names(self) -> tuple[str, ...]:
        """Label names in parentheses."""
        self.take("(")
        labels = []
        while self.peek() != ")":
            labels.append(self.take())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return tuple(labels)

    def function(self) -> Node:
        name = self.take()
        self.take("(")
        arguments = []
        while self.peek() != ")":
            arguments.append(self.expression())
            if self.peek() == ",":
                self.take()
        self.take(")")
        if name not in _ARGUMENTS:
            raise PromqlError(f"unknown function with name {name!r}")
        if name == "round" and len(arguments) == 2:
            return Node("function", name, tuple(arguments))
        if len(arguments) != _ARGUMENTS[name]:
            raise PromqlError(f"expected {_ARGUMENTS[name]} argument(s) in call to {name!r}, got {len(arguments)}")
        if name in RANGE_FUNCTIONS and not (arguments[0].kind == "selector" and arguments[0].range_ms):
            raise PromqlError(f"expected type range vector in call to function {name!r}")
        return Node("function", name, tuple(arguments))

    def selector(self) -> Node:
        name = self.take() if self.kind() == "name" and self.peek() not in _WORDS else ""
        matchers: list[Matcher] = []
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                matchers.append(self.matcher())
                if self.peek() == ",":
                    self.take()
            self.take("}")
        twice = next((matcher for matcher in matchers if name and matcher.label == "__name__"), None)
        if twice:
            raise PromqlError(f'metric name must not be set twice: "{name}" or "{twice.value}"')
        if not name:
            named = next((m for m in matchers if m.label == "__name__" and m.operator == "="), None)
            if named is None and all(matcher.accepts({}) for matcher in matchers):
                raise PromqlError("vector selector must contain at least one non-empty matcher")
            name = named.value if named else ""
        range_ms = offset_ms = 0
        if self.peek() == "[":
            self.take()
            range_ms = duration_ms(self.take())
            if self.peek().startswith(":"):
                raise Unsupported("subqueries are not supported")
            if not range_ms:
                raise PromqlError("duration must be greater than 0")
            self.take("]")
        if self.peek() == "offset":
            self.take()
            if self.peek() == "-":
                raise Unsupported("negative offsets are not supported")
            offset_ms = duration_ms(self.take())
        if self.peek() == "@":
            raise Unsupported("the @ modifier is not supported")
        kept = tuple(m for m in matchers if not name or m.label != "__name__")
        return Node("selector", name, matchers=kept, range_ms=range_ms, offset_ms=offset_ms)

    def matcher(self) -> Matcher:
        if self.kind() == "string":
            raise Unsupported("quoted names are not supported")
        label, operator = self.take(), self.take()
        if operator not in ("=", "!=", "=~", "!~") or self.kind() != "string":
            raise PromqlError(f"bad matcher for label {label!r}")
        value = _unquoted(self.take())
        if operator in ("=~", "!~"):
            try:
                check(value)
            except PatternError as error:
                raise PromqlError(str(error)) from error
        return Matcher(label, operator, value)
