"""Whom a line could not reach: hosts as programs write them. What is a Service is for the caller to say."""
# ruff: noqa: E501 - a pattern is one line for each of its groups

import re
from collections.abc import Iterator

MOST = 6
"""Hosts of one telling line."""
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,250}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    # A URL, without what may be a user before `@`.
    rf"[a-z][a-z0-9+.:-]{{1,30}}://(?:[^\s/@\"']{{1,100}}@)?(?P<url>{_NAME}|\[[0-9a-fA-F:]{{2,45}}\])(?::(?P<url_port>\d{{1,5}}))?"
    # The far end of a socket: `10.0.0.1:4242->10.0.0.2:5432`.
    rf"|->(?P<far>{_NAME}):(?P<far_port>\d{{1,5}})"
    # Java: `kafka/10.96.0.3:9092`, `kafka/<unresolved>:9092`, `kafka:9092/<unresolved>`.
    rf"|(?<![\w./-])(?P<java>{_NAME})/(?:<unresolved>|\d{{1,3}}(?:\.\d{{1,3}}){{3}}):(?P<java_port>\d{{1,5}})"
    # psql, drivers: `at "db" (10.96.1.2), port 5432`, `host=db port=5432`, `<Host: db Port: 5432>`, `host='db', port=80`.
    rf"|(?i:\b(?:at|host(?:name)?|server|to)[ :=]{{1,3}})[\"'`]?(?P<pair>{_NAME})[\"'`]?,?(?: \([^()]{{1,45}}\))?,?(?: and accepting TCP/IP connections on)?(?i:[, ]{{1,2}}port[ :=]{{1,3}})(?P<pair_port>\d{{1,5}})"
    # Python: `('10.96.4.4', 5432)`.
    rf"|\('(?P<pair_of>{_NAME})', (?P<pair_of_port>\d{{1,5}})\)"
    rf"|(?<![\w./:@-])(?P<plain>{_NAME}):(?P<plain_port>\d{{2,5}})(?!\w|:\d|\.\d)"
)  # fmt: skip
_NAMED = re.compile(
    rf"\blookup (?P<lookup>{_NAME})(?= on \S|:|$)"
    rf"|\b(?:ENOTFOUND|EAI_AGAIN) (?P<code>{_NAME})"
    rf"|(?i:UnknownHostException: |unknown (?:\w{{1,12}} ){{0,2}}host:? ['\"(]{{0,2}}|could not translate host name [\"']|resolve host(?:name)?:? ['\"]?|host not found in (?:upstream|resolver) \"|getaddrinfo for |can't resolve ['\"]|bad address ['\"]|failed to resolve:? ['\"]?(?:host )?['\"]?|resolve server |epmd error for host |No address associated with hostname:? |name resolution(?: failed for)?:? \(?)(?P<said>{_NAME})"
    rf"|(?P<before>{_NAME}) could not be resolved"
    rf"|(?P<nxdomain>{_NAME})(?=: (?:Name or service not known|Temporary failure in name resolution|nodename nor servname|No address associated with hostname|Name does not resolve|non-existing domain|nxdomain))"
    rf"|(?<![\w-])(?:target=)?srv-(?P<target>{_NAME})"
    rf"|outbound\|\d{{1,5}}\|[^|\s]{{0,60}}\|(?P<envoy>{_NAME})"
    rf"|(?i:server on |database server at |connect to |connected to |connecting to |connection to |<Host: |host[=:] ?|backend |for upstream |server at )['\"`(]{{0,2}}(?P<bound>{_NAME})(?=['\"`)\s>,;:]|$)"
)  # fmt: skip
_INTRODUCED = re.compile(
    rf"(?:(?i:\b(?:call to|calling|request to|instances of|endpoints for|upstream|from|create|connect|timeout on) |\b(?:target|peer|upstream|host)[=:] ?)['\"`(]?(?=(?P<name>{_NAME})(?:['\"`)\s>,;:]|$))"
    # After a mere preposition any word may stand: a name of a host has a hyphen or a dot there.
    rf"|(?i:\b(?:for|to|at|by|with) )['\"`(]?(?=(?P<after>[a-z0-9]{{1,60}}[.-]{_NAME})(?:['\"`)\s>,;:]|$))"
    r"|(?<![\w.:])(?P<ip>\d{1,3}(?:\.\d{1,3}){3})(?![\w.])"
    rf"|(?P<speaker>(?<![\w./-]){_NAME})(?= (?:answered|responded|returned|could not complete|is unavailable|is down|did not respond)\b))"
)  # fmt: skip
_FILE = re.compile(
    r"\.(?:java|go|js|mjs|cjs|ts|tsx|jsx|py|rb|rs|php|cs|c|cc|cpp|h|hpp|lua|conf|cfg|kt|scala|ex|exs|erl|sql|ya?ml|json|so|sh|pl|html?|jar|toml|ini|xml|log|env|exe|dll)(?:\.\d{1,3})*$",
    re.IGNORECASE,
)
_PLAIN_WORDS = """
unknown invalid during trying stdin it us them one two itself some seconds information translation
the a an any all this that your its it server database db_host upstream backend remote peer host hosts broker
brokers node line localtime with error code cause reason port on in of to from for at by and or not is was be
been being via as if then get post put path file tcp udp http https grpc dial read write connect connection
connections timeout unix address user table null none undefined object function module message status client
service services fatal info warn warning debug pool socket cluster system following redis-server java.net
nested socket.io running failed failure ms me main process thread column character position start stop create
open close begin end establish
"""
_NO_HOST = frozenset(_PLAIN_WORDS.split())
"""Words that stand where a host may stand."""
_NUMBERED_WORDS = "line code error errno status port pid version exit column row http https number"
_NOT_BEFORE_A_PORT = frozenset(_NUMBERED_WORDS.split())
"""Before a colon and a number only these are no hosts: `database:5432` is one."""
_SURE = frozenset({"lookup", "code", "target", "envoy"})
"""Forms of `_NAMED` in which any word is a host."""
_TO_READ = re.compile(
    r"\b(?:see|docs?|documentation|visit|refer to|more|learn|help|background)\b[^/]{0,40}$", re.IGNORECASE
)
"""What leads to a page about an error."""
_CLASS = re.compile(r"(?:[A-Z][A-Za-z0-9]*(?:Exception|Error|Client|Factory|Impl))$")
_OF_THE_REQUEST = re.compile(r", (?:client|server|host|request|referrer): (?:\"[^\"]{0,2000}\"|[^,\s]{1,100})")
"""Who asked nginx, and for what: not whom it could not reach."""
_CLOCK = re.compile(r"\d{1,4}$")

