"""What values look like: random, harmless, a word of a sentence, the name of an object."""

import re

_HARMLESS = re.compile(
    r"true|false|null|pass|fail|ok|none|nil|undefined|yes|no|on|off|n/?a|unset|empty|\*{2,}|x{3,}|\.{3}|-+|~"
    r"|<(?:none|nil|null|unset|empty|password|secret|token|hidden|masked|redacted|unknown|invalid|not set"
    r"|set to the key .{0,300}|error.{0,80})>.{0,80}"
    # References name where the value is; one with a default value holds it.
    r"|\$\{[A-Za-z_][\w.-]{0,100}\}|\$\([A-Za-z_][\w.-]{0,100}\)|\{\{[^{}\"']{0,120}\}\}|%\([A-Za-z_]\w{0,60}\)s",
    re.IGNORECASE,
)
_PROSE = frozenset(
    "expired expires invalid missing required signature is are was has have not must cannot can can't failed fails"
    " failure error errors unknown denied revoked loaded expected unexpected unable could malformed for of in from to"
    " and or with without using used the a an this that it authentication authorization policy mismatch incorrect wrong"
    " rejected accepted refreshed renewed ok found be should will would may does did no such already by at on when"
    " while if but user parse parsing decode verification validation changed reset updated created"
    " enabled disabled too cluster illegal rotation bad login access your please enter".split()
)
_MIXED = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9])|(?=.*[a-z])(?=.*[A-Z].*[A-Z])(?=.{8})|(?=.*\w)(?=.*[!@#$%^&*+~?])")
_RANDOM = re.compile(r"(?=[^A-Za-z]{0,200}[A-Za-z])(?=[^0-9]{0,200}[0-9])[A-Za-z0-9+/=_.~%:-]{12,}")
_NAME = re.compile(r"[a-z]+|[A-Z]?[a-z]+(?:[-./][a-z0-9]+)+|[a-z0-9]{0,20}[a-z](?:-[a-z0-9]{1,20})+")
_NOT_RANDOM = re.compile(
    r"0x[0-9a-f]+|\d{4}-\d\d-\d\d.*|v?\d+(?:\.\d+)+\S{0,12}|[a-z]+-\d+(?:\.\d+)*|[a-z+.-]+://.*|/.*", re.IGNORECASE
)
_CODE = re.compile(r"\d{4,10}")
_ALGORITHM = re.compile(
    r"(?:scram-)?(?:sha|md|aes|hmac|rsa|tls|argon|hs|rs|es)-?\d+\S{0,12}|v?\d[\d.]*\w?", re.IGNORECASE
)


def is_harmless(value: str) -> bool:
    """Whether this says nothing, or where the value is."""
    return not value or _HARMLESS.fullmatch(value) is not None


def is_prose(value: str) -> bool:
    """Whether the first word is one of a sentence: `token: expired`."""
    word, _, _ = value.partition(" ")
    return word.strip(".,:;!").lower() in _PROSE


def is_mixed(value: str) -> bool:
    """Whether one word of a sentence looks like a password."""
    value = value[:64]
    return len(value) >= 6 and _MIXED.match(value) is not None and not _ALGORITHM.fullmatch(value)


def is_random(value: str) -> bool:
    """Whether a value looks made by a machine, and like no name, address, time or version."""
    return _RANDOM.fullmatch(value) is not None and _NOT_RANDOM.fullmatch(value) is None


def is_code(value: str) -> bool:
    """A number that people type: a PIN, a one-time code."""
    return _CODE.fullmatch(value) is not None


def is_name(value: str) -> bool:
    """Whether this may be the name of an object."""
    return _NAME.fullmatch(value) is not None and not (value.isalnum() and not value.isalpha())
