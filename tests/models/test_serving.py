import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aoi.agents.policy import Turn
from aoi.errors import IdentityMismatch, Permanent, ServerUnavailable, UnknownBundle
from aoi.language.profile import SEED_PROFILE
from aoi.records.learning import TrainingExample
from models import bundle, files, identity
from models.bundle import Lineage, Parts
from models.policies.in_process import InProcessPolicy
from models.policies.server import LONGEST_WAIT_S, ModelServer, Served, ServedPolicy, ServerSettings, adapter_name
from tests.models.protocol_server import ProtocolServer


@pytest.fixture
def client(server: ProtocolServer) -> Iterator[ModelServer]:
    with ModelServer(ServerSettings(url=server.url, timeout_s=5, budget_s=10, concurrency=8)) as client:
        yield client


@pytest.fixture
def bare(base: Path) -> Served:
    return Served("base", f"base:{files.weights_digest(base)}")


def _turns(examples: list[TrainingExample], count: int = 12) -> list[Turn]:
    return [Turn("observer", example.prompt_ids, 16, 1.0, index) for index, example in enumerate(examples[:count])]


def test_a_server_answers_as_the_engine_does(
    client: ModelServer, bare: Served, base: Path, adapter: Path, examples: list[TrainingExample]
) -> None:
    served = client.load(adapter, files.adapter_digest(adapter))
    policy = ServedPolicy(client, {"observer": served}, bare)
    assert policy.generate(_turns(examples)) == InProcessPolicy(base, {"observer": adapter}).generate(_turns(examples))
    assert policy.generate([]) == []


def test_roles_are_answered_by_the_names_they_are_mapped_to(
    client: ModelServer, bare: Served, base: Path, adapter: Path, examples: list[TrainingExample]
) -> None:
    served = client.load(adapter, files.adapter_digest(adapter))
    policy = ServedPolicy(client, {"observer": served}, bare)
    prompt = examples[0].prompt_ids
    observer, probe = policy.generate([Turn("observer", prompt, 8, 0.0, 0), Turn("probe", prompt, 8, 0.0, 0)])
    assert observer.adapter == files.adapter_digest(adapter)
    assert probe.adapter == bare.digest
    assert observer.logprobs != probe.logprobs


def test_prompts_go_as_token_ids_and_schemas_as_structured_outputs(
    server: ProtocolServer, bare: Served, examples: list[TrainingExample]
) -> None:
    settings = ServerSettings(url=server.url, schemas={"observer": {"type": "object"}})
    with ModelServer(settings) as client:
        ServedPolicy(client, {}, bare).generate(_turns(examples, 1))
    (body,) = server.bodies
    assert body["prompt"] == list(examples[0].prompt_ids)
    assert body["structured_outputs"] == {"json": {"type": "object"}}


def test_nothing_that_a_base_publishes_about_sampling_is_left_to_the_server(
    server: ProtocolServer, bare: Served, examples: list[TrainingExample]
) -> None:
    with ModelServer(ServerSettings(url=server.url, ends=(7, 9))) as client:
        ServedPolicy(client, {}, bare).generate(_turns(examples, 1))
    (body,) = server.bodies
    assert (body["top_p"], body["top_k"], body["min_p"], body["repetition_penalty"]) == (1.0, -1, 0.0, 1.0)
    assert body["stop_token_ids"] == [7, 9]


def test_an_adapter_that_is_not_there_is_unloaded_already(client: ModelServer, adapter: Path) -> None:
    served = client.load(adapter, files.adapter_digest(adapter))
    for _ in range(2):
        client.unload(served.name)
        assert served.name not in client.names()


def test_loading_twice_is_harmless(client: ModelServer, adapter: Path) -> None:
    digest = files.adapter_digest(adapter)
    assert client.load(adapter, digest) == client.load(adapter, digest)
    assert client.names() == tuple(sorted(("base", adapter_name(digest))))


def test_a_missing_adapter_is_named(client: ModelServer, bare: Served, examples: list[TrainingExample]) -> None:
    with pytest.raises(UnknownBundle, match="/nowhere"):
        client.load(Path("/nowhere"), "a" * 64)
    gone = ServedPolicy(client, {"observer": Served("aoi-gone", "a" * 64)}, bare)
    with pytest.raises(UnknownBundle, match="aoi-gone"):
        gone.generate(_turns(examples))


