"""Secrets as programs are given them: options of command lines, statements of databases, words of protocols."""

import re
from collections.abc import Iterator

from aoi.access.redaction.folding import MARK, Folded, Span
from aoi.access.redaction.keys import Tells, tells
from aoi.access.redaction.pairs import closing, is_hidden, whole_key
from aoi.access.redaction.values import is_harmless, is_mixed, is_prose

_WORD = r"(?:\\{0,31}(?P<quote>[\"'])(?P<quoted>[^\"'\\]{1,512})|(?P<word>[^\s\"'\\,;<|-][^\s\"'\\]{0,1024}))"
_BETWEEN = r"\\{0,31}[\"']?,?[ \t]+(?:\\{0,31}(?=[\"']))?"
_OPTION = re.compile(
    rf"(?<![A-Za-z0-9_.-])--?(?P<key>[A-Za-z][A-Za-z0-9_.-]{{1,64}}+)(?:{_BETWEEN}|\\{{0,31}}[\"'],)(?={_WORD})",
)
_LOOSE = re.compile(rf"(?:pass|pwd|key|token|secret|_pw)(?P<end>[a-z_]{{0,16}}+)[ \t]{{1,16}}(?={_WORD})")
_SAID = re.compile(
    r"(?:passw(?:or)?d|passphrase|passcode|\bpin|\btoken|api.?key|secret|otp)\b[ \t]+"
    r"(?:(?:for|of)[ \t]+[^\s]{1,40}[ \t]+)?(?:is|was|to|are)(?:[ \t]+(?:now|set|to)){0,2}:?[ \t]+[\"'`]?(?P<secret>[^\s\"'`,]{4,256})"
)
_QUOTED = re.compile(
    r"(?:passw(?:or)?d|passphrase|pwd|\bpsk|identified[ ]by)[ ]{0,4}(?:\([ ]{0,2}|[ ])[ ]{0,4}(?P<quote>\\{0,31}[\"'`])"
)
_CALL = re.compile(
    r"\b(?:login|authenticate|auth|getconnection|createuser|setpassword|basic_?auth|setbasicauth|httpbasicauth"
    r"|pdo->__construct|mysqli?_connect|mysqli->__construct|(?:cx_oracle|oracledb)\.connect"
    r"|usernamepassword\w{0,30}|\w{0,30}credentials?)\((?P<body>[^()\n]{1,512})\)"
)
_ARGUMENT = re.compile(r"(?P<quote>\\{0,31}[\"'])(?P<secret>[^\"'\\]{1,256})\\{0,31}[\"']")
_DIRECTIVE = re.compile(
    r"(?<![a-z0-9])(?:env|arg|setx|setenv|set|export)[ \t]+(?P<key>[A-Za-z0-9_.-]{3,64})[ \t]+(?P<secret>[^\s=\"'][^\s\"']{0,512})"
)

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (hint, re.compile(pattern))
    for hint, pattern in (
        (
            "auth",
            r"(?:requirepass|masterauth|primaryauth|auth[_-]pass(?:[ ]+(?=\S+[ ]+\S)\S{1,64})?)"
            r"\\{0,31}[\"']?,?[ \t]+\\{0,31}[\"']?(?P<secret>[^\s\"'\\:=]{1,512})",
        ),
        ("requirepass", r"requirepass\\{0,31}[\"']?,?[ \t]+\\{0,31}[\"']?(?P<secret>[^\s\"'\\:=]{1,512})"),
        ("bindpw", r"bindpw[ \t]+(?P<secret>\S{1,512})"),
        ("rootpw", r"rootpw[ \t]+(?P<secret>\S{1,512})"),
        ("rpcpass", r"rpcpassword[ \t]+(?P<secret>\S{1,512})"),
        ("auth", r"^[^a-z]{0,60}auth[ ]+(?:[a-z][\w-]{0,40}[ ]+)?(?P<secret>[^\s<>\"']{1,512})[\s\x7f]*$"),
        (
            "auth",
            r"\"auth\\{0,31}\"[ ,]{1,3}\\{0,31}\"(?:[\w-]{1,40}\\{0,31}\"[ ,]{1,3}\\{0,31}\")?(?P<secret>[^\"\\]{1,512})\\{0,31}\"[\s\]}]{0,4}$",
        ),
        ("auth ", r"\bauth (?:plain|login|xoauth2|cram-md5|ntlm) (?P<secret>[a-z0-9+/=]{4,2048})"),
        ("user ", r"(?<=[ \"'])[>#<](?P<secret>[^\s\"'>]{3,256})(?=[ \"'\x7f]|$)"),
        (
            "identified",
            r"identified(?:[ ]with[ ]\S{1,60})?[ ](?:by|as)[ ]+(?:password[ ]+)?\\{0,31}[\"'`]?(?P<secret>[^\s\"'`;\\]{1,256})",
        ),
        ("machine ", r"\bmachine\s\S{1,256}\slogin\s\S{1,256}\spassword\s(?P<secret>\S{1,256})"),
        ("pgpass", r"[\w.*-]{1,253}:(?:\d{1,5}|\*):[\w.*-]{1,64}:[\w.*-]{1,64}:(?P<secret>[^\s\"']{1,256})"),
        ("chpasswd", r"(?:echo|printf|<<<)[ ]+[\"']?[\w.-]{1,40}:(?P<secret>[^\s\"'|]{1,256})"),
        ("pass:", r"(?:-pass(?:in|out)?|-k)[ ]+pass:(?P<secret>[^\s\"']{1,256})"),
        ("from-literal", r"--from-literal[= ][\"']?[\w.-]{1,253}=(?P<secret>[^\s\"']{1,512})"),
        (
            "rabbitmqctl",
            r"(?:add_user|change_password|authenticate_user)[ ]+\S{1,128}[ ]+[\"']?(?P<secret>[^\s\"']{1,256})",
        ),
        ("alias set", r"alias set[ ]+\S{1,128}[ ]+\S{1,256}[ ]+\S{1,128}[ ]+[\"']?(?P<secret>[^\s\"']{1,256})"),
        ("vault", r"vault login[ ]+(?:-\S{1,60}[ ]+){0,4}(?P<secret>[^\s=\"'-][^\s=\"']{5,256})(?=\s|$)"),
        (
            "htpasswd",
            r"htpasswd[ ]+(?:-[a-z]{1,8}[ ]+){0,4}\S{1,256}[ ]+\S{1,128}[ ]+[\"']?(?P<secret>[^\s\"']{1,256})",
        ),
        (
            "echo ",
            r"\becho[ ]+(?:-\w{1,4}[ ]+)?[\"']?(?P<secret>[^\s\"'|]{1,512})[\"']?[ ]{0,4}\|[ ]{0,4}"
            r"(?:sudo|cryptsetup|gpg|passwd|base64|kinit|openssl|[^|]{1,240}--password-stdin)\b",
        ),
        ("password....", r"password\.{4,200}(?P<secret>[^\s.<]\S{0,256})"),
        ("login=", r"\blogin=[^\s:=]{1,64}:(?P<secret>[^\s/]{1,256})"),
        ("hello", r"\bhello[ ]+\d[ ]+auth[ ]+\S{1,64}[ ]+(?P<secret>\S{1,256})"),
        (
            "for ",
            r"(?:passphrase|password)[ ]for[ ](?:[^:'\"]{0,40}'[^']{1,80}'|[^:'\"]{0,40}\"[^\"]{1,80}\"|[^:'\"]{1,80}):[ ](?P<secret>(?=[^\s]{0,60}\d)[^\s\"']{6,256})[\s\x7f]*$",
        ),
        ("user=", r"\buser=\S{1,64}[ ]pass[ ](?P<secret>\S{1,256})"),
    )
)
"""In lower case. What each looks for must be in a line before it is tried."""
_NEXT = r"(?:[ ]{0,4}|[\"'],?[ ]{0,2}[\"'])(?P<secret>\\{0,31}[\"'][^\"'\\]{1,512}|[^\s\"'\\][^\s\"']{0,512})"
_OF_PROGRAM: tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (hint, re.compile(program), re.compile(option))
    for hint, program, option in (
        ("mysql", r"\b(?:mysql|mysqldump|mysqladmin|mysqlcheck|mysqlimport|mysqlsh|mysqlpump|mysqlslap)\b", r"(?<=[\s\"'])-p(?P<secret>[^\s\"'-][^\s\"']{0,256}|[\"'][^\"']{1,256})"),
        ("mariadb", r"\bmariadb[\w-]{0,20}", r"(?<=[\s\"'])-p(?P<secret>[^\s\"'-][^\s\"']{0,256}|[\"'][^\"']{1,256})"),
        ("sshpass", r"\bsshpass\b", rf"(?<=[\s\"'])-p{_NEXT}"),
        ("login", r"\b(?:docker|podman|nerdctl|az|oc|helm|skopeo|buildah|crane)\b.{0,40}\blogin\b", rf"(?<=[\s\"'])-p{_NEXT}"),
        ("mongo", r"\bmongo(?:sh|dump|restore|export|import|stat|top)?\b(?=[ \"'])", rf"(?<=[\s\"'])-p{_NEXT}"),
        ("redis-cli", r"\bredis-cli\b", rf"(?<=[\s\"'])-a{_NEXT}"),
        ("curl", r"\bcurl\b", r"(?<=[\s\"'])(?:-u|--user|-U|--proxy-user)[ =]{0,2}\\{0,31}[\"']?[^\s:\"'$\\]{0,128}:(?P<secret>[^\s\"'\\]{1,256})"),
        ("curl", r"\bcurl\b", r"(?<=[\s\"'])(?:-b|--cookie)[ =]{0,2}\\{0,31}[\"']?[^\s=\"']{1,128}=(?P<secret>[^\s\"'\\]{1,512})"),
        ("ldap", r"\bldap(?:search|modify|add|delete|whoami|passwd|compare)\b", rf"(?<=[\s\"'])-w{_NEXT}"),
        ("sql", r"\b(?:sqlcmd|osql|bcp)\b", rf"(?<=[\s\"'])-P{_NEXT}"),
        ("-u", r"\b(?:smbclient|rpcclient|smbmap)\b", r"(?<=[\s\"'])-U[ ]{0,2}[\"']?[^\s%\"']{1,128}%(?P<secret>[^\s\"']{1,256})"),
        ("zip", r"\b(?:un)?zip\b", rf"(?<=[\s\"'])-P{_NEXT}"),
        ("rabbitmqadmin", r"\brabbitmqadmin\b", rf"(?<=[\s\"'])-p{_NEXT}"),
        ("openssl", r"\bopenssl\b", rf"(?<=[\s\"'])-[kK]{_NEXT}"),
        ("mosquitto", r"\bmosquitto_\w{2,8}", rf"(?<=[\s\"'])-P{_NEXT}"),
        ("cqlsh", r"\bcqlsh\b", rf"(?<=[\s\"'])-p{_NEXT}"),
        ("etcdctl", r"\betcdctl\b", r"(?<=[\s\"'])--user[ =][\"']?[^\s:\"']{1,128}:(?P<secret>[^\s\"']{1,256})"),
        ("snmp", r"\bsnmp\w{2,12}\b", rf"(?<=[\s\"'])-[cAX]{_NEXT}"),
    )
)  # fmt: skip
_FTP = re.compile(r"[^\w]{0,8}PASS[ ]+(?P<secret>[^\s/.]{1,256})[\s\x7f]*")


