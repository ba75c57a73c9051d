"""Problems for other people's agents and trainers: one environment, and a thin module for each who can drive it.

environment   reset, typed tools, submit, reward by the oracle, fork: all that there is, and no vendor
tools         what may be called, as types and as JSON schemas
openenv       an OpenEnv server (`aoi env serve`)
verifiers     a verifiers environment (`load_environment`)
inspect       Inspect tasks (`inspect eval aoi/aiopslab`)
trl           a class for `GRPOTrainer(environment_factory=...)`
"""

from aoi.interop.environments.environment import Environment, Seen, State

__all__ = ["Environment", "Seen", "State"]
