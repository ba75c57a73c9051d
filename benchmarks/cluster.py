"""How fast the embedded cluster is: going back, reading, whole episodes, HTTPS, memory, and growth.

Run: python -m benchmarks.cluster [--only NAME ...]. Times in process are CPU time (other programs on the machine
disturb little); requests over HTTPS are wall time, with the client in a process of its own on the same machine.
"""

import argparse
import asyncio
import gc
import multiprocessing
import ssl
import time
from collections.abc import Callable

import orjson

from aoi.access import rights
from aoi.access.transport import Request
from aoi.worlds.applications.lookup import application
from aoi.worlds.environment import new_world
from aoi.worlds.identities import EXECUTOR, PROBE
from aoi.worlds.transport import EmbeddedTransport
from benchmarks.growth import JSON, Row, ask, cpu_us, growth, print_rows
from kubeworld.admission.cel.cel import activate, compile_program
from kubeworld.admission.cel.cost import Size
from kubeworld.api.server import api_of
from kubeworld.cluster import new_cluster
from kubeworld.front import Front, Stepped, serving
from kubeworld.machine.anchor import anchor
from kubeworld.machine.identity import ADMIN, Identity
from kubeworld.machine.world import World

APPLICATION = "hotel_reservation"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
CONNECTIONS = 8
HTTPS_S = 4.0
WORLDS = 20


def busy_world() -> World:
    """The application's world with 25 pods in its namespace and 300 objects in all."""
    spec = application(APPLICATION, 1)
    world = new_world(spec, 1)
    missing = 25 - len(world.store.objects("pods", spec.namespace))
    first = world.store.objects("deployments.apps", spec.namespace)[0]
    replicas = first["spec"]["replicas"] + missing
    world.store.update(
        "deployments.apps", {**first, "spec": {**first["spec"], "replicas": replicas}}, spec_changed=True
    )
    world.advance(120_000)
    for number in range(300 - sum(len(world.store.objects(resource)) for resource in world.store.resources())):
        meta = {"name": f"feature-{number}", "namespace": spec.namespace}
        world.store.create(
            "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"a": "b"}}
        )
    world.settle()
    return world


def in_process() -> list[Row]:
    """Going back and reading."""
    world = busy_world()
    namespace = application(APPLICATION, 1).namespace
    pods = world.store.objects("pods", namespace)
    pod = pods[0]["metadata"]["name"]
    base = f"/api/v1/namespaces/{namespace}"
    count = sum(len(world.store.objects(resource)) for resource in world.store.resources())
    snapshot = world.snapshot()
    metrics = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
    timed = (
        (f"restore a snapshot ({count} objects)", lambda: world.restore(snapshot), "< 50"),
        ("GET a pod, administrator", ask(world, f"{base}/pods/{pod}"), "< 50"),
        ("GET a pod, Probe (RBAC evaluated)", ask(world, f"{base}/pods/{pod}", PROBE), "< 50"),
        (f"list {len(pods)} pods, JSON", ask(world, f"{base}/pods"), ""),
        (f"list {len(pods)} pods, Table", ask(world, f"{base}/pods", accept=TABLE), "< 200"),
        ("log of a pod, 50 lines", ask(world, f"{base}/pods/{pod}/log", PROBE, tailLines="50"), ""),
        (f"metrics of {len(pods)} pods", ask(world, metrics, PROBE), ""),
    )
    return [(name, f"{cpu_us(act):.0f} us CPU", f"{target} us" if target else "") for name, act, target in timed]


