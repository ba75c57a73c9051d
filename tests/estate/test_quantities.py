"""Quantities as agents read them, against the cluster's own reading; what is no quantity is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.estate.quantities import millicores, quantity, size_bytes
from kubeworld.machine import quantities

_SUFFIX = r"(e[+-]?[0-9]{1,2}|E[+-]?[0-9]{1,2}|[numkMGTPE]|[KMGTPE]i)?"
WRITTEN = st.from_regex(
    rf"[+-]?([0-9]{{1,20}}(\.[0-9]{{0,12}})?|\.[0-9]{{1,12}}){_SUFFIX}",
    fullmatch=True,
    alphabet=st.characters(codec="ascii"),
)


@given(WRITTEN)
def test_what_the_cluster_takes_is_read_as_the_cluster_reads_it(text):
    assert quantity(text) == quantities.parse(text)
    assert size_bytes(text) == quantities.amount("memory", text)
    assert millicores(text) == quantities.amount("cpu", text)


@given(st.one_of(st.text(), st.text("0123456789.eE+-_numkMGTPiafx "), st.floats(), st.integers()))
def test_what_the_cluster_refuses_is_no_quantity(text):
    try:
        expected = quantities.parse(text)
    except ValueError:
        expected = None
    assert quantity(text) == expected


@pytest.mark.parametrize(
    "text", ["inf", "nan", "1e400", "1_0", "\u0661\u0662", "", None, "1 Gi", "Gi", "1K", "1ki", "1" * 1001]
)
def test_these_are_no_quantities_and_count_nothing(text):
    assert quantity(text) is None
    assert (millicores(text), size_bytes(text)) == (0, 0)


@pytest.mark.parametrize(
    ("text", "size"), [("1Pi", 2**50), ("1e3", 1000), ("1E", 10**18), ("1Ei", 2**60), ("1.5Gi", 3 * 2**29), ("1m", 1)]
)
def test_every_suffix_and_exponent_is_read(text, size):
    assert size_bytes(text) == size
