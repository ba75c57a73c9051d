"""The kubelet of every node: what happens to pods once they are bound."""

from aoi.clusters.embedded.controllers.kubelet.control import evict, kill_container, reprobe
from aoi.clusters.embedded.controllers.kubelet.controller import Kubelet
from aoi.clusters.embedded.controllers.kubelet.memory import ContainerMemory, PodMemory, container_memory

__all__ = ["ContainerMemory", "Kubelet", "PodMemory", "container_memory", "evict", "kill_container", "reprobe"]