class Episode:
    """A scripted incident: a wrong image, eight looks, the repair; 180 simulated seconds."""

    def __init__(self) -> None:
        self.world = busy_world()
        self.spec = application(APPLICATION, 1)
        self.snapshot = self.world.snapshot()
        self.victim = next(one for one in self.spec.components if one.kind == "service")
        self.probe = EmbeddedTransport(self.world, PROBE)
        self.admin = EmbeddedTransport(self.world, ADMIN)
        base, apps = f"/api/v1/namespaces/{self.spec.namespace}", f"/apis/apps/v1/namespaces/{self.spec.namespace}"
        self.deployment = f"{apps}/deployments/{self.victim.name}"
        pod = self.world.store.objects("pods", self.spec.namespace)[-1]["metadata"]["name"]
        self.reads = (
            (f"{base}/pods", TABLE, ()),
            (f"{base}/events", JSON, ()),
            (self.deployment, JSON, ()),
            (f"{base}/pods/{pod}/log", JSON, (("tailLines", "50"),)),
            (f"{base}/services/{self.victim.name}", JSON, ()),
            (f"{base}/endpoints", TABLE, ()),
            (f"{apps}/replicasets", TABLE, ()),
            (f"/apis/metrics.k8s.io/v1beta1/namespaces/{self.spec.namespace}/pods", JSON, ()),
        )
        stored = self.world.store.get("deployments.apps", self.spec.namespace, self.victim.name)
        assert stored is not None
        self.container = stored["spec"]["template"]["spec"]["containers"][0]

    def set_image(self, image: str) -> None:
        containers = [{"name": self.container["name"], "image": image}]
        body = orjson.dumps({"spec": {"template": {"spec": {"containers": containers}}}})
        headers = {"content-type": "application/strategic-merge-patch+json"}
        answer = self.admin.request(Request("PATCH", self.deployment, (), headers, body))
        assert answer.status == 200, answer.body

    def run(self) -> None:
        self.world.restore(self.snapshot)
        self.set_image(self.container["image"] + "-typo")
        self.world.advance(90_000)
        for path, accept, query in self.reads:
            answer = self.probe.request(Request("GET", path, query, {"accept": accept}))
            assert answer.status == 200, answer.body
        self.set_image(self.container["image"])
        self.world.advance(90_000)
        status = (self.world.store.get("deployments.apps", self.spec.namespace, self.victim.name) or {})["status"]
        assert status["availableReplicas"] == status["replicas"], "the repair did not hold"


def episodes() -> list[Row]:
    """Reads are those of the Probe, writes those of the administrator."""
    episode = Episode()
    milliseconds = cpu_us(episode.run, 60) / 1000
    return [
        ("episode: 8 reads, 2 writes, 180 simulated s", f"{milliseconds:.1f} ms CPU", "<= 25 ms"),
        ("episodes on one core", f"{60_000 / milliseconds:.0f} a minute", ">= 2000"),
    ]


async def _connection(url: str, path: str, token: str, trust: ssl.SSLContext, until: float) -> int:
    host, port = url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=trust)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nAccept: {JSON}\r\n\r\n".encode()
    done = 0
    while time.monotonic() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        done += 1
    writer.close()
    return done


def load(arguments: tuple[str, str, str, str]) -> float:
    """Requests a second over `CONNECTIONS` connections. Runs in the client's process."""
    url, path, token, authority = arguments
    trust = ssl.create_default_context(cadata=authority)

    async def all_connections() -> int:
        until = time.monotonic() + HTTPS_S
        return sum(await asyncio.gather(*(_connection(url, path, token, trust, until) for _ in range(CONNECTIONS))))

    return asyncio.run(all_connections()) / HTTPS_S


def https() -> list[Row]:
    """GET and list from another process."""
    world = busy_world()
    namespace = application(APPLICATION, 1).namespace
    pod = world.store.objects("pods", namespace)[0]["metadata"]["name"]
    token = api_of(world).tokens.add(PROBE)
    rows: list[Row] = []
    with serving(Front({"": world}, Stepped())) as front, multiprocessing.get_context("spawn").Pool(1) as client:
        for name, path, target in (
            ("HTTPS, GET a pod", f"/api/v1/namespaces/{namespace}/pods/{pod}", ">= 1000"),
            ("HTTPS, list 25 pods", f"/api/v1/namespaces/{namespace}/pods", ""),
        ):
            started = time.process_time()
            rate = client.map(load, [(front.url, path, token, front.authority_pem.decode())])[0]
            each_us = (time.process_time() - started) / (rate * HTTPS_S) * 1e6
            rows.append((f"{name}, {CONNECTIONS} connections", f"{rate:.0f} a second", target))
            rows.append((f"{name}, the server's part", f"{each_us:.0f} us CPU", ""))
    return rows


