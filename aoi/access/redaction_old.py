"""Takes credentials and control characters out of what a cluster says, before anything else sees it.

Two passes: `redact_object` knows where Kubernetes keeps values (env, ConfigMap data), `redact` knows how
credentials look in any text. Both err on the side of hiding; neither hides names of users or of keys, which
a diagnosis needs. Everything that comes back from a cluster is untrusted text, whoever wrote it.
"""

import itertools
import re
from typing import Any

Obj = dict[str, Any]

MARK = "[redacted]"
MAX_KEY = 256
"""Characters of a key that may be recognised as harmless."""

_SENSITIVE = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?"
    # `DB_PASS` and `pass=`, but not `first pass:` or a test's `PASS:`.
    r"|(?<=[A-Za-z0-9][_-])pass(?![A-Za-z0-9_-])|(?<![A-Za-z0-9_-])pass(?==|\Z)"
    r"|(?:api|access|private|auth|encryption|signing|account)[_-]?key)"
)
# Repetitions are bounded and anchored, so that no text takes more than linear time.
_TAIL = rf"{_SENSITIVE}[A-Za-z0-9_-]{{0,40}}"
_KEY = rf"[A-Za-z0-9_.-]{{0,64}}{_TAIL}"
_KEY_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
_SENSITIVE_KEY = re.compile(_SENSITIVE, re.IGNORECASE)
_HARMLESS_KEY = re.compile(
    r"secret(s|name|ref|keyref|namespace|keys?)?|.*secretname|imagepullsecrets|automountserviceaccounttoken|.*expirationseconds"
    r"|serviceaccounttoken|secretproviderclass|.*_?secret_?name|.*token_?(path|file|url|ttl)|.*(password|secret|key)_?(file|path)"
    r"|(?:(?:max|min|num|total|prompt|completion|input|output)_?)?tokens(?:_?(?:used|total|count|limit|per_second))?",
    re.IGNORECASE,
)
"""Keys that name where a credential is, or count something. Their values stay, unless they look like one."""

