"""Judged rewards: what GRPO asks for the worth of a step's completions where none is executed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from aoi.errors import Permanent
from aoi.language.codec import Codec
from aoi.language.layouts import Layout
from aoi.learning.judge_prompt import Question, Unreadable, grades_of, question
from aoi.learning.judging import MALFORMED, RuleJudge, gold_of, graded, is_for_a_model, ruled, weighed
from aoi.records.base import Sha256, canonical_bytes, sha256_hex
from aoi.records.decision import Decision
from aoi.records.learning import Judgement, JudgeSpend, TrainingExample
from aoi.settings import JudgeSettings, Settings
from aoi.store.objects import ObjectStore
from models.policies import server as servers
from models.policies.asking import answered
from models.policies.chat import Chat, Reply
from models.policies.server import ModelServer

JUDGEMENTS = "judgements"
"""Group of marks: the digest of a question to a judge -> its judgement."""
ENOUGH = 20
"""Judgements after which a judge is judged."""
MOST_UNREADABLE = 0.5
"""Share of its replies: above it, what is trained on are the rules, under another name."""


class Judge(Protocol):
    """Compares decisions with the gold ones."""

    def measure(self, said: Sequence[tuple[TrainingExample, str]]) -> list[float]:
        """Rewards of many completions, in [0, 1]. Raises: ValueError for an example without a gold decision."""
        ...


class _Said(NamedTuple):
    """A decision that a model judges."""

    example: TrainingExample
    decision: Decision
    completion: str
    question: Question


class ModelJudge:
    """Asks a model. Equal questions are asked once, also by a run that was killed and started again."""

    def __init__(self, chat: Chat, layout: Layout, codec: Codec, store: ObjectStore, *, concurrency: int) -> None:
        """`layout` and `codec` are of whoever is judged."""
        self._chat, self._layout, self._codec, self._store = chat, layout, codec, store
        self._concurrency = concurrency
        self._known: dict[Question, Judgement] = {}
        self._cut = 0
        self.spend = JudgeSpend(model=chat.model)

    def measure(self, said: Sequence[tuple[TrainingExample, str]]) -> list[float]:
        """Rewards of many completions.

        A reply that cannot be read says nothing of the decision, which is then worth what the rules say. Raises:
        ServerUnavailable; Permanent if the endpoint refuses, or if most of its replies cannot be read.
        """
        asked = [self._asked(*each) for each in said]
        self._learn(dict.fromkeys(each.question for each in asked if each))
        self._count(decisions=len(said), by_rules=asked.count(None))
        return [self._worth(*each, judged) for each, judged in zip(said, asked, strict=True)]

    def _asked(self, example: TrainingExample, completion: str) -> _Said | None:
        """What a model is asked of a completion; None if the rules alone say what it is worth."""
        gold, decision = gold_of(example), self._layout.decision_or_none(completion)
        if decision is None or not is_for_a_model(decision, gold):
            return None
        prompt = self._codec.decode(example.prompt_ids)
        return _Said(example, decision, completion, question(example, decision, prompt))

    def _worth(self, example: TrainingExample, completion: str, judged: _Said | None) -> float:
        gold, decision = gold_of(example), self._layout.decision_or_none(completion)
        if decision is None:
            return MALFORMED
        grades = self._known[judged.question].grades if judged else None
        scores = graded(decision, gold, completion, grades) if grades else ruled(decision, gold, completion)
        return weighed(scores, example)

    def _learn(self, questions: Sequence[Question] | dict[Question, None]) -> None:
        new = [each for each in questions if each not in self._known]
        came = answered(new, self._judgement, concurrency=self._concurrency)
        for each, (judgement, reply) in zip(new, came, strict=True):
            self._known[each] = judgement
            self._count(judgements=1, cached=reply is None, unreadable=judgement.grades is None)
            if reply is not None:
                self._cut += reply.is_cut
                self._count(
                    requests=reply.requests,
                    prompt_tokens=reply.prompt_tokens,
                    completion_tokens=reply.completion_tokens,
                )
        self._check()

    def _judgement(self, asked: Question) -> tuple[Judgement, Reply | None]:
        """Kept before, or asked now and kept at once: a run that is killed here has paid for at most one a thread."""
        name = self._name(asked)
        if kept := self._store.marked(JUDGEMENTS, name, Judgement):
            return kept, None
        reply = self._chat.ask(asked.system, asked.user)
        try:
            grades = grades_of(reply.text)
        except Unreadable:
            grades = None
        judgement = Judgement(
            grades=grades, prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens
        )
        self._store.mark(JUDGEMENTS, name, judgement)
        return judgement, reply

    def _name(self, asked: Question) -> Sha256:
        """Of all that decides the reply: two endpoints may give one name to different models."""
        chat = self._chat
        return sha256_hex(canonical_bytes([chat.server.settings.url, chat.model, chat.most_tokens, *asked]))

    def _count(self, **more: int) -> None:
        grown = {name: getattr(self.spend, name) + number for name, number in more.items()}
        self.spend = self.spend.model_copy(update=grown)

    def _check(self) -> None:
        spend = self.spend
        if spend.judgements < ENOUGH or spend.unreadable <= MOST_UNREADABLE * spend.judgements:
            return
        raise Permanent(
            f"{spend.unreadable} of {spend.judgements} replies of the judge {spend.model} cannot be read, {self._cut} "
            "of them cut at its limit of tokens. Expected one JSON object with whole numbers from 0 to 10. Raise "
            "AOI_JUDGE__COMPLETION_TOKENS, name another AOI_JUDGE__MODEL, or judge by AOI_TRAINING__REWARD=rules"
        )


@contextmanager
def judge_of(
    settings: Settings, layout: Layout, codec: Codec, store: ObjectStore
) -> Iterator[RuleJudge | ModelJudge | None]:
    """Who judges decisions of a layout, as the settings say; None where they are measured."""
    match settings.training.reward:
        case "measured":
            yield None
        case "rules":
            yield RuleJudge(layout)
        case "judge":
            with model_judge(settings.judge, layout, codec, store) as judge:
                yield judge


@contextmanager
def model_judge(settings: JudgeSettings, layout: Layout, codec: Codec, store: ObjectStore) -> Iterator[ModelJudge]:
    """The model of the settings, for as long as the block runs."""
    how = servers.ServerSettings(
        url=settings.url,
        api_key=settings.api_key.get_secret_value() or None,
        timeout_s=settings.timeout_s,
        concurrency=settings.concurrency,
    )
    with ModelServer(how) as server:
        chat = Chat(server, settings.model, most_tokens=settings.completion_tokens)
        try:
            yield ModelJudge(chat, layout, codec, store, concurrency=settings.concurrency)
        finally:
            chat.stopped.set()


def spend_of(judge: Judge | None) -> JudgeSpend | None:
    """What a judge has cost so far; None if no model was asked."""
    return judge.spend if isinstance(judge, ModelJudge) else None


class JudgedReward:
    """A step's completions as GRPO has them, worth what a judge says."""

    def __init__(self, judge: Judge, codec: Codec) -> None:
        self._judge, self._codec = judge, codec

    def __call__(self, examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        """One reward a completion, in order. Raises: what its judge raises."""
        said = [(example, self._codec.decode(ids)) for example, ids in zip(examples, completions, strict=True)]
        return self._judge.measure(said)
