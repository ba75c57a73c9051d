"""Installs other people's charts and manifests on empty clusters with real helm and kubectl; prints what came of it.

    python -m benchmarks.charts FOLDER|FILE... [--only NAME] [--nodes 3] [--json]

A folder with a Chart.yaml is a chart: installed, waited for, upgraded, uninstalled by helm. Values for it are read from
`NAME.values.yaml` beside it, behaviours of the cluster from `NAME.behaviours.yaml`. Any other folder or file is
manifests: applied, waited for, applied again, deleted by kubectl. Nothing is fetched: charts bring their dependencies
in `charts/`. Each gets a cluster of its own, in which half a minute passes in a second.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from kubeworld.serve import ServedCluster, serve

SPEED = 30.0
TIMEOUT_S = 300
"""Of simulated time: what helm and kubectl wait for is over in a thirtieth of it."""
_SHOWN_CHARACTERS = 160
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "default")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one chart."""

    name: str
    version: str
    installed: str
    """`yes`, or the last line of what was said."""
    objects: int
    pods_ready: int
    pods: int
    upgraded: str
    uninstalled: str
    left: int
    """Objects in its namespace after it is gone, but for claims, which are meant to stay."""


class Tools:
    """helm and kubectl against one cluster."""

    def __init__(self, cluster: ServedCluster, helm: str, kubectl: str) -> None:
        self.cluster = cluster
        self._programs = {"helm": helm, "kubectl": kubectl}
        home = cluster.kubeconfig.parent
        kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        self._environment = {
            **kept,
            "HOME": str(home),
            "KUBECONFIG": str(cluster.kubeconfig),
            "KUBECACHEDIR": str(home / "cache"),
        }

    def run(self, program: str, *arguments: str) -> str:
        """`yes`, or the line that says why not."""
        done = subprocess.run(
            [self._programs[program], *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode == 0:
            return "yes"
        lines = [
            line for line in done.stderr.splitlines() if line.strip() and not line.startswith(("W", "I0", "level="))
        ]
        return (lines or ["failed"])[-1]

    def get(self, path: str) -> list[dict[str, Any]]:
        """The items of a list."""
        done = subprocess.run(
            [self._programs["kubectl"], "get", "--raw", path],
            env=self._environment,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=True,
        )
        items: list[dict[str, Any]] = json.loads(done.stdout)["items"]
        return items


def main() -> int:
    """Run all that is named; 1 if anything of it did not install."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", type=Path, nargs="+", metavar="FOLDER|FILE")
    parser.add_argument("--only", default="", metavar="NAME", help="only what is called so")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--helm", default="helm")
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--json", action="store_true", help="one document a line")
    options = parser.parse_args()
    outcomes = []
    for place in options.places:
        if options.only and options.only != name_of(place):
            continue
        outcome = tried(place, options)
        outcomes.append(outcome)
        if options.json:
            print(json.dumps(asdict(outcome)), flush=True)
        else:
            print(f"{outcome.name}: {outcome.installed}", file=sys.stderr, flush=True)
    if not options.json:
        print("\n".join(table(outcomes)))
    return 0 if all(outcome.installed == "yes" for outcome in outcomes) else 1


def name_of(place: Path) -> str:
    """What it is called here: its folder or file, without an extension."""
    return place.resolve().name.removesuffix(".yaml").lower().replace("_", "-").replace(".", "-")


def tried(place: Path, options: argparse.Namespace) -> Outcome:
    """Install, upgrade and uninstall one of them in a cluster of its own."""
    behaviours = place.with_name(f"{place.name}.behaviours.yaml")
    with serve(options.nodes, speed=SPEED, behaviours=behaviours if behaviours.is_file() else None) as cluster:
        tools = Tools(cluster, options.helm, options.kubectl)
        before = _count(cluster)
        is_chart = (place / "Chart.yaml").is_file()
        return _chart(tools, place, before) if is_chart else _manifests(tools, place, before)


def _chart(tools: Tools, place: Path, before: int) -> Outcome:
    name = name_of(place)
    where = ("--namespace", name)
    values = place.with_name(f"{place.name}.values.yaml")
    more = ("--values", str(values)) if values.is_file() else ()
    waiting = ("--wait", "--wait-for-jobs", "--timeout", "40s", *more)
    version = str(yaml.safe_load((place / "Chart.yaml").read_text()).get("version", ""))
    installed = tools.run("helm", "install", name, str(place), *where, "--create-namespace", *waiting)
    objects = _count(tools.cluster) - before
    ready, pods = _pods(tools)
    upgraded = tools.run("helm", "upgrade", name, str(place), *where, *waiting)
    uninstalled = tools.run("helm", "uninstall", name, *where, "--wait", "--timeout", "40s")
    return Outcome(name, version, installed, objects, ready, pods, upgraded, uninstalled, _left(tools, name))


def _manifests(tools: Tools, place: Path, before: int) -> Outcome:
    name = name_of(place)
    apply = ("apply", "--server-side", "--force-conflicts", "-R", "-f", str(place))
    first = tools.run("kubectl", *apply)
    # Objects of kinds that the same manifests define need a second go, on every cluster.
    installed = first if first == "yes" else tools.run("kubectl", *apply)
    tools.cluster.advance(TIMEOUT_S)
    objects = _count(tools.cluster) - before
    ready, pods = _pods(tools)
    upgraded = tools.run("kubectl", *apply)
    uninstalled = tools.run("kubectl", "delete", "-R", "-f", str(place), "--ignore-not-found", "--timeout", "40s")
    return Outcome(name, "", installed, objects, ready, pods, upgraded, uninstalled, 0)


def _pods(tools: Tools) -> tuple[int, int]:
    """(ready or succeeded, all) that are not the system's own."""
    own = [
        pod for pod in tools.get("/api/v1/pods") if (pod["metadata"].get("labels") or {}).get("k8s-app") != "kube-dns"
    ]
    good = [pod for pod in own if pod["status"]["phase"] == "Succeeded" or _is_ready(pod)]
    return len(good), len(own)


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def _count(cluster: ServedCluster) -> int:
    """Objects that somebody wrote: events and what controllers keep for others do not count."""
    unwritten = {"events", "endpoints", "endpointslices.discovery.k8s.io", "replicasets.apps", "pods"}
    unwritten |= {"controllerrevisions.apps", "leases.coordination.k8s.io", "apiservices.apiregistration.k8s.io"}
    return cluster.call(
        lambda world: sum(
            len(world.store.objects(table)) for table in world.store.resources() if table not in unwritten
        )
    )


def _left(tools: Tools, namespace: str) -> int:
    expected = {"events", "persistentvolumeclaims"}
    made = {("serviceaccounts", "default"), ("configmaps", "kube-root-ca.crt")}

    def remaining(world: Any) -> int:
        return sum(
            (table, obj["metadata"]["name"]) not in made
            for table in world.store.resources()
            if table not in expected
            for obj in world.store.objects(table, namespace)
        )

    tools.cluster.advance(TIMEOUT_S)
    return tools.cluster.call(remaining)


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """As docs/cluster.md has it."""
    yield "| what | version | objects | pods Ready | upgraded | uninstalled | left | said |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in outcomes:
        said = one.installed if one.installed != "yes" else ""
        done = ["yes" if step == "yes" else "no" for step in (one.upgraded, one.uninstalled)]
        cells = [one.name, one.version, str(one.objects), f"{one.pods_ready} of {one.pods}", *done, str(one.left)]
        yield f"| {' | '.join([*cells, said[:_SHOWN_CHARACTERS].replace('|', '/')])} |"


if __name__ == "__main__":
    sys.exit(main())
