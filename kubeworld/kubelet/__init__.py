"""The kubelet of every node: what happens to pods once they are bound."""

from kubeworld.kubelet.control import evict, kill_container, replan_exit, reprobe, running_containers
from kubeworld.kubelet.controller import Kubelet
from kubeworld.kubelet.memory import ContainerMemory, PodMemory, container_memory
from kubeworld.kubelet.work import ContainerWork

__all__ = [
    "ContainerMemory",
    "ContainerWork",
    "Kubelet",
    "PodMemory",
    "container_memory",
    "evict",
    "kill_container",
    "replan_exit",
    "reprobe",
    "running_containers",
]
