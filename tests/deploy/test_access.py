"""`aoi access print` gives an identity what it needs and no more, tried in a cluster."""

import hashlib
import tomllib
from pathlib import Path

import orjson
import pytest
import yaml
from typer.testing import CliRunner

from aoi.access import rights
from aoi.errors import Permanent, SettingsError
from aoi.worlds.identities import EXECUTOR, PROBE
from flows.cli import app
from kubeworld.api.server import Api
from kubeworld.cluster import new_cluster
from kubeworld.machine.identity import ADMIN, Identity
from tests.deploy.test_rbac import Installed

REPOSITORY = Path(__file__).resolve().parents[2]


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


def test_commands_in_pods_are_printed_only_where_they_are_asked_for():
    assert "exec" not in printed("--namespace", "payments").output
    assert "pods/exec" not in printed("--namespace", "payments", "--executor").output
    documents = yaml.safe_load_all(printed("--namespace", "payments", "--executor", "--databases").output)
    bound = [obj["metadata"] for obj in documents if obj["metadata"]["name"] == "aoi-executor-databases"]
    assert [meta.get("namespace") for meta in bound] == [None, "payments"]
    assert isinstance(printed("--namespace", "payments", "--databases").exception, Permanent)


def test_objects_belong_to_the_caller():
    for document in rights.documents("executor", "payments", databases=True):
        document.clear()
    assert all(document["kind"] for document in rights.documents("executor", "payments", databases=True))


def test_an_installation_without_manifests_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(rights, "folder", lambda: tmp_path)
    monkeypatch.setattr(rights, "_parsed", rights._parsed.__wrapped__)
    with pytest.raises(Permanent, match="missing from this installation"):
        list(rights.documents("probe", "payments"))


def test_a_wheel_carries_every_manifest_that_is_read_to_where_it_is_looked_for():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    packaged = "aoi/access/deploy"
    assert carried == {"deploy/namespace.yaml": f"{packaged}/namespace.yaml", "deploy/rbac": f"{packaged}/rbac"}
    assert REPOSITORY / packaged == Path(rights.__file__).with_name("deploy")
    assert rights.folder() == REPOSITORY / "deploy"


@pytest.mark.parametrize("name", ["", "Payments", "a b", "x\nkind: Secret", "-a", "../a"])
def test_what_is_no_namespace_is_refused(name):
    assert isinstance(printed("--namespace", name).exception, Permanent)


def test_a_script_is_shown_with_the_line_that_lists_it_and_told_to_be_listed_then(tmp_path, monkeypatch):
    file, listed = tmp_path / "repair.sh", tmp_path / "scripts"
    file.write_bytes(b"#!/bin/sh\nmongo --eval 'x'\x1b[2J # \xe2\x80\xae")
    listed.write_text("# read by ana\n")
    monkeypatch.setenv("AOI_EXECUTOR__SCRIPTS", str(listed))

    def shown(*options):
        return CliRunner().invoke(app, ["access", "script", str(file), *options], prog_name="aoi")

    first = shown()
    assert first.exit_code == 0
    assert "\\x1b[2J # \\u202e" in first.output
    line = first.output.strip().splitlines()[-1]
    assert line == f"{hashlib.sha256(file.read_bytes()).hexdigest()}  repair.sh"
    assert not orjson.loads(shown("--json").output)["listed"]
    listed.write_text(f"# read by ana\n{line}\n")
    assert orjson.loads(shown("--json").output)["listed"]
    assert "repair_database may run it" in shown().output


def test_a_script_that_is_none_is_told_how_to_be_saved(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing.sh", "binary"):
        result = CliRunner().invoke(app, ["access", "script", str(tmp_path / name)], prog_name="aoi")
        assert isinstance(result.exception, Permanent)
        assert "kubectl get configmap" in str(result.exception)