def spans_of_commands(line: Folded) -> Iterator[Span]:
    """Where commands and statements hold secrets."""
    low = line.low
    for hint, pattern in _PATTERNS:
        if hint in low and (hint != "user " or " on " in low or " off " in low):
            yield from _secrets(pattern, low)
    for hint, program, option in _OF_PROGRAM:
        if hint in low and (found := program.search(low)):
            yield from _secrets(option, line.text, found.end())
    if "PASS" in line.text and (match := _FTP.fullmatch(line.text)) and is_mixed(match["secret"]):
        yield match.span("secret")
    if "-" in low:
        yield from _options(line)
    yield from _statements(line)


def _secrets(pattern: re.Pattern[str], text: str, at: int = 0) -> Iterator[Span]:
    for match in pattern.finditer(text, at):
        stripped = match["secret"].strip("\\\"'")
        # A variable of a shell, or a place-holder of a usage message.
        if is_harmless(stripped) or is_prose(stripped) or MARK in stripped or stripped.startswith(("$", "<")):
            continue
        start = match.start("secret") + match["secret"].index(stripped)
        yield start, start + len(stripped)


_STATED = ("pass", "pwd", "psk", "pin", "token", "key", "secret", "otp", "identified by", "_pw", "env ", "arg ", "set")
_CALLED = ("login", "auth", "connect", "__construct", "createuser", "setpass", "usernamepass", "credential")


