"""Every kind that is served, in the order of discovery: the preferred version of a group comes first.

The one list of kinds. What the server discovers, routes, defaults, checks and prints, and what controllers know of a
table, is looked up in what is made of it here.
"""

from kubeworld.kinds.api_service import API_SERVICE
from kubeworld.kinds.chaos import CHAOS
from kubeworld.kinds.config_map import CONFIG_MAP
from kubeworld.kinds.controller_revision import CONTROLLER_REVISION
from kubeworld.kinds.cron_job import CRON_JOB
from kubeworld.kinds.csi import CSI
from kubeworld.kinds.custom_resource_definition import CUSTOM_RESOURCE_DEFINITION
from kubeworld.kinds.daemon_set import DAEMON_SET
from kubeworld.kinds.deployment import DEPLOYMENT
from kubeworld.kinds.endpoint_slice import ENDPOINT_SLICE
from kubeworld.kinds.endpoints import ENDPOINTS
from kubeworld.kinds.event import EVENT, NEW_EVENT
from kubeworld.kinds.flow_control import FLOW_SCHEMA, PRIORITY_LEVEL_CONFIGURATION
from kubeworld.kinds.horizontal_pod_autoscaler import HORIZONTAL_POD_AUTOSCALER, OLD_HORIZONTAL_POD_AUTOSCALER
from kubeworld.kinds.ingress import INGRESS
from kubeworld.kinds.ingress_class import INGRESS_CLASS
from kubeworld.kinds.job import JOB
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.lease import LEASE
from kubeworld.kinds.limit_range import LIMIT_RANGE
from kubeworld.kinds.metrics import METRICS
from kubeworld.kinds.namespace import NAMESPACE
from kubeworld.kinds.network_policy import NETWORK_POLICY
from kubeworld.kinds.node import NODE
from kubeworld.kinds.persistent_volume import PERSISTENT_VOLUME
from kubeworld.kinds.persistent_volume_claim import PERSISTENT_VOLUME_CLAIM
from kubeworld.kinds.pod import POD
from kubeworld.kinds.pod_disruption_budget import POD_DISRUPTION_BUDGET
from kubeworld.kinds.priority_class import PRIORITY_CLASS
from kubeworld.kinds.rbac import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING
from kubeworld.kinds.replica_set import REPLICA_SET
from kubeworld.kinds.replication_controller import REPLICATION_CONTROLLER
from kubeworld.kinds.resource_quota import RESOURCE_QUOTA
from kubeworld.kinds.reviews import REVIEWS
from kubeworld.kinds.runtime_class import RUNTIME_CLASS
from kubeworld.kinds.secret import SECRET
from kubeworld.kinds.service import SERVICE
from kubeworld.kinds.service_account import SERVICE_ACCOUNT
from kubeworld.kinds.stateful_set import STATEFUL_SET
from kubeworld.kinds.storage_class import STORAGE_CLASS
from kubeworld.kinds.validating_admission_policy import (
    VALIDATING_ADMISSION_POLICY,
    VALIDATING_ADMISSION_POLICY_BINDING,
)
from kubeworld.kinds.webhook_configuration import (
    MUTATING_WEBHOOK_CONFIGURATION,
    VALIDATING_WEBHOOK_CONFIGURATION,
)

KINDS: tuple[Kind, ...] = (
    POD,
    SERVICE,
    CONFIG_MAP,
    SECRET,
    EVENT,
    NODE,
    NAMESPACE,
    ENDPOINTS,
    PERSISTENT_VOLUME_CLAIM,
    PERSISTENT_VOLUME,
    SERVICE_ACCOUNT,
    RESOURCE_QUOTA,
    LIMIT_RANGE,
    DEPLOYMENT,
    REPLICA_SET,
    STATEFUL_SET,
    DAEMON_SET,
    CONTROLLER_REVISION,
    JOB,
    CRON_JOB,
    HORIZONTAL_POD_AUTOSCALER,
    OLD_HORIZONTAL_POD_AUTOSCALER,
    POD_DISRUPTION_BUDGET,
    NETWORK_POLICY,
    INGRESS,
    INGRESS_CLASS,
    ENDPOINT_SLICE,
    NEW_EVENT,
    STORAGE_CLASS,
    *CSI,
    RUNTIME_CLASS,
    LEASE,
    PRIORITY_CLASS,
    ROLE,
    ROLE_BINDING,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    VALIDATING_ADMISSION_POLICY,
    VALIDATING_ADMISSION_POLICY_BINDING,
    VALIDATING_WEBHOOK_CONFIGURATION,
    MUTATING_WEBHOOK_CONFIGURATION,
    CUSTOM_RESOURCE_DEFINITION,
    API_SERVICE,
    FLOW_SCHEMA,
    PRIORITY_LEVEL_CONFIGURATION,
    *CHAOS,
    REPLICATION_CONTROLLER,
    *METRICS,
    *REVIEWS,
)

BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
"""(group, version, plural) -> the kind that is served there."""
BY_NAME = {(kind.group, kind.kind): kind for kind in reversed(KINDS)}
"""(group, kind) -> its preferred version: what owner references and scale targets name."""
BY_TABLE = {kind.table: kind for kind in KINDS if "create" in kind.verbs and kind.conversion is None}
"""The store's table -> the version that it keeps."""
WITHOUT_GENERATION = frozenset(table for table, kind in BY_TABLE.items() if not kind.has_generation)
"""Tables whose objects have no metadata.generation."""
