"""Scripted policies: a junior that knows the form but lacks strategy, an expert, one that knows the truth, and one
that does nothing.

They decide from the prompt that they decode, like any policy; only the golden operator is told more.
"""

from aoi.agents.operators.golden import GoldenOperator
from aoi.agents.operators.null import NullOperator
from aoi.agents.operators.scripted import ExpertOperator, ScriptedOperator, Skill

__all__ = ["ExpertOperator", "GoldenOperator", "NullOperator", "ScriptedOperator", "Skill"]