_GAP = r"(?:[ \t\r\n]|\\n|\\r)"
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
    # To its end, or what looks like key material after a beginning alone: a stranger who writes only a beginning
    # must not be able to hide everything after it.
    rf"(?:.{{0,8192}}?-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY-----|{_GAP}*(?:[A-Za-z0-9+/=]{{8,}}{_GAP}*)*)",
    re.DOTALL,
)
_CONNECTION = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]{1,30}://[^\s:/@'\"]{0,128}):([^\s@'\"]{1,256})@")
_DSN = re.compile(r"\b([A-Za-z0-9_.-]{1,64}):([^\s:@/'\"(]{1,128})@((?:tcp|unix|udp)\()")
"""Go MySQL data source names: user:password@tcp(host)."""
_BEARER = re.compile(r"\b(bearer|token)(\s+)(?=[A-Za-z0-9._~+/=-]*[0-9._])[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"(authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|digest|token)?\s*)[^\s'\",;]{4,}", re.IGNORECASE
)
_KNOWN = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"  # JSON web token
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bsk-[A-Za-z0-9_-]{16,}|\bAIza[0-9A-Za-z_-]{30,}"
    r"|\bhvs\.[A-Za-z0-9_-]{20,}|\bsk_(?:live|test)_[A-Za-z0-9]{16,}"
)
_PAIR = re.compile(
    rf"(?P<key>{_TAIL})(?P<sep>['\"]?[ \t]*(?:=>|:=|[:=])[ \t]*)"
    r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&})]+)",
    re.IGNORECASE,
)
_OPTION = re.compile(rf"(?<![A-Za-z0-9_.-])(?P<key>--?{_KEY})(?P<sep>\s+)(?P<value>[^\s\"'-][^\s\"']*)", re.IGNORECASE)
_ENV = re.compile(
    rf"(?P<head>['\"]?name['\"]?:\s*['\"]?(?P<key>{_KEY})['\"]?,?\s*['\"]?value['\"]?:\s*)(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s,}}]+)",
    re.IGNORECASE,
)
"""An environment variable as YAML or JSON prints it: the name in one line, the value in the next."""
_HARMLESS_VALUE = re.compile(
    r"['\"]?(true|false|null|none|<.*|\d{1,6}|\[redacted\]|\{.*|\[.*|\|[-+]?|>[-+]?)?['\"]?,?", re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
"""Terminal escapes, and characters that reorder or hide text. Tab and newline stay."""


def is_sensitive_key(key: str) -> bool:
    """Whether a value under this name is hidden whatever it looks like."""
    if _SENSITIVE_KEY.search(key) is None:
        return False
    return len(key) > MAX_KEY or _HARMLESS_KEY.fullmatch(key) is None


def redact(data: bytes) -> bytes:
    """Hide credentials and control characters in text. Bytes that are not UTF-8 become U+FFFD. Idempotent."""
    text = _CONTROL.sub("?", data.decode("utf-8", "replace"))
    return redact_text(text).encode()


_SENSITIVE_HINTS = (
    "pass", "pwd", "secret", "token", "credential", "apikey", "api-key", "api_key", "access-key",
    "access_key", "accesskey", "signing-key", "signing_key", "signingkey", "account-key", "account_key", "accountkey",
    "private-key", "private_key", "privatekey", "auth-key", "auth_key", "authkey",
    "encryption-key", "encryption_key", "encryptionkey",
)  # fmt: skip
_KNOWN_HINTS = ("eyj", "akia", "asia", "gh", "glpat-", "xox", "sk-", "sk_", "aiza", "hvs.")
"""What a text must hold, in lower case, before the costly patterns are worth trying."""


def redact_text(text: str) -> str:
    """Hide credentials in text that is already free of control characters."""
    low = text.lower()
    if "private key" in low:
        text = _PRIVATE_KEY.sub(MARK, text)
    if "@" in low:
        text = _DSN.sub(rf"\1:{MARK}@\3", _CONNECTION.sub(rf"\1:{MARK}@", text))
    if "authorization" in low:
        text = _AUTHORIZATION.sub(rf"\1{MARK}", text)
    if "bearer" in low or "token" in low:
        text = _BEARER.sub(rf"\1\2{MARK}", text)
    if _holds(low, _KNOWN_HINTS):
        text = _KNOWN.sub(MARK, text)
    if _holds(low, _SENSITIVE_HINTS):
        if "value" in low:
            text = _ENV.sub(_hide_env, text)
        text = "\n".join(map(_redact_line, text.split("\n")))
    return text


def _holds(low: str, hints: tuple[str, ...]) -> bool:
    # A loop takes half the time of `any` over a generator, and every string that an agent reads comes by here.
    for hint in hints:  # noqa: SIM110
        if hint in low:
            return True
    return False


def _redact_line(line: str) -> str:
    low = line.lower()
    if not _holds(low, _SENSITIVE_HINTS):
        return line
    return _PAIR.sub(_hide_pair, _OPTION.sub(_hide_pair, line))


def _hide_pair(match: re.Match[str]) -> str:
    value = match["value"]
    if _HARMLESS_VALUE.fullmatch(value) or not is_sensitive_key(_whole_key(match)):
        return match[0]
    return f"{match['key']}{match['sep']}{_quoted_like(value)}"


def _whole_key(match: re.Match[str]) -> str:
    """The key with what stands before the word that gave it away: `max_tokens` is not `tokens`."""
    text, start = match.string, match.start("key")
    first = start
    while first > 0 and start - first < MAX_KEY and text[first - 1] in _KEY_CHARACTERS:
        first -= 1
    return text[first : match.end("key")].lstrip("-")


def _hide_env(match: re.Match[str]) -> str:
    if not is_sensitive_key(match["key"]):
        return match[0]
    return match["head"] + _quoted_like(match["value"])


def _quoted_like(value: str) -> str:
    quote = value[0] if value[:1] in ("'", '"') else ""
    return f"{quote}{MARK}{quote}"


def redact_object(obj: Obj) -> Obj:
    """A copy of a Kubernetes object without credentials, managedFields and last-applied configuration."""
    written = obj.get("metadata")
    metadata = {k: v for k, v in written.items() if k != "managedFields"} if isinstance(written, dict) else {}
    annotations = metadata.get("annotations")
    if annotations and isinstance(annotations, dict):
        kept = {k: v for k, v in annotations.items() if not k.endswith("/last-applied-configuration")}
        metadata["annotations"] = kept
        if not kept:
            del metadata["annotations"]
    rest = {key: value for key, value in obj.items() if key != "metadata"}
    if obj.get("kind") == "ConfigMap":
        for field in ("data", "binaryData"):
            if isinstance(rest.get(field), dict):
                rest[field] = {key: _redact_entry(key, value) for key, value in rest[field].items()}
    return _redact_value({**({"metadata": metadata} if metadata else {}), **rest})


def _redact_entry(key: str, value: Any) -> Any:
    return MARK if is_sensitive_key(key) and value else value


def _redact_words(words: list[Any]) -> list[Any]:
    """Of a command line, the word behind an option that holds a credential: `--token`, `VALUE`."""
    for at, (word, value) in enumerate(itertools.pairwise(words)):
        if not (isinstance(word, str) and isinstance(value, str) and word.startswith("-") and "=" not in word):
            continue
        is_value = not value.startswith("-") and not _HARMLESS_VALUE.fullmatch(value)
        if is_value and is_sensitive_key(word.lstrip("-")):
            words[at + 1] = MARK
    return words


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list):
        return _redact_words([_redact_value(item) for item in value])
    if isinstance(value, dict):
        if "name" in value and isinstance(value.get("value"), str) and is_sensitive_key(str(value["name"])):
            value = {**value, "value": MARK if value["value"] else ""}
        return {key: _redact_value(item) for key, item in value.items()}
    return value