_SERVER_OF_NAMES = re.compile(r"(?:\bon |->|read udp |dial udp |dial tcp |@)(\d{1,3}(?:\.\d{1,3}){3}:53)\b")
"""The resolver's own address in a failed lookup."""


def hosts_of(text: str) -> tuple[str, ...]:
    """`host:port` or `host`, in order; names after words such as `from` only where nothing plainer is said."""
    text = _OF_THE_REQUEST.sub("", text)
    addressed = list(dict.fromkeys(_addressed(text)))
    named = [name for name in dict.fromkeys(_named(text)) if not any(_name(host) == name for host in addressed)]
    servers = set(_SERVER_OF_NAMES.findall(text))
    whole = [host for host in addressed if host not in servers]
    # An address that is resolved is not the name that is not: the name comes first.
    told = [*named, *whole] if _SERVER_OF_NAMES.search(text) else [*whole, *named]
    return tuple((told or list(dict.fromkeys(_introduced(text))) or addressed)[:MOST])


def host_name(host: str) -> str:
    """`db` of `db:5432`, `db.shop.svc.cluster.local` and `db`; an IP address stays whole."""
    name = _name(host)
    return name if name.replace(".", "").isdecimal() or ":" in name else name.split(".")[0]


def is_address(host: str) -> bool:
    """Whether it is written as an IP address."""
    name = _name(host)
    return name.replace(".", "").isdecimal() or name.startswith("[")


def _name(host: str) -> str:
    return host.rsplit(":", 1)[0] if host.count(":") == 1 or host.startswith("[") else host


def _addressed(text: str) -> Iterator[str]:
    for match in _ADDRESS.finditer(text):
        kind = match.lastgroup.removesuffix("_port") if match.lastgroup else ""
        name, port = match[kind], match[f"{kind}_port"]
        is_near_end = text.startswith("->", match.end())
        is_page = kind == "url" and _TO_READ.search(text[max(0, match.start() - 60) : match.start()])
        if is_near_end or is_page or not _is_addressed(name, port) or (kind == "plain" and _CLASS.search(name)):
            continue
        yield f"{name}:{port}" if port else name


def _is_addressed(name: str, port: str | None) -> bool:
    """Whether a name before a port, or in a URL, is a host and not a time, a file, a number of a line."""
    is_number = _CLOCK.fullmatch(name) is not None or int(port or 0) > 65_535
    return not (is_number or _FILE.search(name) or name.lower() in _NOT_BEFORE_A_PORT or name == "0.0.0.0")


def _named(text: str) -> Iterator[str]:
    for match in _NAMED.finditer(text):
        kind = match.lastgroup or ""
        is_quoted = match.start(kind) > 0 and text[match.start(kind) - 1] in "'\"`"
        if kind in _SURE or is_quoted or _is_name(match[kind]):
            yield match[kind]


def _introduced(text: str) -> Iterator[str]:
    for match in _INTRODUCED.finditer(text):
        name = match[match.lastgroup or 0].removesuffix("-client")
        if _is_name(name):
            yield name


def _is_name(name: str) -> bool:
    if name.lower() in _NO_HOST or _CLOCK.fullmatch(name) or _FILE.search(name):
        return False
    # Names of hosts are lower case; what is written as a sentence or a class is none.
    return name == name.lower() or ("." in name and not _CLASS.search(name) and name[0].islower())
