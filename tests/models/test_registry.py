import json
import shutil

import pytest

from aoi.errors import RegistryUnavailable, UnknownBundle
from aoi.records.base import sha256_hex
from aoi.records.learning import BundleManifest
from aoi.records.promotion import Champion
from models.registry import CHALLENGER, CHAMPION, InputSet, Registry

pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns about its own parts


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """MLflow's tables take seconds to make: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("mlflow")
    Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts", name="empty")
    return folder / "mlflow.db"


@pytest.fixture
def registry(schema, tmp_path):
    shutil.copy(schema, tmp_path / "mlflow.db")
    return Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")


def manifest(name: object = 1, **changes) -> BundleManifest:
    def sha(part: str) -> str:
        return sha256_hex(f"{part} {name}".encode())

    fields = {
        "name": "seed",
        "base": sha("base"),
        "tokenizer": sha("tokenizer"),
        "adapter": sha("adapter"),
        "profile": sha("profile"),
        "parent": None,
        "cycle": 1,
        "data": (sha("data"), sha("more data")),
        "code_revision": "abc",
        "code_sha256": sha("code"),
        "settings": sha("settings"),
        "files": {},
    }
    return BundleManifest(**fields | changes)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "bundle"
    (place / "adapter").mkdir(parents=True)
    (place / "manifest.json").write_text("{}")
    (place / "adapter" / "adapter_model.safetensors").write_bytes(bytes(range(256)))
    return place


TREE = sha256_hex(b"tree")


def champion(version, given) -> Champion:
    return Champion(bundle=given.digest(), version=version, tree=TREE, cycle=1, entry=3, since="2026-01-01T00:00:00Z")


def test_a_version_leads_to_data_code_settings_and_files(registry, folder, tmp_path):
    given = manifest()
    version = registry.register(1, folder, given, tree=TREE)
    assert (version.number, version.bundle, version.cycle) == ("1", given.digest(), 1)
    assert version.tags["aoi.data"].split(",") == list(given.data)
    assert (version.tags["aoi.code"], version.tags["aoi.settings"]) == (given.code_sha256, given.settings)
    assert version.tags["aoi.tree"] == TREE
    place = registry.download("1", tmp_path / "out")
    assert (place / "adapter" / "adapter_model.safetensors").read_bytes() == bytes(range(256))


def test_registering_again_returns_the_same_version(registry, folder):
    first = registry.register(1, folder, manifest(), tree=TREE)
    assert registry.register(1, folder, manifest(), tree=TREE) == first
    assert len(registry.versions()) == 1


class FailingClient:
    """The real client, whose n-th call fails before or after it was carried out."""

    def __init__(self, client, fail_at, *, after):
        self._client, self._left, self._after = client, fail_at, after

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            self._left -= 1
            if self._left == 0 and not self._after:
                raise ConnectionError("killed before")
            result = method(*args, **kwargs)
            if self._left == 0:
                raise ConnectionError("killed after")
            return result

        return call


@pytest.mark.parametrize("after", [False, True])
def test_a_stage_killed_at_any_call_and_run_again_leaves_one_version_and_one_run(registry, folder, after):
    real = registry._client
    calls_needed = 0
    for cycle in range(1, 30):
        given = manifest(cycle)
        registry._client = FailingClient(real, cycle, after=after)
        try:
            registry.register(cycle, folder, given, tree=TREE)
            calls_needed = cycle
        except RegistryUnavailable:
            pass
        registry._client = real
        version = registry.register(cycle, folder, given, tree=TREE)
        assert [one.number for one in registry.versions() if one.cycle == cycle] == [version.number]
        assert len(real.search_runs([registry._experiment], f"tags.`aoi.cycle` = '{cycle}'")) == 1
        if calls_needed:
            break
    assert calls_needed > 5


def test_of_two_versions_made_at_once_the_first_stays(registry, folder, monkeypatch):
    other = Registry(registry.uri, registry._artifacts)
    first = other.register(1, folder, manifest(), tree=TREE)
    seen = registry._versions
    answers = iter([[]])
    monkeypatch.setattr(registry, "_versions", lambda *args: next(answers, None) or seen(*args))
    assert registry.register(1, folder, manifest(), tree=TREE) == first
    assert [version.number for version in other.versions()] == ["1"]


def test_aliases_name_one_version_each(registry, folder):
    for number in (1, 2):
        registry.register(number, folder, manifest(number), tree=TREE)
    registry.point(CHAMPION, "1")
    assert registry.alias(CHALLENGER) is None
    registry.point(CHALLENGER, "2")
    assert (registry.alias(CHAMPION).number, registry.alias(CHALLENGER).number) == ("1", "2")
    with pytest.raises(UnknownBundle):
        registry.point(CHAMPION, "9")


def test_reconcile_repairs_a_missing_and_a_wrong_alias_and_then_rests(registry, folder):
    given = [manifest(number) for number in (1, 2)]
    for number, one in enumerate(given, 1):
        registry.register(number, folder, one, tree=TREE)
    assert registry.reconcile(champion("1", given[0]))
    assert not registry.reconcile(champion("1", given[0]))
    registry.point(CHAMPION, "2")
    assert registry.reconcile(champion("1", given[0]))
    assert registry.alias(CHAMPION).number == "1"
    assert not registry.reconcile(None)


def test_reconcile_refuses_a_version_that_holds_another_bundle(registry, folder):
    registry.register(1, folder, manifest(1), tree=TREE)
    with pytest.raises(UnknownBundle, match="holds bundle"):
        registry.reconcile(champion("1", manifest(2)))
    with pytest.raises(UnknownBundle):
        registry.reconcile(champion("7", manifest(1)))


def test_curves_and_files_are_kept_once_in_the_run_of_the_cycle(registry, tmp_path):
    (tmp_path / "review.html").write_text("<p>")
    for _ in range(2):
        registry.log(
            1, metrics={"reward": [0.1, 0.2, 0.3], "gain": 0.1}, params={"seed": 0}, tags={"verdict": "promote"}
        )
        registry.log_file(1, tmp_path / "review.html")
    run = registry.run(1)
    assert [point.value for point in registry._client.get_metric_history(run, "reward")] == [0.1, 0.2, 0.3]
    assert [one.path for one in registry._client.list_artifacts(run)] == ["review.html"]


def test_a_run_is_shown_as_under_way_until_it_is_ended_and_again_when_it_goes_on(registry):
    for cycle in (1, 2, 3):
        registry.begin(cycle)
    assert registry.running() == [1, 2, 3]
    registry.finish(1, description="**promoted**")
    registry.finish(2, "KILLED")
    assert registry.running() == [3]
    run = registry._client.get_run(registry.run(1))
    assert (run.info.status, run.data.tags["mlflow.note.content"]) == ("FINISHED", "**promoted**")
    registry.begin(2)
    assert registry.running() == [2, 3]


def test_settings_and_sets_are_named_once_however_many_there_are_and_however_often_they_are_told(registry):
    settings = {f"group.{number}": number for number in range(250)}
    sets = [InputSet("examples", sha256_hex(b"examples"), 12), InputSet("plans", sha256_hex(b"plans"), 3)]
    for changed in ({}, {"group.0": "of another night"}):
        registry.log(1, params=settings | changed)
        registry.log_inputs(1, sets)
    run = registry._client.get_run(registry.run(1))
    assert run.data.params == {name: str(value) for name, value in settings.items()}, "what was told first stays"
    named = {each.dataset.name: json.loads(each.dataset.profile)["num_rows"] for each in run.inputs.dataset_inputs}
    assert named == {"examples": 12, "plans": 3}
    assert len(run.inputs.dataset_inputs) == 2


@pytest.mark.parametrize("bundle", ["", "x' or '1'='1", "../x", "a" * 63])
def test_nothing_but_a_digest_reaches_a_filter(registry, bundle):
    with pytest.raises(UnknownBundle):
        registry.version_of(bundle)


def test_a_place_that_cannot_be_written_is_an_outage_that_names_the_uri(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryUnavailable, match="AOI_MLFLOW_URI"):
        Registry(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}")


def test_a_server_that_is_down_is_an_outage():
    with pytest.raises(RegistryUnavailable, match=r"127\.0\.0\.1:9"):
        Registry("http://127.0.0.1:9")
