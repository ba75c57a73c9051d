"""One request to a model server: bounded in time as a whole, and in bytes."""

import time
from typing import Any

import httpx

from aoi.errors import ServerUnavailable

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Of one answer, unpacked. A completion with its log-probabilities has some kilobytes."""


def exchanged(
    client: httpx.Client, method: str, path: str, body: dict[str, Any] | None, timeout_s: float
) -> httpx.Response:
    """The whole answer: httpx itself counts its timeout anew with every piece that comes, and reads without end.

    Raises: httpx.TransportError, httpx.DecodingError; ServerUnavailable if it is too large.
    """
    ends_s, content = time.monotonic() + timeout_s, bytearray()
    with client.stream(method, path, json=body, timeout=timeout_s) as response:
        for piece in response.iter_bytes():
            content += piece
            if len(content) > MAX_ANSWER_BYTES:
                raise ServerUnavailable(
                    f"the model server's answer on {path} has more than {MAX_ANSWER_BYTES:,} bytes and was not read "
                    f"on. Is it one? curl {client.base_url}"
                )
            if time.monotonic() > ends_s:
                raise httpx.ReadTimeout("its answer does not end", request=response.request)
    told = {name: value for name, value in response.headers.items() if name.lower() == "retry-after"}
    return httpx.Response(response.status_code, headers=told, content=bytes(content), request=response.request)
