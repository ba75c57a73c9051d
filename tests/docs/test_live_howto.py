"""The script of docs/howto/run-on-a-live-cluster.md does what the page says, over HTTPS."""

import importlib.util

import pytest

from aoi.clusters.embedded.api.server import api_of
from aoi.clusters.embedded.front import Front, serving, write_kubeconfig
from aoi.clusters.embedded.identity import ADMIN, PROBE
from aoi.errors import SettingsError
from aoi.problems import catalogue, scenario
from aoi.records.problem import ProblemInstance
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("survey_cluster", ROOT / "docs" / "howto" / "survey_cluster.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_names_the_fault_of_a_served_cluster_and_refuses_an_admin(script, tmp_path):
    problem = next(p for p in catalogue.problems(fault="scale_to_zero") if p.application == "hotel_reservation")
    prepared = scenario.build(ProblemInstance(problem=problem, seed=5))
    with serving(Front({"": prepared.world})) as front:
        tokens = {who.name: api_of(prepared.world).tokens.add(who) for who in (PROBE, ADMIN)}
        kubeconfig = tmp_path / "config"
        write_kubeconfig(kubeconfig, front.url, front.authority_pem, tokens, namespace=prepared.namespace)
        answer = script.look(kubeconfig, prepared.namespace, context=PROBE.name)
        with pytest.raises(SettingsError, match="does not run with an identity that powerful"):
            script.look(kubeconfig, prepared.namespace, context=ADMIN.name)
    assert answer.component in prepared.truth.accepted
    assert answer.cause in prepared.truth.causes
