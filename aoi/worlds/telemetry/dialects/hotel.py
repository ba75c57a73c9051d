"""HotelReservation's programs in Go: each says at its start what its source has it say, with the place of each line.

Places are those of the image that AIOpsLab deploys. What the source leaves unsaid (calls that fail, ordinary work) is
said in the words of `go`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aoi.worlds.telemetry.dialects import go
from aoi.worlds.telemetry.dialects.form import Dialect, Phrases

_WHITE, _DIM, _END = "\x1b[1m", "\x1b[90m", "\x1b[0m"
_ROOT = "/go/src/github.com/harlow/go-micro-services"


@dataclass(frozen=True, slots=True)
class _Source:
    """Lines of a program's source at which it says something."""

    reads_config: int
    addresses: tuple[int, int, int]
    """`main.go`: port, Consul, Jaeger."""
    agents: tuple[int, int, int, int]
    """`main.go`: Jaeger and Consul, begun and done."""
    starts: int
    registered: int = 0
    """`server.go`; 0: does not register."""
    database: tuple[int, int, int] | None = None
    """`main.go`: URL, connecting, done."""
    session: tuple[int, int, int, int] | None = None
    """`db.go`: cannot connect, new session, test data (0: does not say so), cannot count."""
    count: str = ""
    """The first command that the program gives its database."""
    cache: tuple[int, int, int] | None = None
    """`main.go`: address, connecting, done."""


_SOURCES: Mapping[str, _Source] = {
    "frontend": _Source(23, (39, 40, 41), (48, 53, 55, 60), 70),
    "search": _Source(24, (40, 41, 42), (51, 56, 58, 63), 74, 100),
    "geo": _Source(
        23,
        (45, 46, 47),
        (55, 61, 63, 68),
        79,
        110,
        database=(36, 37, 40),
        session=(26, 29, 31, 35),
        count='count: "geo", query: {{ hotelId: "1" }}',
    ),
    "rate": _Source(
        24,
        (51, 52, 53),
        (61, 66, 68, 73),
        85,
        99,
        database=(37, 38, 41),
        session=(36, 39, 41, 45),
        count='count: "inventory", query: {{ hotelId: "1" }}',
        cache=(43, 44, 46),
    ),
    "profile": _Source(
        24,
        (50, 51, 52),
        (61, 66, 68, 73),
        85,
        99,
        database=(37, 38, 41),
        session=(33, 36, 38, 42),
        count='count: "hotels", query: {{ id: "1" }}',
        cache=(43, 44, 46),
    ),
    "recommendation": _Source(
        24,
        (46, 47, 48),
        (57, 62, 64, 69),
        80,
        97,
        database=(37, 38, 41),
        session=(22, 25, 27, 31),
        count='count: "recommendation", query: {{ hotelId: "1" }}',
    ),
    "reservation": _Source(
        25,
        (51, 52, 53),
        (62, 67, 69, 74),
        86,
        99,
        database=(38, 39, 42),
        session=(27, 30, 0, 35),
        count='count: "reservation", query: {{ hotelId: "4" }}',
        cache=(44, 45, 47),
    ),
    "user": _Source(
        24,
        (45, 46, 47),
        (56, 61, 63, 68),
        79,
        97,
        database=(37, 38, 41),
        session=(21, 24, 26, 38),
        count='count: "user", query: {{ username: "Cornell_0" }}',
    ),
}
_CLIENTS = ("search", "profile", "recommendation", "user", "reservation")
"""Whom the frontend looks for, in its order."""


def _at(line: int, text: str) -> str:
    """What `main.go` says in a line."""
    return f"cmd/{{who}}/main.go:{line}\t{text}"


def _phrases(source: _Source) -> Phrases:
    told: dict[str, tuple[str, ...]] = {
        "start": (_at(source.reads_config, "Reading config..."),),
        "serves": (*_cached(source), *_served(source), *_listens(source)),
    }
    if source.database is None or source.session is None:
        return told
    url, dials, _ = source.database
    refused, session, data, counts = source.session
    told["dials"] = (_at(url, "Read database URL: {database}"), _at(dials, "Initializing DB connection..."))
    dialled = (f"cmd/{{who}}/db.go:{session}\tNew session successfull...",)
    told["dialled"] = (*dialled, f"cmd/{{who}}/db.go:{data}\tGenerating test data...") if data else dialled
    refused_command = f'{{{{ {source.count}, $db: "{{db}}" }}}}'
    told["norole"] = (f"cmd/{{who}}/db.go:{counts}\tnot authorized on {{db}} to execute command {refused_command}",)
    unreachable = "no reachable servers"
    refusal = "server returned error on SASL authentication step: Authentication failed."
    told["nodatabase"] = _panic(unreachable, refused, dials + 1)
    told["panic"] = tuple(line.replace("{host}:{port}", "...") for line in told["nodatabase"])
    told["nologin"] = _panic(refusal, refused, dials + 1)
    return told


