"""Typed actions: what may be changed, how far, and the one way a change takes to the cluster."""
