"""Scripted policies: an expert, one that knows the truth, and one that does nothing.

They decide from the prompt that they decode, like any policy; only the golden operator is told more.
"""

from aoi.agents.operators.expert import ExpertOperator
from aoi.agents.operators.golden import GoldenOperator
from aoi.agents.operators.null import NullOperator

__all__ = ["ExpertOperator", "GoldenOperator", "NullOperator"]
