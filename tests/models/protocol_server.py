"""A server of vLLM's completion protocol over the in-process engine, on loopback, for the tests of the client."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from aoi.agents.policy import Turn
from models.policies.in_process import InProcessPolicy


class ProtocolServer:
    """Serves a base as `base` and loaded adapters by name.

    `delay_s`, `broken` and `busy` (a status and its Retry-After) make it misbehave; `swapped` is loaded whatever folder
    it is asked for; adapters are missing from its next `late_lists` lists, as if another process loaded them meanwhile.
    `loads_nothing` takes adapters, lists them and answers with the base. `then` happens before the completion of that
    number, `alters` to what it says.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.policies = {"base": InProcessPolicy(base)}
        self.delay_s = 0.0
        self.broken = False
        self.busy: tuple[int, str | None] | None = None
        self.swapped: Path | None = None
        self.late_lists = 0
        self.loads_nothing = False
        self.alters: Callable[[dict[str, Any]], None] = lambda choice: None
        self.then: dict[int, Callable[[], None]] = {}
        self.roots = {"base": base}
        self.bodies: list[dict[str, object]] = []
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @contextmanager
    def misbehaving(
        self, *, delay_s: float = 0.0, broken: bool = False, busy: tuple[int, str | None] | None = None
    ) -> Iterator[None]:
        self.delay_s, self.broken, self.busy = delay_s, broken, busy
        try:
            yield
        finally:
            self.delay_s, self.broken, self.busy = 0.0, False, None

    def answer_with(self, name: str, adapter: Path | None, base: Path | None = None) -> None:
        """From now on, whatever was loaded under that name."""
        self.policies[name] = InProcessPolicy(base or self.base, {"observer": adapter} if adapter else {})

    async def _start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_get("/v1/models", self._models)
        application.router.add_post("/v1/completions", self._completions)
        application.router.add_post("/v1/load_lora_adapter", self._load)
        application.router.add_post("/v1/unload_lora_adapter", self._unload)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _models(self, request: web.Request) -> web.Response:
        names = ["base"] if self.late_lists > 0 else list(self.policies)
        self.late_lists -= 1
        data = [{"id": name, "root": str(self.roots[name])} for name in names]
        return web.json_response({"object": "list", "data": data})

    async def _load(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["lora_name"] in self.policies:
            return web.json_response({"error": {"message": "already loaded"}}, status=400)
        folder = Path(body["lora_path"])
        if not folder.is_dir():
            return web.json_response({"error": {"message": f"no adapter found for {folder}"}}, status=404)
        self.answer_with(body["lora_name"], None if self.loads_nothing else self.swapped or folder)
        self.roots[body["lora_name"]] = folder
        return web.Response(text=f"Success: LoRA adapter '{body['lora_name']}' added successfully.")

    async def _unload(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.policies.pop(body["lora_name"], None) is None:
            return web.json_response({"error": {"message": "not found"}}, status=404)
        return web.Response(text="Success")

    async def _completions(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        self.then.get(len(self.bodies), lambda: None)()
        await asyncio.sleep(self.delay_s)
        if self.broken:
            return web.json_response({"error": {"message": "engine is dead"}}, status=500)
        if self.busy:
            status, wait = self.busy
            headers = {} if wait is None else {"Retry-After": wait}
            return web.json_response({"error": {"message": "overloaded"}}, status=status, headers=headers)
        policy = self.policies.get(body["model"])
        if policy is None:
            return web.json_response({"error": {"message": f"The model `{body['model']}` does not exist."}}, status=404)
        if len(body["prompt"]) + body["max_tokens"] > 512:
            return web.json_response({"error": {"message": "maximum context length is 512"}}, status=400)
        turn = Turn("observer", tuple(body["prompt"]), body["max_tokens"], body["temperature"], body["seed"])
        (answer,) = policy.generate([turn])
        ended = answer.token_ids[-1] in policy.eos_ids
        choice: dict[str, Any] = {
            "index": 0,
            "text": "",
            "finish_reason": "stop" if ended else "length",
            "token_ids": list(answer.token_ids),
            "prompt_token_ids": body["prompt"],
            "logprobs": {"token_logprobs": list(answer.logprobs or ())},
        }
        self.alters(choice)
        return web.json_response({"object": "text_completion", "model": body["model"], "choices": [choice]})
