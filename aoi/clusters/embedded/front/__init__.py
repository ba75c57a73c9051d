"""The HTTPS front of embedded clusters: real kubectl, helm and client libraries talk to it. Loopback only."""

from aoi.clusters.embedded.front.kubeconfig import write_kubeconfig
from aoi.clusters.embedded.front.server import Front, Scaled, Stepped, serving

__all__ = ["Front", "Scaled", "Stepped", "serving", "write_kubeconfig"]
