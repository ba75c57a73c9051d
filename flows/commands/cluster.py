"""`aoi cluster`: an embedded cluster for real kubectl, helm and client libraries."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aoi.errors import Permanent
from flows.commands.options import Json

if TYPE_CHECKING:
    from kubeworld.front import Front
    from kubeworld.machine.world import World

DEFAULT_APPLICATION = "hotel_reservation"
EMPTY_NAMESPACE = "default"
"""What AOI's identities look after in a cluster without an application; others are granted as on a live cluster."""
SUFFIXES = {"probe": ".probe", "executor": ".executor"}
"""Kubeconfigs of AOI's own identities lie beside the administrator's."""


def add_to(app: typer.Typer) -> None:
    """Register the `cluster` group."""
    group = typer.Typer(help="Embedded clusters for kubectl, helm and client libraries.", no_args_is_help=True)
    group.callback()(_group)
    group.command()(up)
    app.add_typer(group, name="cluster")


def _group() -> None:
    """Embedded clusters for kubectl, helm and client libraries."""


@dataclass(frozen=True)
class Served:
    """A world and how its user finds it."""

    name: str
    """Its id in the URL and its context in the kubeconfig."""
    world: "World"
    namespace: str


def up(
    *,
    app: Annotated[
        list[str] | None,
        typer.Option(help="Application to run; several give a cluster each. hotel_reservation if nothing is chosen."),
    ] = None,
    problem: Annotated[str | None, typer.Option(help="Serve a problem's cluster, with its fault.")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Serve a cluster with nothing but the system in it.")] = False,
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="Nodes of an empty cluster.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Where to write it (and FILE.probe, FILE.executor); a new folder otherwise.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    clock: Annotated[
        Literal["scaled", "stepped"], typer.Option(help="Time follows the wall clock, or passes with each request.")
    ] = "scaled",
    speed: Annotated[
        float, typer.Option(min=0, help="Simulated seconds for each second of the wall clock, or for each request.")
    ] = 1.0,
    json: Json = False,
) -> None:
    """Serve embedded clusters over HTTPS on loopback until Ctrl-C. The kubeconfigs are removed at the end."""
    import asyncio
    import tempfile

    from kubeworld.front import Front, Scaled, Stepped, serve_until_stopped

    if bool(app) + bool(problem) + empty > 1:
        raise Permanent("--app, --problem and --empty exclude each other: choose one")
    served = _empty(nodes, seed) if empty else _problem(problem, seed) if problem else _applications(app, seed)
    mode = Scaled(speed) if clock == "scaled" else Stepped(round(speed * 1000))
    front = Front({"" if len(served) == 1 else world.name: world.world for world in served}, mode)
    with tempfile.TemporaryDirectory(prefix="aoi-cluster-") as folder:
        file = kubeconfig or Path(folder) / "kubeconfig"
        files = (file, *(file.with_name(file.name + suffix) for suffix in SUFFIXES.values()))
        _refuse_others_files(files)
        try:
            asyncio.run(
                serve_until_stopped(front, port, lambda: _announce(front, served, file, Path(folder), as_json=json))
            )
        except OSError as error:
            raise Permanent(f"cannot serve on 127.0.0.1:{port}: {error.strerror}. Choose another --port") from error
        finally:
            for world in files:
                if _is_ours(world):
                    world.unlink()


def _applications(keys: list[str] | None, seed: int) -> list[Served]:
    from aoi.worlds.applications.lookup import application
    from aoi.worlds.environment import new_world

    specs = {key: application(key, seed) for key in keys or [DEFAULT_APPLICATION]}
    return [_presented(key, new_world(spec, seed), spec.namespace) for key, spec in specs.items()]


def _problem(problem_id: str, seed: int) -> list[Served]:
    """Nothing of the scenario but its world and its namespace leaves this function: the rest is the answer."""
    from aoi.problems import catalogue, scenario
    from aoi.records.problem import ProblemInstance

    built = scenario.build(ProblemInstance(problem=catalogue.get(problem_id), seed=seed))
    return [_presented("problem", built.world, built.namespace)]


def _empty(nodes: int, seed: int) -> list[Served]:
    from aoi.worlds.identities import add_identities
    from kubeworld.bootstrap import empty_world

    world = empty_world(nodes, seed)
    add_identities(world, EMPTY_NAMESPACE)
    return [_presented("empty", world, EMPTY_NAMESPACE)]


def _presented(name: str, world: "World", namespace: str) -> Served:
    """The world as a person expects a cluster: it ends now, and has the roles that every cluster has."""
    import time

    from kubeworld.bootstrap import add_default_roles
    from kubeworld.machine.anchor import anchor

    add_default_roles(world)
    anchor(world, int(time.time() * 1000))
    return Served(name, world, namespace)


def _refuse_others_files(files: tuple[Path, ...]) -> None:
    for file in files:
        if file.exists() and not _is_ours(file):
            raise Permanent(f"{file} exists and was not written by `aoi cluster up`: name another --kubeconfig")
        if not file.parent.is_dir():
            raise Permanent(f"{file.parent} is no folder: create it, or name another --kubeconfig")


def _is_ours(file: Path) -> bool:
    from kubeworld.front import is_ours

    return file.is_file() and is_ours(file)


def _announce(front: "Front", served: list[Served], file: Path, folder: Path, *, as_json: bool) -> None:
    """Write the kubeconfigs and say how to use them."""
    import sys

    from aoi.worlds.identities import EXECUTOR, PROBE
    from flows.console import out, print_json
    from kubeworld.api.server import api_of
    from kubeworld.front import Context, write_contexts
    from kubeworld.machine.identity import ADMIN

    identities = {"admin": (file, ADMIN)}
    for user, identity in (("probe", PROBE), ("executor", EXECUTOR)):
        identities[user] = (file.with_name(file.name + SUFFIXES[user]), identity)
    for path, identity in identities.values():
        contexts = []
        for cluster in served:
            url = front.url if len(served) == 1 else f"{front.url}/w/{cluster.name}"
            contexts.append(Context(cluster.name, url, api_of(cluster.world).tokens.add(identity), cluster.namespace))
        write_contexts(path, front.authority_pem, contexts)
    cache = folder / "cache"
    if as_json:
        paths = {user: str(path) for user, (path, _) in identities.items()}
        worlds = [{"name": cluster.name, "namespace": cluster.namespace} for cluster in served]
        print_json({"url": front.url, "kubeconfigs": paths, "cache_dir": str(cache), "worlds": worlds})
        sys.stdout.flush()  # whoever reads a pipe waits for this document
        return
    names = ", ".join(f"{cluster.name} (namespace {cluster.namespace})" for cluster in served)
    lines = (
        f"Serving {names} on {front.url}. Ctrl-C ends it and removes the kubeconfigs.",
        "",
        f"  export KUBECONFIG={file}",
        f"  export KUBECACHEDIR={cache}  # kubectl remembers discovery by host:port, also of clusters that are gone",
        "  kubectl get pods",
        *(f"  kubectl --context {cluster.name} get pods" for cluster in served[1:]),
        "",
        f"As AOI's Probe, which only reads: {identities['probe'][0]}",
        f"As AOI's Executor:                {identities['executor'][0]}",
        "Both look after one namespace. Another is granted as on a live cluster:",
        "  aoi access print --namespace NAME | kubectl apply -f -  # and with --executor",
    )
    out.print("\n".join(lines), markup=False, soft_wrap=True, highlight=False)
    out.file.flush()
