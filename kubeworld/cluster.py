"""Puts a cluster together: a world, the controllers that settle it, admission, and a runtime for its containers."""

from kubeworld.admission import StandardAdmission
from kubeworld.admission.policy_status import PolicyStatusController
from kubeworld.controllers.aggregation import RoleAggregation
from kubeworld.controllers.api_services import ApiServices
from kubeworld.controllers.autoscaler import HorizontalAutoscaler
from kubeworld.controllers.cronjob import CronJobController
from kubeworld.controllers.daemonset import DaemonSetController
from kubeworld.controllers.deployment import DeploymentController
from kubeworld.controllers.disruption import DisruptionController
from kubeworld.controllers.endpoint_mirroring import EndpointMirroring
from kubeworld.controllers.endpoints import EndpointsController
from kubeworld.controllers.event_expiry import EventExpiry
from kubeworld.controllers.garbage import GarbageCollector
from kubeworld.controllers.job import JobController
from kubeworld.controllers.namespace import NamespaceController
from kubeworld.controllers.nodes import NodeController
from kubeworld.controllers.priority_and_fairness import FlowController
from kubeworld.controllers.protection import StorageProtection
from kubeworld.controllers.quota import QuotaController
from kubeworld.controllers.replicaset import ReplicaSetController
from kubeworld.controllers.scheduler import Scheduler
from kubeworld.controllers.statefulset import StatefulSetController
from kubeworld.controllers.taints import TaintEviction
from kubeworld.controllers.volumes import VolumeController
from kubeworld.kinds.catalogue import WITHOUT_GENERATION
from kubeworld.kubelet import ContainerWork, Kubelet
from kubeworld.kubelet.eviction import EvictionManager
from kubeworld.kubelet.plain_runtime import PlainRuntime
from kubeworld.machine.world import EPOCH_MS, Controller, Plugin, Runtime, World


def standard_controllers() -> tuple[Controller, ...]:
    """Everything that kube-controller-manager, kube-scheduler and the kubelets do here."""
    return (
        NamespaceController(),
        NodeController(),
        DeploymentController(),
        ReplicaSetController(),
        StatefulSetController(),
        DaemonSetController(),
        CronJobController(),
        JobController(),
        VolumeController(),
        Scheduler(),
        Kubelet(),
        EvictionManager(),
        EndpointsController(),
        TaintEviction(),
        GarbageCollector(),
        QuotaController(),
        DisruptionController(),
        HorizontalAutoscaler(),
        EventExpiry(),
        PolicyStatusController(),
        RoleAggregation(),
        StorageProtection(),
        ApiServices(),
        FlowController(),
        ContainerWork(),
        EndpointMirroring(),
    )


def new_cluster(
    *,
    seed: int,
    runtime: Runtime | None = None,
    controllers: tuple[Controller, ...] | None = None,
    plugins: tuple[Plugin, ...] = (),
    epoch_ms: int = EPOCH_MS,
) -> World:
    """An empty world that admits and settles as Kubernetes does. `runtime` defaults to one that starts any image.

    `plugins` are asked about changes after Kubernetes' own admission.
    """
    return World(
        seed=seed,
        runtime=runtime or PlainRuntime(),
        controllers=standard_controllers() if controllers is None else controllers,
        admission=StandardAdmission(plugins),
        without_generation=WITHOUT_GENERATION,
        epoch_ms=epoch_ms,
    )
