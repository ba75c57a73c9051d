"""Secrets in headers, cookies, addresses and webhooks."""

import re
from collections.abc import Iterator

from aoi.access.redaction.folding import MARK, Folded, Span
from aoi.access.redaction.pairs import closing
from aoi.access.redaction.values import is_harmless, is_mixed, is_prose, is_random

_HEADER = re.compile(
    r"(?P<name>authorization|set-cookie2?|cookie)\\{0,31}[\"']?\]?[ \t]{0,8}(?:=>|[:=]|,(?![ ]?\\{0,31}[\"'](?:value|display))|[ \t](?=[ \t]{0,8}[\"'](?:basic|bearer|token|apikey)[ ]))[ \t]{0,8}[\[({]{0,2}(?P<quote>\\{0,31}[\"'])?"
)
_HEADER_LENGTH = 2048
"""Characters of a header without quotes that are looked at."""
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9-]{1,30})[ ]+(?P<rest>\S)")
_ONE = re.compile(r"[^\s\"',;\\\])}]{3,}")
_KNOWN_SCHEMES = frozenset("basic bearer token negotiate ntlm apikey api-key jwt key".split())
_LISTED_SCHEMES = ("digest", "aws4-", "aws", "oauth", "hawk", "signature", "mac", "edgegrid", "sharedkey", "scram")
_COOKIE = re.compile(r"(?P<name>[^\s=;,\"']{1,128})=(?P<value>[^;\s\"'\\]{1,4096})")
_ATTRIBUTES = frozenset("path domain expires max-age samesite httponly secure version comment".split())

