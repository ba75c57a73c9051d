import os

import pytest
from pydantic import ValidationError

from aoi.errors import SettingsError
from aoi.model_settings import PRESETS, TrainingSettings
from aoi.settings import Settings, derive_seed, refuse_misspelt, variable_names


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("AOI_")]:
        monkeypatch.delenv(name)


def test_a_misspelt_variable_is_refused_with_the_nearest_right_name(monkeypatch):
    monkeypatch.setenv("AOI_GATE__LEVLE", "0.9")
    with pytest.raises(SettingsError, match="Did you mean AOI_GATE__LEVEL"):
        Settings.load()


def test_the_variable_of_prefect_yaml_is_accepted_and_a_slip_of_it_is_not(monkeypatch):
    monkeypatch.setenv("AOI_CHECKOUT", "/app")
    Settings.load()
    monkeypatch.setenv("AOI_CHEKOUT", "/app")
    with pytest.raises(SettingsError, match="Did you mean AOI_CHECKOUT"):
        Settings.load()


@pytest.mark.parametrize("name", variable_names())
def test_every_one_letter_slip_of_every_variable_is_refused(name):
    for at in range(4, len(name)):
        slip = name[:at] + name[at + 1 :]
        if slip in variable_names():
            continue
        with pytest.raises(SettingsError, match=slip):
            refuse_misspelt({slip: "1"})


def test_variables_reach_nested_settings(monkeypatch):
    monkeypatch.setenv("AOI_GATE__LEVEL", "0.9")
    monkeypatch.setenv("AOI_SEED", "7")
    settings = Settings.load()
    assert (settings.gate.level, settings.seed) == (0.9, 7)


def test_a_wrong_value_names_its_variable_and_not_the_value(monkeypatch):
    monkeypatch.setenv("AOI_GATE__LEVEL", "hunter2")
    with pytest.raises(SettingsError, match="AOI_GATE__LEVEL") as caught:
        Settings.load()
    assert "hunter2" not in str(caught.value)


def test_an_unknown_field_is_refused():
    with pytest.raises(SettingsError, match="colour"):
        Settings.load(colour="red")


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Settings.load().seed = 3


def test_secrets_are_in_neither_repr_nor_digest(tmp_path):
    plain = Settings.load(home=tmp_path)
    secret = Settings.load(home=tmp_path, database_password="hunter2", server={"api_key": "hunter2"})
    assert "hunter2" not in repr(secret) + str(secret.public()) + secret.model_dump_json()
    assert plain.digest() == secret.digest()


def test_a_password_in_a_url_is_refused_without_showing_it():
    with pytest.raises(SettingsError, match="AOI_DATABASE_PASSWORD") as caught:
        Settings.load(database_url="postgresql+psycopg://aoi:hunter2@db/aoi")
    assert "hunter2" not in str(caught.value)


def test_the_digest_follows_what_changes_a_result_and_not_where_things_lie(tmp_path):
    here = Settings.load(home=tmp_path / "here")
    assert here.digest() == Settings.load(home=tmp_path / "there").digest()
    assert here.digest() != Settings.load(home=tmp_path / "here", gate={"level": 0.9}).digest()
    assert here.digest() != Settings.load(home=tmp_path / "here", seed=1).digest()


def test_places_default_to_home(tmp_path):
    settings = Settings.load(home=tmp_path)
    for url in (settings.store_url, settings.database_url, settings.mlflow_uri):
        assert str(tmp_path) in url


def test_seeds_differ_by_purpose_and_cycle_and_are_stable():
    seeds = {derive_seed(0, purpose, cycle) for purpose in ("collect", "train") for cycle in range(100)}
    assert len(seeds) == 200
    assert derive_seed(0, "collect", 1) == 964070069


def test_a_preset_sets_defaults_and_what_is_set_wins(monkeypatch):
    monkeypatch.setenv("AOI_MODEL__PRESET", "paper-14b")
    monkeypatch.setenv("AOI_TRAINING__GROUP_SIZE", "6")
    monkeypatch.setenv("AOI_TRAINING__REWARD", "rules")
    training = Settings.load().training
    assert training.reward == "rules"
    assert (training.lora_r, training.lora_dropout, training.learning_rate) == (64, 0.05, 1e-5)
    assert training.group_size == 6


def test_rewards_of_a_judge_need_one(monkeypatch):
    for given in ({}, {"url": "http://127.0.0.1:9"}, {"model": "a-judge"}):
        with pytest.raises(SettingsError, match="needs AOI_JUDGE__URL and AOI_JUDGE__MODEL"):
            Settings.load(training={"reward": "judge"}, judge=given)
    monkeypatch.setenv("AOI_MODEL__PRESET", "paper-14b")
    with pytest.raises(SettingsError, match="AOI_TRAINING__REWARD=rules"):
        Settings.load()
    asked = Settings.load(judge={"url": "http://127.0.0.1:9", "model": "a-judge", "api_key": "hunter2"})
    assert asked.training.reward == "judge"
    assert "hunter2" not in repr(asked) + str(asked.public()) + asked.model_dump_json()


def test_a_server_that_samples_in_training_needs_an_address():
    with pytest.raises(SettingsError, match="needs AOI_SERVER__URL"):
        Settings.load(training={"sampling": "server"})
    sampled = Settings.load(training={"sampling": "server"}, server={"url": "http://127.0.0.1:9"})
    assert sampled.training.sync_every == 1
    assert Settings.load(server={"url": "http://127.0.0.1:9"}).training.sampling == "in_process"


def test_a_base_without_a_preset_is_trained_as_a_small_one(monkeypatch):
    assert Settings.load().training == TrainingSettings()
    monkeypatch.setenv("AOI_MODEL__BASE", "somebody/model")
    assert Settings.load().training == TrainingSettings.model_validate(PRESETS["small"])
    monkeypatch.setenv("AOI_MODEL__PRESET", "seed")
    assert Settings.load().training == TrainingSettings()


def test_every_preset_is_made_of_settings_that_there_are():
    for preset in PRESETS.values():
        assert set(preset) <= set(TrainingSettings.model_fields)
        TrainingSettings.model_validate(preset)


def test_a_preset_that_is_not_there_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("AOI_MODEL__PRESET", "70b")
    with pytest.raises(SettingsError, match="AOI_MODEL__PRESET"):
        Settings.load()
