"""Whatever a server does, a diagnosis ends in time with a typed answer that tells what was not read."""

import pytest

from aoi.records.diagnosis import Diagnosis
from tests.misbehaving.case import Case
from tests.misbehaving.corpus import CASES
from tests.misbehaving.judging import diagnosed, wrong
from tests.misbehaving.server import broken, calm

HONEST = Case("nothing at all", loses=())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_misbehaviour_makes_a_diagnosis_late_wrong_or_silent(case: Case) -> None:
    told = diagnosed(case, calm())
    assert list(wrong(told)) == []


def test_an_honest_server_is_told_to_have_no_fault() -> None:
    assert diagnosed(HONEST, calm()).verdict == "no_fault"


@pytest.mark.parametrize(
    "name", ["403 on ConfigMaps", "429 on ConfigMaps", "gzip that was offered", "stall of events", "log of 100 MB"]
)
def test_what_is_plainly_wrong_is_found_beside_what_could_not_be_read(name: str) -> None:
    (case,) = [case for case in CASES if case.name == name]
    told = diagnosed(case, broken())
    assert list(wrong(told, is_broken=True)) == []
    assert isinstance(told.said, Diagnosis)
    assert told.said.answer is not None
    assert (told.verdict, told.said.answer.component) == ("fault", "till")
