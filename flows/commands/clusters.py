"""`aoi clusters`: live clusters by name. `aoi cluster` serves embedded ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Context, Json

if TYPE_CHECKING:
    from aoi.database.clusters import RegisteredCluster

Name = Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")]


def add_to(app: typer.Typer) -> None:
    """Register the `clusters` group."""
    group = typer.Typer(help="Live clusters that are diagnosed by name.", no_args_is_help=True)
    group.callback()(_group)
    group.command()(add)
    group.command("list")(list_)
    group.command()(show)
    group.command()(remove)
    app.add_typer(group, name="clusters")


def _group() -> None:
    """Live clusters that are diagnosed by name."""


def add(
    name: Name,
    *,
    kubeconfig: Annotated[
        Path, typer.Option(help="Of an identity that can only read (aoi access print). Its path is kept, nothing else.")
    ],
    context: Context = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            metavar="<str>",
            help="Looked at by default, several times if you like; else context's.",
        ),
    ] = None,
    prometheus_url: Annotated[str, typer.Option(metavar="<url>", help="Of its Prometheus.")] = "",
    jaeger_url: Annotated[str, typer.Option(metavar="<url>", help="Of its Jaeger.")] = "",
    executor_kubeconfig: Annotated[
        Path | None,
        typer.Option(
            help="Of the identity that approved changes are made with (aoi access print --executor). Without it "
            "nothing is changed there."
        ),
    ] = None,
    executor_context: Annotated[
        str | None, typer.Option(help="Context of that kubeconfig; its current one if not given.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of the one of that name.")] = False,
    json: Json = False,
) -> None:
    """Register a cluster, once its identity was found able to do nothing but look. No credential is kept.

    With --executor-kubeconfig changes that a person approves can be made there (aoi actions).

    Exit status: 69 if an identity is refused or nothing of the kubeconfig can be used, 75 if the cluster does not
    answer now.
    """
    from pydantic import ValidationError

    from flows.commands.diagnosis import unavailable_if_refused
    from flows.console import print_json
    from tasks.clusters import register

    try:
        with unavailable_if_refused():
            entered = register(
                name,
                kubeconfig,
                context=context,
                namespaces=tuple(namespace or ()),
                prometheus_url=prometheus_url,
                jaeger_url=jaeger_url,
                executor_kubeconfig=executor_kubeconfig,
                executor_context=executor_context,
                is_replaced=replace,
            )
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise typer.BadParameter(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
    if json:
        print_json(entered.model_dump(mode="json"))
        return
    _print(f"{_line(entered)}. Its identity can only read. Diagnose it: aoi diagnose --cluster {entered.name}")
    if entered.executor_kubeconfig:
        _print("What a person approves is made by the Executor's own identity: aoi actions propose --answer ANSWER")


def list_(json: Json = False) -> None:
    """Every registered cluster."""
    from flows.console import print_json
    from tasks.clusters import registered

    found = registered()
    if json:
        print_json([cluster.model_dump(mode="json") for cluster in found])
    elif not found:
        _print("no cluster is registered. Enter one: aoi clusters add NAME --kubeconfig FILE")
    else:
        for cluster in found:
            _print(_line(cluster))


def show(name: Name, json: Json = False) -> None:
    """One registered cluster: where its kubeconfig lies, and where it is looked at."""
    from flows.console import print_json
    from tasks.clusters import cluster_named

    found = cluster_named(name)
    if json:
        print_json(found.model_dump(mode="json"))
        return
    for field, value in found.model_dump(mode="json", exclude={"schema_version"}).items():
        said = ", ".join(value) if isinstance(value, list) else value
        _print(f"{field.replace('_', ' '):<19} {said or '-'}")
    if not Path(found.kubeconfig).is_file():
        _print(f"the kubeconfig is gone. Name another: aoi clusters add {name} --replace --kubeconfig FILE")


def remove(name: Name) -> None:
    """Take a cluster out of the list. Its kubeconfig stays where it is."""
    from tasks.clusters import forget

    forget(name)
    _print(f"{name} is no longer registered")


def _line(cluster: "RegisteredCluster") -> str:
    return f"{cluster.name}  {cluster.server} (context {cluster.context})  {', '.join(cluster.namespaces)}"


def _print(line: str) -> None:
    """What a kubeconfig says is printed as it stands there."""
    from aoi.visible import visible
    from flows.console import out

    out.print(visible(line), markup=False, highlight=False, emoji=False, soft_wrap=True)
