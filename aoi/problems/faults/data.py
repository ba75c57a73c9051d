"""What a database lets its clients do: state inside the database, which no API object shows."""

import random
from collections.abc import Callable
from typing import Any

from aoi.problems.faults.base import Action, Fault, Plan
from aoi.problems.faults.templates import restart
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Delete, Write
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.spec import Application, Component, Login
from kubeworld.machine.world import World

Account = dict[str, Any]


def _clients(application: Application, database: str) -> list[tuple[Component, Login]]:
    return [
        (component, login)
        for component in application.components
        for login in component.logins
        if login.database_component == database and login.user
    ]


def _checks_who_connects(application: Application, component: Component) -> bool:
    has_auth = component.database is not None and component.database.auth
    return has_auth and is_used(application, component) and bool(_clients(application, component.name))


def _keeps_scripts(application: Application, component: Component) -> bool:
    """The typed repair runs a script that the database's pod mounts; nobody can write one."""
    mounted = {mount.name for mount in component.mounts if mount.source == "configmap"}
    return any(
        key.endswith(".sh") and "grant" in text.lower()
        for name, data in application.extra_config_maps
        if name in mounted
        for key, text in data
    )


def _db_auth_revoked(site: Site, choices: random.Random) -> Plan:
    client, login = _clients(site.application, site.name)[0]
    healthy = _account(site, login.user)
    kept = [grant for grant in healthy["grants"] if grant[0] != login.database]
    return _locked_out(site, client.name, login.user, {**healthy, "grants": kept})


def _db_user_dropped(site: Site, choices: random.Random) -> Plan:
    client, login = _clients(site.application, site.name)[0]
    return _locked_out(site, client.name, login.user, None)


def _account(site: Site, user: str) -> Account:
    assert site.spec.database is not None, site.name
    account = next(account for account in site.spec.database.users if account.name == user)
    return {"password": account.password, "grants": [list(grant) for grant in account.grants]}


def _locked_out(site: Site, client: str, user: str, left: Account | None) -> Plan:
    """A client whose account is as `left` (None: gone)."""
    return Plan(
        writes=_reconnect(site, client),
        repair=(restart(site.key_of(client)),),
        marks=(),
        actions=(Action("repair_database", site.name),),
        evidence=(("logs", client), ("pods", client)),
        accepted=(site.name, client),
        state=_set_account(site.name, user, left),
        undo_state=_set_account(site.name, user, _account(site, user)),
        state_holds=lambda world: world.state["databases"][site.name]["users"].get(user) == left,
    )


def _reconnect(site: Site, client: str) -> tuple[Write, ...]:
    """The client's pods are deleted, as AIOpsLab does, so that their successors log in anew."""
    return tuple(Delete(("pods", site.namespace, name)) for name in site.pods_of[client])


def _set_account(database: str, user: str, account: Account | None) -> Callable[[World], None]:
    def write(world: World) -> None:
        databases = world.state["databases"]
        users = {name: kept for name, kept in databases[database]["users"].items() if name != user}
        if account is not None:
            users[user] = account
        changed = {**databases, database: {**databases[database], "users": users}}
        world.state = {**world.state, "databases": changed}

    return write


DB_AUTH_REVOKED = Fault(
    key="db_auth_revoked",
    version="1",
    family="database",
    causes=("unauthorized",),
    level=SystemLevel.APPLICATION,
    type=FaultType.AUTHENTICATION,
    eligible=_checks_who_connects,
    plan=_db_auth_revoked,
    mendable=_keeps_scripts,
    needs_control=True,
    at_rolled=True,
)
DB_USER_DROPPED = Fault(
    key="db_user_dropped",
    version="1",
    family="database",
    causes=("authfailed", "nouser"),
    level=SystemLevel.APPLICATION,
    type=FaultType.NETWORK_STORAGE,
    eligible=_checks_who_connects,
    plan=_db_user_dropped,
    mendable=_keeps_scripts,
    needs_control=True,
    at_rolled=True,
)

MECHANISMS = (
    DB_AUTH_REVOKED,
    DB_USER_DROPPED,
)
