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
