"""Which lines are worth a closer look, and by what. Every line that an agent reads comes by here, so it is cheap.

A line is taken apart into runs of letters, and each run that was ever seen is judged once.
"""

import re


class Look:
    """What a line is looked at by: bits, and plain numbers, for an enumeration takes ten times as long."""

    NONE = 0
    PAIRS = 1
    COMMANDS = 2
    NETWORK = 4
    KNOWN = 8
    ALL = 15


_RUN = re.compile(r"[a-z]{2,}")
_PAIRS = re.compile(
    r"pass|pwd|psw|secret|token|cred|key|auth|sess|licen|hmac|mnemonic|phrase|webhook|dockerc|kennwort|senha|contrase"
    r"|saml|ticket|assertion|jwt|private|sign|pepper|serial|cookie|wachtwoord|haslo|parola|losenord|psk|(?:pin|otp|pw|sig|sid|salt|seed|code|cvv|cvc)$"
    # What stands in a manifest or a template around a value.
    r"|^(?:stringdata|binarydata|variable|kty)$"
)
_COMMANDS = re.compile(
    r"^(?:mysql\w*|mariadb|mongo|mongosh|mongodump|mongorestore|mongoexport|mongoimport|redis|curl|ldap[a-z]+|sqlcmd|osql|bcp"
    r"|smbclient|rpcclient|smbmap|snmp[a-z]+|identified|machine|rabbitmqctl|alias|vault|setx|rootpw|bindpw|literal"
    r"|user|createuser|getconnection|login|openssl|mosquitto|cqlsh|echo|zip|unzip|pdo|mysqli|oracle|oracledb|rabbitmqadmin|etcdctl|psk|stdin|values)$"
)
_WORDS = re.compile(r"п[aа][pр][oо]ль|密码|密碼|パスワード|비밀번호")
"""Passwords in scripts without runs of Latin letters, as they are written and as they are folded."""
_NETWORK = re.compile(r"authorization|cookie|bearer|token|jsess|webhook|^(?:basic|hooks|bot\w*|integration|reset\w*)$")
_KNOWN = re.compile(
    r"^(?:eyj|eya|ewo|ewk|yxbp|akia|asia|aiza|xox|lsot|aln)|scram|pbkdf|bcrypt|argon|scrypt|ssha|token|kubeadm|bootstrap"
    r"|^(?:ls|gh[pousr]|pat|github|gl(?:pat|rt|ptt|dt)|sk|rk|ya|hv[sbr]|npm|hf|gsk|dckr|do[por]|shp[a-z]{2}|sg|age|kty|cs|wc|lin|xapp"
    r"|whsec|pypi|dapi[a-f]*|nvapi|tskey|sntrys|atatt|nrak|pmak|crypt|md|sha|dp|key|plain|cleartext)$"
)
_MARKED = Look.NETWORK | Look.KNOWN
"""By what a line with an at sign or a dollar sign is looked at."""
_judged: dict[str, int] = {}
_MOST_JUDGED = 100_000
"""Runs that are remembered. They are runs of letters of what strangers wrote, so there has to be a bound."""


def looks(low: str) -> int:
    """By what a line in lower case is looked at."""
    look = _MARKED if "@" in low or "$" in low else Look.NONE
    if not low.isascii() and _WORDS.search(low):
        look |= Look.PAIRS
    for run in _RUN.findall(low):
        told = _judged.get(run)
        look |= _judge(run) if told is None else told
    return look


def _judge(run: str) -> int:
    told = Look.NONE
    for look, pattern in (
        (Look.PAIRS, _PAIRS),
        (Look.COMMANDS, _COMMANDS),
        (Look.NETWORK, _NETWORK),
        (Look.KNOWN, _KNOWN),
    ):
        if pattern.search(run):
            told |= look
    if len(_judged) >= _MOST_JUDGED:
        _judged.clear()
    _judged[run] = told
    return told
