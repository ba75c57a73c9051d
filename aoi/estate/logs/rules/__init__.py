"""The rules in the order in which they are asked: the first that fits is what a line says."""

from aoi.estate.logs.rules import access, configuration, databases, files, images, network, resources, runtimes
from aoi.estate.logs.rules.form import Rule

__all__ = ["RULES", "Rule"]

RULES: tuple[Rule, ...] = (
    *images.RULES,
    *files.RULES,
    *resources.RULES,
    *access.RULES,
    *databases.RULES,
    *network.RULES,
    *configuration.RULES,
    *runtimes.RULES,
)
"""What names a cause precedes what names a symptom: a disk that is full before the exception that it raised."""
