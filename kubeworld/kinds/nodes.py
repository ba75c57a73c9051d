"""What is known of a node beside its object."""

from kubeworld.machine.world import World


def is_down(world: World, node: str) -> bool:
    """Whether the node's kubelet is dead (its node may not be known to be so yet)."""
    return f"node-down/{node}" in world.state
