"""A server of OpenAI's protocol that says what a test wants, when it wants, and sometimes nothing."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Refusal(NamedTuple):
    """An answer that is none."""

    status: int
    body: bytes = b"no"
    retry_after: str = "0"


PROMPT = (5, 6)
"""What those who are answered have asked."""
Says = Callable[[dict[str, Any], threading.Event], bytes | Refusal]
"""The body of an answer to a request; may wait for the event, which is set when the server ends."""


class TalkingServer:
    """Its address, and what it was asked."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        """What each request authorised itself with."""
        self.has_been_listed = threading.Event()
        """It was asked for its list of models."""
        self.has_been_asked = threading.Event()
        self.is_over = threading.Event()
        self.url = ""


def completion(*token_ids: int, **said: object) -> bytes:
    """A well-formed answer to the prompt `PROMPT`, but for what is said otherwise."""
    choice = {"index": 0, "text": "", "token_ids": token_ids, "prompt_token_ids": PROMPT, "finish_reason": "stop"}
    return json.dumps({"choices": [choice | said]}).encode()


def reply(text: str, *, finish: str = "stop") -> bytes:
    """A well-formed answer of a chat."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 700, "completion_tokens": 40}}).encode()


@contextmanager
def talking(says: Says, *, lists_models: bool = True) -> Iterator[TalkingServer]:
    """Serve on loopback until the block ends; whoever still waits is let go."""
    told = TalkingServer(says)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.has_been_listed.set()
            if not lists_models:
                told.is_over.wait(60)
            self._answer(json.dumps({"data": [{"id": "base", "root": ""}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.asked.append(body)
            told.keys.append(self.headers.get("Authorization", ""))
            told.has_been_asked.set()
            self._answer(told.says(body, told.is_over))

        def _answer(self, said: bytes | Refusal) -> None:
            status, body, retry_after = said if isinstance(said, Refusal) else (200, said, "")
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if retry_after:
                    self.send_header("Retry-After", retry_after)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - the name of the base class
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
