"""Clusters, tokens and submitted diagnoses, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from aoi.database.clusters import ClusterBook, RegisteredCluster
from aoi.database.engine import Database, open_url
from aoi.database.submissions import SubmissionBook
from aoi.database.tokens import TokenBook
from aoi.errors import Permanent, TokenRefused, UnknownCluster, UnknownSubmission
from aoi.records.request import DiagnosisRequest
from aoi.records.submission import Submission

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    opened = open_url(address)
    yield opened
    opened.close()


def place(name: str, server: str = "https://a") -> RegisteredCluster:
    where = {"kubeconfig": "/k", "context": "c", "namespaces": ("shop",), "server": server}
    return RegisteredCluster(name=name, registered_at=NOW, registered_by="ann", **where)


def asked(number: int, at: datetime = NOW) -> Submission:
    return Submission(id=f"{number:032x}", request=DiagnosisRequest(cluster="prod"), by="ann", submitted_at=at)


def test_clusters_are_found_by_name_replaced_on_request_and_forgotten(database: Database) -> None:
    book = ClusterBook(database)
    book.enter(place("prod"), is_replaced=False)
    book.enter(place("dev"), is_replaced=False)
    with pytest.raises(Permanent, match="--replace"):
        book.enter(place("prod", "https://b"), is_replaced=False)
    assert [one.name for one in book.all()] == ["dev", "prod"]
    book.enter(place("prod", "https://b"), is_replaced=True)
    assert book.get("prod").server == "https://b"
    book.remove("prod")
    with pytest.raises(UnknownCluster):
        book.get("prod")
    with pytest.raises(UnknownCluster):
        book.remove("prod")


def test_a_token_opens_until_it_is_revoked_and_no_other_text_does(database: Database) -> None:
    book = TokenBook(database)
    plain = book.add("ann", "operator")
    other = book.add("bob", "viewer")
    held = book.holder(plain)
    assert (held.name, held.role) == ("ann", "operator")
    identity = plain.split("_")[1]
    mixed = f"aoi_{identity}_{other.split('_', 2)[2]}"
    for wrong in ("", "aoi", "aoi__", f"aoi_{identity}_", mixed, plain[:-1], plain + "x", plain.upper(), "\ud800"):
        with pytest.raises(TokenRefused):
            book.holder(wrong)
    with pytest.raises(Permanent, match="aoi serve token revoke ann"):
        book.add("ann", "viewer")
    book.revoke("ann")
    with pytest.raises(TokenRefused):
        book.holder(plain)
    assert [token.name for token in book.all()] == ["bob"]
    assert book.count() == 1


def test_what_is_submitted_is_changed_by_its_server_alone_and_adopted_by_one(database: Database) -> None:
    book = SubmissionBook(database)
    first = asked(1)
    book.enter(first, "serve:a")
    assert not book.change(first.model_copy(update={"state": "running"}), "serve:b")
    assert book.get(first.id).state == "queued"
    assert book.unfinished() == [("serve:a", first)]
    heirs = [f"serve:{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda heir: book.adopt(first.id, "serve:a", heir), heirs))
    assert taken.count(True) == 1
    heir = heirs[taken.index(True)]
    assert not book.change(first, "serve:a")
    assert book.change(first.model_copy(update={"state": "done", "answer": "diagnosis:0"}), heir)
    assert book.unfinished() == []


def test_those_that_are_over_are_forgotten_after_their_time_and_those_that_wait_never(database: Database) -> None:
    book = SubmissionBook(database)
    for number, state in enumerate(("queued", "done", "failed")):
        old = asked(number, NOW - timedelta(days=40))
        book.enter(old, "serve:a")
        book.change(old.model_copy(update={"state": state}), "serve:a")
    book.enter(asked(9), "serve:a")
    assert book.newest(2)[0].id == asked(9).id
    assert book.forget(NOW - timedelta(days=30)) == 2
    assert {one.id for one in book.newest(10)} == {asked(0).id, asked(9).id}
    with pytest.raises(UnknownSubmission):
        book.get(asked(1).id)
