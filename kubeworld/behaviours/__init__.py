"""What containers and kubelets of a served cluster do, told in a file: crashes, failing probes, logs, a silent node.

It is control, not an object: no client sees a behaviour, only what follows from it. Whoever serves a cluster uses
`parse` and `apply`, or `BehavioursFile`, which does both whenever the file changes.
"""

from kubeworld.behaviours.apply import apply
from kubeworld.behaviours.entries import Behaviours
from kubeworld.behaviours.file import BehavioursFile, reason
from kubeworld.behaviours.parse import BadBehaviours, parse, read
from kubeworld.behaviours.runtime import DescribedRuntime

__all__ = ["BadBehaviours", "Behaviours", "BehavioursFile", "DescribedRuntime", "apply", "parse", "read", "reason"]
