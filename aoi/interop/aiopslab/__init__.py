"""AIOpsLab (microsoft/AIOpsLab, as at ddf7e40): an agent that plays in its orchestrator, and its session files.

Nothing of its code is used: what is known of it is its protocol. An agent has `init_context(description, instructions,
apis)` and an async `get_action(observation)`, which returns one call in a fenced block.
"""

from aoi.interop.aiopslab.agent import Agent, Place, survey_only

__all__ = ["Agent", "Place", "survey_only"]
