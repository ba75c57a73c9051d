"""How a secret may be written down: as it is, escaped, quoted for a URL, or encoded. Called by whoever purges."""

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from aoi.errors import Permanent

MIN_CHARS = 6
"""Shorter ones are found everywhere."""


class Needle:
    """Finds one secret in bytes, in every form that software writes it in."""

    def __init__(self, secret: str) -> None:
        """Raises: Permanent for what is too short to be told from other text."""
        if len(secret) < MIN_CHARS or "\n" in secret.strip("\n"):
            raise Permanent(
                f"a secret of one line and at least {MIN_CHARS} characters is needed, found {len(secret)}: a shorter "
                "one is in every other file. Of a key over several lines give one whole line"
            )
        self.forms = tuple(dict.fromkeys(_forms(secret)))
        """The longest first, so that replacing one leaves no part of another."""

    def is_in(self, data: bytes) -> bool:
        """Whether any form is in it."""
        return any(form in data for form in self.forms)

    def without(self, data: bytes, mark: bytes) -> bytes:
        """The data with every form replaced."""
        for form in self.forms:
            data = data.replace(form, mark)
        return data


def _forms(secret: str) -> Iterator[bytes]:
    raw = secret.encode("utf-8", "surrogateescape")
    encoded = {form for shift in range(3) for form in _base64(raw, shift)}
    written = {form.encode("utf-8", "surrogateescape") for form in _written(secret)}
    hexadecimal = {raw.hex().encode(), raw.hex().upper().encode()}
    yield from sorted(written | encoded | hexadecimal, key=len, reverse=True)


def _written(secret: str) -> Iterator[str]:
    """As text: in JSON up to three deep, in quotes of YAML and SQL, in a page, in a URL."""
    inner = secret
    yield inner
    for _ in range(3):
        inner = json.dumps(inner, ensure_ascii=False)[1:-1]
        yield inner
    yield json.dumps(secret)[1:-1]
    yield secret.replace("'", "''")
    yield secret.replace("'", "\\'")
    page = html.escape(secret)
    yield from (page, page.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"), html.escape(secret, quote=False))
    for url in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield url
        yield re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), url)


def _base64(raw: bytes, shift: int) -> Iterator[bytes]:
    """What is the same in the base64 of any text that holds `raw` `shift` bytes behind a third one."""
    whole = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
    first = (0, 2, 3)[shift]
    last = len(whole) - (1 if (shift + len(raw)) % 3 else 0)
    if last - first >= MIN_CHARS:
        yield whole[first:last]
        yield whole[first:last].replace(b"+", b"-").replace(b"/", b"_")
