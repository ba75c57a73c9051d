"""One door: whatever a bundle is served by answers every stage and command, and is proven through that door."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from aoi.agents.policy import Turn
from aoi.errors import CorruptObject, IdentityMismatch, Permanent, SettingsError
from aoi.language import decision
from aoi.language.codec import WordCodec
from aoi.language.profile import PRODUCTION_PROFILE, SEED_PROFILE
from aoi.language.schema import schemas
from aoi.records.episode import RoleName
from aoi.settings import ServerSettings, Settings
from models import bundle, files, identity
from models.bundle import Bundle, Lineage, Parts
from models.fixed_prompts import fixed_prompts
from models.policies.of_bundle import Serving, policy_of
from models.policies.server import adapter_name
from tests.models.protocol_server import ProtocolServer

LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)
IN_PROCESS = Serving()
SCHEMAS = schemas()
PROMPTS = 4
"""Of each role: the stand-in server answers them one by one."""
ROLES: tuple[RoleName, ...] = ("observer", "probe", "executor", "evolver")


@pytest.fixture(scope="module")
def opened(base: Path, adapter: Path, other_adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "opened"
    bundle.write(folder, Parts(base, SEED_PROFILE, adapter, other_adapter), LINEAGE)
    return bundle.load(folder, base)


@pytest.fixture
def served(server: ProtocolServer) -> Serving:
    return Serving(server=ServerSettings(url=server.url))


def turns(opened: Bundle, *, temperature: float = 1.0) -> list[Turn]:
    return [
        Turn(role, ids, 40, temperature, seed)
        for role in ROLES
        for seed, ids in enumerate(identity.encoded_prompts(opened, role)[:PROMPTS])
    ]


def test_the_server_and_the_process_answer_every_role_alike(opened: Bundle, served: Serving) -> None:
    with policy_of(opened, IN_PROCESS) as here, policy_of(opened, served) as there:
        assert here.generate(turns(opened)) == there.generate(turns(opened))


def test_adapters_are_served_under_names_that_hold_their_digests(
    opened: Bundle, server: ProtocolServer, served: Serving
) -> None:
    with policy_of(opened, served):
        names = {adapter_name(files.adapter_digest(folder)) for folder in opened.adapters.values()}
        assert set(server.policies) == {"base", *names}


@pytest.mark.parametrize("engine", ["in process", "server"])
def test_an_adapter_in_training_answers_in_place_of_the_bundles_own(
    engine: str, opened: Bundle, served: Serving, other_adapter: Path
) -> None:
    serving = served if engine == "server" else IN_PROCESS
    with policy_of(opened, serving, {"observer": other_adapter}) as policy:
        observer, evolver = policy.generate(
            [Turn(role, identity.encoded_prompts(opened, role)[0], 4, 0.0, 0) for role in ("observer", "evolver")]
        )
    assert observer.adapter == files.adapter_digest(other_adapter)
    assert evolver.adapter == f"base:{opened.manifest.base}"


def test_an_adapter_that_another_process_loads_first_is_no_error(
    opened: Bundle, server: ProtocolServer, served: Serving
) -> None:
    with policy_of(opened, served):
        pass
    server.late_lists = 2  # the base's name, and whether the first adapter is there
    with policy_of(opened, served) as policy:
        assert policy.generate(turns(opened)[:1])


def test_an_adapter_that_the_server_does_not_list_is_an_error(
    opened: Bundle, server: ProtocolServer, served: Serving
) -> None:
    server.late_lists = 10
    with pytest.raises(Permanent, match="does not list it"), policy_of(opened, served):
        pass


def test_a_server_on_another_base_is_refused(opened: Bundle, base: Path, tmp_path: Path) -> None:
    other = tmp_path / "base"
    shutil.copytree(base, other)
    weights = load_file(other / "model.safetensors")
    weights["model.norm.weight"] *= 1.5
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with (
        ProtocolServer(other) as running,
        pytest.raises(IdentityMismatch, match="Serve the champion's base"),
        policy_of(opened, Serving(server=ServerSettings(url=running.url))),
    ):
        pass


def test_one_setting_constrains_the_engine_of_this_process(opened: Bundle) -> None:
    codec = WordCodec()
    wild = turns(opened, temperature=3.0)
    parse = {"observer": decision.parse, "probe": decision.parse_probe, "evolver": decision.parse_plan}

    def malformed(serving: Serving) -> int:
        count = 0
        with policy_of(opened, serving) as policy:
            for turn, said in zip(wild, policy.generate(wild), strict=True):
                ended = codec.eos_id in said.token_ids  # a plan may go on for ever: what was cut off shows nothing
                if turn.role in parse and (ended or turn.role != "evolver"):
                    try:
                        parse[turn.role](codec.decode(said.token_ids))
                    except decision.Malformed:
                        count += 1
        return count

    assert malformed(Serving(decoding="constrained")) == 0
    assert malformed(IN_PROCESS) > 0


def test_the_same_setting_sends_each_roles_schema_to_a_server(
    base: Path, adapter: Path, server: ProtocolServer, served: Serving, tmp_path: Path
) -> None:
    bundle.write(tmp_path / "chat", Parts(base, PRODUCTION_PROFILE, adapter), LINEAGE)
    chat = bundle.load(tmp_path / "chat", base)
    asked = [Turn(role, (5, 6), 4, 0.0, 0) for role in ("observer", "probe", "executor", "evolver")]
    for serving in (served, served.model_copy(update={"decoding": "constrained"})):
        with policy_of(chat, serving) as policy:
            for turn in asked:
                policy.generate([turn])
    half = len(server.bodies) // 2
    assert not any("structured_outputs" in body for body in server.bodies[:half])
    assert [body["structured_outputs"] for body in server.bodies[half:]] == [
        {"json": SCHEMAS[turn.role]} for turn in asked
    ]


def test_a_model_of_whole_words_is_not_constrained_by_text(opened: Bundle, served: Serving) -> None:
    constrained = served.model_copy(update={"decoding": "constrained"})
    with pytest.raises(SettingsError, match="Unset AOI_SERVER__URL"), policy_of(opened, constrained):
        pass


def test_no_schema_repeats_a_pattern_more_often_than_xgrammar_can() -> None:
    import re

    bounds = [int(most) for most in re.findall(r"\{\d+,(\d+)\}", str(SCHEMAS))]
    assert bounds
    assert all(most <= 128 for most in bounds)
    assert ")?" not in str(SCHEMAS)  # of an optional group it lets pass what lacks the group's beginning


@pytest.mark.parametrize("where", ["in process", "server"])
def test_who_thinks_first_is_not_constrained(where: str, base: Path, served: Serving, tmp_path: Path) -> None:
    thinker = PRODUCTION_PROFILE.model_copy(update={"thinks": True})
    bundle.write(tmp_path / "chat", Parts(base, thinker), LINEAGE)
    chat = bundle.load(tmp_path / "chat", base)
    serving = served if where == "server" else IN_PROCESS
    constrained = serving.model_copy(update={"decoding": "constrained"})
    with pytest.raises(SettingsError, match="Unset AOI_DECODING"), policy_of(chat, constrained):
        pass


def test_a_bundle_in_a_layout_of_another_version_is_refused_with_what_to_do(base: Path, tmp_path: Path) -> None:
    profile = bundle.PROFILE
    manifest = bundle.write(tmp_path / "old", Parts(base, PRODUCTION_PROFILE), LINEAGE)
    old = (tmp_path / "old" / profile).read_bytes().replace(b'"chat-1"', b'"prose-1"')
    (tmp_path / "old" / profile).write_bytes(old)
    changed = {**manifest.files, profile: files.sha256_file(tmp_path / "old" / profile)}
    (tmp_path / "old" / bundle.MANIFEST).write_bytes(manifest.model_copy(update={"files": changed}).to_bytes())
    with pytest.raises(CorruptObject, match="its layout for one"):
        bundle.load(tmp_path / "old", base)


def test_serving_is_what_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Serving.of(Settings.load()) == IN_PROCESS
    monkeypatch.setenv("AOI_SERVER__URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AOI_SERVER__DTYPE", "bfloat16")
    monkeypatch.setenv("AOI_DECODING", "constrained")
    serving = Serving.of(Settings.load())
    assert (serving.engine, serving.dtype, serving.decoding) == ("server", "bfloat16", "constrained")
    assert IN_PROCESS.dtype == "float32"


@pytest.mark.parametrize("decoding", ["free", "constrained"])
def test_a_bundle_is_proven_through_the_server_that_will_answer(
    decoding: str, opened: Bundle, served: Serving, server: ProtocolServer
) -> None:
    reports = identity.prove(opened, served.model_copy(update={"decoding": decoding}))
    assert {report.role for report in reports} == {"observer", "evolver"}
    assert all(report.ok and report.dtype == "float32" for report in reports)
    assert {body["model"] for body in server.bodies} == {adapter_name(report.expected) for report in reports}


def test_a_server_that_loads_another_adapter_under_the_right_name_is_found_out(
    opened: Bundle, served: Serving, server: ProtocolServer, other_adapter: Path
) -> None:
    server.swapped = other_adapter
    with pytest.raises(IdentityMismatch, match="expected of float32"):
        identity.prove(opened, served)


def test_the_tolerance_is_that_of_the_servers_floats(opened: Bundle, served: Serving) -> None:
    coarse = served.model_copy(update={"server": served.server.model_copy(update={"dtype": "bfloat16"})})
    fine, rough = (identity.prove(opened, serving)[0] for serving in (served, coarse))
    assert (fine.dtype, rough.dtype) == ("float32", "bfloat16")
    assert fine.tolerance < rough.tolerance
    assert fine.largest_difference == rough.largest_difference


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("profile", [SEED_PROFILE, PRODUCTION_PROFILE], ids=lambda profile: profile.name)
def test_fixed_prompts_are_different_and_the_same_everywhere(role: RoleName, profile: object) -> None:
    prompts = fixed_prompts(role, profile, 12)
    assert len(set(prompts)) == 12
    assert prompts == fixed_prompts(role, profile, 12)


def test_fixed_prompts_of_the_seed_layout_lie_in_its_vocabulary_and_budget() -> None:
    codec = WordCodec()
    for role in ROLES:
        for prompt in fixed_prompts(role, SEED_PROFILE, 12):
            assert codec.decode(codec.encode(prompt.user)) == prompt.user
            assert len(codec.encode(prompt.user)) <= SEED_PROFILE.prompt_tokens
