"""Pod addresses, from the range of the pod's node."""

import ipaddress

from aoi.clusters.embedded.controllers.kubelet.status import node_address
from aoi.clusters.embedded.store import Obj
from aoi.clusters.embedded.world import World


def allocate(world: World, pod: Obj) -> str:
    """The next free address of the node's podCIDR; the node's own for a pod on the host network."""
    node_name = pod["spec"]["nodeName"]
    if pod["spec"].get("hostNetwork"):
        return node_address(world, node_name)
    node = world.store.get("nodes", "", node_name)
    network = ipaddress.ip_network(((node or {}).get("spec") or {}).get("podCIDR") or "10.244.0.0/24")
    taken = {(other.get("status") or {}).get("podIP") for other in world.store.pods_on(node_name)}
    key = f"next-address/{node_name}"
    offset = world.state.get(key, 2)  # the first address is the bridge's
    for _ in range(network.num_addresses):
        address = str(network[offset])
        offset = offset + 1 if offset + 2 < network.num_addresses else 2
        if address not in taken:
            world.state[key] = offset
            return address
    return str(network[2])
