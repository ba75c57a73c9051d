"""Rights to ask about one by one, where a server does not tell all that an identity holds.

Authorizers that are webhooks, as clouds run them, answer questions and tell no rules. What is asked can only be a list
of what must not be: every write that harms, every read of what is secret, and every way to more rights.
"""

from collections.abc import Iterator
from functools import cache

from aoi.access.live.allowlist import Role, is_allowed
from aoi.access.live.grants import Access, PathAccess

NEEDED = tuple(
    Access(verb, resource, group)
    for resource, group in (("pods", ""), ("services", ""), ("events", ""), ("deployments", "apps"))
    for verb in ("get", "list")
)
"""Without these a namespace cannot be looked at."""

_IN_A_NAMESPACE = """
* *.*
get,list,watch,create,update,patch,delete,deletecollection secrets
create,update,patch,delete,deletecollection pods
update,patch pods/ephemeralcontainers
create,get pods/exec
create,get pods/attach
create,get pods/portforward
create,get pods/proxy
create,get services/proxy
create pods/eviction
create pods/binding
create bindings
patch,update pods/resize
patch,update pods/status
patch,update services/status
create,update,patch,delete,deletecollection services
create,update,patch,delete,deletecollection configmaps
create,update,patch,delete,deletecollection persistentvolumeclaims
create,update,patch,delete endpoints
create,patch events
create,update,patch,delete resourcequotas
create,update,patch,delete limitranges
create,update,patch,delete,impersonate serviceaccounts
create serviceaccounts/token
create,patch,delete replicationcontrollers
patch,update replicationcontrollers/scale
create,update,patch,delete,deletecollection deployments.apps
create,update,patch,delete,deletecollection statefulsets.apps
create,update,patch,delete,deletecollection daemonsets.apps
create,update,patch,delete,deletecollection replicasets.apps
patch,update deployments.apps/scale
patch,update deployments.apps/status
patch,update statefulsets.apps/scale
patch,update replicasets.apps/scale
create,patch,delete controllerrevisions.apps
create,update,patch,delete,deletecollection jobs.batch
create,update,patch,delete,deletecollection cronjobs.batch
create,update,patch,delete horizontalpodautoscalers.autoscaling
create,update,patch,delete,deletecollection networkpolicies.networking.k8s.io
create,update,patch,delete ingresses.networking.k8s.io
create,update,patch,delete poddisruptionbudgets.policy
create,update,patch,delete endpointslices.discovery.k8s.io
create,update,patch leases.coordination.k8s.io
create,patch,delete gateways.gateway.networking.k8s.io
create,patch,delete httproutes.gateway.networking.k8s.io
create,patch,delete networkchaos.chaos-mesh.org
create,update,patch,delete,bind,escalate roles.rbac.authorization.k8s.io
create,update,patch,delete rolebindings.rbac.authorization.k8s.io
create localsubjectaccessreviews.authorization.k8s.io
"""
_IN_THE_CLUSTER = """
* *.*
get,list,watch secrets
create,get nodes/proxy
get nodes/log
get nodes/metrics
get nodes/stats
create,update,patch,delete nodes
patch,update nodes/status
create,update,patch,delete namespaces
update namespaces/finalize
create,update,patch,delete persistentvolumes
impersonate users
impersonate groups
impersonate serviceaccounts
impersonate uids.authentication.k8s.io
impersonate userextras.authentication.k8s.io/scopes
create,update,patch,delete,bind,escalate clusterroles.rbac.authorization.k8s.io
create,update,patch,delete clusterrolebindings.rbac.authorization.k8s.io
create subjectaccessreviews.authorization.k8s.io
create tokenreviews.authentication.k8s.io
create,update,patch,delete validatingwebhookconfigurations.admissionregistration.k8s.io
create,update,patch,delete mutatingwebhookconfigurations.admissionregistration.k8s.io
create,update,patch,delete validatingadmissionpolicies.admissionregistration.k8s.io
create,update,patch,delete validatingadmissionpolicybindings.admissionregistration.k8s.io
create,update,patch,delete customresourcedefinitions.apiextensions.k8s.io
create,update,patch,delete apiservices.apiregistration.k8s.io
create,update,patch,delete certificatesigningrequests.certificates.k8s.io
update,patch certificatesigningrequests.certificates.k8s.io/approval
approve,sign,attest signers.certificates.k8s.io
use podsecuritypolicies.policy
use securitycontextconstraints.security.openshift.io
create,update,patch,delete priorityclasses.scheduling.k8s.io
create,update,patch,delete storageclasses.storage.k8s.io
create,patch,delete volumeattachments.storage.k8s.io
create,patch,delete csidrivers.storage.k8s.io
create,patch,delete ingressclasses.networking.k8s.io
create,patch,delete flowschemas.flowcontrol.apiserver.k8s.io
create,patch,delete runtimeclasses.node.k8s.io
"""
_PATHS = ("get /metrics", "get /logs/", "get /debug/pprof/", "post /api/", "get *")
_ELSEWHERE = """
get,list secrets
create,delete,deletecollection pods
create pods/exec
update pods/ephemeralcontainers
create serviceaccounts/token
create,patch deployments.apps
create jobs.batch
create cronjobs.batch
create rolebindings.rbac.authorization.k8s.io
"""
"""In a namespace that nobody looks at: what costs most there."""


@cache
def of_a_namespace(role: Role) -> tuple[Access, ...]:
    """In one that is looked at."""
    return tuple(access for access in _read(_IN_A_NAMESPACE) if not is_allowed(access, role))


@cache
def of_another_namespace(role: Role) -> tuple[Access, ...]:
    """In one that is not."""
    return tuple(access for access in _read(_ELSEWHERE) if not is_allowed(access, role))


@cache
def of_the_cluster(role: Role) -> tuple[Access | PathAccess, ...]:
    """Asked once."""
    of_objects = (access for access in _read(_IN_THE_CLUSTER, namespaced=False) if not is_allowed(access, role))
    return (*of_objects, *(PathAccess(*line.split(" ")) for line in _PATHS))


def _read(table: str, *, namespaced: bool = True) -> Iterator[Access]:
    """Lines of `verb,verb resource.group/subresource`."""
    for line in table.split("\n"):
        verbs, _, what = line.partition(" ")
        name, _, subresource = what.partition("/")
        resource, _, group = name.partition(".")
        for verb in verbs.split(",") if line else ():
            yield Access(verb, resource, group, subresource, namespaced)
