"""Accounts inside databases: the one part of an application that is not an API object.

They live in `world.state["databases"]` by component: `{"auth": bool, "users": {name: {"password", "grants"}}}` with
grants as (database, role), and `"scan_ms"` where an index is missing: CPU of each query that reads a whole table. Every
change replaces the value and has telemetry look again.
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


def scan_ms(world: World, component: str) -> float:
    """CPU that each query costs on top for want of an index; 0 if there is one."""
    return float(world.state["databases"].get(component, {}).get("scan_ms", 0.0))


def set_scan(world: World, component: str, cost_ms: float) -> None:
    """Drop the index of a database component (0: make it anew)."""
    databases = world.state["databases"]
    kept = {key: value for key, value in databases[component].items() if key != "scan_ms"}
    changed = {**kept, **({"scan_ms": cost_ms} if cost_ms else {})}
    world.state["databases"] = {**databases, component: changed}
    world.wake("telemetry-recorder", "", ("", "scrape"))  # no API object changed
