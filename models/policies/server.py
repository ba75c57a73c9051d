"""Client of a model server that speaks OpenAI's completion protocol as vLLM does, with LoRA adapters by name.

Prompts go as token ids and completions come back as token ids with log-probabilities, so a trajectory recorded
from a server is as exact as one from the in-process engine. Adapters are loaded under names that hold their
digest: a new champion is loaded beside the old one, and no request in flight changes its adapter.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from aoi.agents.deadline import Deadline
from aoi.agents.policy import Generation, Turn
from aoi.errors import Permanent, ServerUnavailable, UnknownBundle
from aoi.records.base import Sha256
from aoi.records.episode import RoleName
from models.policies import completion
from models.policies.asking import Budget, answered
from models.policies.exchange import exchanged

NOT_FOUND = 404
BUDGET_S = 120.0
"""For turns that somebody waits for."""
LONGEST_WAIT_S = 3600.0
"""A server that asks for more is taken to mean this: a wrong header must not stop a loop for a day."""


GARBAGE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OverflowError)
"""What reading an answer raises that is not of the protocol."""


@dataclass(frozen=True, slots=True)
class Served:
    """One name on the server and what it stands for."""

    name: str
    digest: str
    """Digest of the adapter, or `base:<digest>`."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a server's list of models."""

    name: str
    root: str
    """Where the server has it from: a path for what it read from a folder. Empty if it does not say."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a server is reached."""

    url: str
    """Without `/v1`."""
    api_key: str | None = None
    timeout_s: float = 30.0
    """For one request."""
    budget_s: float = BUDGET_S
    """For all turns of one `generate`."""
    concurrency: int = 64
    """Requests in flight; the server batches them."""
    schemas: Mapping[RoleName, Mapping[str, Any]] = field(default_factory=dict)
    """JSON schema that constrains each role's completion (`aoi.language.schema`)."""
    ends: Sequence[int] = ()
    """Tokens that end a completion, beside those that the server reads from the base's files."""


ADAPTERS = "aoi-"
"""What the names of our adapters begin with on a server."""


def adapter_name(digest: Sha256) -> str:
    """Name under which an adapter is served."""
    return f"{ADAPTERS}{digest[:16]}"


class ModelServer:
    """The management side: what is served, and loading more."""

    def __init__(self, settings: ServerSettings) -> None:
        headers = {"Accept-Encoding": "identity"}  # nothing to unpack
        if settings.api_key:
            headers["Authorization"] = f"Bearer {settings.api_key}"
        limits = httpx.Limits(max_connections=settings.concurrency)
        self.settings = settings
        self._client = httpx.Client(
            base_url=settings.url, headers=headers, timeout=settings.timeout_s, limits=limits, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def listed(self) -> tuple[Listed, ...]:
        """Models and adapters that the server lists, by name. Raises: ServerUnavailable."""
        response = self.request("GET", "/v1/models")
        try:
            models = sorted(response.json()["data"], key=lambda model: str(model["id"]))
            return tuple(Listed(str(model["id"]), str(model.get("root") or "")) for model in models)
        except GARBAGE as error:
            raise self.garbage("/v1/models", error) from None

    def garbage(self, path: str, error: Exception) -> ServerUnavailable:
        """What is raised for an answer that is none of the protocol: a proxy or a login page may stand in between."""
        return ServerUnavailable(
            f"what answers at {self.settings.url} is no model server: {path} came to {type(error).__name__}. Is it up? "
            f"curl {self.settings.url}/health"
        )

    def names(self) -> tuple[str, ...]:
        """Names of what is listed. Raises: ServerUnavailable."""
        return tuple(model.name for model in self.listed())

    def base(self) -> Listed:
        """The one listed model that is no adapter of ours. Raises: ServerUnavailable; Permanent unless it is one."""
        bases = [model for model in self.listed() if not model.name.startswith(ADAPTERS)]
        if len(bases) != 1:
            raise Permanent(
                f"the model server at {self.settings.url} lists {len(bases)} models beside our adapters "
                f"({', '.join(model.name for model in bases) or 'none'}), expected the champion's base alone. Serve it "
                "with one --served-model-name"
            )
        return bases[0]

    def load(self, folder: Path, digest: Sha256, name: str | None = None) -> Served:
        """Load an adapter that the server can read at `folder`, beside those that are loaded; listed afterwards.

        The server may read `folder` again for as long as it lists it. Raises: ServerUnavailable; Permanent if the
        server refuses the folder.
        """
        served = Served(name or adapter_name(digest), digest)
        if served.name in self.names():
            return served
        try:
            self.request("POST", "/v1/load_lora_adapter", {"lora_name": served.name, "lora_path": str(folder)})
        except Permanent:
            if served.name not in self.names():  # otherwise another process was faster
                raise
        if served.name not in self.names():
            raise Permanent(
                f"the model server at {self.settings.url} took {folder} and does not list it as {served.name}. "
                "Was it started with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True?"
            )
        return served

    def unload(self, name: str) -> None:
        """Have an adapter listed no more; one that is not is none. Raises: ServerUnavailable; Permanent if refused."""
        try:
            self.request("POST", "/v1/unload_lora_adapter", {"lora_name": name})
        except UnknownBundle:
            return

    def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout_s: float | None = None
    ) -> httpx.Response:
        """One request. Raises: ServerUnavailable, UnknownBundle for an unknown name, Permanent if refused.

        A ServerUnavailable is to be tried again after the server's Retry-After, where it sent one.
        """
        timeout = self.settings.timeout_s if timeout_s is None else timeout_s
        try:
            response = exchanged(self._client, method, path, body, timeout)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise ServerUnavailable(
                f"the model server at {self.settings.url} does not answer ({type(error).__name__} after at most "
                f"{timeout:.1f} s on {path}). Is it up? curl {self.settings.url}/health"
            ) from error
        if response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            told = f"the model server answered {response.status_code} on {path}: {self._quoted(response)}"
            asked_s = _asked_wait_s(response)
            raise ServerUnavailable(told) if asked_s is None else ServerUnavailable(told, retry_in_s=asked_s)
        if response.status_code == NOT_FOUND:
            name = (body or {}).get("model") or (body or {}).get("lora_path") or path
            raise UnknownBundle(f"the model server knows no {name}: load it again, or check its --enable-lora flags")
        if response.is_error:
            raise Permanent(f"the model server refused {path} with {response.status_code}: {self._quoted(response)}")
        return response

    def _quoted(self, response: httpx.Response) -> str:
        """What it says of an error, briefly: some say which key they were shown, and messages are kept."""
        key = self.settings.api_key
        return (response.text.replace(key, "***") if key else response.text)[:200]


