"""The same lesson under other names: what was right stays right."""

import random
import re
from collections import Counter
from collections.abc import Sequence

import pytest

from aoi.agents.operators import ExpertOperator
from aoi.language.codec import Prompt, WordCodec
from aoi.language.decision import render
from aoi.language.profile import SEED_PROFILE
from aoi.language.prompt import read_prompt
from aoi.records.decision import ObserverState
from aoi.records.learning import TrainingExample
from models.seed import invented
from models.training.renaming import Renamed, met_again, paid_by_former_names
from models.training.renaming import under_other_names as renamed
from tests.models.small import example

CODEC = WordCodec()
HANDLE = re.compile(r"\b[sn]\d+\b")


@pytest.fixture(scope="module")
def lessons() -> list[TrainingExample]:
    """What the expert says to invented prompts, and something else that it might have said."""
    expert = ExpertOperator(CODEC, SEED_PROFILE)
    found = []
    for line in invented.examples(seed=11):
        state = read_prompt(line.prompt)
        if not isinstance(state, ObserverState) or state.plan:
            continue
        row = example(CODEC.encode_prompt(Prompt(line.prompt)), CODEC.encode_completion(render(expert.decide(state))))
        found.append(row.model_copy(update={"rejected_ids": CODEC.encode_completion(line.completion)}))
        if len(found) == 60:
            break
    return found


def under_other_names(rows: list[TrainingExample], draws: int, codec: WordCodec, seed: int) -> list[TrainingExample]:
    return [each.row for each in renamed(rows, draws, codec, seed)]


def texts(row: TrainingExample) -> list[str]:
    return [CODEC.decode(ids or ()) for ids in (row.prompt_ids, row.target_ids, row.rejected_ids)]


def test_the_expert_says_of_other_names_what_it_says_of_these(lessons: list[TrainingExample]) -> None:
    expert = ExpertOperator(CODEC, SEED_PROFILE)
    again = under_other_names(lessons, 2 * len(lessons), CODEC, seed=1)[len(lessons) :]
    assert len(again) == len(lessons)
    for row in again:
        prompt, target, _ = texts(row)
        state = read_prompt(prompt)
        assert isinstance(state, ObserverState)
        assert render(expert.decide(state)) == target


def test_names_are_exchanged_alike_in_all_that_is_read_and_said_and_nothing_else_is(
    lessons: list[TrainingExample],
) -> None:
    again = under_other_names(lessons, 2 * len(lessons), CODEC, seed=1)[len(lessons) :]
    for row, other in zip(lessons, again, strict=True):
        before, after = "\n".join(texts(row)), "\n".join(texts(other))
        assert HANDLE.sub("", before) == HANDLE.sub("", after)
        pairs = set(zip(HANDLE.findall(before), HANDLE.findall(after), strict=True))
        assert len({one for one, _ in pairs}) == len({other for _, other in pairs}) == len(pairs)
        assert all(one[0] == other[0] for one, other in pairs)


def test_there_are_as_many_as_are_drawn_and_the_rows_themselves_come_first(lessons: list[TrainingExample]) -> None:
    few = lessons[:7]
    many = under_other_names(few, 100, CODEC, seed=1)
    assert many[:7] == few
    assert 100 <= len(many) < 107
    assert len({row.prompt_ids for row in many if "s" in CODEC.decode(row.prompt_ids)}) > 90
    assert under_other_names(few, 100, CODEC, seed=1) == many
    assert under_other_names(few, 5, CODEC, seed=1) == few
    assert under_other_names([], 5, CODEC, seed=1) == []


def test_what_no_text_stands_for_is_left_as_it_is(lessons: list[TrainingExample]) -> None:
    unknown = lessons[0].model_copy(update={"prompt_ids": (*lessons[0].prompt_ids, CODEC.eos_id, 5)})
    assert under_other_names([unknown], 2, CODEC, seed=random.randrange(9)) == [unknown, unknown]


def test_what_is_said_under_other_names_is_paid_as_it_is_called_in_the_world(lessons: list[TrainingExample]) -> None:
    drawn = renamed(lessons, 3 * len(lessons), CODEC, seed=1)
    asked: list[tuple[TrainingExample, tuple[int, ...]]] = []

    def reward(examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        asked.extend(zip(examples, completions, strict=True))
        return [float(number) for number, _ in enumerate(examples)]

    paid = paid_by_former_names(reward, drawn, CODEC)
    said = [each.row.target_ids or () for each in drawn]
    assert paid([each.row for each in drawn], said) == [float(number) for number in range(len(drawn))]
    assert asked == [(each.original, each.original.target_ids) for each in drawn]
    assert sum(said != told for said, (_, told) in zip(said, asked, strict=True)) > len(lessons)


def test_a_completion_that_was_cut_off_or_means_nothing_stays_what_it_is(lessons: list[TrainingExample]) -> None:
    drawn = renamed(lessons[:1], 2, CODEC, seed=1)
    heard: list[str] = []

    def reward(_: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        heard.extend(CODEC.decode(ids) for ids in completions)
        return [0.0 for _ in completions]

    cut = (CODEC.encode_completion('{"sum":" refused')[:-1], (CODEC.unk_id, CODEC.unk_id, CODEC.eos_id), ())
    for each in cut:
        paid_by_former_names(reward, drawn, CODEC)([drawn[1].row], [each])
    assert heard == [CODEC.decode(each) for each in cut]


def test_a_draw_names_what_its_handles_were_called(lessons: list[TrainingExample]) -> None:
    again: Renamed = renamed(lessons, 2 * len(lessons), CODEC, seed=1)[-1]
    there, here = (HANDLE.findall(CODEC.decode(row.prompt_ids)) for row in (again.original, again.row))
    assert [again.former[handle] for handle in here] == there


@pytest.mark.parametrize("draws", [7, 60, 100, 480])
def test_every_point_is_met_as_often_as_the_others(lessons: list[TrainingExample], draws: int) -> None:
    again = met_again(lessons, draws, CODEC, seed=1)
    assert len(again) == draws
    times = Counter(lessons.index(each.original) for each in again)
    assert all(draws // len(lessons) <= times[place] <= -(-draws // len(lessons)) for place, _ in enumerate(lessons))
