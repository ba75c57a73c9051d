"""Pod addresses, from the range of the pod's node."""

import hashlib
import ipaddress

from kubeworld.kubelet.status import node_address
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def allocate(world: World, pod: Obj) -> str | None:
    """The next free address of the node's podCIDR, or None; the node's own for a pod on the host network."""
    node_name = pod["spec"]["nodeName"]
    if pod["spec"].get("hostNetwork"):
        return node_address(world, node_name)
    network = pod_range(world, node_name)
    # The sandbox of a pod that ended is gone, and its address free: the status keeps it for the record.
    statuses = [other.get("status") or {} for other in world.store.pods_on(node_name)]
    taken = {status.get("podIP") for status in statuses if status.get("phase") not in ("Succeeded", "Failed")}
    key = f"next-address/{node_name}"
    first, last = 2, network.num_addresses - 2  # without the network's, the bridge's and the broadcast address
    # Round robin, as the CNI plug-in host-local does it: an address that was given back is not handed out again at
    # once.
    offset = world.state.get(key, first)
    for _ in range(first, last + 1):
        address = str(network[offset])
        offset = offset + 1 if offset < last else first
        if address not in taken:
            world.state[key] = offset
            return address
    return None


def pod_range(world: World, node_name: str) -> ipaddress.IPv4Network:
    """The node's podCIDR."""
    node = world.store.get("nodes", "", node_name)
    return ipaddress.IPv4Network(((node or {}).get("spec") or {}).get("podCIDR") or "10.244.0.0/24")


def exhausted_message(world: World, pod: Obj) -> str:
    """Of FailedCreatePodSandBox, in the words of the CNI plugin `host-local`."""
    network = pod_range(world, pod["spec"]["nodeName"])
    sandbox = hashlib.sha256(f"{pod['metadata']['uid']}/sandbox".encode()).hexdigest()
    return (
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "
        f'"{sandbox}": plugin type="ptp" failed (add): failed to allocate for range 0: no IP addresses available in '
        f"range set: {network[1]}-{network[-2]}"
    )
