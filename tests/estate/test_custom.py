"""Owners of somebody's own kind: read as themselves where the API and the identity allow, told as gaps where not."""

import orjson
import pytest

from aoi.access.transport import ReadRequest, Response
from aoi.estate.custom import MAX_OWNERS, read_custom
from aoi.estate.estate import read_estate
from aoi.estate.reading import Reader
from tests.estate.estates import DATE, SHOP, Replay, found, pod, running, surveyed, thing

DISCOVERY = "/apis/db.example.org/v1beta2"
OBJECT = f"{DISCOVERY}/namespaces/{SHOP}/postgresqlclusters/orders"
RESOURCES = [
    {"name": "postgresqlclusters/status", "kind": "PostgresqlCluster"},
    {"name": "backups", "kind": "Backup"},
    {"name": "postgresqlclusters", "kind": "PostgresqlCluster"},
]


def _cluster(label="orders", **fields):
    return thing("PostgresqlCluster", label, **fields) | {"apiVersion": "db.example.org/v1beta2"}


def _answers(answers):
    def answer(request: ReadRequest) -> Response | None:
        return answers.get(request.path)

    return answer


def _owned(count=1):
    names = ["orders", *(f"orders-{number}" for number in range(1, count))]
    return {"pods": [pod(f"{label}-0", running(), owner=_cluster(label)) for label in names]}


def _read(parts, answers):
    replay = Replay(parts, answer=_answers(answers))
    reader = Reader(replay)
    return read_estate(reader, [SHOP]), reader.coverage((SHOP,)), [request.path for request in replay.asked]


def test_a_custom_owner_is_read_as_itself():
    whole = _cluster(spec={"instances": 3})
    estate, coverage, _ = _read(_owned(), {DISCOVERY: found({"resources": RESOURCES}), OBJECT: found(whole)})
    ((identity, obj),) = estate.custom.items()
    assert (identity.kind, identity.namespace, identity.name) == ("PostgresqlCluster", SHOP, "orders")
    assert obj["spec"] == {"instances": 3}
    assert not [gap for gap in coverage.gaps if "owner" in gap.detail]


def test_what_a_custom_owner_says_of_itself_is_a_finding():
    unready = {"conditions": [{"type": "Ready", "status": "False", "reason": "Failover", "message": "no primary"}]}
    answers = {DISCOVERY: found({"resources": RESOURCES}), OBJECT: found(_cluster(status=unready))}
    told = list(surveyed(_owned(), answer=_answers(answers)).findings)
    assert any(f.owner.kind == "PostgresqlCluster" and "no primary" in f.summary for f in told)


@pytest.mark.parametrize("body", [orjson.dumps({"resources": RESOURCES[:2]}), b"<html>", b"[]", b'{"resources": null}'])
def test_a_kind_whose_plural_the_api_does_not_say_is_a_gap_and_is_not_guessed(body):
    estate, coverage, asked = _read(_owned(), {DISCOVERY: Response(200, body, headers=DATE)})
    assert estate.custom == {}
    assert [gap.detail for gap in coverage.gaps if "owner of its pods" in gap.detail] == [
        "the owner of its pods was not read: its kind is of no group that may be read"
    ]
    assert not [path for path in asked if "orders" in path and not path.endswith("/log")]


def test_a_refused_owner_is_a_gap_with_its_status():
    refused = Response(403, b'{"message": "forbidden"}', headers=DATE)
    estate, coverage, _ = _read(_owned(), {DISCOVERY: found({"resources": RESOURCES}), OBJECT: refused})
    assert estate.custom == {}
    (gap,) = [gap for gap in coverage.gaps if "owner of its pods" in gap.detail]
    assert gap.what.startswith("PostgresqlCluster")
    assert gap.detail.endswith("HTTP 403")


def test_a_kind_is_asked_for_once_however_many_objects_it_has_and_not_all_are_read():
    _estate, coverage, asked = _read(_owned(MAX_OWNERS + 3), {DISCOVERY: found({"resources": RESOURCES})})
    assert asked.count(DISCOVERY) == 1
    assert sum(path.startswith(f"{DISCOVERY}/") for path in asked) == MAX_OWNERS
    (gap,) = [gap for gap in coverage.gaps if gap.what == "custom resources"]
    assert gap.detail.startswith("3 owners")


def test_an_owner_that_is_known_is_not_asked_for():
    reader = Reader(replay := Replay())
    known, _, _ = _read({"deployments.apps": [thing("Deployment", "web")]}, {})
    assert read_custom(reader, known.components) == {}
    assert replay.asked == []
    assert reader.coverage(()).gaps == ()
