"""Configuration of a namespace as programs read it: now, or at the time when one of them started."""

import base64
from bisect import bisect_right

from aoi.worlds.behaviour.launch import Values
from kubeworld.machine.world import World


def current_values(world: World, namespace: str) -> dict[str, dict[str, str]]:
    """Data of every ConfigMap and Secret of a namespace as it is now."""
    values = {
        f"configmap/{obj['metadata']['name']}": dict(obj.get("data") or {})
        for obj in world.store.objects("configmaps", namespace)
    }
    for obj in world.store.objects("secrets", namespace):
        data = {key: _decode(text) for key, text in (obj.get("data") or {}).items()}
        values[f"secret/{obj['metadata']['name']}"] = data
    return values


def _decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""


def values_at(world: World, at_ms: int) -> Values:
    """Configuration as a program that started at `at_ms` read it."""
    history = world.state.get("configuration", ())
    if not history:
        return {}
    index = bisect_right(history, at_ms, key=lambda entry: entry[0]) - 1
    return history[max(index, 0)][1]
