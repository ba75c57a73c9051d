"""`aoi access`: the roles that AOI needs on a live cluster, and how to make a kubeconfig with them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from aoi.errors import Permanent

MANIFESTS = Path(__file__).resolve().parents[2] / "deploy"
FILES = ("namespace.yaml", "rbac/probe.yaml", "rbac/bindings.yaml")
EXECUTOR_FILES = ("rbac/executor.yaml", "rbac/executor-policy.yaml")
PLACEHOLDER = "shop"
"""Namespace that the bindings in `deploy/` name, to be replaced."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

COMMANDS = """
# Apply it, then make a kubeconfig whose token ends by itself:
#   aoi access print --namespace {namespace}{flag} | kubectl apply -f -
#   kubectl config view --raw --minify -o jsonpath='{{.clusters[0].cluster.certificate-authority-data}}' \\
#     | base64 -d > ca.crt
#   server=$(kubectl config view --minify -o jsonpath='{{.clusters[0].cluster.server}}')
#   token=$(kubectl -n aoi create token {account} --duration 8h)
#   export KUBECONFIG=$PWD/{account}.kubeconfig
#   kubectl config set-cluster live --server "$server" --certificate-authority ca.crt --embed-certs
#   kubectl config set-credentials {account} --token "$token"
#   kubectl config set-context {account} --cluster live --user {account} --namespace {namespace}
#   kubectl config use-context {account} && chmod 600 {account}.kubeconfig
"""


def add_to(app: typer.Typer) -> None:
    """Register the `access` group."""
    group = typer.Typer(help="Rights on a live cluster.", no_args_is_help=True)
    group.callback()(_group)
    group.command("print")(print_access)
    app.add_typer(group, name="access")


def _group() -> None:
    """Rights on a live cluster."""


def print_access(
    namespace: Annotated[str, typer.Option(help="Namespace that AOI looks after.")],
    executor: Annotated[
        bool, typer.Option("--executor", help="The identity that typed actions write with, and its admission policies.")
    ] = False,
) -> None:
    """Print the roles of the read-only identity as YAML, and the commands that make a kubeconfig of it."""
    import yaml

    if not _NAME.fullmatch(namespace):
        raise Permanent(f"{namespace!r:.80} is no name of a namespace. Look: kubectl get namespaces")
    print(yaml.safe_dump_all(documents(namespace, executor=executor), sort_keys=False, width=120), end="")
    account, flag = ("executor", " --executor") if executor else ("probe", "")
    print(COMMANDS.format(namespace=namespace, account=account, flag=flag), end="")


def documents(namespace: str, *, executor: bool) -> Iterator[dict[str, Any]]:
    """The objects of one identity, bound in one namespace. Raises: Permanent if `deploy/` is not there."""
    import yaml

    other = "aoi-probe" if executor else "aoi-executor"
    for name in (*FILES, *(EXECUTOR_FILES if executor else ())):
        path = MANIFESTS / name
        if not path.is_file():
            raise Permanent(f"{path} is not there: AOI was installed without its checkout. Take it from the repository")
        for document in yaml.safe_load_all(path.read_text()):
            kind, metadata = document["kind"], document["metadata"]
            if kind == "ServiceAccount" and metadata["name"] != ("executor" if executor else "probe"):
                continue
            # The Executor reads through the Probe's roles, so those come with both; bindings do not.
            if kind.endswith("RoleBinding") and metadata["name"].startswith(other):
                continue
            if metadata.get("namespace") == PLACEHOLDER:
                metadata["namespace"] = namespace
            yield document
