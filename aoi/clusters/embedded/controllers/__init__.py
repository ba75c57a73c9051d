"""The controllers of the embedded cluster: stateless, woken by changes and timers, each settling one kind of object.

`standard_controllers()` is what a cluster runs. What a controller must remember is in the store or, as immutable
values, in `world.state`. Periodic work exists only where something is wrong: a healthy, quiet world has no timers.
"""

from aoi.clusters.embedded.controllers.aggregation import RoleAggregation
from aoi.clusters.embedded.controllers.autoscaler import HorizontalAutoscaler
from aoi.clusters.embedded.controllers.cronjob import CronJobController
from aoi.clusters.embedded.controllers.daemonset import DaemonSetController
from aoi.clusters.embedded.controllers.deployment import DeploymentController
from aoi.clusters.embedded.controllers.disruption import DisruptionController
from aoi.clusters.embedded.controllers.endpoints import EndpointsController
from aoi.clusters.embedded.controllers.events import EventExpiry
from aoi.clusters.embedded.controllers.garbage import GarbageCollector
from aoi.clusters.embedded.controllers.job import JobController
from aoi.clusters.embedded.controllers.kubelet import Kubelet
from aoi.clusters.embedded.controllers.namespace import NamespaceController
from aoi.clusters.embedded.controllers.nodes import NodeController
from aoi.clusters.embedded.controllers.policy_status import PolicyStatusController
from aoi.clusters.embedded.controllers.protection import StorageProtection
from aoi.clusters.embedded.controllers.quota import QuotaController
from aoi.clusters.embedded.controllers.replicaset import ReplicaSetController
from aoi.clusters.embedded.controllers.scheduler import Scheduler
from aoi.clusters.embedded.controllers.statefulset import StatefulSetController
from aoi.clusters.embedded.controllers.taints import TaintEviction
from aoi.clusters.embedded.controllers.volumes import VolumeController
from aoi.clusters.embedded.world import Controller


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
    )
