"""What a server says instead of a list is told as it is, and is never taken for an empty list."""

from dataclasses import dataclass

import pytest

from aoi.access.transport import ReadRequest, Response
from aoi.estate.reading import Reader


@dataclass(frozen=True)
class Saying:
    """A server that says the same to everybody."""

    response: Response

    def read(self, request: ReadRequest) -> Response:
        return self.response


@pytest.mark.parametrize("key", ["pods", "events", "services", "deployments.apps", "jobs.batch"])
def test_not_found_is_no_empty_list_of_what_every_cluster_has(key: str) -> None:
    reader = Reader(Saying(Response(404, b"<html>not found</html>", "text/html")))
    [listing] = reader.lists([(key, "shop")])
    assert (listing.state, listing.shows_absence) == ("unread", False)
    assert [(gap.what, gap.reason) for gap in reader.coverage(("shop",)).gaps] == [(key, "unreadable")]


def test_a_kind_that_a_cluster_does_not_serve_has_no_objects() -> None:
    reader = Reader(Saying(Response(404, b"404 page not found", "text/plain")))
    [listing] = reader.lists([("cronjobs.batch", "shop")])
    assert (listing.state, listing.gap) == ("unserved", None)


def test_a_redirect_is_told_as_one() -> None:
    refused = Response(502, b"the answer is not data: redirected to example.com", "text/plain", is_final=True)
    [listing] = Reader(Saying(refused)).lists([("pods", "shop")])
    assert listing.gap is not None
    assert listing.gap.detail == "the answer is not data: redirected to example.com"