def resident_kib() -> int:
    """Of this process. Source: proc(5)."""
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS:")).split()[1])


def memory() -> list[Row]:
    """Worlds built one by one, and worlds that share a snapshot as rollouts of one problem do."""
    spec = application(APPLICATION, 1)
    now_ms = int(time.time() * 1000)
    kept = [new_world(spec, 1)]
    snapshot = kept[0].snapshot()
    gc.collect()
    before = resident_kib()
    for seed in range(2, 2 + WORLDS):
        kept.append(new_world(spec, seed))
        anchor(kept[-1], now_ms)
    gc.collect()
    built = (resident_kib() - before) / WORLDS / 1024
    before = resident_kib()
    for _ in range(WORLDS):
        world = new_cluster(seed=1, controllers=kept[0].controllers, runtime=kept[0].runtime)
        world.restore(snapshot)
        kept.append(world)
    gc.collect()
    shared = (resident_kib() - before) / WORLDS / 1024
    return [
        ("memory of a served world of its own", f"{built:.2f} MiB", "< 2 MB"),
        ("memory of a world from a snapshot", f"{shared:.2f} MiB", "< 2 MB"),
    ]


def policies() -> list[Row]:
    """A write that changes nothing: without policies, with one of another kind, behind the shipped ones. And CEL."""
    episode = Episode()
    world = episode.world
    body = orjson.dumps({"spec": {"replicas": 1}})
    headers, api = {"content-type": "application/merge-patch+json"}, api_of(world)

    def write(identity: Identity) -> Callable[[], object]:
        return lambda: api.handle("PATCH", episode.deployment, (), headers, body, identity)

    rows = [("PATCH a Deployment, no policy", f"{cpu_us(write(EXECUTOR)):.0f} us CPU", "")]
    documents = list(rights.policies())
    for wanted, name in ((("nodes",), "policy of another kind"), ((), "Executor, 5 shipped policies")):
        for document in documents:
            if not wanted or document["metadata"]["name"].endswith(wanted):
                plural = "policies" if document["kind"].endswith("Policy") else "policybindings"
                path = f"/apis/{document['apiVersion']}/validatingadmission{plural}"
                api.handle("POST", path, (), {}, orjson.dumps(document), ADMIN)
        rows.append((f"PATCH a Deployment, {name}", f"{cpu_us(write(EXECUTOR)):.0f} us CPU", ""))
    rows.append(("PATCH a Deployment, others, 5 shipped policies", f"{cpu_us(write(ADMIN)):.0f} us CPU", ""))
    stored = world.store.get("deployments.apps", episode.spec.namespace, episode.victim.name)
    source = "object.spec.template.spec.containers.all(c, c.image.startsWith('registry.example/'))"
    activation = activate({"object": stored}, Size(4_000, 100), bool)
    program = compile_program(source, (("object", "dyn"),))
    fresh = iter(range(10**9))
    more = {
        "CEL: evaluate one expression over a Deployment": lambda: program.evaluate(activation),
        "CEL: bind a Deployment": lambda: activate({"object": stored}, Size(4_000, 100), bool),
        "CEL: compile an expression": lambda: compile_program(f"{source} || {next(fresh)} < 0", (("object", "dyn"),)),
    }
    rows += [
        (name, f"{cpu_us(act):.0f} us CPU", "< 100 us" if "evaluate" in name else "") for name, act in more.items()
    ]
    return rows


PARTS: dict[str, Callable[[], list[Row]]] = {
    "process": in_process,
    "episodes": episodes,
    "https": https,
    "memory": memory,
    "growth": growth,
    "policies": policies,
}


def main() -> None:
    """Print what was asked for, one row a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    for part in parser.parse_args().only:
        print_rows(PARTS[part]())


if __name__ == "__main__":
    main()
