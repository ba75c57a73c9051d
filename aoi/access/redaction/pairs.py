"""Keys and values in a line, however they are written: `key=value`, JSON at any depth of escaping, YAML, XML, lists.

Found from the key: a word that tells, the whole name around it, a sign, the value behind it. Every pattern is bounded
or consumes what it reads, so that no line takes more than linear time.
"""

import re
from collections.abc import Iterator

from aoi.access.redaction.folding import MARK, Folded, Span
from aoi.access.redaction.keys import MAX_KEY, Tells, tells
from aoi.access.redaction.values import is_code, is_harmless, is_mixed, is_name, is_prose, is_random

TRIGGERS = (
    "pass", "pwd", "psw", "pw", "secret", "token", "cred", "key", "auth", "sig", "sess", "sid", "salt", "pin", "otp",
    "code", "licen", "hmac", "seed", "mnemonic", "phrase", "webhook", "dockerc", "kennwort", "senha", "contrase",
    "saml", "ticket", "assertion", "pepper", "jwt", "private", "cvv", "serial", "cookie", "wachtwoord", "haslo", "parola",
    "losenord",
)  # fmt: skip
"""What a line must hold, in lower case, before it is worth a closer look."""

_SIGN = r"(?:\\{0,31}[\"'`])?(?:[\]})])?[ \t]{0,16}(?::=|=>|->|==?|::?|\|)[ \t]{0,16}"
_PAIR = re.compile(
    rf"(?:{'|'.join(TRIGGERS)})[a-z0-9_-]{{0,40}}+(?P<sign>{_SIGN})",
)
_XML = re.compile(
    r"(?P<key>[A-Za-z0-9_.-]{1,64})(?:\s[^<>]{0,200})?>(?:\s{0,16}<!\[CDATA\[)?(?P<value>[^<>]{1,4096}?)(?:\]\]>\s{0,16})?</"
)
_SPACED_KEY = re.compile(
    r"(?:(?:seed|recovery|secret|pass)[ ]phrase|(?:api|access|secret|private|encryption|licen[sc]e|master)[ ]key"
    r"|(?:verification|security|one[- ]time|recovery|backup|sms)[ ]code|contrase.a|mot de passe|п[aа][pр][oо]ль|密码|密碼|パスワード|비밀번호)[\"']?[ ]{0,4}[:=][ ]{0,4}"
)
_KEY_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-ñ")
_LEAD = re.compile(
    r"(?:[&!][^\s\"']{0,40} +)*(?:[bBrRuUfF@]{1,2}(?=[\"']))?(?:[A-Za-z_][\w.:]{0,60}\((?:\d{1,6}\) )?(?=\\{0,31}[\"']))?"
)
_QUOTE = re.compile(r"\"{3}|'{3}|\\{0,31}([\"'`])")
_BARE = re.compile(r"(?:[^\s\"'`<>]|(?<=[A-Za-z0-9])[\"'`](?=[A-Za-z0-9]))+|<[^\s\"'<>]+>?|>[^\s\"'<>]+")
_OTHER_PAIR = re.compile(r"[a-z_]{1,40}=")
_NEXT_WORD = re.compile(r"[ ]{1,8}(?P<next>[A-Za-z0-9!@#$%^&*+~?]{8,256})(?=\s|$)")
_CUT = re.compile(r"[;&,|](?=[\w.\- ]{1,40}(?:[=:]|->|\|))|\\{1,16}[nrt](?=[\w.-]{1,40}[=:]|[^\w]|$)|\\+$|[&;]+$|\}\}")
_FLOW_END = re.compile(r"[,}\]](?=\s|$|[\"'}\]])")
_AT_START = re.compile(r"[\s\x7f]{0,200}(?:[-+>] +)?[\"']?(?:export +)?")
_ITEM = re.compile(r"\\{0,31}\"(?:[^\"\\]|\\.){0,4096}?\\{0,31}\"|'[^']{0,4096}'|[^\s,\[\]\"'{}]+")
_HANDLED = re.compile(r"(?:proxy-?)?authorization|set-?cookie2?|cookie", re.IGNORECASE)
_MACHINE_MADE = re.compile(r"[A-Za-z0-9+/_.~%:-]{12}|\d{4,10}(?![\w.-])")
_SHORT = 100
"""Characters of a value that decide whether it looks random."""
_LIST_LENGTH = 8192
"""Characters of a list behind a key that are looked at."""


