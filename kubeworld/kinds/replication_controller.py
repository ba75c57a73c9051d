"""ReplicationControllers, the forerunners of ReplicaSets."""

from kubeworld.kinds.kind import READ_VERBS, Kind

# `kubectl apply --prune` looks through them; there are none, and creating one is refused.
REPLICATION_CONTROLLER = Kind(
    group="",
    version="v1",
    kind="ReplicationController",
    plural="replicationcontrollers",
    short=("rc",),
    verbs=(*READ_VERBS, "watch"),
    categories=("all",),
)
