"""Every error of the tree has a form in which it may be told to strangers."""

import re
from collections.abc import Iterator

import pytest

from aoi.errors import AoiError, CorruptObject, Permanent, PurgedObject, Transient, UnknownCluster, UnknownProblem
from tasks.troubles import trouble_of


def tree(root: type[AoiError]) -> Iterator[type[AoiError]]:
    yield root
    for kind in root.__subclasses__():
        yield from tree(kind)


KINDS = sorted(
    {kind for kind in tree(AoiError) if kind.__module__ == AoiError.__module__}, key=lambda kind: kind.__name__
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_told_with_type_title_status_and_what_it_says(kind: type[AoiError]) -> None:
    told = trouble_of(kind("what it says: aoi status\npassword=hunter2secretXYZ"))
    is_about_a_name_that_was_sent = kind in (UnknownCluster, UnknownProblem)
    assert re.fullmatch(r"urn:aoi:error:[a-z]+(-[a-z]+)*", told.type)
    assert told.title
    assert not told.title.endswith(".")
    assert ("what it says: aoi status" in told.detail) != is_about_a_name_that_was_sent
    assert "aoi " in told.detail
    assert "hunter2secretXYZ" not in told.detail
    assert "\n" not in told.detail
    assert (told.retry_in_s is not None) == issubclass(kind, Transient)
    assert (told.status == 503) == issubclass(kind, Transient)


def test_the_nearest_class_says_the_status() -> None:
    assert trouble_of(UnknownCluster("x")).status == 404
    assert trouble_of(PurgedObject("x")).status == 410
    assert trouble_of(CorruptObject("x")).status == 500
    assert trouble_of(Permanent("x")).status == 500
    assert len(trouble_of(Permanent("x" * 100_000)).detail) <= 2_000


@pytest.mark.parametrize(
    "place",
    [
        "file:///srv/aoi/store",
        "s3://ours/aoi",
        "/srv/aoi/probe.kubeconfig",
        "~/.kube/config",
        "postgresql://aoi@db/aoi",
    ],
)
@pytest.mark.parametrize(
    "said", ["{} is no file", "'{}' is none", "it is not in {}. Look: aoi status", "cannot read ({})"]
)
def test_no_place_of_the_server_is_told(place: str, said: str) -> None:
    assert trouble_of(Permanent(said.format(place))).detail == said.format("(a path of the server)")


@pytest.mark.parametrize(
    "told",
    [
        "name it in the URL of the webhook, /v1/alerts?cluster=NAME",
        "/api/v1/namespaces/shop: not asked, interrupted by whoever asked",
        "https://10.0.0.1:6443/apis/apps/v1 does not answer",
        "is it --right/--wrong, get pods/log",
    ],
)
def test_paths_of_an_api_are_told(told: str) -> None:
    assert trouble_of(Permanent(told)).detail == told