def test_a_refused_request_is_permanent(client: ModelServer, bare: Served) -> None:
    with pytest.raises(Permanent, match="maximum context length"):
        ServedPolicy(client, {}, bare).generate([Turn("observer", tuple([5] * 600), 8, 0.0, 0)])


def test_a_server_that_is_gone_is_unavailable(bare: Served, examples: list[TrainingExample]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        ModelServer(ServerSettings(url=f"http://127.0.0.1:{port}")) as client,
        pytest.raises(ServerUnavailable) as error,
    ):
        ServedPolicy(client, {}, bare).generate(_turns(examples))
    assert "/health" in str(error.value)


def test_a_broken_server_is_unavailable(
    server: ProtocolServer, client: ModelServer, bare: Served, examples: list[TrainingExample]
) -> None:
    with server.misbehaving(broken=True), pytest.raises(ServerUnavailable, match="engine is dead"):
        ServedPolicy(client, {}, bare).generate(_turns(examples))


@pytest.mark.parametrize(
    ("written", "wait_s"),
    [
        ("40", 40.0),
        ("0", 0.0),
        ("9" * 400, LONGEST_WAIT_S),
        (None, ServerUnavailable("").retry_in_s),
        ("-1", ServerUnavailable("").retry_in_s),
        ("Fri, 31 Dec 2027 23:59:59 GMT", ServerUnavailable("").retry_in_s),
    ],
    ids=["seconds", "at once", "too long", "unsaid", "negative", "a date"],
)
def test_a_busy_server_is_tried_again_when_it_asks(
    server: ProtocolServer, client: ModelServer, written: str | None, wait_s: float
) -> None:
    for status in (429, 503):
        with server.misbehaving(busy=(status, written)), pytest.raises(ServerUnavailable, match=str(status)) as error:
            client.request("POST", "/v1/completions", {"model": "base", "prompt": [1], "max_tokens": 1})
        assert error.value.retry_in_s == wait_s


def test_a_slow_server_is_given_up_inside_the_budget(
    server: ProtocolServer, bare: Served, examples: list[TrainingExample]
) -> None:
    settings = ServerSettings(url=server.url, timeout_s=5, budget_s=0.5, concurrency=2)
    started = time.monotonic()
    with ModelServer(settings) as client, server.misbehaving(delay_s=1.5), pytest.raises(ServerUnavailable):
        ServedPolicy(client, {}, bare).generate(_turns(examples))
    assert time.monotonic() - started < 3


def test_a_champion_switch_under_load_fails_no_request_and_mixes_no_adapters(
    client: ModelServer, bare: Served, adapter: Path, other_adapter: Path, examples: list[TrainingExample]
) -> None:
    old = client.load(adapter, files.adapter_digest(adapter))
    policies = [ServedPolicy(client, {"observer": old}, bare)]

    def ask(index: int) -> set[str]:
        return {answer.adapter for answer in policies[-1].generate(_turns(examples, 3))}

    with ThreadPoolExecutor(4) as pool:
        before = [pool.submit(ask, index) for index in range(10)]
        new = client.load(other_adapter, files.adapter_digest(other_adapter))
        policies.append(ServedPolicy(client, {"observer": new}, bare))
        after = [pool.submit(ask, index) for index in range(10)]
        seen = [answer.result() for answer in (*before, *after)]
    assert all(len(digests) == 1 for digests in seen)
    assert seen[-1] == {new.digest}
    client.request("POST", "/v1/unload_lora_adapter", {"lora_name": old.name})
    assert old.name not in client.names()
    assert policies[-1].generate(_turns(examples, 1))[0].adapter == new.digest


def test_the_identity_probe_works_through_a_server(
    client: ModelServer, bare: Served, base: Path, adapter: Path, other_adapter: Path, tmp_path: Path
) -> None:
    lineage = Lineage(name="test", code_revision="r", code_sha256="1" * 64, settings="2" * 64)
    manifest = bundle.write(tmp_path / "bundle", Parts(base, SEED_PROFILE, adapter), lineage)
    loaded = bundle.load(tmp_path / "bundle", base)
    assert manifest.adapter is not None
    right = client.load(adapter, manifest.adapter)
    identity.verify(ServedPolicy(client, {"observer": right}, bare), loaded)
    wrong = client.load(other_adapter, files.adapter_digest(other_adapter))
    lying = Served(wrong.name, manifest.adapter)
    with pytest.raises(IdentityMismatch):
        identity.verify(ServedPolicy(client, {"observer": lying}, bare), loaded)
