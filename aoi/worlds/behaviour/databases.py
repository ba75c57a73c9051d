"""Accounts inside databases: the one part of an application that is not an API object.

They live in `world.state["databases"]` by component: `{"auth": bool, "users": {name: {"password", "grants"}}}` with
grants as (database, role). Every change replaces the value and has telemetry look again.
"""

from typing import Any

from kubeworld.machine.world import World

Users = dict[str, Any]


def users(world: World, component: str) -> Users:
    """Accounts of a database component. Raises: KeyError if it is none."""
    return world.state["databases"][component]["users"]


def set_users(world: World, component: str, accounts: Users) -> None:
    """Replace the accounts of a database component."""
    databases = world.state["databases"]
    world.state["databases"] = {**databases, component: {**databases[component], "users": accounts}}
    world.wake("telemetry-recorder", "", ("", "scrape"))  # no API object changed
