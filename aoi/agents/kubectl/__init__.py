"""kubectl syntax without kubectl: a line is parsed into a typed read, run as API requests, rendered in process.

No binary, no shell, no file: the binary reads and writes local files, sends tokens to a named server and
runs plugins, which no RBAC rule can stop.
"""

from aoi.agents.kubectl.command import ReadCommand, Target
from aoi.agents.kubectl.parse import parse
from aoi.agents.kubectl.run import Rendered, run

__all__ = ["ReadCommand", "Rendered", "Target", "parse", "run"]
