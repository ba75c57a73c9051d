"""ValidatingWebhookConfigurations and MutatingWebhookConfigurations.

Their match conditions, which are CEL, are checked by `kubeworld/admission/validation.py`. Source:
k8s.io/kubernetes/pkg/apis/admissionregistration/{v1/defaults.go,validation/validation.go}
"""

from collections.abc import Iterator
from typing import Any

from kubeworld.kinds.field_errors import FieldError, duplicate, invalid, required, unsupported
from kubeworld.kinds.kind import Kind
from kubeworld.kinds.shared.client_config import client_config_errors, with_port
from kubeworld.kinds.shared.columns import Printer, columns, created
from kubeworld.kinds.shared.formats import DNS_1035, DNS_1035_TEXT, SUBDOMAIN, SUBDOMAIN_TEXT
from kubeworld.kinds.shared.matching import resources_errors
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

REVIEW_VERSIONS = ("v1", "v1beta1")
"""Of AdmissionReview, as this server speaks them."""
SIDE_EFFECTS = ("None", "NoneOnDryRun")
_DEFAULTS: Obj = {"failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
_TIMEOUT_S, _LONGEST_S = 10, 30


def _hook(hook: Obj, more: Obj) -> Obj:
    new = {**_DEFAULTS, "timeoutSeconds": _TIMEOUT_S, **more, **hook}
    if hook.get("rules"):
        new["rules"] = [{**rule, "scope": rule.get("scope") or "*"} for rule in hook["rules"]]
    if "clientConfig" in hook:
        new["clientConfig"] = with_port(hook["clientConfig"])
    return new


def _validating_default(world: World, obj: Obj) -> Obj:
    """Fail closed after ten seconds, see equivalent versions, select everything."""
    return {**obj, "webhooks": [_hook(hook, {}) for hook in obj["webhooks"]]} if obj.get("webhooks") else obj


def _mutating_default(world: World, obj: Obj) -> Obj:
    """The same, and each is asked once."""
    more = {"reinvocationPolicy": "Never"}
    return {**obj, "webhooks": [_hook(hook, more) for hook in obj["webhooks"]]} if obj.get("webhooks") else obj


def _errors(new: Obj, old: Obj | None) -> Iterator[FieldError]:
    names: set[str] = set()
    for at, hook in enumerate(new.get("webhooks") or ()):
        path, name = f"webhooks[{at}]", hook.get("name", "")
        yield from _name_errors(name, f"{path}.name")
        yield from _hook_errors(hook, path)
        yield from _version_errors(hook.get("admissionReviewVersions") or [], f"{path}.admissionReviewVersions")
        if name and name in names:
            yield duplicate(f"{path}.name", name)
        names.add(name)


def _name_errors(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
    elif not SUBDOMAIN.match(name):
        yield invalid(path, name, SUBDOMAIN_TEXT)
    elif name.count(".") < 2:
        yield invalid(path, name, "should be a domain with at least three segments separated by dots")


def _hook_errors(hook: Obj, path: str) -> Iterator[FieldError]:
    matching = {**hook, "resourceRules": hook.get("rules")}
    for error in resources_errors(matching, path):
        yield FieldError(error.path.replace(f"{path}.resourceRules", f"{path}.rules"), error.reason, error.message)
    choices = {"failurePolicy": ("Fail", "Ignore"), "sideEffects": SIDE_EFFECTS}
    if "reinvocationPolicy" in hook:
        choices["reinvocationPolicy"] = ("IfNeeded", "Never")
    for field, known in choices.items():
        if field not in hook:
            yield required(f"{path}.{field}", f"must specify one of {', '.join(known)}")
        elif hook[field] not in known:
            yield unsupported(f"{path}.{field}", str(hook[field]), known)
    if not 1 <= hook["timeoutSeconds"] <= _LONGEST_S:
        why = f"the timeout value must be between 1 and {_LONGEST_S} seconds"
        yield invalid(f"{path}.timeoutSeconds", hook["timeoutSeconds"], why)
    yield from client_config_errors(hook.get("clientConfig") or {}, f"{path}.clientConfig")


def _version_errors(versions: list[str], path: str) -> Iterator[FieldError]:
    known = ", ".join(REVIEW_VERSIONS)
    if not versions:
        yield required(path, f"must specify one of {known}")
        return
    for at, version in enumerate(versions):
        if version in versions[:at]:
            yield invalid(f"{path}[{at}]", version, "duplicate version")
        elif not DNS_1035.match(version):
            yield invalid(f"{path}[{at}]", version, DNS_1035_TEXT)
    if not set(versions) & set(REVIEW_VERSIONS):
        yield invalid(path, versions, f"must include at least one of {known}")


def _cells(obj: Obj, now: int) -> list[Any]:
    return [obj["metadata"]["name"], len(obj.get("webhooks") or ()), created(obj, now)]


VALIDATING_WEBHOOK_CONFIGURATION = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    namespaced=False,
    categories=("api-extensions",),
    package="io.k8s.api.admissionregistration.v1",
    printer=Printer(columns("Name, Webhooks:integer, Age"), _cells),
    default=_validating_default,
    check=_errors,
)

MUTATING_WEBHOOK_CONFIGURATION = Kind(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingWebhookConfiguration",
    plural="mutatingwebhookconfigurations",
    namespaced=False,
    categories=("api-extensions",),
    package="io.k8s.api.admissionregistration.v1",
    printer=Printer(columns("Name, Webhooks:integer, Age"), _cells),
    default=_mutating_default,
    check=_errors,
)
