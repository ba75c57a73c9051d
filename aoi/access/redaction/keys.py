"""What the name of a value tells: that it is a secret, that it may be one, or nothing."""

import re
from enum import IntEnum
from functools import lru_cache

MAX_KEY = 256
"""Characters of a key that may be recognised as harmless."""


class Tells(IntEnum):
    """How sure a name makes us that its value is a secret."""

    NOTHING = 0
    IF_RANDOM = 1
    """Hidden where the value looks made by a machine: `salt`, `session`, `signature`, `STRIPE_KEY`."""
    UNLESS_NAME = 2
    """Hidden unless the value looks like the name of an object: `secret: db-creds`."""
    ALWAYS = 3


_SURE = re.compile(
    # Matched in a key of lower-case letters and digits alone: `X-Api-Key` is `xapikey`.
    r"passw(?:or)?d|passphrase|passcode|passwort|kennwort|contrase|senha|motdepasse|wachtwoord|losenord|haslo|parola|secret|token|credential"
    r"|(?:api|access|private|auth|encryption|signing|account|master|storage|license|service|integration|client"
    r"|instrumentation|shared|consumer|session|webhook|deploy|secret|hmac|cookie|ssh)key(?!name|pair|ref|len)"
    r"|requirepass|masterauth|primaryauth|authpass|authorization|bindpw|rootpw|userpw|dockerconfigjson|dockercfg"
    r"|mnemonic|(?:seed|recovery)phrase|(?:recovery|verification|onetime|backup|security)codes?$"
    r"|[jp](?:hp)?sess(?:ion)?id|aspnetsessionid|connectsid|webhook(?:s|urls?)?$|samlresponse|clientassertion"
    r"|secretkeybase|privatemac|passin|passout|erlangcookie|authtok|restuserkey"
)
_SURE_WORDS = frozenset("pwd pswd psw pw creds cred jwt pepper totp pass".split())
_WEAK_WORDS = frozenset(
    "auth sig signature salt license licence session sid hmac otp pin seed ticket assertion signing key sessid"
    " sessionid cvv cvc serial cookie".split()
)
_NO_SECRET_KEYS = frozenset(
    "cache primary foreign partition sort routing message public object shard hash map record index group composite"
    " lock row sorting order unique search join dedup idempotency tag label config ordering storekey state field"
    " topology stream bucket s3 blob event kafka redis i18n translation metric entity page scope".split()
)
"""Before `key`, these say that it is the key of an entry."""
_HARMLESS_END = frozenset(
    "name names ref refs file files path paths dir ttl type types endpoint length len count counts size limit limits"
    " max min age days seconds expiry expires expired expiration at policy policies provider providers enabled"
    " disabled required optional version algorithm alg format history namespace mount strategy rotation issuer"
    " audience review reviews mode class source store stores failures retries attempts attempt interval period"
    " timeout duration lifetime validity renewal renewals prefix header headers field column encoder encoding url uri"
    " urls number usage used remaining total per cache status state error errors reset changed updated created"
    " location generator manager".split()
)
_COUNTING = frozenset(
    "max min num total prompt completion input output used remaining cached generated number count context".split()
)
_HARMLESS = re.compile(
    r"tokens?(?:used|total|count|limit|persecond|s)?|secrets?(?:name|ref|keyref|namespace|providerclass)"
    r"|imagepullsecrets?|automountserviceaccounttoken|serviceaccounttoken|.*secretname|existingsecret"
    r"|.*(?:password|username|token)key|.*expirationseconds|.*tokenizer.*|.*pass(?:ed|ing|es)|credentialsid"
    r"|.*(?:projectid|publickey)"
)
_HARMLESS_PASS = re.compile(r"(?:by|com|tres|encom|sur|multi|single|first|second|over|under|through|is|all|one)pass")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")
_JOIN = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=8192)
def tells(key: str) -> Tells:
    """What this name says of its value. Cased, as it was written."""
    joined = _JOIN.sub("", key.lower().replace("ñ", "n"))
    if len(key) > MAX_KEY:
        # The words of so long a key are not looked at one by one.
        return Tells.ALWAYS if _SURE.search(joined) else Tells.NOTHING
    if joined in ("secret", "secrets", "secretkey", "secretkeys"):
        return Tells.ALWAYS if key.isupper() else Tells.UNLESS_NAME
    if joined in ("token", "secretid", "accesskeyid", "awsaccesskeyid", "privatekeyid", "webhookurl"):
        return Tells.ALWAYS
    words = [word.lower() for word in _WORD.findall(key)]
    return Tells.NOTHING if not words or _harmless(joined, words) else _told_by(joined, words)


def _told_by(joined: str, words: list[str]) -> Tells:
    if _SURE.search(joined) or _ends_in_pass(joined, words):
        return Tells.ALWAYS
    return Tells.IF_RANDOM if _is_weak(joined, words) else Tells.NOTHING


def is_sensitive_key(key: str) -> bool:
    """Whether a value under this name is hidden whatever it looks like."""
    return tells(key) is Tells.ALWAYS


def _harmless(joined: str, words: list[str]) -> bool:
    if "webhook" in words and words[-1] in ("url", "urls", "uri"):
        return False
    if words[-1] == "tokens" and _COUNTING & set(words):
        return True
    return words[-1] in _HARMLESS_END or _HARMLESS.fullmatch(joined) is not None


def _ends_in_pass(joined: str, words: list[str]) -> bool:
    if words[-1] == "pass":
        # `pass` alone tells only before an equals sign, which `pairs` knows.
        return len(words) > 1
    if _SURE_WORDS & set(words):
        return True
    return joined.endswith(("pass", "pwd", "pw")) and not _HARMLESS_PASS.search(joined)


def _is_weak(joined: str, words: list[str]) -> bool:
    if joined in ("routingkey", "sessionid", "keypairid"):
        return True
    if words[-1] == "key":
        return len(words) > 1 and words[-2] not in _NO_SECRET_KEYS
    return words[-1] in _WEAK_WORDS or joined in ("auth", "tokens")