def spans_of_pairs(line: Folded) -> Iterator[Span]:
    """Where the values of telling keys stand in a line."""
    at = 0
    while match := _PAIR.search(line.low, at):
        at = match.end()
        key, first = whole_key(line.text, match.start(), match.start("sign"))
        tell = _told(line, key, first, match)
        if tell is Tells.NOTHING:
            continue
        for start, end in _value(line.text, at, tell, key, _AT_START.fullmatch(line.text, 0, first) is not None):
            yield start, end
            at = max(at, end)
    for match in _SPACED_KEY.finditer(line.low):
        tell = Tells.IF_RANDOM if "code" in match[0] else Tells.ALWAYS
        yield from _value(line.text, match.end(), tell, "pin", True)
    if "</" in line.text:
        yield from _elements(line)


def whole_key(text: str, start: int, end: int) -> tuple[str, int]:
    """The key with what stands before the word that gave it away (`max_tokens` is not `tokens`), and its start."""
    first = start
    while first > 0 and start - first < MAX_KEY and text[first - 1] in _KEY_CHARACTERS:
        first -= 1
    return text[first:end].lstrip("-."), first


def _told(line: Folded, key: str, first: int, match: re.Match[str]) -> Tells:
    if _HANDLED.fullmatch(key) or line.text.startswith(".pgpass", first):
        return Tells.NOTHING
    sign = match["sign"].strip(" \t\"'`]\\")
    if sign == "|" and "|" not in line.text[:first]:
        return Tells.NOTHING
    before = line.text[first - 1] if first else ""
    if before in ("?", "&", "#", ";") and key.lower() in ("key", "sig", "auth", "code", "k", "sas", "token"):
        return Tells.ALWAYS if key.lower() in ("sig", "token") else Tells.IF_RANDOM
    if key.lower() == "pass" and sign in ("=", ":=", "=>"):
        return Tells.UNLESS_NAME if before in ("", " ") else Tells.ALWAYS
    if key.lower() == "pass" and sign == ":":
        # Tests say `PASS: TestGeo` and `pass: 3`.
        is_quoted = match["sign"][:1] in ("\\", '"', "'")
        return Tells.UNLESS_NAME if is_quoted else Tells.IF_RANDOM if key == "pass" else Tells.NOTHING
    tell = tells(key)
    return Tells.ALWAYS if tell is Tells.UNLESS_NAME and sign == "=" else tell


def is_hidden(value: str, tell: Tells, key: str = "") -> bool:
    """Whether a value under a key that tells this much is hidden."""
    value = value.strip()
    if tell is Tells.NOTHING or is_harmless(value) or value.startswith(MARK[:-1]):
        return False
    if len(value) < 4 and not any(char.isalnum() for char in value):
        return False
    if tell is Tells.IF_RANDOM:
        return is_random(value) or (is_code(value) and key.lower().endswith(("pin", "otp", "cvv", "cvc")))
    if tell is Tells.UNLESS_NAME:
        return not is_name(value) and not value.isdigit()
    return True


def _value(text: str, at: int, tell: Tells, key: str, is_first: bool) -> Iterator[Span]:
    lead = _LEAD.match(text, at)
    at = lead.end() if lead else at
    if text.startswith(("[", "(["), at) and not text.startswith(MARK, at):
        yield from _list(text, at, tell, key)
    elif text.startswith("{", at) and not text.startswith("{{", at):
        yield from _braces(text, at, tell, key)
    elif quote := _QUOTE.match(text, at):
        start = quote.end()
        end = closing(text, quote[0], start)
        if is_hidden(text[start:end], tell, key):
            yield start, end
    else:
        yield from _bare(text, at, tell, key, is_first)


def closing(text: str, quote: str, start: int) -> int:
    """Where a quoted text ends: before the same quote, escaped as often; else with the line."""
    at = start
    while (end := text.find(quote, at)) >= 0:
        slashes = end
        while slashes > start and text[slashes - 1] == "\\":
            slashes -= 1
        # An even number of them before a plain quote are escaped themselves.
        if (end - slashes) % 2 == 0 if len(quote) == 1 else end == slashes:
            return end
        at = end + 1
    return len(text)


