"""What a container is started with, and what goes before it: command, arguments, init containers."""

import random
from typing import Any

from aoi.problems.faults.base import Action, Among, Fault, Mark, Plan, Such
from aoi.problems.faults.templates import changed_container, changed_template
from aoi.problems.sites import Site, is_used
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.installation import Attendant
from aoi.worlds.applications.manifests import attendant_object
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.behaviour.options import EXIT_CODES

BUSYBOX = ("busybox", "1.36")
MIGRATE = ("migrate/migrate", "v4.17.1")
SCHEMES = {"mongo": "mongodb", "postgres": "postgres"}


def _has_command(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(component.command)


def _missing_command(site: Site, choices: random.Random) -> Plan:
    """A program that the image does not hold."""
    command, *rest = site.container.get("command") or site.spec.command
    base = command.rpartition("/")[2]
    image = site.application.image_of(site.spec)
    exists = {*dict(image.binaries), *image.tools}
    candidates = (f"/usr/local/bin/{base}-server", f"/app/bin/{base}", f"{base}.sh", f"{base}d", "/entrypoint.sh")
    wrong = choices.choice([name for name in candidates if name not in exists])
    return changed_container(
        site,
        {"command": [wrong, *rest]},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("describe", site.name)),
    )


def _reads_options(application: Application, component: Component) -> bool:
    return is_used(application, component) and component.dialect in EXIT_CODES


def _bad_args(site: Site, choices: random.Random) -> Plan:
    if site.spec.database is not None or site.spec.kind == "cache":
        option = choices.choice(("--journalcompression=on", "--tracing=on", "--slowlog=200"))
    else:
        option = choices.choice(("--log-format=json", "--enable-tracing", "--metrics-port=9100", "--max-idle=30s"))
    return changed_container(
        site,
        {"args": [*(site.container.get("args") or ()), option]},
        actions=(Action("rollback", site.name),),
        evidence=(("logs", site.name), ("describe", site.name)),
    )


def _with_init(site: Site, attendant: Attendant, env: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The pod's init containers with one more in front, or in the place of one of the same name."""
    init = {**attendant_object(attendant), **({"env": env} if env else {})}
    present = site.workload["spec"]["template"]["spec"].get("initContainers") or []
    return [init, *(other for other in present if other["name"] != attendant.name)]


def _init_changed(site: Site, attendant: Attendant, env: list[dict[str, str]]) -> Plan:
    return changed_template(
        site,
        {"initContainers": _with_init(site, attendant, env)},
        {},
        actions=(Action("rollback", site.name),),
        evidence=(("pods", site.name), ("events", site.name)),
    )


def _init_waits(site: Site, choices: random.Random) -> Plan:
    """A release that waits for a Service by a name that it does not have, or does not have any more."""
    taken = {service.name for service in site.application.services}
    callees = [callee for callee in site.spec.callees if not site.application.by_name[callee].namespace]
    base = choices.choice(callees) if callees else site.name
    names = (f"{base}-headless", f"{base}-primary", f"{base}-v2", "schema-registry", "config-server")
    host = choices.choice([name for name in names if name not in taken])
    port = site.application.by_name[base].port
    script = choices.choice(
        (
            f"until nslookup {host}; do echo waiting for {host}; sleep 2; done",
            f"until nc -z -w 2 {host} {port}; do echo waiting for {host}; sleep 3; done",
            f"while ! nc -z {host} {port}; do sleep 1; done",
        )
    )
    name = choices.choice(("wait-for-data", f"wait-for-{base}"[:60], "wait"))
    change = _init_changed(site, Attendant(name, *BUSYBOX, ("sh", "-c", script)), [])
    # Whoever gives the Service what it is to lead to has mended it as well; a name that leads nowhere mends nothing.
    awaited = Mark(("endpoints", site.namespace, host), ("subsets",), Such(_has_pods), absent=True)
    return change.while_also(awaited)


def _has_pods(subsets: Any) -> bool:
    """Whether any address is a pod's that is ready: what somebody wrote by hand leads anywhere."""
    return any(address.get("targetRef") for subset in subsets or () for address in subset.get("addresses") or ())


def _databases(application: Application, component: Component) -> list[Component]:
    callees = [application.by_name[callee] for callee in component.callees]
    return [callee for callee in callees if callee.protocol in SCHEMES and callee.kind == "database"]


def _migrates(application: Application, component: Component) -> bool:
    return is_used(application, component) and bool(_databases(application, component))


def _init_fails(site: Site, choices: random.Random) -> Plan:
    """A release whose migration looks for its database with a URL that is missing, misspelt or out of date."""
    database = choices.choice(_databases(site.application, site.spec))
    host, scheme = site.application.host_of(database.name), SCHEMES[database.protocol]
    schema = next((login.database for login in site.spec.logins if login.database_component == database.name), "app")
    urls = (
        f"{host}:{database.port}/{schema}",
        f"{scheme}ql+ssl://{host}:{database.port}/{schema}",
        f"{scheme}://{host}-old:{database.port}/{schema}",
        f"{scheme}://{host}:{database.port + 1}/{schema}",
        "",
    )
    command = ("migrate", "-path", "/migrations", "-database", "$(DATABASE_URL)", "up")
    name = choices.choice(("migrate", "schema", "db-migrate"))
    env = [{"name": "DATABASE_URL", "value": choices.choice(urls)}]
    given = [entry for entry in env if entry["value"]]
    change = _init_changed(site, Attendant(name, *MIGRATE, command), given)
    if given:
        return change
    # Told nothing: whoever tells it where the database is has mended it.
    return change.marked_by(Among(({"name": name, "env": Such(lambda said: not said)},)))


MISSING_COMMAND = Fault(
    key="missing_command",
    version="1",
    family="program",
    causes=("badcommand", "starterror"),
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_has_command,
    plan=_missing_command,
)
BAD_ARGS = Fault(
    key="bad_args",
    version="1",
    family="program",
    causes=("badargs",),
    level=SystemLevel.APPLICATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_reads_options,
    plan=_bad_args,
)
INIT_WAITS = Fault(
    key="init_waits",
    version="1",
    family="init",
    causes=("initwait", "nohost"),  # its log names whom it waits for
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.DEPENDENCY,
    eligible=is_used,
    plan=_init_waits,
)
INIT_FAILS = Fault(
    key="init_fails",
    version="1",
    family="init",
    causes=("initwait", "crashloop", "badconfig", "nohost"),  # a bad URL, as its variable and its log say
    level=SystemLevel.VIRTUALIZATION,
    type=FaultType.MISCONFIGURATION,
    eligible=_migrates,
    plan=_init_fails,
)

MECHANISMS = (
    MISSING_COMMAND,
    BAD_ARGS,
    INIT_WAITS,
    INIT_FAILS,
)
