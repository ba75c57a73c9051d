"""What a server's audit log holds after everything that a Probe can be told to run: reads on the list, nothing else."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from aoi.access.live import LiveReadTransport
from aoi.access.reading import READABLES
from aoi.access.transport import ReadRequest
from aoi.agents.kubectl.parse import parse
from aoi.agents.probe import Probe
from aoi.errors import CommandRefused
from aoi.worlds.identities import PROBE
from aoi.worlds.transport import EmbeddedReadTransport
from kubeworld.api.server import Api, AuditRecord, api_of
from kubeworld.front import Front, serving, write_kubeconfig
from kubeworld.machine.world import World
from tests.agents.audit.attempts import PATHS, lines
from tests.agents.audit.lines import WRITTEN, fuzzed
from tests.agents.audit.shop import NAMESPACE, shop

KNOWN: list[list[str]] = json.loads((Path(__file__).parents[1] / "kubectl" / "attempts.json").read_text())
ATTEMPTS = lines() | {f"known: {name}": line for name, line in KNOWN}
FUZZED = 100_000
SEED = 7
_LISTED = {*READABLES, "pods/log"}
_DISCOVERY = ("/version", "/apis/")


@pytest.fixture(scope="module")
def world() -> World:
    return shop()


@pytest.fixture(scope="module")
def served(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    """The Probe as it runs on a live cluster: over HTTPS, by a kubeconfig, with the identity checked."""
    path = tmp_path_factory.mktemp("kubeconfig") / "config"
    with serving(Front({"": world})) as front:
        tokens = {PROBE.name: api_of(world).tokens.add(PROBE)}
        write_kubeconfig(path, front.url, front.authority_pem, tokens, namespace=NAMESPACE)
        transport = LiveReadTransport(path, namespace=NAMESPACE)
        try:
            yield Probe(transport, NAMESPACE)
        finally:
            transport.close()


def excess(records: Iterable[AuditRecord]) -> list[AuditRecord]:
    """What is no read on the list, in the namespace or of the whole cluster, by the Probe."""
    return [record for record in records if not _is_listed(record)]


def _is_listed(record: AuditRecord) -> bool:
    if record.user != PROBE.name or record.verb not in ("get", "list"):
        return False
    if record.resource.startswith("/"):
        return record.resource.startswith(_DISCOVERY)
    resource, _, subresource = record.resource.partition("/")
    name = record.resource if subresource == "log" else resource if not subresource else ""
    if (name, record.namespace) == ("events", "default"):
        return record.verb == "list"  # those of nodes, which no other namespace holds
    return name in _LISTED and (record.namespace in ("", NAMESPACE) or name == "namespaces")


def test_there_are_as_many_attempts_as_are_promised():
    assert len(set(lines().values()) - {line for _, line in KNOWN}) + len(set(PATHS)) >= 400
    assert len(set(ATTEMPTS.values())) == 980  # as docs/safety.md says
    assert len(set(WRITTEN)) == 111


@pytest.mark.parametrize("line", lines().values(), ids=list(lines()))
def test_an_attempt_is_refused(line: str):
    with pytest.raises(CommandRefused):
        parse(line, NAMESPACE)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_off_the_list_makes_no_request(path: str):
    with pytest.raises(CommandRefused):
        ReadRequest(path)


@pytest.mark.parametrize("line", WRITTEN)
def test_a_line_that_people_write_is_read(line: str, served: Probe):
    result = served.run(line)
    assert result.status != "refused", result.error


def test_nothing_of_an_attempt_reaches_the_server(world: World, served: Probe):
    audit = api_of(world).audit
    audit.clear()
    assert {served.run(line).status for line in ATTEMPTS.values()} == {"refused"}
    assert list(audit) == []


def test_what_people_write_is_nothing_but_listed_reads_at_the_server(world: World, served: Probe):
    audit = api_of(world).audit
    audit.clear()
    for line in WRITTEN:
        served.run(line)
    assert len(audit) >= len([line for line in WRITTEN if line.startswith("kubectl")])
    assert excess(audit) == []


def test_a_hundred_thousand_fuzzed_lines_are_nothing_but_listed_reads_at_the_server(world: World):
    api: Api = api_of(world)
    probe = Probe(EmbeddedReadTransport(world, PROBE), NAMESPACE)
    before = world.store.revision
    api.audit.clear()
    understood, reads = 0, 0
    for number, line in enumerate(fuzzed(FUZZED, SEED)):
        understood += probe.run(line).status != "refused"
        if number % 1000 == 0 or number == FUZZED - 1:
            assert excess(api.audit) == [], f"by line {number} at the latest"
            reads += len(api.audit)
            api.audit.clear()
    assert understood > FUZZED // 10, "a fuzzer whose every line is refused shows nothing"
    assert reads > understood // 2
    assert world.store.revision == before


def test_the_audit_notices_what_is_no_listed_read():
    """The judgement itself: without this, a log that is never wrong would prove nothing."""

    def record(**changes: str) -> AuditRecord:
        fields = {
            "user": PROBE.name,
            "verb": "get",
            "resource": "pods",
            "namespace": NAMESPACE,
            "name": "geo",
        } | changes
        return AuditRecord(
            0, fields["user"], fields["verb"], fields["resource"], fields["namespace"], fields["name"], 200
        )

    good = [record(), record(resource="pods/log"), record(verb="list"), record(resource="nodes", namespace="")]
    bad = [
        record(verb="delete"),
        record(verb="watch"),
        record(resource="secrets"),
        record(resource="pods/exec"),
        record(namespace="kube-system"),
        record(namespace="default"),
        record(user="somebody"),
        record(resource="/metrics"),
    ]
    assert excess([*good, *bad]) == bad


def test_kubeconfig_is_not_written_by_looking(served: Probe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for line in (*ATTEMPTS.values(), *WRITTEN):
        served.run(line)
    assert list(tmp_path.iterdir()) == []
