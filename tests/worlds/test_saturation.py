"""What programs make of too little: CPU, memory, descriptors, connections, patience; and of their own retries."""

from dataclasses import replace

import pytest

from aoi.worlds.applications.generator import generate
from aoi.worlds.applications.spec import MIB
from aoi.worlds.behaviour.conditions import Conditions, Edge, Instances
from aoi.worlds.behaviour.strains import Strain, Surge
from aoi.worlds.behaviour.traffic import evaluate
from aoi.worlds.behaviour.tuning import LIVE_SHARE, PLAIN, engine_tuned, tuned, unwrapped
from aoi.worlds.telemetry.alerts import healthy

APPLICATION = generate(1, 1)
CALLER, CALLEE = next(
    (caller, callee)
    for caller, callee in APPLICATION.edges
    if APPLICATION.by_name[callee].kind == "service" and caller == APPLICATION.workload.entry
)


def limited(name: str, limit_m: int) -> Conditions:
    usual = healthy(APPLICATION)
    instances = tuple(replace(i, cpu_limit_m=limit_m) if i.component == name else i for i in usual.instances)
    return replace(usual, instances=instances)


def need_m(name: str) -> float:
    component = APPLICATION.by_name[name]
    return component.demand.cpu_idle_m + APPLICATION.rates[name] * component.demand.cpu_ms_per_request


def test_a_healthy_installation_waits_for_nothing() -> None:
    usual = evaluate(APPLICATION, healthy(APPLICATION))
    assert not usual.waits
    assert usual.application is APPLICATION


def test_less_cpu_than_a_component_needs_drops_requests_and_more_of_them_the_less_there_is() -> None:
    pods = APPLICATION.by_name[CALLEE].replicas
    shares = []
    for factor in (1.5, 0.8, 0.5):
        now = evaluate(APPLICATION, limited(CALLEE, round(need_m(CALLEE) / pods * factor)))
        shares.append(now.flows[CALLER, CALLEE].share("timeout"))
    assert shares[0] < 0.05 < shares[1] < shares[2] <= 1.0


def test_retries_have_two_states_under_one_load_and_history_decides() -> None:
    pods = APPLICATION.by_name[CALLEE].replicas
    quiet = replace(limited(CALLEE, round(need_m(CALLEE) / pods * 1.75)), strains=(Strain(CALLER, attempts=9),))
    stormy = replace(quiet, failing=((CALLER, CALLEE, 1.0),))
    assert evaluate(APPLICATION, quiet).flows[CALLER, CALLEE].failing < 0.01
    assert evaluate(APPLICATION, stormy).flows[CALLER, CALLEE].failing > 0.5
    once = replace(stormy, strains=())
    assert evaluate(APPLICATION, once).flows[CALLER, CALLEE].failing < 0.01


def test_retries_multiply_the_calls_that_fail() -> None:
    down = Conditions((Edge(CALLER, CALLEE, (("refused", 1.0),), 0.0, "host:1"),), healthy(APPLICATION).instances)
    once = evaluate(APPLICATION, down)
    often = evaluate(APPLICATION, replace(down, strains=(Strain(CALLER, attempts=4),)))
    assert often.flows[CALLER, CALLEE].rate == pytest.approx(4 * once.flows[CALLER, CALLEE].rate, rel=0.01)


def test_a_surge_is_load_like_any_other() -> None:
    entry = APPLICATION.workload.entry
    flooded = replace(healthy(APPLICATION), surges=(Surge(entry, 40 * APPLICATION.workload.rps),))
    now = evaluate(APPLICATION, flooded)
    assert now.components[entry].rate > 40 * APPLICATION.workload.rps
    assert now.users.errors > 0.5


def test_remembered_conditions_are_the_same() -> None:
    conditions = replace(
        healthy(APPLICATION),
        strains=(Strain(CALLER, attempts=3),),
        surges=(Surge(CALLER, 5.0),),
        failing=((CALLER, CALLEE, 0.5),),
    )
    assert Conditions.from_json(conditions.to_json()) == conditions
    assert Conditions.from_json(healthy(APPLICATION).to_json()) == healthy(APPLICATION)
    assert all(isinstance(entry, Instances) for entry in conditions.instances)


