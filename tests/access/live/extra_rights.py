"""Rights that no Probe has, one by one: what a person binds in passing, and what leads to more than it says.

`place | verb resource[/subresource][.group][=name]`, or a path. Places: `shop`, which is looked at; `bank`, another
namespace; `cluster`, a ClusterRoleBinding.
"""

from dataclasses import dataclass
from typing import Any

_TABLE = """
shop | get secrets
shop | list secrets
shop | watch secrets
shop | get secrets=db
shop | patch secrets
shop | deletecollection secrets
bank | get secrets
bank | list secrets
bank | get secrets=db
cluster | list secrets
shop | create pods
shop | patch pods
shop | delete pods
bank | deletecollection pods
shop | update pods/ephemeralcontainers
shop | patch pods/ephemeralcontainers
shop | create pods/exec
shop | get pods/exec
bank | create pods/exec
shop | create pods/attach
shop | get pods/attach
shop | create pods/portforward
shop | get pods/portforward
shop | get pods/proxy
shop | create pods/eviction
shop | create pods/binding
shop | patch pods/resize
shop | update pods/status
shop | create bindings
shop | get services/proxy
shop | create services/proxy
shop | patch services
shop | update services/status
shop | create configmaps
shop | patch configmaps
shop | patch endpoints
shop | create events
shop | delete persistentvolumeclaims
shop | patch resourcequotas
shop | delete limitranges
shop | patch serviceaccounts
shop | create serviceaccounts/token
bank | create serviceaccounts/token
shop | impersonate serviceaccounts
shop | patch replicationcontrollers/scale
shop | create deployments.apps
shop | patch deployments.apps
shop | patch deployments.apps/scale
shop | update deployments.apps/status
shop | patch statefulsets.apps
shop | create daemonsets.apps
shop | patch replicasets.apps/scale
shop | create controllerrevisions.apps
shop | create jobs.batch
shop | create cronjobs.batch
shop | patch cronjobs.batch
bank | create cronjobs.batch
shop | patch horizontalpodautoscalers.autoscaling
shop | delete networkpolicies.networking.k8s.io
shop | patch ingresses.networking.k8s.io
shop | delete poddisruptionbudgets.policy
shop | patch endpointslices.discovery.k8s.io
shop | update leases.coordination.k8s.io
shop | patch httproutes.gateway.networking.k8s.io
shop | create networkchaos.chaos-mesh.org
shop | create roles.rbac.authorization.k8s.io
shop | bind roles.rbac.authorization.k8s.io
shop | escalate roles.rbac.authorization.k8s.io
shop | create rolebindings.rbac.authorization.k8s.io
bank | create rolebindings.rbac.authorization.k8s.io
cluster | bind clusterroles.rbac.authorization.k8s.io
cluster | escalate clusterroles.rbac.authorization.k8s.io
cluster | patch clusterroles.rbac.authorization.k8s.io
cluster | create clusterrolebindings.rbac.authorization.k8s.io
shop | create localsubjectaccessreviews.authorization.k8s.io
cluster | create subjectaccessreviews.authorization.k8s.io
cluster | create tokenreviews.authentication.k8s.io
cluster | get nodes/proxy
cluster | create nodes/proxy
cluster | get nodes/log
cluster | patch nodes
cluster | patch nodes=node-1
cluster | update nodes/status
cluster | delete nodes
cluster | create namespaces
cluster | delete namespaces
cluster | update namespaces/finalize
cluster | patch persistentvolumes
cluster | impersonate users
cluster | impersonate groups
cluster | impersonate userextras.authentication.k8s.io/scopes
cluster | create validatingwebhookconfigurations.admissionregistration.k8s.io
cluster | patch mutatingwebhookconfigurations.admissionregistration.k8s.io
cluster | delete validatingadmissionpolicies.admissionregistration.k8s.io
cluster | create customresourcedefinitions.apiextensions.k8s.io
cluster | patch customresourcedefinitions.apiextensions.k8s.io
cluster | create apiservices.apiregistration.k8s.io
cluster | create certificatesigningrequests.certificates.k8s.io
cluster | update certificatesigningrequests.certificates.k8s.io/approval
cluster | approve signers.certificates.k8s.io
cluster | use podsecuritypolicies.policy
cluster | create priorityclasses.scheduling.k8s.io
cluster | patch storageclasses.storage.k8s.io
cluster | create volumeattachments.storage.k8s.io
cluster | patch flowschemas.flowcontrol.apiserver.k8s.io
cluster | get /metrics
cluster | get /logs/*
cluster | get /debug/*
cluster | post /api/*
cluster | get *
"""

_HIDDEN = """
shop | patch clusters.postgresql.cnpg.io
shop | get externalsecrets.external-secrets.io
shop | get virtualmachineinstances.subresources.kubevirt.io/console
shop | get pods/*
shop | get */proxy
shop | get *
shop | * pods
shop | list pods.*
bank | * *.*
cluster | get,list *.*
"""
"""What nobody could ask about one by one: kinds that only this cluster has, and wildcards."""


@dataclass(frozen=True)
class Extra:
    """One right, where it is bound."""

    place: str
    right: str

    @property
    def rule(self) -> dict[str, Any]:
        """As a role spells it."""
        verbs, _, what = self.right.partition(" ")
        if what.startswith("/") or (what == "*" and self.place == "cluster"):
            return {"verbs": [verbs], "nonResourceURLs": [what]}
        what, _, name = what.partition("=")
        path, _, subresource = what.partition("/")
        resource, _, group = path.partition(".")
        rule = {
            "verbs": verbs.split(","),
            "apiGroups": [group],
            "resources": [f"{resource}/{subresource}" if subresource else resource],
        }
        return {**rule, "resourceNames": [name]} if name else rule


def _read(table: str) -> tuple[Extra, ...]:
    return tuple(Extra(*line.split(" | ")) for line in table.split("\n") if line)


ASKABLE = _read(_TABLE)
EXTRA_RIGHTS = (*ASKABLE, *_read(_HIDDEN))
