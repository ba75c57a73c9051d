"""A real cluster behind the same interface: a kubeconfig, an identity that is checked first, and no other host."""

from aoi.access.live.transport import LiveReadTransport, LiveTransport

__all__ = ["LiveReadTransport", "LiveTransport"]
