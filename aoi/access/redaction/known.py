"""Secrets that are known by their own shape, whatever stands around them."""

import base64
import re
from collections.abc import Callable, Iterator

from aoi.access.redaction.folding import Folded, Span

_KNOWN: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (("eyj",), re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?")),
    (("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}")),
    (("glpat-", "glrt-", "glptt-", "gldt-"), re.compile(r"\bgl(?:pat|rt|ptt|dt)-[A-Za-z0-9_-]{16,}")),
    (("xox", "xapp-"), re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}")),
    (("sk-", "sk_", "rk_", "whsec_"), re.compile(r"\bsk-[A-Za-z0-9_-]{16,}|\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{16,}")),
    (("aiza", "ya29."), re.compile(r"\bAIza[0-9A-Za-z_-]{30,}|\bya29\.[0-9A-Za-z_-]{16,}")),
    (("hvs.", "hvb."), re.compile(r"\bhv[sbr]\.[A-Za-z0-9_-]{12,}")),
    (("npm_", "pypi-ag", "hf_", "gsk_", "dckr_pat_"), re.compile(r"\b(?:npm|hf|gsk|dckr_pat)_[A-Za-z0-9_-]{20,}|\bpypi-Ag[A-Za-z0-9_-]{16,}")),
    (("dop_v1_", "doo_v1_", "shpat_", "dapi", "nvapi-", "tskey-", "sntrys_", "lin_api_", "nrak-", "pmak-", "atatt3"), re.compile(
        r"\b(?:do[por]_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,}|dapi[a-f0-9]{32}|nvapi-[\w-]{20,}|tskey-[\w-]{16,}"
        r"|sntrys_[\w=+/-]{20,}|lin_api_\w{20,}|NRAK-[A-Z0-9]{20,}|PMAK-[\w-]{20,}|ATATT3[\w=-]{16,})")),
    (("sg.",), re.compile(r"\bSG\.[\w-]{10,}\.[\w-]{10,}")),
    (("dp.",), re.compile(r"\bdp\.(?:st|pt|ct|sa|scim|audit)\.(?:[\w-]{1,35}\.)?[A-Za-z0-9]{32,64}\b")),
    (("key",), re.compile(r"(?<=[ =\"])AQ[A-Za-z0-9+/]{30,60}={1,2}(?![\w+/=])")),  # of a Ceph keyring
    (("\"md5",), re.compile(r"(?<=\")md5[0-9a-f]{32}(?=\")")),  # of a list of users for PgBouncer
    (("age-secret",), re.compile(r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,}")),
    # Bootstrap tokens of Kubernetes: six and sixteen characters, with digits in both.
    (("token", "kubeadm", "bootstrap"), re.compile(r"(?<![\w.-])(?=[a-z]{0,5}[0-9])[a-z0-9]{6}\.(?=[a-z]{0,15}[0-9])[a-z0-9]{16}(?![\w.-])")),
    (("$2", "$1$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1", "$argon2", "$scrypt", "$s0$"), re.compile(r"\$(?:2[abxy]?|1|5|6|7|y|gy|apr1|argon2(?:id?|d)|scrypt|s0)\$(?:[^\s:\"',;]|,(?=\w=)){4,512}")),
    (("{plain", "{clear",), re.compile(r"\{(?:PLAIN|CLEARTEXT|CLEAR)\}[^\s:\"',]{4,256}")),
    (("{ssha", "{sha", "{smd5", "{md5", "{crypt", "{pbkdf2"), re.compile(r"\{(?:SSHA\d{0,3}|SHA\d{0,3}|SMD5|MD5|CRYPT|PBKDF2[\w-]{0,12})\}[A-Za-z0-9+/=$.]{8,512}")),
    (("scram-sha", "pbkdf2_", "bcrypt_", "argon2$", "scrypt$"), re.compile(r"\bSCRAM-SHA-(?:1|256|512)\$[^\s\"',;]{8,512}|\b(?:pbkdf2|bcrypt|argon2|scrypt)_?\w{0,12}\$[^\s\"',;]{8,512}")),
)  # fmt: skip
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])(?=[A-Za-z/+]{0,39}[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_JWK = re.compile(r"\"(?:d|p|q|dp|dq|qi|k)\\{0,31}\"\s{0,4}:\s{0,4}\\{0,31}\"(?P<secret>[\w-]{4,})")
_BLOB = re.compile(r"(?<![A-Za-z0-9+/_-])(?:eyJ|eyA|ewo|ewk|LS0t|W3s|W3[Cs]|YXBp|a2lu)[A-Za-z0-9+/_-]{20,}={0,2}")
_BLOB_HINTS = ("eyj", "eya", "ewo", "ewk", "ls0t", "w3s", "w3c", "yxbp", "a2lu")
"""How base64 of JSON, of a PEM, or of a manifest begins, in lower case."""
_DECODED_BYTES = 16_384


def spans_of_known(line: Folded, is_secret: Callable[[str], bool]) -> Iterator[Span]:
    """Where known secrets stand; `is_secret` says it of what was decoded from base64."""
    low = line.low
    for hints, pattern in _KNOWN:
        for hint in hints:
            if hint in low:
                yield from (match.span() for match in pattern.finditer(line.text))
                break
    if "akia" in low or "asia" in low:
        yield from (match.span() for match in _AWS_SECRET.finditer(line.text))
    if '"kty' in low:
        yield from (match.span("secret") for match in _JWK.finditer(line.text))
    for hint in _BLOB_HINTS:
        if hint in low:
            yield from _blobs(line.text, is_secret)
            break


def _blobs(text: str, is_secret: Callable[[str], bool]) -> Iterator[Span]:
    for match in _BLOB.finditer(text):
        head = match[0].rstrip("=")[:_DECODED_BYTES].translate({45: 43, 95: 47})
        try:
            decoded = base64.b64decode(head[: len(head) // 4 * 4]).decode("utf-8", "replace")
        except ValueError:
            continue
        if is_secret(decoded):
            yield match.span()
