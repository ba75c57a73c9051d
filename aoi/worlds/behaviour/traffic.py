"""Traffic of an application under given conditions: what everything else asks.

Cached: the same application under the same conditions is evaluated once. Most worlds need one pass down and one up
(`evaluation.py`); where programs run otherwise than specified, or have more to do than they can, the passes go on
until they agree (`saturation.py`).
"""

from functools import lru_cache

from aoi.worlds.applications.spec import Application
from aoi.worlds.behaviour.conditions import Conditions
from aoi.worlds.behaviour.evaluation import (
    FAILURE_MS,
    NETWORK_MS,
    TAIL,
    Evaluation,
    Flow,
    Load,
    Traffic,
    cpu_millicores,
)
from aoi.worlds.behaviour.flags import flagged
from aoi.worlds.behaviour.saturation import Saturated, lost_caches, strained

__all__ = ["FAILURE_MS", "NETWORK_MS", "TAIL", "Flow", "Load", "Traffic", "cpu_millicores", "evaluate"]


@lru_cache(maxsize=1024)
def evaluate(application: Application, conditions: Conditions) -> Traffic:
    """Traffic of an application under given conditions."""
    if conditions.flags:
        application = flagged(application, conditions.flags)
    strains = (*conditions.strains, *(lost_caches(application, conditions) if conditions.edges else ()))
    if strains or conditions.surges:
        return Saturated(strained(application, strains), conditions, strains).settle()
    return Evaluation(application, conditions).run() or Saturated(application, conditions, ()).settle()