def _options(line: Folded) -> Iterator[Span]:
    """`--password x`, `"--password", "x"`."""
    for match in _OPTION.finditer(line.text):
        group = "quoted" if match["quoted"] else "word"
        value = match[group].rstrip(",]})")
        told = tells(match["key"])
        if value.startswith("-") or "=" in match["key"] or value.startswith("$"):
            continue
        if is_hidden(value, told, match["key"]) if told else False:
            start = match.start(group)
            yield start, start + len(value)


def _statements(line: Folded) -> Iterator[Span]:
    low = line.low
    if "(" in low and _holds(low, _CALLED):
        yield from _calls(line)
    if not _holds(low, _STATED):
        return
    for match in _QUOTED.finditer(low):
        start = match.end()
        end = closing(line.text, match["quote"], start)
        if is_hidden(line.text[start:end], Tells.ALWAYS):
            yield start, end
    for match in _SAID.finditer(low):
        start, end = match.span("secret")
        secret = line.text[start:end].rstrip(".")
        if is_mixed(secret) or secret.isdigit():
            yield start, start + len(secret)
    for match in _DIRECTIVE.finditer(low):
        start, end = match.span("secret")
        if is_hidden(line.text[start:end], tells(line.text[slice(*match.span("key"))])) and not is_prose(
            match["secret"]
        ):
            yield start, end
    if "insert into" in low:
        yield from _inserted(line)
    yield from _loose(line)


