"""What a log says about why its program fails: bytes in, telling lines out. Nothing here reads a cluster."""

from aoi.estate.logs.telling import UNCLASSIFIED, Telling, last_lines, tell

__all__ = ["UNCLASSIFIED", "Telling", "last_lines", "tell"]
