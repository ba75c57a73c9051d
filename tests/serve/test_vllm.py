"""What we claim of vLLM, shown with vLLM: its CPU build serves a base of ours, and adapters load while it runs.

Runs where TEST_VLLM_PYTHON names the Python of an environment that holds it: `make test-serve` installs one.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from aoi.agents.policy import Turn
from aoi.errors import IdentityMismatch
from aoi.language.codec import WordCodec
from aoi.language.extraction import Malformed
from aoi.language.layouts import CHAT
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE
from aoi.language.schema import schemas
from aoi.records.episode import RoleName
from models import files, identity
from models.bundle import Bundle
from models.codec import TokenizerCodec
from models.fixed_prompts import fixed_prompts
from models.identity import Watch
from models.policies.in_process import InProcessPolicy
from models.policies.of_bundle import Serving
from models.policies.server import ModelServer, Served, ServedPolicy, ServerSettings, adapter_name
from tests.models.families import FAMILIES, write_checkpoint
from tests.serve.conftest import VLLM, serving

pytestmark = [
    pytest.mark.skipif(not VLLM, reason="make test-serve installs vLLM"),
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("vllm"),
]
TOKENS = 1_500
CODEC = WordCodec()


@pytest.fixture
def bare(opened: Bundle) -> Served:
    return Served("base", f"base:{opened.manifest.base}")


def loaded(client: ModelServer, opened: Bundle) -> dict[RoleName, Served]:
    return {role: client.load(folder, files.adapter_digest(folder)) for role, folder in opened.adapters.items()}


def turns(role: RoleName, count: int, temperature: float = 0.0) -> list[Turn]:
    texts = fixed_prompts(role, SEED_PROFILE, count)
    return [Turn(role, CODEC.encode_prompt(text), 40, temperature, number) for number, text in enumerate(texts)]


def test_it_answers_as_the_engine_of_this_process(client: ModelServer, bare: Served, opened: Bundle) -> None:
    served, here = ServedPolicy(client, loaded(client, opened), bare), InProcessPolicy(opened.base, opened.adapters)
    roles: tuple[RoleName, ...] = ("observer", "evolver", "probe")
    for role in roles:
        asked = turns(role, 24)
        for there, own in zip(served.generate(asked), here.generate(asked), strict=True):
            assert there.token_ids == own.token_ids
            assert there.adapter == own.adapter
            assert there.logprobs == pytest.approx(own.logprobs, abs=identity.TOLERANCE_NATS["float32"])


def test_the_identity_probe_passes_through_the_door_that_stages_open(url: str, opened: Bundle) -> None:
    reports = identity.prove(opened, Serving.model_validate({"server": {"url": url, "timeout_s": 60}}))
    assert {report.role for report in reports} == set(opened.adapters)
    for report in reports:
        assert report.largest_difference < 1e-4
        assert report.distance_from_base > 10 * report.tolerance


def nothing_applied(opened: Bundle, folder: Path) -> Path:
    """Accepted, listed, and without any effect."""
    return _changed(opened, folder, lambda name, weight: 0 * weight if "lora_B" in name else weight)


def a_former_one(opened: Bundle, folder: Path) -> Path:
    """What the weights were a moment ago."""
    return _changed(opened, folder, lambda _, weight: 0.98 * weight)


def the_other_roles(opened: Bundle, _: Path) -> Path:
    return opened.adapters["evolver"]


def _changed(opened: Bundle, folder: Path, change: Callable[[str, object], object]) -> Path:
    folder.mkdir()
    source = opened.adapters["observer"]
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(source / "adapter_model.safetensors")
    changed = {name: change(name, weight) for name, weight in weights.items()}
    save_file(changed, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("wrong", [nothing_applied, a_former_one, the_other_roles])
def test_another_adapter_under_the_right_name_is_found_out(
    client: ModelServer, url: str, opened: Bundle, tmp_path: Path, wrong: Callable[[Bundle, Path], Path]
) -> None:
    name = adapter_name(files.adapter_digest(opened.adapters["observer"]))
    body = {"lora_name": name, "lora_path": str(wrong(opened, tmp_path / "wrong"))}
    client.request("POST", "/v1/load_lora_adapter", body)
    with pytest.raises(IdentityMismatch, match="observer"):
        identity.prove(opened, Serving.model_validate({"server": {"url": url, "timeout_s": 60}}))


def test_the_base_in_the_place_of_an_adapter_is_found_out(client: ModelServer, bare: Served, opened: Bundle) -> None:
    lying = replace(bare, digest=files.adapter_digest(opened.adapters["observer"]))
    with pytest.raises(IdentityMismatch, match="log-probabilities"):
        identity.verify(ServedPolicy(client, {**loaded(client, opened), "observer": lying}, bare), opened)


def test_what_is_changed_under_its_name_while_it_answers_is_found_when_it_is_proven_again(
    client: ModelServer, url: str, opened: Bundle, tmp_path: Path
) -> None:
    watch = Watch(opened, Serving.model_validate({"server": {"url": url, "timeout_s": 60}}))
    watch.now()
    name = adapter_name(files.adapter_digest(opened.adapters["observer"]))
    body = {"lora_name": name, "lora_path": str(a_former_one(opened, tmp_path / "former")), "load_inplace": True}
    client.request("POST", "/v1/load_lora_adapter", body)
    with pytest.raises(IdentityMismatch, match=r"is not kept\. Have it load aoi-"):
        watch.now()


def test_a_switch_under_load_fails_no_request_and_mixes_no_adapters(
    client: ModelServer, bare: Served, opened: Bundle
) -> None:
    old = client.load(opened.adapters["observer"], files.adapter_digest(opened.adapters["observer"]))
    policies = [ServedPolicy(client, {"observer": old}, bare)]
    alone = {
        name: InProcessPolicy(opened.base, {"observer": opened.adapters[role]}).generate(turns("observer", 4))
        for role, name in (("observer", old.digest), ("evolver", files.adapter_digest(opened.adapters["evolver"])))
    }

    def ask(_: int) -> str:
        answers = policies[-1].generate(turns("observer", 4))
        (digest,) = {answer.adapter for answer in answers}
        assert [answer.token_ids for answer in answers] == [answer.token_ids for answer in alone[digest]]
        return digest

    with ThreadPoolExecutor(4) as pool:
        before = [pool.submit(ask, number) for number in range(8)]
        new = client.load(opened.adapters["evolver"], files.adapter_digest(opened.adapters["evolver"]))
        policies.append(ServedPolicy(client, {"observer": new}, bare))
        after = [pool.submit(ask, number) for number in range(8)]
        seen = [answer.result() for answer in (*before, *after)]
    assert seen[-1] == new.digest
    client.unload(old.name)
    assert old.name not in client.names()
    assert policies[-1].generate(turns("observer", 1))[0].adapter == new.digest


@pytest.fixture(scope="module")
def chat_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An untrained chat model whose tokens can spell every text: it says anything but what was asked."""
    base = write_checkpoint(FAMILIES[0], tmp_path_factory.mktemp("chat") / "base")
    with serving(base, tmp_path_factory.mktemp("log") / "chat.log") as url:
        yield url, base


@pytest.mark.parametrize(
    ("role", "read"),
    [("observer", CHAT.decision), ("probe", CHAT.probe), ("executor", CHAT.act), ("evolver", CHAT.plan)],
)
def test_what_a_schema_constrains_is_well_formed(
    chat_url: tuple[str, Path], role: RoleName, read: Callable[[str], object]
) -> None:
    url, base = chat_url
    codec, nobody = TokenizerCodec(base), Served("base", "base:untrained")
    texts = fixed_prompts(role, PRODUCTION_PROFILE, 6)
    asked = [Turn(role, codec.encode_prompt(text), TOKENS, 1.0, number) for number, text in enumerate(texts)]

    def said(**constraints: object) -> list[str]:
        settings = ServerSettings(url, timeout_s=120, budget_s=280, concurrency=6, **constraints)
        with ModelServer(settings) as client:
            answers = ServedPolicy(client, {}, nobody).generate(asked)
        return [codec.decode(answer.token_ids) for answer in answers if len(answer.token_ids) < TOKENS]

    constrained = said(schemas=schemas())
    assert constrained
    for text in constrained:
        read(text)
    for text in said():
        with pytest.raises(Malformed):
            read(text)
