"""`aoi access`: the roles that AOI needs on a live cluster, a kubeconfig with them, and the scripts that it may run."""

import re
from pathlib import Path
from typing import Annotated

import typer

from aoi.errors import Permanent
from flows.commands.options import Json

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

SAVE = "kubectl get configmap NAME -n NAMESPACE -o go-template='{{index .data \"KEY\"}}' > FILE"

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
    group.command("script")(script)
    app.add_typer(group, name="access")


def script(
    file: Annotated[Path, typer.Argument(help="The script, saved from its ConfigMap as it stands there.")],
    json: Json = False,
) -> None:
    """Show a repair script for a person to read, its digest, and the line that lets `repair_database` run it."""
    from aoi.agents.actions.database import script_digest
    from aoi.agents.actions.scripts import read_list
    from aoi.settings import Settings
    from aoi.visible import visible
    from flows.console import print_json

    try:
        text = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Permanent(f"{file} is no script that can be read: {error}. Save it: {SAVE}") from error
    digest = script_digest(text)
    path = Settings.load().executor.scripts
    is_listed = bool(path) and digest in read_list(Path(path))
    if json:
        print_json({"file": str(file), "sha256": digest, "listed": is_listed, "list": path or None})
        return
    print("\n".join(visible(line.expandtabs(4)) for line in text.split("\n")))
    print(f"\nsha256 {digest}")
    if is_listed:
        print(f"It is on the list {path}: repair_database may run it.")
    else:
        where = path or "a file of yours, and name that file in AOI_EXECUTOR__SCRIPTS"
        print(f"It is on no list, and is not run. Having read it, add this line to {where}:\n{digest}  {file.name}")


def _group() -> None:
    """Rights on a live cluster."""


def print_access(
    namespace: Annotated[str, typer.Option(help="Namespace that AOI looks after.")],
    executor: Annotated[
        bool, typer.Option("--executor", help="The identity that typed actions write with, and its admission policies.")
    ] = False,
    databases: Annotated[
        bool,
        typer.Option("--databases", help="With --executor: commands in pods as well, which repair_database needs."),
    ] = False,
) -> None:
    """Print the roles of the read-only identity as YAML, and the commands that make a kubeconfig of it."""
    import yaml

    from aoi.access import rights

    if not _NAME.fullmatch(namespace):
        raise Permanent(f"{namespace!r:.80} is no name of a namespace. Look: kubectl get namespaces")
    if databases and not executor:
        raise Permanent("--databases is a right of the Executor: add --executor")
    account: rights.Account = "executor" if executor else "probe"
    objects = [*rights.documents(account, namespace, databases=databases), *(rights.policies() if executor else ())]
    print(yaml.safe_dump_all(objects, sort_keys=False, width=120), end="")
    flag = (" --executor" if executor else "") + (" --databases" if databases else "")
    print(COMMANDS.format(namespace=namespace, account=account, flag=flag), end="")