def test_only_what_departs_from_the_healthy_setting_tunes_a_program() -> None:
    component = APPLICATION.by_name[CALLEE]
    assert tuned(component, "", {}, [("REQUEST_TIMEOUT", "500ms", "500ms")], 0) is PLAIN
    assert tuned(component, "", {}, [("a.request.timeout", "2ms", "500ms")], 0).timeout_ms == 2
    assert tuned(component, "", {"RPC_MAX_ATTEMPTS": "5"}, [], 0).attempts == 5
    assert tuned(component, "leak", {}, [], 0).leak_bytes_per_s > 0


@pytest.mark.parametrize("dialect", ["spring", "pino", "dotnet"])
def test_the_nearer_a_heap_is_to_what_lives_in_it_the_more_its_collector_takes(dialect: str) -> None:
    component = replace(APPLICATION.by_name[CALLEE], dialect=dialect)
    live_mib = component.demand.memory_bytes * LIVE_SHARE / MIB

    def share(factor: float) -> float:
        size = round(live_mib * factor)
        spelt = {
            "JAVA_TOOL_OPTIONS": f"-Xms16m -Xmx{size}m",
            "NODE_OPTIONS": f"--max-old-space-size={size}",
            "DOTNET_GCHeapHardLimit": hex(size * MIB),
        }
        return tuned(component, "", spelt, [], 0).gc_share

    assert share(3.0) == 0.0 < share(1.3) < share(1.05) < 1.0


def test_a_shell_that_only_sets_a_limit_is_seen_through() -> None:
    assert unwrapped(["sh", "-c", "ulimit -n 64 && exec /app/web --config /etc"]) == (
        ["/app/web", "--config", "/etc"],
        64,
    )
    assert unwrapped(["sh", "-c", "sleep 1; /app/web"])[1] == 0


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("exec frontend", ["frontend"]),
        ("frontend --port 80", ["frontend", "--port", "80"]),
        ("sleep infinity", ["sh", "-c", "sleep infinity"]),
        ("frontend | tee log", ["sh", "-c", "frontend | tee log"]),
        ("cd /app && frontend", ["sh", "-c", "cd /app && frontend"]),
    ],
)
def test_a_shell_that_only_starts_a_program_of_the_image_is_seen_through(line: str, runs: list[str]) -> None:
    assert unwrapped(["sh", "-c", line], {"frontend"}) == (runs, 0)
    assert unwrapped(["sh", "-c", line]) == (["sh", "-c", line], 0)


@pytest.mark.parametrize(
    ("protocol", "words", "field", "expected"),
    [
        ("mongo", ["--auth", "--maxConns", "3"], "max_clients", 3),
        ("mongo", ["--tlsMode", "requireTLS"], "requires_tls", True),
        ("mongo", ["--tlsMode", "preferTLS"], "requires_tls", False),
        ("postgres", ["-c", "max_connections=5"], "max_clients", 5),
        ("postgres", ["-c", "default_transaction_read_only=on"], "is_read_only", True),
        ("redis", ["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"], "refuses_writes", True),
        ("redis", ["--maxmemory", "1mb", "--maxmemory-policy", "allkeys-lru"], "refuses_writes", False),
        ("redis", ["--maxmemory", "64mb"], "missing_share", 0.0),
        ("memcached", ["-m", "2"], "missing_share", 0.75),
    ],
)
def test_an_engine_runs_as_its_command_line_says(protocol: str, words: list[str], field: str, expected: object) -> None:
    component = replace(APPLICATION.by_name[CALLEE], protocol=protocol)
    assert getattr(engine_tuned(component, words, ()), field) == expected


def test_a_configuration_file_says_as_much_as_a_command_line() -> None:
    component = replace(APPLICATION.by_name[CALLEE], protocol="mongo")
    text = "port 27017\nnet:\n  maxIncomingConnections: 4\n  tls:\n    mode: requireTLS\n"
    tuning = engine_tuned(component, [], [text])
    assert tuning.requires_tls
    assert tuning.max_clients == 4
