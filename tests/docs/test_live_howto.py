"""What docs/howto/run-on-a-live-cluster.md says of `aoi diagnose`, tried over HTTPS on a served cluster."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi.problems import catalogue, scenario
from aoi.records.problem import ProblemInstance
from aoi.worlds.identities import PROBE
from kubeworld.api.server import api_of
from kubeworld.front import Front, serving, write_kubeconfig
from kubeworld.machine.identity import ADMIN
from tests.command import aoi


@pytest.fixture(scope="module")
def broken() -> scenario.Scenario:
    problem = next(p for p in catalogue.problems(fault="scale_to_zero") if p.application == "hotel_reservation")
    return scenario.build(ProblemInstance(problem=problem, seed=5))


@pytest.fixture(scope="module")
def kubeconfig(broken: scenario.Scenario, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with serving(Front({"": broken.world})) as front:
        tokens = {who.name: api_of(broken.world).tokens.add(who) for who in (PROBE, ADMIN)}
        path = tmp_path_factory.mktemp("live") / "config"
        write_kubeconfig(path, front.url, front.authority_pem, tokens, namespace=broken.namespace)
        yield path


def diagnose(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return aoi(home, "diagnose", *arguments)


def test_without_a_model_the_cause_is_named_with_the_lines_that_show_it(
    broken: scenario.Scenario, kubeconfig: Path, tmp_path: Path
) -> None:
    where = ("--kubeconfig", str(kubeconfig), "--namespace", broken.namespace, "--context", PROBE.name)
    found = json.loads(diagnose(tmp_path, *where, "--symptom", "the page of frontend is down", "--json").stdout)
    assert found["answer"]["verdict"] == "fault"
    assert found["answer"]["component"] in broken.truth.accepted
    assert found["answer"]["cause"] in broken.truth.causes
    assert found["evidence"][0]["seen"]
    assert found["bundle"] is None


def test_an_identity_that_can_write_is_refused_in_one_line(
    broken: scenario.Scenario, kubeconfig: Path, tmp_path: Path
) -> None:
    where = ("--kubeconfig", str(kubeconfig), "--namespace", broken.namespace, "--context", ADMIN.name)
    said = diagnose(tmp_path, *where)
    assert said.returncode == 69
    assert "does not run with an identity that powerful" in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1


def test_a_seed_model_answers_on_a_live_cluster_only_when_told_to(
    broken: scenario.Scenario, kubeconfig: Path, tmp_path: Path
) -> None:
    where = ("--kubeconfig", str(kubeconfig), "--namespace", broken.namespace, "--context", PROBE.name)
    said = diagnose(tmp_path, *where, "--demo")
    assert said.returncode == 69
    assert "there is no champion yet" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [((), "say where to look: --problem ID"), (("--problem", "x", "--namespace", "y"), "give one of them")],
)
def test_one_place_to_look_at_is_asked_for(arguments: tuple[str, ...], advice: str, tmp_path: Path) -> None:
    said = diagnose(tmp_path, *arguments)
    assert said.returncode == 2
    assert advice in said.stderr