def _asked_wait_s(response: httpx.Response) -> float | None:
    """Retry-After in seconds, bounded; None without one.

    Its other form, a date, is not read: that would trust the server's clock. Source:
    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    written = response.headers.get("Retry-After", "").strip()
    if not re.fullmatch(r"[0-9]+", written):
        return None
    return min(float(written), LONGEST_WAIT_S)


class ServedPolicy:
    """`Policy` over a model server: each role answered by the name it is mapped to."""

    def __init__(self, server: ModelServer, roles: Mapping[RoleName, Served], default: Served) -> None:
        self.server, self.roles, self.default = server, dict(roles), default

    def generate(self, turns: Sequence[Turn]) -> list[Generation]:
        """Answer every turn, in order, or raise inside the budget. Raises: ServerUnavailable, UnknownBundle."""
        return self._answers(turns, None)

    def generate_within(self, turns: Sequence[Turn], deadline: Deadline) -> list[Generation]:
        """Answer every turn, in order. Raises: TimeIsUp, leaving requests that are under way to themselves."""
        return self._answers(turns, deadline)

    def _answers(self, turns: Sequence[Turn], deadline: Deadline | None) -> list[Generation]:
        ends_s = time.monotonic() + self.server.settings.budget_s
        if deadline is not None:  # with a moment more, so that it is the deadline that ends it
            ends_s = min(ends_s, time.monotonic() + deadline.left_s + 1.0)
        return answered(
            turns,
            lambda turn: self._answer(turn, ends_s),
            concurrency=self.server.settings.concurrency,
            budget=Budget(ends_s, self._spent),
            deadline=deadline,
        )

    def _spent(self) -> ServerUnavailable:
        return ServerUnavailable(f"the model server spent the budget of {self.server.settings.budget_s:.0f} s")

    def _answer(self, turn: Turn, deadline: float) -> Generation:
        served = self.roles.get(turn.role, self.default)
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._spent()
        timeout = min(left, self.server.settings.timeout_s)
        response = self.server.request("POST", "/v1/completions", self._body(turn, served), timeout)
        try:
            said, sure = completion.read(response.json()["choices"][0], turn)
        except GARBAGE as error:
            raise self.server.garbage("/v1/completions", error) from None
        return Generation(said, sure, served.digest)

    def _body(self, turn: Turn, served: Served) -> dict[str, Any]:
        settings = self.server.settings
        return completion.body_of(turn, served.name, settings.ends, settings.schemas.get(turn.role))