_INSERT = re.compile(r"\binsert into [^\s(]{1,200}[ ]?\((?P<columns>[^()]{1,2000})\)[ ]{0,4}values[ ]{0,4}(?=\()")
_ROW = re.compile(r"[ ,]{0,8}\((?P<values>(?:'(?:[^']|''){0,4096}'|[^'()]){1,400})\)")
_SQL_VALUE = re.compile(r"'(?P<text>(?:[^']|''){0,4096})'|[^',]{1,400}")


def _inserted(line: Folded) -> Iterator[Span]:
    """The values of telling columns, by their place."""
    for match in _INSERT.finditer(line.low):
        columns = [tells(name.strip(' "`[]')) for name in line.text[slice(*match.span("columns"))].split(",")]
        at = match.end()
        while row := _ROW.match(line.text, at):
            at = row.end()
            values = _SQL_VALUE.finditer(line.text, *row.span("values"))
            for tell, value in zip(columns, (value for value in values if value[0].strip()), strict=False):
                if value["text"] and is_hidden(value["text"], tell):
                    yield value.span("text")


def _holds(low: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110  a loop takes half the time of `any` over a generator
        if word in low:
            return True
    return False


def _loose(line: Folded) -> Iterator[Span]:
    """`password x` without any sign: only where the next word looks like a password."""
    for match in _LOOSE.finditer(line.low):
        group = "quoted" if match["quoted"] else "word"
        start, end = match.span(group)
        value = line.text[start:end].rstrip(".,;)")
        key, _ = whole_key(line.text, match.start(), match.end("end"))
        is_told = tells(key) is Tells.ALWAYS or key.lower().replace("_", "").replace("-", "") == "secretkey"
        if key.lower() in ("token", "pass") or not is_told:
            continue
        if is_mixed(value) and MARK not in value and not is_prose(value):
            yield start, start + len(value)


def _calls(line: Folded) -> Iterator[Span]:
    """One of several quoted arguments of something that logs in: the last, but for those that end with a database."""
    for match in _CALL.finditer(line.low):
        arguments = list(_ARGUMENT.finditer(line.text, *match.span("body")))
        name = match[0].partition("(")[0]
        place = 2 if "mysql" in name else 1 if name.endswith(".connect") else len(arguments) - 1
        if 0 < place < len(arguments) and is_hidden(arguments[place]["secret"], Tells.ALWAYS):
            yield arguments[place].span("secret")
