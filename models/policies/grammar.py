"""The `words-1` decision grammar as an automaton over token ids: constrained decoding for the in-process engine.

It accepts exactly the completions that `aoi.language.decision.render` writes within the vocabulary, so a
constrained policy cannot be malformed. A server is constrained by `aoi.language.schema` instead.
"""

from collections.abc import Iterable

from aoi.language import lexicon
from aoi.language.codec import EOS, handle_names, vocabulary
from aoi.records.episode import RoleName

DIGITS = tuple(str(digit) for digit in range(10))


class WordsGrammar:
    """`engine.Grammar` of the seed model's four roles."""

    def __init__(self) -> None:
        self._ids = {token: index for index, token in enumerate(vocabulary())}
        self._edges: list[dict[int, int]] = []
        self._none = self._ids[" none"]
        self._handles = handle_names()
        self._end = self._state()
        close = self._state()
        self._edge(close, [EOS], self._end)
        self._close = close
        self._starts: dict[RoleName, int] = {
            "observer": self._observer(),
            "probe": self._probe(),
            "executor": self._executor(),
            "evolver": self._evolver(),
        }
        self._allowed = [tuple(edges) for edges in self._edges]

    def start(self, role: RoleName) -> int:
        """State before the first token. Roles without a grammar get one that allows anything."""
        return self._starts.get(role, self._end)

    def allowed(self, state: int) -> tuple[int, ...]:
        """Token ids that may come next; empty where anything may."""
        return self._allowed[state]

    def advance(self, state: int, token: int) -> int:
        """State after `token`."""
        return self._edges[state].get(token, self._end)

    # ------------------------------------------------------------ building

    def _state(self) -> int:
        self._edges.append({})
        return len(self._edges) - 1

    def _edge(self, state: int, tokens: Iterable[str], after: int) -> int:
        self._edges[state].update({self._ids[token]: after for token in tokens})
        return after

    def _words(self, state: int, words: Iterable[str], after: int | None = None) -> int:
        """Any of `words` leads on. Returns the state after it."""
        return self._edge(state, [f" {word}" for word in words], self._state() if after is None else after)

    def _token(self, state: int, token: str, after: int | None = None) -> int:
        return self._edge(state, [token], self._state() if after is None else after)

    def _observer(self) -> int:
        start, phase, cause, conf, do = (self._state() for _ in range(5))
        said = self._token(start, '{"sum":"')
        self._token(self._words(said, ["none"]), '","phase":"', phase)
        subject = self._words(self._words(said, lexicon.SIGNALS), self._handles)
        self._token(subject, '","phase":"', phase)
        self._token(self._words(subject, self._handles), '","phase":"', phase)
        self._token(self._words(phase, lexicon.PHASES), '","cause":"', cause)
        self._token(self._words(cause, ["none"]), '","conf":"', conf)
        self._token(self._words(self._words(cause, lexicon.SIGNALS), self._handles), '","conf":"', conf)
        self._token(self._words(conf, DIGITS), '","do":"', do)
        self._token(self._look(do), '"}', self._close)
        self._act(self._words(do, ["exec"]), '"}', self._close)
        self._submit(self._words(do, ["submit"]))
        return start

    def _submit(self, state: int) -> None:
        for verdict in lexicon.VERDICTS:
            said = self._words(state, [verdict])
            self._token(said, '"}', self._close)
            if verdict == "no":
                continue
            cause = self._words(self._words(said, self._handles), lexicon.SIGNALS)
            labels = self._words(self._words(cause, lexicon.LEVELS), lexicon.TYPES)
            beside = self._words(cause, ["also"])
            self._words(labels, ["also"], beside)
            second = self._words(self._words(beside, self._handles), lexicon.SIGNALS)
            for ended in (cause, labels, second):
                self._token(ended, '"}', self._close)

    def _look(self, state: int) -> int:
        return self._words(self._words(self._words(state, ["probe"]), lexicon.CHECKS), self._handles)

    def _act(self, state: int, token: str, after: int) -> None:
        target = self._words(self._words(state, lexicon.ACTIONS), self._handles)
        self._token(target, token, after)
        self._token(self._words(target, DIGITS), token, after)

    def _probe(self) -> int:
        start = self._state()
        program = self._words(self._token(start, '{"cmd":"'), ["kubectl", "prom", "jaeger"])
        self._token(self._words(self._words(program, lexicon.CHECKS), self._handles), '"}', self._close)
        return start

    def _executor(self) -> int:
        start = self._state()
        self._act(self._token(start, '{"act":"'), '"}', self._close)
        failure = self._words(self._token(start, '{"class":"'), lexicon.FAILURE_CLASSES)
        self._act(self._token(failure, '","act":"'), '"}', self._close)
        return start

    def _evolver(self) -> int:
        start, step = self._state(), self._state()
        first = self._token(start, '{"plan":"')
        self._token(self._words(first, ["none"]), '"}', self._close)  # only instead of the first step
        looked = self._look(first)
        acted = self._words(self._words(self._words(first, ["exec"]), lexicon.ACTIONS), self._handles)
        self._edges[step].update({token: after for token, after in self._edges[first].items() if token != self._none})
        for ended in (looked, acted, self._words(acted, DIGITS)):
            self._words(ended, [";"], step)
            self._token(ended, '"}', self._close)
        return start
