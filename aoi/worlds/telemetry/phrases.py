"""What a program says of a call that failed, in its own dialect: for its log and for its spans."""

from aoi.worlds.applications.spec import DATA_KINDS, Application, Call
from aoi.worlds.behaviour import names
from aoi.worlds.behaviour.noise import digest
from aoi.worlds.telemetry.dialects import DIALECTS, drivers
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def texts_of(application: Application, caller: str, callee: str, word: str) -> tuple[str, ...]:
    """Phrasings of an outcome; a Go program speaks of databases, caches and queues in other words than of services."""
    phrases, called = DIALECTS[application.by_name[caller].dialect].phrases, application.by_name[callee]
    word = drivers.SAME_AS.get(word, word)
    if word == "servfail" and word not in phrases:
        word = "dns"  # getaddrinfo has one error for no answer and for a server that fails
    if (called.kind in DATA_KINDS or called.protocol == "kafka") and f"data_{word}" in phrases:
        return phrases[f"data_{word}"]
    return phrases.get(word) or drivers.refusal(word, called.protocol) or phrases["reset"]


def callee_values(
    world: World, application: Application, caller: str, callee: str, address: str, pod: Obj | None = None
) -> dict[str, str]:
    """Placeholders about a callee that `caller` looks for at `address`, in `pod` if it is known which."""
    host, _, port = address.rpartition(":")
    service = world.store.get("services", *_place(application, host))
    ip = service["spec"].get("clusterIP", "") if service else ""
    if not ip or ip == "None":
        mixed = digest(world.seed, host, "ip")
        ip = f"10.96.{mixed[0]}.{mixed[1]}"
    return {
        "callee": callee,
        "host": host,
        "port": port,
        "ip": ip,
        "dns": _nameserver(world, application, caller, pod),
        **login_values(application, caller, callee),
    }


def _nameserver(world: World, application: Application, caller: str, pod: Obj | None) -> str:
    """Whom a program asks for names; where no pod is known, as its workload would make one."""
    component = application.by_name[caller]
    if pod is None:
        namespace = application.namespace_of(component)
        workload = world.store.get(component.resource, namespace, component.workload)
        if workload is None:
            return names.cluster_dns(world)
        pod = {"metadata": {"namespace": namespace}, "spec": workload["spec"]["template"]["spec"]}
    return names.resolver_of(world, pod).nameserver or "127.0.0.1"


def _place(application: Application, host: str) -> tuple[str, str]:
    """(namespace, name) of the Service that a host in the cluster would be."""
    name, _, rest = host.partition(".")
    return rest.partition(".")[0] or application.namespace, name


def login_values(application: Application, caller: str, callee: str) -> dict[str, str]:
    """User and database with which `caller` logs in to `callee`."""
    for login in application.by_name[caller].logins:
        if login.database_component == callee:
            return {"user": login.user, "db": login.database}
    return {"user": "", "db": ""}


def spoken(world: World, application: Application, caller: str, call: Call, word: str, address: str) -> str:
    """The message of one failed call."""
    address = address or f"{application.host_of(call.callee)}:{application.by_name[call.callee].port}"
    values = callee_values(world, application, caller, call.callee, address)
    values |= {"op": call.operation, "ms": str(call.timeout_ms), "n": "1", "who": caller}
    return texts_of(application, caller, call.callee, word)[0].format_map(values)
