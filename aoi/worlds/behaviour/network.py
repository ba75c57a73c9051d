"""The network of one namespace as its objects describe it: from a caller's pod to the program that answers.

Built for one evaluation and thrown away; every look-up is memoised inside it, since callers share callees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from aoi.worlds.applications.spec import Application, Component, Login
from aoi.worlds.behaviour import chaos, policies
from aoi.worlds.behaviour.configuration import current_values, values_at
from aoi.worlds.behaviour.launch import Launch, Values, launch
from aoi.worlds.behaviour.names import DOMAIN, Names, is_address
from aoi.worlds.behaviour.tuning import PLAIN, Tuning
from kubeworld.kinds.pod import is_active
from kubeworld.machine import quantities
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

Outcomes = tuple[tuple[str, float], ...]

POOL = 8
"""Connections that a pod holds to each of its callees."""
USERS_CONNECTIONS = 64
"""That users hold to the entry."""
OWN_FILES = 14
"""Descriptors of a program that nobody talks to: streams, libraries, epoll, its listening sockets."""
WRITE_SHARE = 0.3
"""Of a database's operations, those that change something."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How attempts of one caller to reach one callee end."""

    HEALTHY: ClassVar[Outcomes] = (("ok", 1.0),)

    outcomes: Outcomes
    delay_ms: float = 0.0
    address: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address behind a Service or in the registry."""

    ip: str
    port: int
    pod: Obj | None


class Network:
    """Who reaches whom, in the world as it is now."""

    def __init__(self, world: World, application: Application) -> None:
        self.world = world
        self.application = application
        self.namespace = application.namespace
        self.pods = self._objects("pods")
        self._by_name = {_name(pod): pod for pod in self.pods}
        self._by_component: dict[str, list[Obj]] = {}
        self.strangers: list[Obj] = []
        """Pods of no component of the application."""
        for pod in self.pods:
            component = application.component_of(pod)
            if component is None:
                self.strangers.append(pod)
            elif "deletionTimestamp" not in pod["metadata"]:
                self._by_component.setdefault(component.name, []).append(pod)
        self._slices: dict[tuple[str, str], list[Obj]] = {}
        for item in self._objects("endpointslices.discovery.k8s.io"):
            service = (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name", "")
            self._slices.setdefault((item["metadata"]["namespace"], service), []).append(item)
        self._policies = policies.of(world, self._objects("networkpolicies.networking.k8s.io"))
        self._chaos = chaos.active(world)
        self._launches: dict[tuple[str, str], Launch] = {}
        self._ups: dict[tuple[str, str], tuple[Obj, list[tuple[Obj, Launch]]]] = {}
        self._names = Names(world, self._policies, self._chaos)
        self._tunings: dict[str, list[Tuning]] = {}
        self._endpoints: dict[str, tuple[str, list[Endpoint], bool]] = {}
        self._registrations: dict[str, list[Endpoint]] | None = None
        self._current: Values | None = None

    def _objects(self, resource: str) -> list[Obj]:
        """Of all namespaces that the application stands in."""
        first, *others = (self.world.store.objects(resource, name) for name in self.application.namespaces)
        return [*first, *(obj for objects in others for obj in objects)] if others else first

    # Pods and what runs in them.

    def workload(self, component: str) -> Obj | None:
        """The Deployment or StatefulSet that a component is installed as."""
        spec = self.application.by_name[component]
        return self.world.store.get(spec.resource, self.application.namespace_of(spec), spec.workload)

    def pods_of(self, component: str) -> list[Obj]:
        """Its pods that are not being deleted."""
        return self._by_component.get(component, [])

    def ready_count(self, component: str) -> int:
        """Pods whose Ready condition is True."""
        return sum(1 for pod in self.pods_of(component) if is_ready(pod))

    def cpu_limit_m(self, component: str) -> int:
        """Limit of its first living pod's main container, less what experiments take of it; 0 if none."""
        for pod in self._first(component):
            container = main_container(self.application, pod)
            limit = quantities.amounts((container.get("resources") or {}).get("limits")).get("cpu", 0)
            return chaos.left_of_cpu(self._chaos, pod, limit)
        return 0

    def stress_m(self, component: str) -> float:
        """Millicores that experiments would use in its first pod."""
        return sum(chaos.stressed_m(self._chaos, pod) for pod in self._first(component))

    def _first(self, component: str) -> list[Obj]:
        """One pod for all of them: an evicted one is a record of how it once was."""
        return [pod for pod in self.pods_of(component) if is_active(pod)][:1]

    def tunings(self, component: str) -> list[Tuning]:
        """How its programs run, one for each of its ready pods."""
        found = self._tunings.get(component)
        if found is None:
            found = self._tunings[component] = [
                program.tuning
                for pod in self.pods_of(component)
                if is_ready(pod)
                for container in pod["spec"]["containers"]
                if (program := self.launch_of(pod, container)).component is self.application.by_name[component]
            ]
        return found

    def answers_at(self, address: str) -> str | None:
        """The component whose pods stand behind a `host:port` in the cluster."""
        _, endpoints = self._behind(address, None)
        for endpoint in endpoints:
            component = self.application.component_of(endpoint.pod) if endpoint.pod is not None else None
            if component is not None:
                return component.name
        return None

    def launch_of(self, pod: Obj, container: Obj) -> Launch:
        """What a container runs, with the configuration that it read when it started."""
        key = (pod["metadata"]["name"], container["name"])
        program = self._launches.get(key)
        if program is None:
            program = self._launches[key] = self._launch(key, pod, container)
        return program

    def _launch(self, key: tuple[str, str], pod: Obj, container: Obj) -> Launch:
        """Kept in the world while all that it follows from is the same: most pods run on between two looks."""
        source = (self.application, pod["metadata"].get("labels"), pod["spec"], container, self._values(pod, container))
        kept = self.world.derived.get(f"launch/{key[0]}/{key[1]}")
        if kept is None or any(new is not old for new, old in zip(source, kept[0], strict=True)):
            kept = (source, launch(self.application, pod, container, source[-1]))
            self.world.derived[f"launch/{key[0]}/{key[1]}"] = kept
        return kept[1]

    def _values(self, pod: Obj, container: Obj) -> Values:
        started = started_ms(self.world, pod, container["name"])
        if started is not None:
            return values_at(self.world, started + 999)  # startedAt is rounded down to a second
        if self._current is None:
            self._current = current_values(self.world, self.namespace)
        return self._current

    def serving(self, pod: Obj) -> list[Launch]:
        """Programs of a pod that are up and past their start-up."""
        return [program for _, program in self._up(pod)]

    def _up(self, pod: Obj) -> list[tuple[Obj, Launch]]:
        """(container, its program) for those."""
        kept = self._ups.get(_name(pod))
        if kept is None or kept[0] is not pod:  # an imagined pod may have a name that others have
            kept = self._ups[_name(pod)] = (pod, self._past_start(pod))
        return kept[1]

    def _past_start(self, pod: Obj) -> list[tuple[Obj, Launch]]:
        serving: list[tuple[Obj, Launch]] = []
        for container in pod["spec"]["containers"]:
            started = started_ms(self.world, pod, container["name"])
            if started is None:
                continue
            program = self.launch_of(pod, container)
            if not program.runs:
                continue
            start_ms = program.component.start_ms if program.component else 0
            if self.world.clock.now_ms >= started + start_ms:
                serving.append((container, program))
        return serving

    # From caller to callee.

    def reach(self, caller: str, callee: str, address: str = "") -> Reach:
        """Average over the caller's pods, each with the addresses that it was configured with, or all with one."""
        if not caller:
            service = self.application.service_of(callee)
            address = f"{service.name}:{service.ports[0].port}"
            return self.reach_pod(None, callee, address)
        pods = [pod for pod in self.pods_of(caller) if is_ready(pod)] or self.pods_of(caller)[-1:]
        if not pods:
            workload = self.workload(caller)
            if workload is None:
                return Reach(Reach.HEALTHY)
            pods = [_imagined(workload)]
        reaches = [self.reach_pod(pod, callee, address or self._address(pod, caller, callee)) for pod in pods]
        return reaches[0] if len(set(reaches)) == 1 else _average(reaches)

    def _address(self, pod: Obj, caller: str, callee: str) -> str:
        for container in pod["spec"]["containers"]:
            program = self.launch_of(pod, container)
            if program.component is not None and program.component.name == caller:
                return program.address_of(callee, self.application)
        return f"{self.application.host_of(callee)}:{self.application.by_name[callee].port}"

    def reach_pod(self, pod: Obj | None, callee: str, address: str) -> Reach:
        """From one pod (None: the users) to a callee that it looks for at `address`."""
        expected = self.application.by_name[callee]
        if pod is not None and (port := _loopback_port(address)):
            # Within the pod: whoever of its own containers listens there answers, no policy and no Service between.
            own = Endpoint((pod.get("status") or {}).get("podIP", ""), port, pod)
            return Reach(((self._answer(pod, own, expected), 1.0),), address=address)
        if pod is not None and self.application.discovery == "registry" and expected.protocol == "grpc":
            if not self._registry_answers(pod):
                return Reach((("unavailable", 1.0),), address=address)
            if self._registrations is None:
                self._registrations = self._registered()
            endpoints = self._registrations.get(callee, [])
            word = "" if endpoints else "unavailable"
        else:
            word, endpoints = self._behind(address, pod)
        if word:
            return Reach(((word, 1.0),), address=address)
        shares: dict[str, float] = {}
        delays = []
        for endpoint in endpoints:
            attempt, delay = self._attempt(pod, endpoint, expected)
            for outcome, share in attempt:
                shares[outcome] = shares.get(outcome, 0.0) + share / len(endpoints)
            delays.append(delay)
        outcomes = tuple((outcome, round(share, 6)) for outcome, share in sorted(shares.items()) if share > 1e-6)
        return Reach(outcomes, round(sum(delays) / len(delays), 3), address)

    def knock(self, pod: Obj, host: str, port: str) -> str:
        """How a pod fares that tries a port, or with no port only looks a name up: a word of `conditions.WORDS`."""
        if problem := self._names.problem(pod, host):
            return problem
        name, _, rest = host.partition(".")
        if self.world.store.get("services", rest.split(".")[0] if rest else self.namespace, name) is None:
            return "nohost"
        if not port:
            return "ok"
        word, endpoints = self._behind(f"{host}:{port}", pod)
        words = [word] if word else [self._opened(pod, endpoint) for endpoint in endpoints]
        return "ok" if "ok" in words else words[0]

    def _opened(self, pod: Obj, endpoint: Endpoint) -> str:
        """Whether an endpoint accepts a connection, whoever it is."""
        if endpoint.pod is None:
            return "ok"  # outside of the cluster
        if not self._policies.allow(pod, endpoint.pod, endpoint.port):
            return "timeout"
        effect = chaos.between(self._chaos, pod, endpoint.pod, endpoint.port)
        listening = {
            port
            for program in self.serving(endpoint.pod)
            for port in (program.port, *(program.component.extra_ports if program.component else ()))
        }
        if effect.is_down or endpoint.port not in listening:
            return "refused"
        return "timeout" if effect.lost >= 1.0 else "ok"

    def _behind(self, address: str, pod: Obj | None) -> tuple[str, list[Endpoint]]:
        """(failure word, endpoints) of a `host:port`. Users (None) come through the node, so DNS does not stop them."""
        if pod is not None and (problem := self._names.problem(pod, address.rpartition(":")[0])):
            return problem, []
        if address not in self._endpoints:
            self._endpoints[address] = self._resolve(address)
        word, endpoints, is_local = self._endpoints[address]
        if is_local and pod is not None and not word:
            # internalTrafficPolicy Local: kube-proxy drops what no endpoint on the caller's own node can take.
            endpoints = [e for e in endpoints if e.pod and e.pod["spec"].get("nodeName") == pod["spec"].get("nodeName")]
            return ("", endpoints) if endpoints else ("timeout", [])
        return word, endpoints

    def _resolve(self, address: str) -> tuple[str, list[Endpoint], bool]:
        """(failure word, endpoints, whether only those on the caller's node serve it)."""
        host, _, number = address.rpartition(":")
        name, _, rest = host.partition(".")
        namespace = rest.split(".")[0] if rest else self.namespace
        service = self._by_address(host) if is_address(host) else self.world.store.get("services", namespace, name)
        if service is None:
            return "timeout" if is_address(host) else "nohost", [], False
        namespace, name = _name(service)
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return self._elsewhere(spec.get("externalName", ""), number)
        # Programs talk TCP: a port of another protocol is none for them.
        ports = [port for port in spec.get("ports") or () if port.get("protocol", "TCP") == "TCP"]
        port = next((port for port in ports if str(port["port"]) == number), None)
        headless = spec.get("clusterIP") == "None"
        if port is None and not headless:
            return "timeout", [], False  # no rule for that port: packets to the cluster IP go nowhere
        endpoints: list[Endpoint] = []
        for item in self._slices.get((namespace, name), ()):
            target = _target(item, port, number)
            if target is None:
                continue
            for endpoint in item.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready", True):
                    pod = self._by_name.get((namespace, (endpoint.get("targetRef") or {}).get("name", "")))
                    endpoints += [Endpoint(ip, target, pod) for ip in endpoint["addresses"]]
        is_local = spec.get("internalTrafficPolicy") == "Local" and not headless
        return ("", endpoints, is_local) if endpoints else ("refused", [], False)

    def _by_address(self, address: str) -> Obj | None:
        """The Service of a cluster IP."""
        return next((s for s in self._objects("services") if s["spec"].get("clusterIP") == address), None)

    def _elsewhere(self, host: str, number: str) -> tuple[str, list[Endpoint], bool]:
        """What an ExternalName leads to: a Service of this cluster by its full name, or a host outside."""
        if host.rstrip(".").endswith(f".svc.{DOMAIN}"):
            return self._resolve(f"{host.rstrip('.')}:{number}")
        # Of hosts outside only those are known to exist that the installation itself leads to; none serves this port.
        return "timeout" if host == self.application.furniture.external else "nohost", [], False

    def _registered(self) -> dict[str, list[Endpoint]]:
        """Pods by the component as which their program registered. Nothing checks whether they still answer."""
        registered: dict[str, list[Endpoint]] = {}
        for pod in self.pods:
            told = pod.get("status", {})
            has_ended = told.get("phase") in ("Succeeded", "Failed")
            if "deletionTimestamp" in pod["metadata"] or has_ended or not told.get("podIP"):
                continue
            for container in pod["spec"]["containers"]:
                status = container_status(pod, container["name"])
                if status is None or not (_running(status) or status.get("lastState")):
                    continue
                program = self.launch_of(pod, container)
                if program.component is not None and not program.start_error:
                    endpoint = Endpoint(pod["status"]["podIP"], program.port or program.component.port, pod)
                    registered.setdefault(program.component.name, []).append(endpoint)
        return registered

    def _attempt(self, caller: Obj | None, endpoint: Endpoint, expected: Component) -> tuple[Outcomes, float]:
        """One endpoint: policies and chaos on the way, then whoever listens."""
        if endpoint.pod is None:
            return (("timeout", 1.0),), 0.0
        if not self._policies.allow(caller, endpoint.pod, endpoint.port):
            return (("timeout", 1.0),), 0.0
        effect = chaos.between(self._chaos, caller, endpoint.pod, endpoint.port, is_http=expected.protocol == "http")
        if effect.is_down:
            return (("refused", 1.0),), 0.0
        word = self._answer(caller, endpoint, expected)
        if word == "ok" and effect.is_aborted:
            word = "reset"
        lost = effect.lost
        if lost >= 1.0:
            return (("timeout", 1.0),), 0.0
        if lost:
            return (("timeout", lost), (word, 1.0 - lost)), effect.delay_ms
        return (self._turned_away(expected) if word == "ok" else ((word, 1.0),)), effect.delay_ms

    def _turned_away(self, expected: Component) -> Outcomes:
        """Shares of attempts that the right program cannot serve as it runs."""
        shares: dict[str, float] = {}
        for tuning in self.tunings(expected.name):
            if tuning is PLAIN:
                continue
            for word, share in self._refusals(expected, tuning):
                shares[word] = shares.get(word, 0.0) + share / len(self.tunings(expected.name))
        if not shares:
            return Reach.HEALTHY
        return (*shares.items(), ("ok", max(0.0, 1.0 - sum(shares.values()))))

    def _refusals(self, expected: Component, tuning: Tuning) -> Iterator[tuple[str, float]]:
        wanted = float(POOL * sum(len(self.pods_of(caller)) for caller in self.application.callers[expected.name]))
        if expected.name == self.application.workload.entry:
            wanted += USERS_CONNECTIONS
        wanted /= max(1, len(self.tunings(expected.name)))
        if tuning.max_clients and wanted > tuning.max_clients:
            yield "connlimit", 1.0 - tuning.max_clients / wanted
        if tuning.open_files:
            needed = OWN_FILES + wanted + POOL * len(expected.callees)
            if needed > tuning.open_files:
                yield "fds", min(1.0, (needed - tuning.open_files) / max(wanted, 1.0))
        if tuning.is_read_only:
            yield "readonly", WRITE_SHARE
        if tuning.refuses_writes:
            yield "cachefull", tuning.missing_share  # what is not found is fetched, and then cannot be stored

    def _answer(self, caller: Obj | None, endpoint: Endpoint, expected: Component) -> str:
        assert endpoint.pod is not None
        for container, program in self._up(endpoint.pod):
            component = program.component
            if component is None:
                if endpoint.port in {port["containerPort"] for port in container.get("ports") or ()}:
                    return "unimplemented"
                continue
            if endpoint.port != program.port and endpoint.port not in component.extra_ports:
                continue
            if component is not expected:
                return self._stranger(component, expected)
            if program.tuning.requires_tls and caller is not None:
                return "tls"  # no client of these applications speaks it
            return self._admitted(caller, expected) if expected.database is not None else "ok"
        return "refused"

    def _stranger(self, component: Component, expected: Component) -> str:
        """Another program answers on the right port."""
        if expected.kind in ("database", "cache"):
            same_engine = component.protocol == expected.protocol
            return "authfailed" if same_engine and component.database and component.database.auth else "reset"
        return "unimplemented" if component.protocol == expected.protocol else "reset"

    def _admitted(self, caller: Obj | None, expected: Component) -> str:
        """Whether the database lets the caller in, by its accounts as they are now."""
        if caller is None:
            return "ok"
        for container in caller["spec"]["containers"]:
            program = self.launch_of(caller, container)
            if program.component is None:
                continue
            for login in program.component.logins:
                if login.database_component == expected.name:
                    return admitted(self.world, login, program.password)
        return "ok"

    def _registry_answers(self, pod: Obj) -> bool:
        component = self.application.by_name[self.application.registry_component]
        _, endpoints = self._behind(f"{component.name}:{component.port}", pod)
        return any(self._answer(None, endpoint, component) == "ok" for endpoint in endpoints if endpoint.pod)


