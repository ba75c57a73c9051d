"""Hostile text that reaches an agent through what it reads: the set, whom it is planted at, and the planting."""
