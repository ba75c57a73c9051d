"""A server is proven again and again while it answers, and nothing is kept that no proof came after."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from aoi.database.engine import open_url
from aoi.database.leases import Leases
from aoi.errors import IdentityMismatch, ServerUnavailable
from aoi.language.profile import SEED_PROFILE
from aoi.problems import sampling
from aoi.settings import ServerSettings
from aoi.store.objects import ObjectStore
from aoi.store.shards import SHARD_KIND, read_set
from models import bundle, files, identity
from models.bundle import Bundle, Lineage, Parts
from models.episodes import EpisodeSpec, run_sharded
from models.identity import REFERENCES, Told, Watch, prove
from models.policies.of_bundle import Serving, policy_of
from models.policies.reference import Reference
from models.policies.server import adapter_name
from tests.models.protocol_server import ProtocolServer

LINEAGE = Lineage(name="test", code_revision="r1", code_sha256="1" * 64, settings="2" * 64)
PROOF = identity.PROMPTS
"""Completions of a proof of one role."""
Sabotage = Callable[[ProtocolServer, Bundle, Path], None]


@pytest.fixture(scope="module")
def opened(base: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "opened"
    bundle.write(folder, Parts(base, SEED_PROFILE, adapter), LINEAGE)
    return bundle.load(folder, base)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(f"file://{tmp_path / 'store'}")


def serving(server: ProtocolServer, **changed: float) -> Serving:
    return Serving(server=ServerSettings.model_validate({"url": server.url, **changed}))


def name_of(opened: Bundle) -> str:
    return adapter_name(files.adapter_digest(opened.adapters["observer"]))


def nothing_applied(server: ProtocolServer, opened: Bundle, _: Path) -> None:
    server.answer_with(name_of(opened), None)


def a_former_one(server: ProtocolServer, opened: Bundle, folder: Path) -> None:
    server.answer_with(name_of(opened), _scaled(opened.adapters["observer"], folder / "former", "lora_B", 0.98))


def another_base(server: ProtocolServer, opened: Bundle, folder: Path) -> None:
    other = _scaled(opened.base, folder / "other", "norm", 1.5)
    server.answer_with(name_of(opened), opened.adapters["observer"], base=other)


def a_swapped_one(server: ProtocolServer, opened: Bundle, folder: Path) -> None:
    server.answer_with(name_of(opened), _scaled(opened.adapters["observer"], folder / "swapped", "lora_A", -1.0))


def _scaled(source: Path, target: Path, part: str, factor: float) -> Path:
    target.mkdir()
    for path in source.iterdir():
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    (name,) = (path.name for path in target.glob("*.safetensors"))
    weights = {key: weight * (factor if part in key else 1) for key, weight in load_file(target / name).items()}
    save_file(weights, target / name, metadata={"format": "pt"})
    return target


WRONG = [nothing_applied, a_former_one, another_base, a_swapped_one]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_by_now_is_found_when_a_proof_is_due(
    server: ProtocolServer, opened: Bundle, store: ObjectStore, tmp_path: Path, wrong: Sabotage
) -> None:
    watch = Watch(opened, serving(server, prove_every_s=0.2), kept=store)
    watch.now()
    wrong(server, opened, tmp_path)
    watch.if_due()  # not yet
    time.sleep(0.25)
    with pytest.raises(IdentityMismatch, match=r"answered since \d\d:\d\d:\d\d is not kept. Have it load aoi-"):
        watch.if_due()


@pytest.mark.parametrize("wrong", WRONG)
def test_no_episode_of_an_evaluation_begins_where_another_answers(
    server: ProtocolServer, opened: Bundle, store: ObjectStore, tmp_path: Path, wrong: Sabotage
) -> None:
    with policy_of(opened, serving(server)):
        """It is loaded."""
    wrong(server, opened, tmp_path)
    with pytest.raises(IdentityMismatch, match="observer is not answered by"):
        evaluated(opened, serving(server), store, tmp_path)
    assert len(server.bodies) == PROOF
    assert not [ref for ref in store if ref.kind == SHARD_KIND]


def test_a_server_that_takes_an_adapter_and_loads_nothing_is_refused(
    server: ProtocolServer, opened: Bundle, tmp_path: Path, store: ObjectStore
) -> None:
    server.loads_nothing = True
    with pytest.raises(IdentityMismatch, match="log-probabilities"):
        evaluated(opened, serving(server), store, tmp_path)
    assert name_of(opened) in server.policies


def test_episodes_during_which_it_changed_are_not_kept_and_can_be_run_again(
    server: ProtocolServer, opened: Bundle, store: ObjectStore, tmp_path: Path
) -> None:
    right = server.answer_with
    server.then[PROOF + 5] = lambda: nothing_applied(server, opened, tmp_path)
    with pytest.raises(IdentityMismatch, match="observer is not answered by"):
        evaluated(opened, serving(server), store, tmp_path)
    assert len(server.bodies) > PROOF + 5, "episodes had been answered by then"
    right(name_of(opened), opened.adapters["observer"])
    rows = evaluated(opened, serving(server), store, tmp_path)
    said = {part.adapter for row in rows for step in row.content.steps for part in step.utterances}
    assert said <= {files.adapter_digest(opened.adapters["observer"]), f"base:{opened.manifest.base}"}
    here = evaluated(opened, Serving(), ObjectStore(f"file://{tmp_path / 'here'}"), tmp_path)
    assert [row.content.digest() for row in rows] == [row.content.digest() for row in here]


def evaluated(opened: Bundle, how: Serving, store: ObjectStore, folder: Path) -> list:
    """Two episodes by the bundle, as an evaluation runs them."""
    specs = [
        EpisodeSpec(instance=instance, rollout_seed=7, arm="champion")
        for instance in sampling.sample("development", 2, 1)
    ]
    database = open_url(f"sqlite:///{folder / 'aoi.db'}")
    leases = Leases(database)
    try:
        ran = run_sharded(store, "evaluate", specs, opened, how, leases=leases, shard_size=1, temperature=0.0)
        return list(read_set(store, ran))
    finally:
        leases.close()
        database.close()


def test_a_server_that_is_gone_proves_nothing(opened: Bundle, base: Path, store: ObjectStore) -> None:
    with ProtocolServer(base) as server:
        watch = Watch(opened, serving(server), kept=store)
        watch.now()
    with pytest.raises(ServerUnavailable):
        watch.now()


def test_in_process_there_is_nothing_to_prove(opened: Bundle) -> None:
    watch = Watch(opened, Serving())
    watch.now()
    watch.if_due()


def test_a_later_proof_needs_no_model_here(
    server: ProtocolServer, opened: Bundle, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = prove(opened, serving(server), kept=store)

    def no_room(*given: object) -> Reference:
        raise MemoryError("a large model does not fit here")

    monkeypatch.setattr(Reference, "load", no_room)
    (again,) = prove(opened, serving(server), kept=store)
    assert again == first
    with pytest.raises(MemoryError):
        prove(opened, serving(server))


@pytest.mark.parametrize(("changed", "is_enough"), [(2, True), (identity.PROMPTS - 2, False)])
def test_where_answers_have_changed_what_is_still_the_same_is_compared_if_it_is_enough(
    changed: int, is_enough: bool, server: ProtocolServer, opened: Bundle, store: ObjectStore
) -> None:
    """Two tokens that are as likely as each other fall this way or that: another answer is no other adapter."""
    (first,) = prove(opened, serving(server), kept=store)
    (mark,) = (Path(store.url.removeprefix("file://")) / "marks" / REFERENCES).iterdir()
    told = Told.from_bytes(mark.read_bytes())
    others = tuple((0, *said[1:]) if place < changed else said for place, said in enumerate(told.completions))
    mark.write_bytes(told.model_copy(update={"completions": others}).to_bytes())
    (again,) = prove(opened, serving(server), kept=store)
    assert again.ok
    assert (again.tokens < first.tokens) == is_enough
    if not is_enough:
        assert Told.from_bytes(mark.read_bytes()).completions == told.completions, "and made anew"


def test_what_failed_a_proof_leaves_no_figures(
    server: ProtocolServer, opened: Bundle, store: ObjectStore, tmp_path: Path
) -> None:
    with policy_of(opened, serving(server)):
        a_former_one(server, opened, tmp_path)
    with pytest.raises(IdentityMismatch):
        prove(opened, serving(server), kept=store)
    assert not (Path(store.url.removeprefix("file://")) / "marks" / REFERENCES).exists()