def admitted(world: World, login: Login, password: str | None) -> str:
    """`ok`, `authfailed` (no such user), `badpassword` or `unauthorized` (no role on the database)."""
    state = world.state.get("databases", {}).get(login.database_component)
    if state is None or not state["auth"]:
        return "ok"
    account = state["users"].get(login.user)
    if account is None:
        return "authfailed"
    if password is not None and password != account["password"]:
        return "badpassword"
    granted = any(role == "root" or place == login.database for place, role in account["grants"])
    return "ok" if granted else "unauthorized"


def is_ready(pod: Obj) -> bool:
    """Whether the Ready condition is True."""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return condition["status"] == "True"
    return False


def container_status(pod: Obj, name: str) -> Obj | None:
    """The entry of status.containerStatuses, or None."""
    known = pod.get("status", {})
    for status in (*(known.get("containerStatuses") or ()), *(known.get("initContainerStatuses") or ())):
        if status["name"] == name:
            return status
    return None


def _running(status: Obj) -> bool:
    return "running" in (status.get("state") or {})


def started_ms(world: World, pod: Obj, container: str) -> int | None:
    """When a running container started (rounded down to a second), or None if it is not running."""
    status = container_status(pod, container)
    if status is None or not _running(status):
        return None
    return world.clock.at_ms(status["state"]["running"]["startedAt"])


