"""The seeds there are. Imports nothing: commands read it for their help."""

MAX_SEED = 2**63 - 1
"""The greatest: a seed is written in JSON and in databases, whose whole numbers have 64 bits."""
