"""Invented cases and what is said to them: a survey is believed; nobody names a cause that is not there."""

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aoi.agents.operators.knowledge import USUAL
from aoi.language import decision
from aoi.language.codec import WordCodec
from aoi.language.lexicon import SIGNALS
from aoi.language.profile import SEED_PROFILE
from aoi.problems.audit import held_out_words
from aoi.records.decision import Decision, ExecDo, Finding, ProbeDo, SubmitDo
from models.seed import invented
from models.seed.cases import Case, Mixture, invent, look, right_path, surveyed
from models.seed.making import withheld

SURE = Mixture(healthy=0, surveyed=1, survey_right=1, guided=0, looks=1, probes=0, evolver=0)
"""Every survey names the cause."""
TOLD_APART = {"imagepull", "missingconfig", "oomkilled"}
"""Causes of several classes: an analysis takes the look that tells them apart first."""


def _said(mixture: Mixture, count: int = 3_000, seed: int = 21) -> Iterator[tuple[str, Decision]]:
    """Observer prompts, with what is said to them."""
    for line in itertools.islice(invented.examples(seed, mixture), count):
        if line.prompt.startswith("<obs>"):
            yield line.prompt, decision.parse(line.completion)


def _begun(mixture: Mixture) -> list[tuple[str, Decision]]:
    """First decisions: nothing was looked at, and nothing is remembered."""
    return [(prompt, said) for prompt, said in _said(mixture) if re.search(r"<mem> <last>( ;|$)", prompt)]


def _cases(mixture: Mixture, count: int = 400) -> Iterator[tuple[Case, random.Random]]:
    rng = random.Random(4)
    for _ in range(count):
        yield invent(rng, mixture), rng


def test_a_survey_that_names_the_cause_is_answered_at_once() -> None:
    begun = _begun(SURE)
    assert len(begun) > 500
    for prompt, said in begun:
        assert said.cause is not None
        if prompt.startswith("<obs> analyse") and said.cause.word in TOLD_APART:
            continue
        assert isinstance(said.do, ExecDo if prompt.startswith("<obs> mitigate") else SubmitDo)
        assert f" {said.cause.word} {said.cause.subject}" in prompt.partition("<last>")[2]
        assert said.confidence >= 5


def test_a_plan_is_followed_before_what_the_survey_named_is_answered() -> None:
    begun = [said for prompt, said in _said(replace(SURE, guided=1)) if "<mem> <plan> ; probe" in prompt]
    assert len(begun) > 100
    for said in begun:
        assert isinstance(said.do, ProbeDo)


def test_the_default_mixture_holds_both() -> None:
    default = {type(said.do) for prompt, said in _begun(Mixture()) if not prompt.endswith("<last>")}
    assert {SubmitDo, ProbeDo} <= default


def test_a_healthy_case_is_never_mended_nor_put_down_to_a_cause_with_confidence() -> None:
    said = [said for _, said in _said(Mixture(healthy=1), 6_000) if not isinstance(said.do, ProbeDo)]
    assert len(said) > 1_000
    assert all(isinstance(end.do, SubmitDo) for end in said)
    assert {end.do for end in said} == {SubmitDo("no")}


def test_every_word_but_healthy_is_answered_within_six_thousand_examples() -> None:
    submitted = [said.do for _, said in _said(Mixture(), 6_000) if isinstance(said.do, SubmitDo)]
    assert {do.cause for do in submitted if do.cause} == set(SIGNALS) - {"healthy"}


@pytest.mark.parametrize(
    "mixture", [Mixture(), Mixture(guided=1, weak_first=1, surveyed=1, looks=1)], ids=["usual", "long"]
)
def test_prompts_stay_within_the_tokens_and_the_signals_of_the_profile(mixture: Mixture) -> None:
    codec, shown = WordCodec(), set()
    for prompt, _ in _said(mixture, 4_000):
        assert len(codec.encode(prompt)) <= SEED_PROFILE.prompt_tokens
        _, last = prompt.split(" <last>")
        shown.add(len(re.findall(r" ; ", last)))
    assert max(shown) == SEED_PROFILE.signals


def test_a_look_along_the_right_path_shows_what_leads_on_and_at_its_end_the_cause() -> None:
    for case, rng in _cases(Mixture(healthy=0)):
        looks = [step for step in right_path(case) if isinstance(step, ProbeDo)]
        leads = [*map(Finding, case.pointers, case.path[1:]), Finding(case.cause or "", case.culprit)]
        assert len(looks) == len(leads)
        for step, lead in zip(looks, leads, strict=True):
            assert lead in look(case, step, rng)


def test_a_look_beside_the_path_shows_no_cause() -> None:
    for case, rng in _cases(Mixture(healthy=0)):
        beside = case.others[0]
        shown = look(case, ProbeDo(case.check, beside), rng)
        assert Finding("healthy", beside) in shown
        assert case.culprit not in {finding.subject for finding in shown}


def test_a_survey_of_a_healthy_case_says_nothing_of_what_pages_first() -> None:
    for case, rng in _cases(Mixture(healthy=1, surveyed=1)):
        assert {finding.subject for finding in surveyed(case, rng, Mixture(surveyed=1))} <= set(case.others)


def test_every_word_that_only_held_out_mechanisms_have_is_withheld() -> None:
    assert held_out_words().keys() <= withheld()


def test_what_is_withheld_is_mended_and_classed_as_usual() -> None:
    assert {case.remedy for case, _ in _cases(Mixture(healthy=0, withheld=SIGNALS)) if case.cause} == {USUAL}
    assert len({case.remedy for case, _ in _cases(Mixture(healthy=0)) if case.cause}) > 10


def test_a_second_cause_is_named_beside_the_first_at_another_component() -> None:
    said = [said.do for _, said in _said(replace(SURE, several=1), 6_000)]
    both = [do for do in said if isinstance(do, SubmitDo) and do.also]
    assert len(both) > 1_000
    assert all(do.also.subject != do.component for do in both if do.also)
