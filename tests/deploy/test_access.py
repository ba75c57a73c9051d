"""`aoi access print` gives an identity what it needs and no more, tried in a cluster."""

import orjson
import pytest
import yaml
from typer.testing import CliRunner

from aoi.errors import Permanent, SettingsError
from aoi.worlds.identities import EXECUTOR, PROBE
from flows.cli import app
from kubeworld.api.server import Api
from kubeworld.cluster import new_cluster
from kubeworld.machine.identity import ADMIN, Identity
from tests.deploy.test_rbac import Installed


def printed(*options):
    return CliRunner().invoke(app, ["access", "print", *options], prog_name="aoi")


def cluster(namespace, documents):
    """A cluster with these objects in it and nothing else of AOI."""
    installed = Installed.__new__(Installed)
    installed.world, installed.namespace, installed.unserved = new_cluster(seed=1, controllers=()), namespace, set()
    installed.api = Api(installed.world)
    installed.api.handle("POST", "/api/v1/namespaces", (), {}, orjson.dumps({"metadata": {"name": namespace}}), ADMIN)
    for document in documents:
        installed.apply(document)
    return installed


@pytest.mark.parametrize(("options", "who", "role"), [((), PROBE, "probe"), (("--executor",), EXECUTOR, "executor")])
def test_what_is_printed_satisfies_the_start_up_check(options, who, role):
    result = printed("--namespace", "payments", *options)
    assert result.exit_code == 0
    installed = cluster("payments", yaml.safe_load_all(result.output))
    installed.check(who, role)
    other: Identity = EXECUTOR if who is PROBE else PROBE
    with pytest.raises(SettingsError, match="may not"):
        installed.check(other, role)


def test_the_probes_print_names_no_executor_and_the_commands_make_its_kubeconfig():
    text = printed("--namespace", "payments").output
    assert "executor" not in text
    assert "shop" not in text
    assert "kubectl -n aoi create token probe" in text
    assert "--namespace payments" in text


@pytest.mark.parametrize("name", ["", "Payments", "a b", "x\nkind: Secret", "-a", "../a"])
def test_what_is_no_namespace_is_refused(name):
    assert isinstance(printed("--namespace", name).exception, Permanent)
