"""The stricter level: values of configuration by shape and digest, names and states as they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.access.redaction import Strictness
from tests.access.secrets import Shape, shapes

STRICT = Strictness()
POD = {
    "kind": "Pod",
    "metadata": {"name": "geo-7d9f8b6c5-x2x4q", "labels": {"app": "geo"}, "annotations": {"note": "ask the blue team"}},
    "spec": {
        "containers": [
            {
                "name": "geo",
                "image": "registry.local/shop/geo:1.2",
                "command": ["/bin/geo"],
                "args": ["--mode", "turquoise", "--listen=0.0.0.0:8083", "--feature=aubergine"],
                "env": [
                    {"name": "MODE", "value": "turquoise"},
                    {"name": "ADDR", "value": "mongo-geo:27017"},
                    {"name": "URL", "value": "http://geo:8083/private/path?q=aubergine"},
                    {"name": "DB_PASS", "valueFrom": {"secretKeyRef": {"name": "db-creds", "key": "password"}}},
                    {"name": "RETRIES", "value": "3"},
                ],
                "ports": [{"containerPort": 8083}],
            }
        ]
    },
    "status": {
        "phase": "Running",
        "containerStatuses": [{"ready": False, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
    },
}


def test_values_of_configuration_are_hidden_and_what_a_diagnosis_needs_stays() -> None:
    out = json.dumps(STRICT.object(POD))
    for hidden in ("turquoise", "aubergine", "private/path", "blue team"):
        assert hidden not in out
    for kept in (
        "geo-7d9f8b6c5-x2x4q", "registry.local/shop/geo:1.2", "/bin/geo", "--mode", "0.0.0.0:8083", "--feature=",
        "mongo-geo:27017", "http://geo:8083/", "db-creds", "CrashLoopBackOff", '"value": "3"', '"containerPort": 8083',
    ):  # fmt: skip
        assert kept in out


def test_equal_values_are_seen_to_be_equal_and_others_to_differ() -> None:
    spec = STRICT.object(POD)["spec"]["containers"][0]
    assert spec["args"][1] == spec["env"][0]["value"]
    assert STRICT.object({"env": [{"name": "MODE", "value": "violett"}]})["env"][0]["value"] != spec["env"][0]["value"]
    assert spec["env"][0]["value"].startswith("<9 characters, letters, #")


def test_a_digest_can_only_be_made_with_its_key() -> None:
    one, same, other = Strictness(b"k1"), Strictness(b"k1"), Strictness()
    assert one.shape("hunter2") == same.shape("hunter2")
    assert len({Strictness().shape("hunter2") for _ in range(20)} | {other.shape("hunter2")}) > 15


def test_entries_of_a_config_map_are_hidden_and_their_names_stay() -> None:
    out = STRICT.object({"kind": "ConfigMap", "data": {"app.conf": "color turquoise", "port": "8083"}})
    assert "turquoise" not in json.dumps(out)
    assert out["data"]["port"] == "8083"
    assert list(out["data"]) == ["app.conf", "port"]


def test_of_a_url_scheme_host_and_port_stay() -> None:
    out = STRICT.text("GET http://geo:8083/private?q=1 failed with 503")
    assert out.startswith("GET http://geo:8083/<")
    assert out.endswith("> failed with 503")
    assert "private" not in out


@pytest.mark.parametrize("each", [s for s in shapes() if s.family != "cut"], ids=lambda each: each.id)
def test_the_stricter_level_hides_all_that_the_other_hides(each: Shape) -> None:
    out = STRICT.object(each.content) if each.is_object else STRICT.text(each.text)
    assert each.leaks_into(json.dumps(out, ensure_ascii=False)) == ()


@given(st.text(max_size=200))
def test_hiding_twice_is_hiding_once(text: str) -> None:
    once = STRICT.text(text)
    assert STRICT.text(once) == once