def _panic(text: str, line: int, called: int) -> tuple[str, ...]:
    """A line of the logger, and what Go prints below it, but that Go prints pointers for the address."""
    return (
        f"cmd/{{who}}/db.go:{line}\t{text}",
        f"panic: {text}",
        "",
        "goroutine 1 [running]:",
        "github.com/rs/zerolog.(*Logger).Panic.func1({{0xc0000c20a0, 0x0}})",
        f"\t{_ROOT}/vendor/github.com/rs/zerolog/log.go:405 +0x2d",
        f"github.com/rs/zerolog.(*Event).msg(0xc0000b8150, {{{{0xc0000c20a0, {len(text):#x}}}}})",
        f"\t{_ROOT}/vendor/github.com/rs/zerolog/event.go:158 +0x2b8",
        "github.com/rs/zerolog.(*Event).Msg(...)",
        f"\t{_ROOT}/vendor/github.com/rs/zerolog/event.go:110",
        "main.initializeDatabase({host}:{port})",
        f"\t{_ROOT}/cmd/{{who}}/db.go:{line} +0x167",
        "main.main()",
        f"\t{_ROOT}/cmd/{{who}}/main.go:{called} +0x877",
    )


def _cached(source: _Source) -> Iterator[str]:
    if source.database is not None:
        yield _at(source.database[2], "Successfull")
    if source.cache is not None:
        address, dials, done = source.cache
        yield _at(address, "Read profile memcashed address: {cache}")
        yield _at(dials, "Initializing Memcashed client...")
        yield "tune/setting.go:61\tTune: GetMemCTimeout 2"
        yield _at(done, "Successfull")


def _served(source: _Source) -> Iterator[str]:
    port, consul, jaeger = source.addresses
    jaeger_begins, jaeger_done, consul_begins, consul_done = source.agents
    yield _at(port, "Read target port: {port}")
    yield _at(consul, "Read consul address: consul:8500")
    yield _at(jaeger, "Read jaeger address: jaeger:6831")
    yield _at(jaeger_begins, "Initializing jaeger agent [service name: {who} | host: jaeger:6831]...")
    yield "tracing/tracer.go:26\tJaeger client: adjusted sample ratio 1.000000"
    yield _at(jaeger_done, "Jaeger agent initialized")
    yield _at(consul_begins, "Initializing consul agent [host: consul:8500]...")
    yield _at(consul_done, "Consul agent initialized")
    yield _at(source.starts, "Starting server...")


def _listens(source: _Source) -> Iterator[str]:
    server = "services/{who}/server.go"
    if source.registered:
        yield "registry/registry.go:91\tTrying to register service [ name: srv-{who}, id: {id}, address: {ip}:{port} ]"
        yield f"{server}:{source.registered}\tSuccessfully registered in consul"
        return
    yield f"{server}:45\tInitializing gRPC clients..."
    for name in _CLIENTS:
        yield f"{server}:138\tget Grpc conn is :"
        yield f"{server}:139\t"
        yield f"{server}:140\tsrv-{name}."
    yield f"{server}:65\tSuccessfull"
    yield f"{server}:87\tServing http"


def _coloured(level: str, *colours: str) -> str:
    return "".join(f"\x1b[{colour}m" for colour in colours) + level + _END * len(colours)


DIALECTS: Mapping[str, Dialect] = {
    "zerolog-console": Dialect(
        # zerolog's writer for terminals; what is said before it is set up is JSON.
        line=f"{_DIM}{{second}}{_END} {{level}} {_WHITE}{{spot}}{_END}\x1b[36m >{_END} {_WHITE}{{text}}{_END}",
        spot="services/{who}/server.go:{n}",
        levels={
            "debug": _coloured("DBG", "33"),
            "info": _coloured("INF", "32"),
            "warn": _coloured("WRN", "31"),
            "error": _coloured("ERR", "31", "1"),
            "fatal": _coloured("FTL", "31"),
            "panic": _coloured("PNC", "31"),
        },
        before=(
            '{{"level":"info","time":"{second}","message":"TLS disabled."}}',
            '{{"level":"info","time":"{second}","message":"Set global log level: info"}}',
            '{{"level":"info","time":"{second}","message":"Tune: setGCPercent to 100"}}',
        ),
        phrases={**go.DIALECTS["zerolog"].phrases, **_phrases(_SOURCES["geo"])},
        programs={name: _phrases(source) for name, source in _SOURCES.items()},
    ),
}