_USERINFO = re.compile(
    r"(?:(?<=:)|(?<![\w/:]))\\{0,31}/\\{0,31}/(?P<user>[^\s:/'\"<>\\]{0,128}):(?!\d{1,5}(?:[/?#]|$))(?P<secret>[^\s'\"<>@]{1,256})@"
)
_MORE = re.compile(r"[^\s'\"<>@/?#,]{0,256}@")
_TOKEN_USER = re.compile(r"//(?P<secret>[^\s:/@'\"<>]{16,256})@")
_BARE = re.compile(
    r"(?<![\w/:.@=-])(?P<user>[A-Za-z][\w.-]{0,64}):(?P<secret>[^\s:/@'\"()\[\]{}]{3,128})@(?P<host>[A-Za-z0-9][\w.-]{0,253})(?P<rest>:\d{2,5}|/|)"
)
_DSN = re.compile(r"\b(?P<user>[A-Za-z0-9_.-]{1,64}):(?P<secret>[^\s:@/'\"(]{1,128})@(?:tcp|unix|udp)\(")
_ORACLE = re.compile(
    r"(?<![\w/.@-])(?P<user>[A-Za-z][\w$#]{0,30})/(?P<secret>[^\s/@'\"]{2,64})@(?:/{2})?(?P<host>[A-Za-z][\w.-]{0,253})"
)
_ORACLE_HINTS = ("sqlplus", "oracle", "ora-", "thin", "tns", "expdp", "impdp", "sqlldr", "rman")
_NO_USERS = frozenset("mailto from to cc bcc email sender recipient rcpt by sip sips xmpp acct user git ssh".split())
_WEBHOOKS = tuple(
    (hint, re.compile(pattern, re.IGNORECASE))
    for hint, pattern in (
        (
            "hooks.slack",
            r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/(?P<secret>[^\s\"'<>\\,;)]{6,512})",
        ),
        ("/webhook", r"/(?:api/)?webhooks?b?2?/(?P<secret>[^\s\"'<>\\,;)]{16,512})"),
        ("/bot", r"/bot(?P<secret>\d{6,12}:[\w-]{20,})"),
        ("/hooks/", r"/hooks/(?:catch/)?(?P<secret>[^\s\"'<>\\,;)?]{16,512})"),
        ("/integration/", r"/integration/(?P<secret>[0-9a-z]{20,64})"),
        ("/token", r"/tokens?/(?P<secret>[\w.~=-]{16,512})(?=[\s\"'?&/]|$)"),
        (
            "reset",
            r"/(?:reset[_-]?password|password[_-]?reset|password/reset|reset)/(?P<secret>[\w.~=-]{16,512})(?=[\s\"'?&/]|$)",
        ),
        ("incomingwebhook", r"/incomingwebhook/(?P<secret>[^\s\"'<>\\,;)]{8,512})"),
    )
)


def spans_of_network(line: Folded) -> Iterator[Span]:
    """Where headers, cookies and addresses hold secrets."""
    low = line.low
    if "authorization" in low or "cookie" in low:
        yield from _headers(line)
    if "bearer" in low or "token" in low:
        yield from _bearer(line)
    if "@" in low:
        yield from _addresses(line)
    if ";jsessionid" in low:
        yield from (match.span("secret") for match in _JSESSION.finditer(low))
    for hint, pattern in _WEBHOOKS:
        if hint in low:
            for match in pattern.finditer(line.text):
                if any(char.isdigit() for char in match["secret"]) and MARK not in match["secret"]:
                    yield match.span("secret")


_JSESSION = re.compile(r";jsessionid=(?P<secret>[\w.!-]{4,256})")
_BEARER = re.compile(r"\b(?:bearer|token),?[ \t]{1,8}(?P<secret>(?=[\w.~+/-]{0,200}[0-9.])[\w.~+/-]{12,}={0,2})(?!\w)")


def _bearer(line: Folded) -> Iterator[Span]:
    for match in _BEARER.finditer(line.low):
        yield match.span("secret")


def _headers(line: Folded) -> Iterator[Span]:
    text = line.text
    at = 0
    while match := _HEADER.search(line.low, at):
        at = match.end()
        end = closing(text, match["quote"], at) if match["quote"] else _end_of_header(text, at)
        if match["name"] == "authorization":
            yield from _authorization(text, at, end)
        else:
            yield from _cookies(text, at, end, match["name"].startswith("set"))
            if not match["name"].startswith("set"):
                # All of it was looked at.
                at = max(at, end)


def _end_of_header(text: str, at: int) -> int:
    """A header without quotes ends with the line, or with the quote or the bracket around it."""
    before = text[max(0, at - _HEADER_LENGTH) : at]
    ends = [text.find(quote, at, at + _HEADER_LENGTH) for quote in "\"'" if before.count(quote) % 2 == 1]
    if "[" in before[-40:]:
        ends.append(text.find("]", at, at + _HEADER_LENGTH))
    return min((end for end in ends if end >= 0), default=min(len(text), at + _HEADER_LENGTH))


def _authorization(text: str, at: int, end: int) -> Iterator[Span]:
    value = text[at : min(end, at + _HEADER_LENGTH)].rstrip(" \t\x7f")
    match = _SCHEME.match(text, at, end)
    if match is None:
        word = _ONE.match(text, at, end)
        if word and not is_prose(word[0]) and not _says_nothing(word[0]):
            yield word.span()
        return
    scheme = match["scheme"].lower()
    if scheme.startswith(_LISTED_SCHEMES):
        # The second word of these goes on to the end, in pairs.
        yield match.start("rest"), at + len(value)
    elif scheme in _KNOWN_SCHEMES or _is_unknown_scheme(text, match, at + len(value)):
        if (word := _ONE.match(text, match.start("rest"), end)) and not _says_nothing(word[0]):
            yield word.span()
    elif not is_prose(scheme) and is_mixed(match["scheme"]):
        yield match.span("scheme")


def _is_unknown_scheme(text: str, match: re.Match[str], end: int) -> bool:
    word = _ONE.match(text, match.start("rest"), end)
    return word is not None and not is_prose(match["scheme"]) and (word.end() >= end or is_mixed(word[0]))


def _says_nothing(word: str) -> bool:
    return is_harmless(word) or word.startswith((MARK, MARK[:-1], "$", "<"))


def _cookies(text: str, at: int, end: int, is_set: bool) -> Iterator[Span]:
    for number, cookie in enumerate(_COOKIE.finditer(text, at, end)):
        if is_set and number:
            return
        if cookie["name"].lower() not in _ATTRIBUTES and not _says_nothing(cookie["value"]):
            yield cookie.span("value")


def _addresses(line: Folded) -> Iterator[Span]:
    text = line.text
    for match in _USERINFO.finditer(text):
        start, end = match.span("secret")
        # The secret itself may hold an at sign: the last one before the host counts.
        while more := _MORE.match(text, end + 1):
            end = more.end() - 1
        if text[start:end] != MARK:
            yield start, end
    for match in _TOKEN_USER.finditer(text):
        if is_random(match["secret"]):
            yield match.span("secret")
    for match in _DSN.finditer(text):
        yield match.span("secret")
    for match in _BARE.finditer(text):
        is_address = match["rest"] or (is_mixed(match["secret"]) and not match["host"].startswith("sha256"))
        if is_address and match["user"].lower() not in _NO_USERS and not match["host"].startswith(("sha256", "sha512")):
            yield match.span("secret")
    for match in _ORACLE.finditer(text):
        is_oracle = any(hint in line.low for hint in _ORACLE_HINTS)
        if (is_oracle or is_random(match["secret"])) and not match["host"].startswith(("sha256", "v1", "v2", "latest")):
            yield match.span("secret")
