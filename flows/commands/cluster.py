"""`aoi cluster`: an embedded cluster for real kubectl, helm and client libraries."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aoi.errors import Permanent
from aoi.records.seed import MAX_SEED
from flows.commands.options import Json

if TYPE_CHECKING:
    from kubeworld.front import Front
    from kubeworld.serve import Kubeconfigs, Tenant

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


def up(
    *,
    app: Annotated[
        list[str] | None,
        typer.Option(help="Application to run; several give a cluster each. hotel_reservation if nothing is chosen."),
    ] = None,
    problem: Annotated[str | None, typer.Option(help="Serve a problem's cluster, with its fault.")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="Serve a cluster with nothing but the system in it.")] = False,
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="Nodes of an empty cluster.")] = 3,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the world.")] = 0,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Where to write it (and FILE.probe, FILE.executor); a new folder otherwise.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    prometheus_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of Prometheus' HTTP API on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    jaeger_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of Jaeger's query API on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    alertmanager_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of Alertmanager's API on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    node_ports: Annotated[
        bool, typer.Option("--node-ports", help="NodePorts of the clusters' Services listen on 127.0.0.1 too.")
    ] = False,
    clock: Annotated[
        Literal["scaled", "stepped"], typer.Option(help="Time follows the wall clock, or passes with each request.")
    ] = "scaled",
    speed: Annotated[
        float,
        typer.Option(
            min=0, max=86_400, help="Simulated seconds for each second of the wall clock, or for each request."
        ),
    ] = 1.0,
    behaviours: Annotated[
        Path | None,
        typer.Option(help="YAML file of what containers and kubelets do; read again whenever it changes."),
    ] = None,
    json: Json = False,
) -> None:
    """Serve embedded clusters over HTTPS on loopback until Ctrl-C. The kubeconfigs are removed at the end."""
    import tempfile

    from kubeworld.front import Scaled, Stepped
    from kubeworld.serve import front_of, serve_until_interrupted

    if bool(app) + bool(problem) + empty > 1:
        raise Permanent("--app, --problem and --empty exclude each other: choose one")
    tenants = _empty(nodes, seed) if empty else _problem(problem, seed) if problem else _applications(app, seed)
    front = front_of(tenants, Scaled(speed) if clock == "scaled" else Stepped(round(speed * 1000)))
    ports = {"prometheus": prometheus_port, "jaeger": jaeger_port, "alertmanager": alertmanager_port}
    _monitor(front, ports, node_ports=node_ports)
    if behaviours is not None:
        _follow(front, behaviours)
    with tempfile.TemporaryDirectory(prefix="aoi-cluster-") as folder:
        users = _users(kubeconfig or Path(folder) / "kubeconfig")
        say = partial(_announce, front, tenants, users, Path(folder) / "cache", as_json=json)
        try:
            serve_until_interrupted(front, tenants, _kubeconfigs(users), port, say)
        except FileExistsError as error:
            why = "exists and was not written by `aoi cluster up`"
            raise Permanent(f"{error.filename} {why}: name another --kubeconfig") from error
        except NotADirectoryError as error:
            raise Permanent(f"{error.filename} is no folder: create it, or name another --kubeconfig") from error
        except OSError as error:
            asked = ", ".join(f"{name} {number}" for name, number in {"port": port, **ports}.items() if number)
            why = f"cannot serve on 127.0.0.1 ({asked or 'free ports'}): {error.strerror}"
            raise Permanent(
                f"{why}. Choose another --port, or another --{'|--'.join(f'{n}-port' for n in ports)}"
            ) from error


def _monitor(front: "Front", ports: dict[str, int], *, node_ports: bool) -> None:
    """Serve what monitors a cluster, and whatever listens in its pods."""
    from aoi.worlds import endpoints
    from kubeworld.front import Face

    answers = {
        "prometheus": endpoints.prometheus,
        "jaeger": endpoints.jaeger,
        "alertmanager": endpoints.alertmanager,
    }
    front.faces = tuple(Face(name, partial(partial, answers[name]), number) for name, number in ports.items())
    front.listening = endpoints.answer
    front.is_node_ports = node_ports
    front.report = _warn


def _warn(line: str) -> None:
    import sys

    print(f"warning: {line}", file=sys.stderr, flush=True)


def _follow(front: "Front", file: Path) -> None:
    from kubeworld.behaviours import BadBehaviours, reason
    from kubeworld.serve import follow_behaviours

    try:
        follow_behaviours(front, file)
    except (BadBehaviours, OSError) as error:
        raise Permanent(f"--behaviours: {reason(error)}. The format: kubeworld/README.md") from error


def _applications(keys: list[str] | None, seed: int) -> list["Tenant"]:
    from aoi.worlds.applications.lookup import application
    from aoi.worlds.environment import new_world
    from kubeworld.serve import Tenant, ending_now

    if keys and len(keys) != len(set(keys)):
        raise Permanent(f"--app: the same application twice in {', '.join(keys)}: name each once")
    specs = {key: application(key, seed) for key in keys or [DEFAULT_APPLICATION]}
    return [Tenant(key, ending_now(new_world(spec, seed)), spec.namespace) for key, spec in specs.items()]


def _problem(problem_id: str, seed: int) -> list["Tenant"]:
    """Nothing of the scenario but its world and its namespace leaves this function: the rest is the answer."""
    from aoi.problems import catalogue, scenario
    from aoi.records.problem import ProblemInstance
    from kubeworld.serve import Tenant, ending_now

    built = scenario.build(ProblemInstance(problem=catalogue.get(problem_id), seed=seed))
    return [Tenant("problem", ending_now(built.world), built.namespace)]


def _empty(nodes: int, seed: int) -> list["Tenant"]:
    from aoi.worlds.environment import open_world
    from aoi.worlds.identities import add_identities
    from kubeworld.serve import Tenant, ending_now

    world = open_world(nodes, seed)
    add_identities(world, EMPTY_NAMESPACE)
    return [Tenant("empty", ending_now(world), EMPTY_NAMESPACE)]


def _users(file: Path) -> dict[str, Path]:
    """User -> kubeconfig: the administrator's, and beside it those of AOI's own identities."""
    return {"admin": file, **{user: file.with_name(file.name + suffix) for user, suffix in SUFFIXES.items()}}


def _kubeconfigs(users: dict[str, Path]) -> "Kubeconfigs":
    from aoi.worlds.identities import EXECUTOR, PROBE
    from kubeworld.machine.identity import ADMIN
    from kubeworld.serve import Kubeconfigs

    identities = {"admin": ADMIN, "probe": PROBE, "executor": EXECUTOR}
    return Kubeconfigs({path: identities[user] for user, path in users.items()}, cluster="aoi")


def _announce(front: "Front", tenants: list["Tenant"], users: dict[str, Path], cache: Path, *, as_json: bool) -> None:
    """Say how to use what is served."""
    import sys

    from flows.console import out, print_json

    if as_json:
        paths = {user: str(path) for user, path in users.items()}
        worlds = [{"name": tenant.name, "namespace": tenant.namespace} for tenant in tenants]
        document = {"url": front.url, "kubeconfigs": paths, "cache_dir": str(cache), "worlds": worlds}
        print_json({**document, "telemetry": front.doors.urls})
        sys.stdout.flush()  # whoever reads a pipe waits for this document
        return
    several = "/w/NAME/" if len(tenants) > 1 else ""
    names = ", ".join(f"{tenant.name} (namespace {tenant.namespace})" for tenant in tenants)
    lines = (
        f"Serving {names} on {front.url}. Ctrl-C ends it and removes the kubeconfigs.",
        "",
        f"  export KUBECONFIG={users['admin']}",
        f"  export KUBECACHEDIR={cache}  # kubectl remembers discovery by host:port, also of clusters that are gone",
        "  kubectl get pods",
        *(f"  kubectl --context {tenant.name} get pods" for tenant in tenants[1:]),
        "",
        *(f"{name.capitalize() + ':':<14}{url}{several}" for name, url in front.doors.urls.items()),
        "",
        f"As AOI's Probe, which only reads: {users['probe']}",
        f"As AOI's Executor:                {users['executor']}",
        "Both look after one namespace. Another is granted as on a live cluster:",
        "  aoi access print --namespace NAME | kubectl apply -f -  # and with --executor",
    )
    out.print("\n".join(lines), markup=False, soft_wrap=True, highlight=False)
    out.file.flush()