def _list(text: str, at: int, tell: Tells, key: str) -> Iterator[Span]:
    end = at
    # A mark within the list is not its end.
    while (end := text.find("]", end, at + _LIST_LENGTH)) >= 0 and text.startswith(MARK, end - len(MARK) + 1):
        end += 1
    end = min(len(text), at + _LIST_LENGTH) if end < 0 else end
    for item in _ITEM.finditer(text, at, end):
        bare = item[0].strip("\\\"'")
        if text.startswith(MARK, max(0, item.start() - 1)):
            continue
        if is_hidden(bare, tell, key):
            start = item.start() + item[0].index(bare)
            yield start, start + len(bare)


_BRACES = re.compile(r"\{[^{}:=\"',]{1,256}\}")
_MAP_ENTRY = re.compile(
    r"(?P<key>[\w.-]{1,64})(?:\\{0,31}[\"'])?\s{0,4}[:=]\s{0,4}\\{0,31}[\"']?(?P<value>[^\s\"',{}\[\]\\]+)"
)
STRUCTURE = frozenset(
    "name namespace key kind optional username user host hosts port type path items mode defaultmode apiversion"
    " apigroup group secretname database role url email provider server region id labels annotations".split()
)
"""Below a telling name, what these hold is no secret."""


def _braces(text: str, at: int, tell: Tells, key: str) -> Iterator[Span]:
    if tell is not Tells.ALWAYS:
        return
    if match := _BRACES.match(text, at):
        yield at + 1, match.end() - 1
        return
    yield from _entries(text, at)


def _entries(text: str, at: int) -> Iterator[Span]:
    """The values of a map in braces whose keys say nothing else."""
    end = text.find("}", at, at + _LIST_LENGTH)
    end = min(len(text), at + _LIST_LENGTH) if end < 0 else end
    inner = text.find("{", at + 1, end)
    for entry in _MAP_ENTRY.finditer(text, at + 1, end if inner < 0 else inner):
        if entry["key"].lower() not in STRUCTURE and is_hidden(entry["value"], Tells.ALWAYS):
            yield entry.span("value")


def _bare(text: str, at: int, tell: Tells, key: str, is_first: bool) -> Iterator[Span]:
    if tell is Tells.IF_RANDOM and not _MACHINE_MADE.match(text, at):
        return
    match = _BARE.match(text, at) if tell is Tells.ALWAYS else _BARE.match(text, at, at + _SHORT)
    if match is None or text.startswith(("|", ">"), at):
        return
    if text.startswith("= ", at - 2) and _OTHER_PAIR.match(text, at):
        # `page_token= limit=20`: there is no value.
        return
    rest = text[at:].rstrip(" \t\x7f") if tell is Tells.ALWAYS else text[at : at + _SHORT]
    if is_harmless(rest) or (is_prose(rest) and tell is not Tells.IF_RANDOM):
        return
    sign = text[:at].rstrip()[-1:]
    if is_first and sign == ":" and tell is Tells.ALWAYS and not _FLOW_END.search(rest):
        # All of a plain YAML value, which may have spaces.
        yield at, at + len(rest)
        return
    value = match[0]
    if cut := _CUT.search(value):
        value = value[: cut.start()]
    value = value.rstrip(",;)}]") if not value.startswith(MARK) else value
    if is_hidden(value, tell, key):
        yield at, at + len(value)
        if value.isalpha() and (word := _NEXT_WORD.match(text, at + len(value))) and is_mixed(word["next"]):
            yield word.span("next")
        if len(value) == _SHORT and (more := _BARE.match(text, at + _SHORT)):
            yield more.span()


def _elements(line: Folded) -> Iterator[Span]:
    for match in _XML.finditer(line.text):
        key = match["key"]
        value = match["value"].strip()
        attribute = re.search(r"(?:key|name)=[\"']([\w.-]{1,64})", match[0][:300])
        tell = max(tells(key), tells(attribute[1]) if attribute else Tells.NOTHING)
        if is_hidden(value, tell, key):
            start = match.start("value") + match["value"].index(value)
            yield start, start + len(value)
