"""JSON schemas as automata over the tokens of any tokenizer: constrained decoding of chat models in this process.

The only importer of llguidance, which vLLM can constrain by, too. What is allowed is computed token by token from the
schemas of `aoi.language.schema`; white space outside of strings is fixed, so that a model that is lost cannot go on for
ever between two keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

from aoi.errors import Permanent, SettingsError
from aoi.records.episode import RoleName
from models import loading

_DEFAULTS = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""As `json.dumps` writes it, and so as what is taught is written."""


@dataclass(slots=True)
class _Course:
    """How far one completion has come."""

    matcher: LLMatcher | None
    """None of a role that may say anything."""


class JsonGrammar:
    """`in_process.Grammar` of roles that answer with one JSON object each."""

    def __init__(self, base: Path, schemas: Mapping[RoleName, Mapping[str, Any]], eos_ids: frozenset[int]) -> None:
        """`eos_ids` are the ids that end a completion. Raises: SettingsError for a schema that cannot be compiled."""
        self._eos_ids = sorted(eos_ids)
        # Some vocabularies are padded to a width that the hardware likes: what has no text is never allowed.
        self._vocabulary = from_tokenizer(loading.tokenizer(base), eos_token=self._eos_ids[0])
        self._grammars = {
            role: LLMatcher.grammar_from_json_schema(dict(schema), defaults=_DEFAULTS)
            for role, schema in schemas.items()
        }
        for role, grammar in self._grammars.items():
            if error := LLMatcher.validate_grammar(grammar, self._vocabulary):
                raise SettingsError(f"the schema of the {role} cannot be compiled: {error}. Unset AOI_DECODING")

    def start(self, role: RoleName) -> _Course:
        """Before the first token of a completion."""
        grammar = self._grammars.get(role)
        return _Course(LLMatcher(self._vocabulary, grammar, log_level=0) if grammar else None)

    def allowed(self, state: _Course) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Token ids that may come next, the ends of a completion once it is whole; empty where anything may.

        Raises: Permanent if the library gave up on a schema that it had compiled.
        """
        if state.matcher is None:
            return np.empty(0, dtype=np.int64)
        if state.matcher.is_error():
            raise Permanent(f"a completion left its grammar: {state.matcher.get_error()[:200]}. Unset AOI_DECODING")
        if state.matcher.is_stopped():
            return np.array(self._eos_ids)
        mask = allocate_token_bitmask(1, self._vocabulary.vocab_size)
        fill_next_token_bitmask(state.matcher, mask, 0)
        return np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))

    def advance(self, state: _Course, token: int) -> _Course:
        """After `token`. The course that it is given is used up."""
        if state.matcher is not None and token not in self._eos_ids and not state.matcher.is_stopped():
            state.matcher.consume_token(token)
        return state
