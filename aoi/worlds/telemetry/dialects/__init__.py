"""How programs speak in their logs: one dialect per language or engine, each with its own words for the same event.

A dialect has a line format and phrases by event. Placeholders: `{host}` and `{port}` as the caller was configured,
`{callee}`, `{ip}` (cluster IP), `{dns}` (the resolver asked), `{op}` (operation called), `{ms}`, `{n}`, `{name}` and
`{value}` (a setting), `{user}` and `{db}`. Events `refused` to `servfail` are the outcome words of conditions.py; a
`data_` before one of them is the same said of a database or a cache, where a program has other words for that.
"""

from collections.abc import Mapping

from aoi.worlds.telemetry.dialects import engines, go, hotel, managed, native, shop
from aoi.worlds.telemetry.dialects.form import Dialect, Level, Phrases

__all__ = ["DIALECTS", "Dialect", "Level", "Phrases"]

DIALECTS: Mapping[str, Dialect] = {
    **go.DIALECTS,
    **hotel.DIALECTS,
    **managed.DIALECTS,
    **native.DIALECTS,
    **engines.DIALECTS,
    **shop.DIALECTS,
}
"""By the key that `Component.dialect` holds."""