def _target(item: Obj, port: Obj | None, number: str) -> int | None:
    """The endpoint port of a slice for a Service port; a headless Service leads straight to the port asked for."""
    if port is None:
        return int(number) if number.isdigit() else None
    for candidate in item.get("ports") or ():
        if (candidate.get("name") or "") == (port.get("name") or ""):
            return candidate.get("port")
    return None


def _loopback_port(address: str) -> int:
    """The port of an address that leads back into the caller's own pod; else 0."""
    host, _, port = address.rpartition(":")
    return int(port) if host in ("localhost", "127.0.0.1") and port.isdigit() else 0


def _name(obj: Obj) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def main_container(application: Application, pod: Obj) -> Obj:
    """The container that the pod is there for, or its first."""
    containers = pod["spec"]["containers"]
    component = application.component_of(pod) if len(containers) > 1 else None
    wanted = component.container if component else ""
    return next((container for container in containers if container["name"] == wanted), containers[0])


def _imagined(workload: Obj) -> Obj:
    """A pod as the workload would make it: what would call if anything of it ran."""
    template = workload["spec"]["template"]
    meta = {**(template.get("metadata") or {}), "name": "", "namespace": workload["metadata"]["namespace"]}
    return {"metadata": meta, "spec": template["spec"], "status": {}}


def _average(reaches: list[Reach]) -> Reach:
    shares: dict[str, float] = {}
    for reach in reaches:
        for word, share in reach.outcomes:
            shares[word] = shares.get(word, 0.0) + share / len(reaches)
    outcomes = tuple((word, round(share, 6)) for word, share in sorted(shares.items()))
    worst = max(reaches, key=lambda reach: reach.outcomes != Reach.HEALTHY)
    return Reach(outcomes, sum(reach.delay_ms for reach in reaches) / len(reaches), worst.address)
