"""What a database lets its clients do: state inside the database, which no API object shows."""

import random
from collections.abc import Callable
from typing import Any

from aoi.clusters.apps.spec import Application, Component, Login
from aoi.clusters.embedded.world import World
from aoi.problems.faults.base import Action, Fault, Plan
from aoi.problems.faults.templates import restart
from aoi.problems.sites import Site, is_used
from aoi.problems.writes import Delete, Write
from aoi.records.problem import FaultType, SystemLevel


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
    healthy = next(user for user in site.spec.database.users if user.name == login.user) if site.spec.database else None
    assert healthy is not None, site.name
    kept = [list(grant) for grant in healthy.grants if grant[0] != login.database]
    granted = [list(grant) for grant in healthy.grants]
    return Plan(
        writes=_reconnect(site, client.name),
        repair=(restart(("deployments.apps", site.namespace, client.name)),),
        marks=(),
        actions=(Action("repair_database", site.name),),
        evidence=(("logs", client.name), ("pods", client.name)),
        accepted=(site.name, client.name),
        state=_set_grants(site.name, login.user, kept),
        undo_state=_set_grants(site.name, login.user, granted),
        state_holds=lambda world: _grants(world, site.name, login.user) == kept,
    )


def _reconnect(site: Site, client: str) -> tuple[Write, ...]:
    """The client's pods are deleted, as AIOpsLab does, so that their successors log in anew."""
    return tuple(Delete(("pods", site.namespace, name)) for name in site.pods_of[client])


def _grants(world: World, database: str, user: str) -> Any:
    return world.state["databases"][database]["users"].get(user, {}).get("grants")


def _set_grants(database: str, user: str, grants: list[list[str]]) -> Callable[[World], None]:
    def write(world: World) -> None:
        databases = world.state["databases"]
        users = databases[database]["users"]
        changed = {**users, user: {**users[user], "grants": grants}}
        world.state = {
            **world.state,
            "databases": {**databases, database: {**databases[database], "users": changed}},
        }

    return write


DB_AUTH_REVOKED = Fault(
    key="db_auth_revoked",
    version="1",
    causes=("unauthorized",),
    level=SystemLevel.APPLICATION,
    type=FaultType.AUTHENTICATION,
    eligible=_checks_who_connects,
    plan=_db_auth_revoked,
    mendable=_keeps_scripts,
    needs_control=True,
)
