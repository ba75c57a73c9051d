"""Foreign cases, diagnosed without a model over HTTPS by a kubeconfig of the Probe's account.

`python -m tests.foreign` prints the table of right, wrong and inconclusive; `--case NAME` shows one.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.foreign.case import Case, own_cases, read_folder
from tests.foreign.corpus import run
from tests.foreign.judging import Judgement

pytestmark = pytest.mark.xdist_group("foreign")  # one cluster holds most of the cases
KNOWN: Mapping[str, str] = yaml.safe_load(Path(__file__).with_name("known.yaml").read_text(encoding="utf-8")) or {}
"""Name -> why it is wrong."""


@pytest.fixture(scope="module")
def judgements() -> Mapping[str, Judgement]:
    return {judgement.case.name: judgement for judgement in run(own_cases())}


def _marked(case: Case) -> object:
    marks = [pytest.mark.xfail(strict=True, reason=KNOWN[case.name])] if case.name in KNOWN else []
    return pytest.param(case.name, id=case.name, marks=marks)


@pytest.mark.parametrize("name", [_marked(case) for case in own_cases()])
def test_a_foreign_namespace_is_diagnosed_as_an_engineer_would(judgements: Mapping[str, Judgement], name: str) -> None:
    judgement = judgements[name]
    assert judgement.grade == "right", str(judgement)


def test_every_kind_of_fault_has_two_cases_and_nearly_half_of_all_are_healthy() -> None:
    cases = own_cases()
    healthy = sum(case.expected.healthy for case in cases)
    assert len({case.name for case in cases}) == len(cases)
    assert len(cases) >= 130
    assert healthy >= 0.4 * len(cases)
    single = [kind for kind, number in Counter(case.kind for case in cases).items() if number < 2]
    assert single == []


def test_what_is_known_to_be_wrong_is_a_case() -> None:
    assert set(KNOWN) <= {case.name for case in own_cases()}


def test_cases_of_another_folder_are_read_in_its_layout(tmp_path: Path) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shy", "namespace": "elsewhere"},
        "spec": {
            "selector": {"matchLabels": {"app": "shy"}},
            "template": {
                "metadata": {"labels": {"app": "shy"}},
                "spec": {"containers": [{"name": "main", "image": "registry.example/shy:1"}]},
            },
        },
    }
    (tmp_path / "shy.yaml").write_text(yaml.safe_dump(deployment))
    behaviour = {
        "match": {"namespace": "elsewhere", "pod": "shy*"},
        "exit": {"after_s": 1, "code": 1},
        "log": ["OSError: [Errno 98] Address already in use"],
    }
    (tmp_path / "behaviours.yaml").write_text(yaml.safe_dump([behaviour]))
    expected = [
        {"namespace": "elsewhere", "component": "shy", "words": ["address already in use"]},
        {"namespace": "nowhere", "error": True},
    ]
    (tmp_path / "expected.yaml").write_text(yaml.safe_dump(expected))
    assert [j.grade for j in run(read_folder(tmp_path))] == ["right", "right"]


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ("component: other", "component"),
        ("{component: sad, words: [no such words]}", "words"),
        ("{component: sad, cause: oomkilled}", "cause"),
        ("{component: sad, innocent: [sad]}", "innocent"),
        ("{component: sad, symptoms: [web]}", "symptoms"),
        ("{component: sad, also: {component: other}}", "component"),
        ("healthy: true", "verdict"),
        ("error: true", "namespace"),
    ],
)
def test_an_answer_that_differs_in_one_thing_is_wrong(tmp_path: Path, expected: str, reason: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "sad", "namespace": "here"},
        "spec": {"containers": [{"name": "main", "image": "registry.example/sad:1"}]},
    }
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(pod))
    behaviour = {"match": {"namespace": "here"}, "exit": {"after_s": 1, "code": 1}}
    (tmp_path / "behaviours.yaml").write_text(yaml.safe_dump([behaviour]))
    entry = {"namespace": "here", **yaml.safe_load(expected)}
    (tmp_path / "expected.yaml").write_text(yaml.safe_dump([entry]))
    cases = [case.model_copy(update={"makes_namespaces": True}) for case in read_folder(tmp_path)]
    (judgement,) = run(cases)
    assert judgement.grade == "wrong"
    assert any(reason in text for text in judgement.reasons)
