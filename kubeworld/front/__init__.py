"""The HTTPS front of embedded clusters: real kubectl, helm and client libraries talk to it. Loopback only."""

from kubeworld.front.doors import Face
from kubeworld.front.kubeconfig import CLUSTER, Context, is_ours, write_contexts, write_kubeconfig
from kubeworld.front.server import Front, Scaled, Stepped, serve_until_stopped, serving

__all__ = [
    "CLUSTER",
    "Context",
    "Face",
    "Front",
    "Scaled",
    "Stepped",
    "is_ours",
    "serve_until_stopped",
    "serving",
    "write_contexts",
    "write_kubeconfig",
]
