"""`aoi doctor` tells every part, whatever is wrong with another, and ends with 1 if one is broken."""

import json
from pathlib import Path

import pytest

from tests.command import aoi

PARTS = [
    "settings",
    "versions",
    "home",
    "memory",
    "store",
    "database",
    "champion",
    "registry",
    "Prefect",
    "model server",
    "judge",
    "cluster",
    "clusters",
]
NOWHERE = "http://127.0.0.1:9"


def test_a_new_home_holds_and_lacks_a_champion(tmp_path: Path) -> None:
    ended = aoi(tmp_path / "home", "doctor", "--json")
    assert ended.returncode == 0, ended.stderr
    found = {each["part"]: each for each in json.loads(ended.stdout)}
    assert list(found) == PARTS
    assert found["champion"]["state"] == "warning"
    assert "aoi retrain" in found["champion"]["detail"]
    assert {found[part]["state"] for part in ("settings", "home", "store", "database", "registry")} == {"ok"}
    assert {found[part]["state"] for part in ("Prefect", "model server", "judge", "cluster", "clusters")} == {"unset"}


def test_what_does_not_answer_is_broken_and_hides_nothing_else(tmp_path: Path) -> None:
    away = {"AOI_SERVER__URL": NOWHERE, "AOI_JUDGE__URL": NOWHERE, "AOI_CLUSTER__KUBECONFIG": str(tmp_path / "none")}
    ended = aoi(tmp_path / "home", "doctor", PREFECT_API_URL=f"{NOWHERE}/api", **away)
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert [line[9:23].strip() for line in lines] == PARTS
    broken = [line[9:23].strip() for line in lines if line.startswith("BROKEN")]
    assert broken == ["Prefect", "model server", "judge", "cluster"]
    assert "Traceback" not in ended.stderr


def test_a_setting_that_is_wrong_is_told_and_ends_it(tmp_path: Path) -> None:
    ended = aoi(tmp_path / "home", "doctor", AOI_SEVER__URL=NOWHERE)
    assert ended.returncode == 1
    assert len(ended.stdout.splitlines()) == 1
    assert "AOI_SEVER__URL" in ended.stdout


@pytest.mark.parametrize("place", ["AOI_STORE_URL", "AOI_DATABASE_URL"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    url = {"AOI_STORE_URL": "file:///proc/nowhere", "AOI_DATABASE_URL": "postgresql+psycopg://ann@127.0.0.1:9/aoi"}[
        place
    ]
    ended = aoi(tmp_path / "home", "doctor", **{place: url})
    assert ended.returncode == 1
    part = {"AOI_STORE_URL": "store", "AOI_DATABASE_URL": "database"}[place]
    broken = [line[9:23].strip() for line in ended.stdout.splitlines() if line.startswith("BROKEN")]
    assert broken[0] == part
    assert set(broken) <= {part, "database", "champion", "registry", "clusters"}, "these stand on it"
