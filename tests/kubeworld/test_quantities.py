"""Quantities: one grammar, exact values, a canonical form that says the same, integers that never say less."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeworld.machine.quantities import amount, canonical, parse, write

_FACTORS = {
    **{"n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1)},
    **{suffix: Fraction(1000**power) for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Fraction(1024**power) for power, suffix in enumerate("KMGTPE", 1)},
}
NUMBERS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,30}(\.[0-9]{0,12})?", fullmatch=True, alphabet=st.characters(codec="ascii")),
    st.from_regex(r"[+-]?\.[0-9]{1,12}", fullmatch=True, alphabet=st.characters(codec="ascii")),
)
WRITTEN = st.tuples(NUMBERS, st.sampled_from(sorted(_FACTORS)))
EXPONENTS = st.builds("{}{}{}".format, NUMBERS, st.sampled_from("eE"), st.integers(-99, 99))


@given(st.one_of(WRITTEN.map("".join), EXPONENTS))
def test_what_is_canonical_stays_as_it_is(text):
    assert canonical(canonical(text)) == canonical(text)


@given(WRITTEN)
def test_a_quantity_is_worth_its_number_times_its_suffix(written):
    number, suffix = written
    assert Fraction(parse(number + suffix)) == Fraction(number) * _FACTORS[suffix]


@given(st.one_of(WRITTEN.map("".join), EXPONENTS))
def test_the_canonical_form_keeps_the_value_to_the_billionth_and_is_never_nearer_to_zero(text):
    exact, kept = Fraction(parse(text)), Fraction(parse(canonical(text)))
    assert (kept * 10**9).denominator == 1
    assert 0 <= abs(kept) - abs(exact) < Fraction(1, 10**9)
    if (exact * 10**9).denominator == 1:
        assert kept == exact


@given(st.one_of(WRITTEN.map("".join), EXPONENTS), st.sampled_from(["cpu", "requests.cpu", "memory", "pods"]))
def test_amounts_round_up(text, resource):
    exact = Fraction(parse(text)) * (1000 if resource.endswith("cpu") else 1)
    assert abs(amount(resource, text)) == math.ceil(abs(exact))
    assert amount(resource, text) * exact >= 0


@given(st.integers(0, 2**63), st.sampled_from(["cpu", "memory"]))
def test_an_amount_that_is_written_reads_the_same(number, resource):
    assert amount(resource, write(resource, number)) == number
    assert amount(resource, canonical(write(resource, number))) == number


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1000m", "1"), ("0.5", "500m"), ("1024Mi", "1Gi"), ("1536Mi", "1536Mi"), ("1.5Gi", "1536Mi"), ("2e3", "2k"),
        ("0.5Ki", "512"), ("+1", "1"), (".5", "500m"), ("5.", "5"), ("0.0000000001", "1n"), ("0Gi", "0"), (1, "1"),
        (0.1, "100m"), ("1E", "1E"), ("1E3", "1k"), ("-1.5", "-1500m"),
    ],
)  # fmt: skip
def test_kubernetes_canonical_forms(text, form):
    assert canonical(text) == form


@pytest.mark.parametrize(
    "text",
    [
        "inf", "-inf", "Infinity", "nan", "NaN", "sNaN", "1_000", " 1", "1 ", "1\n", "1e999999", "1e100", "1e", "e3",
        "", ".", "+", "1.2.3", "1KI", "1ki", "1mm", "1Kii", "1e3m", "1 Ki", "--1", "0x10", "١", "1,5", "NaNm",
        float("inf"), float("nan"), 1e300, True,
    ],
)  # fmt: skip
def test_what_is_no_quantity_is_refused(text):
    for read in (canonical, lambda value: amount("memory", value)):
        with pytest.raises(ValueError, match="is not a number with a Kubernetes suffix"):
            read(text)


def test_a_number_too_long_to_be_computed_with_exactly_is_refused():
    with pytest.raises(ValueError, match="longer than"):
        canonical("9" * 5000)
