"""A client of OpenAI's chat protocol: one question, one reply, at temperature 0. For models that judge."""

import threading
from typing import NamedTuple

from aoi.errors import Permanent, ServerUnavailable, UnknownBundle
from models.policies.server import GARBAGE, ModelServer

TRIES = 4
MOST_PAUSE_S = 60.0
"""Between two tries, whatever the endpoint asks for."""


class Reply(NamedTuple):
    """What came back, and what it cost."""

    text: str
    is_cut: bool
    """It met the limit of tokens."""
    prompt_tokens: int
    """As the endpoint counted; 0 if it does not."""
    completion_tokens: int
    requests: int
    """Sent until it came."""


class Chat:
    """Questions to one model of an endpoint. Safe for many threads."""

    def __init__(self, server: ModelServer, model: str, *, most_tokens: int) -> None:
        self.server, self.model, self.most_tokens = server, model, most_tokens
        self.stopped = threading.Event()
        """Set once nobody waits for replies any more: no further try is made."""

    def ask(self, system: str, user: str) -> Reply:
        """The reply to one question. What fails for a moment is tried again, after what the endpoint asks for.

        Raises: ServerUnavailable after the last try; Permanent if the endpoint refuses, or knows no such model.
        """
        for sent in range(1, TRIES + 1):
            try:
                return self._asked(system, user, sent)
            except ServerUnavailable as error:
                if sent == TRIES or self.stopped.wait(min(error.retry_in_s, MOST_PAUSE_S)):
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def _asked(self, system: str, user: str, sent: int) -> Reply:
        path = "/v1/chat/completions"
        body = {
            "model": self.model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
            "temperature": 0,
            "max_tokens": self.most_tokens,
        }
        try:
            answer = self.server.request("POST", path, body)
        except UnknownBundle:
            url = self.server.settings.url
            raise Permanent(f"{url}{path} knows no model {self.model}. Its models: curl {url}/v1/models") from None
        try:
            told = answer.json()
            choice, usage = told["choices"][0], told.get("usage") or {}
            return Reply(
                text=str(choice["message"].get("content") or ""),
                is_cut=choice.get("finish_reason") == "length",
                prompt_tokens=_count(usage.get("prompt_tokens")),
                completion_tokens=_count(usage.get("completion_tokens")),
                requests=sent,
            )
        except GARBAGE as error:
            raise self.server.garbage(path, error) from None


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
