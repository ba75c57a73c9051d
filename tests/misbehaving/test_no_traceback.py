"""Whatever comes in from outside is read, refused or told as a failure: nothing of it is a traceback."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aoi.access.alerts import read_alerts
from aoi.access.live.answers import response_of
from aoi.access.live.connections import Answer
from aoi.access.recording import load
from aoi.access.transport import ReadRequest, Response
from aoi.agents.compressor import Compressor, Observation
from aoi.agents.probe import Probe
from aoi.agents.topology import LINES, Topology, Workload, read
from aoi.errors import AoiError
from aoi.language import decision
from aoi.language.handles import assign
from tests.access.live.servers import Received
from tests.estate.estates import SHOP, surveyed
from tests.misbehaving.server import broken, honest

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
BYTES = st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
DEEP = st.integers(1, 3000).flatmap(
    lambda depth: st.sampled_from(
        [b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth]
    )
)
HUGE = st.sampled_from(
    [b"9" * 50_000, b'"' + b"a" * 200_000 + b'"', b"-1e" + b"9" * 400, b'{"a":1' + b',"a":1' * 9_000 + b"}"]
)
ODD = BYTES | DEEP | HUGE
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLAIN = (
    "kubectl get pods -o wide",
    "kubectl get pods -o json",
    "kubectl get deployments,services -o yaml",
    "kubectl describe pods",
    "kubectl describe deployment/till",
    "kubectl describe service/web",
    "kubectl describe nodes",
    "kubectl events",
    "kubectl logs deployment/till",
    "kubectl rollout history deployment/till",
    "kubectl rollout status deployment/till",
    "kubectl top pods",
    "prom metrics till",
    "prom alerts",
    "jaeger traces till",
)


def _served(request: ReadRequest) -> Any:
    """What an honest server would say."""
    return honest(Received("GET", request.path, {}, b""), broken()).partition(b"\r\n\r\n")[2]


def _places(value: Any) -> list[tuple[Any, Any]]:
    steps = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, step) for step in steps] + [place for step in steps for place in _places(value[step])]


class Forging:
    """An honest server of whose every JSON answer one value was replaced, or the whole."""

    def __init__(self, draw: st.DataObject) -> None:
        self._draw = draw

    def read(self, request: ReadRequest) -> Response:
        body = _served(request)
        if request.path.endswith("/log"):
            return Response(200, self._draw.draw(ODD), "text/plain")
        value = orjson.loads(body)
        if places := _places(value):
            held, step = self._draw.draw(st.sampled_from(places))
            held[step] = self._draw.draw(VALUES)
        return Response(200, orjson.dumps(value), headers={"Date": self._draw.draw(st.text(max_size=30))})


@QUICK
@given(draw=st.data(), line=st.sampled_from(PLAIN))
def test_no_answer_of_a_server_breaks_a_command_of_the_probe(draw: st.DataObject, line: str) -> None:
    told = Probe(Forging(draw), SHOP).run(line)
    assert told.status in ("ok", "failed", "refused")  # a forged name is asked for by nobody
    assert told.evidence in ("seen", "absent", "unreadable", "cut")


class Saying:
    """A server that says the same to everybody."""

    def __init__(self, status: int, body: bytes) -> None:
        self._response = response_of(Answer(status, {"content-type": "application/json"}, body), "/api/v1/pods")

    def read(self, request: ReadRequest) -> Response:
        return self._response


@QUICK
@given(status=st.integers(100, 999), body=ODD, line=st.sampled_from(PLAIN))
def test_no_bytes_of_a_server_break_a_command_or_a_survey(status: int, body: bytes, line: str) -> None:
    server = Saying(status, body)
    assert Probe(server, SHOP).run(line).status in ("ok", "failed", "refused")
    with suppress(AoiError):
        told = surveyed(answer=server.read)
        assert told.answer.verdict == "inconclusive"


COMPRESSOR = Compressor(
    Topology(SHOP, ("till", "web"), ("node-1",), {"till": Workload("deployment", "till", (("app", "till"),))}),
    assign(("till", "web"), ("node-1",), seed=1, real=True),
)


@QUICK
@given(draw=st.data(), lines=st.lists(st.sampled_from(PLAIN), min_size=1, max_size=3))
def test_whatever_was_printed_is_compressed(draw: st.DataObject, lines: list[str]) -> None:
    observations = []
    for line in lines:
        told = Probe(Forging(draw), SHOP).run(line)
        observations.append(Observation(line, told.observation, told.evidence or "unreadable"))
    COMPRESSOR.signals("till", observations)


@QUICK
@given(texts=st.tuples(*[st.text(max_size=200) | DEEP.map(bytes.decode)] * len(LINES)))
def test_whatever_was_printed_gives_a_topology(texts: tuple[str, str, str]) -> None:
    read(texts, ("till",), ("node-1",), SHOP)


SAID = ODD.map(lambda data: data.decode("utf-8", "replace")) | VALUES.map(lambda value: orjson.dumps(value).decode())


@QUICK
@given(text=SAID)
@pytest.mark.parametrize("parse", ["parse", "parse_do", "parse_probe", "parse_executor", "parse_plan"])
def test_whatever_a_model_says_is_read_or_malformed(parse: str, text: str) -> None:
    with suppress(AoiError):
        getattr(decision, parse)(text)
    decision.parse_or_none(text)


@QUICK
@given(data=ODD)
def test_whatever_a_file_of_alerts_or_a_recording_holds_it_is_read_or_refused(data: bytes, tmp_path: Path) -> None:
    with suppress(AoiError):
        read_alerts(data)
    (tmp_path / "recording").write_bytes(data)
    with suppress(AoiError):
        load(tmp_path / "recording")
