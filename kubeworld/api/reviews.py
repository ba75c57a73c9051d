"""Access reviews, token reviews and token requests."""

from typing import Any

from kubeworld.api.policies import ask_policies
from kubeworld.api.reads import stored
from kubeworld.api.results import Call, json_response
from kubeworld.api.strict import check_kind, read_object
from kubeworld.api.tokens import AUDIENCE, LIFETIME_S, Tokens
from kubeworld.kinds import errors, field_errors
from kubeworld.machine.identity import Identity
from kubeworld.machine.rbac import Access, Authorizer
from kubeworld.machine.response import Response
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World


def review(authorizer: Authorizer, tokens: Tokens, call: Call) -> Response:
    """POST of any review; nothing is stored. Raises: ApiError 400, 422."""
    body = check_kind(read_object(call), call.kind.kind, call.kind.api_version)
    spec = body.get("spec") or {}
    match call.kind.kind:
        case "SelfSubjectReview":
            status: Obj = {"userInfo": _user_info(call.identity)}
        case "TokenReview":
            status = _token_status(tokens, spec)
        case "SelfSubjectRulesReview":
            status = _rules_status(authorizer, call.identity, spec.get("namespace", ""))
        case "SelfSubjectAccessReview":
            status = _access_status(authorizer, call, call.identity, spec)
        # SubjectAccessReview and its Local form ask about somebody else: that is what the right to create them means.
        case _:
            who = Identity(spec.get("user", ""), tuple(spec.get("groups") or ()))
            status = _access_status(authorizer, call, who, spec)
    return json_response({**body, "metadata": {"creationTimestamp": None}, "status": status}, 201)


def _user_info(identity: Identity) -> Obj:
    return {"username": identity.name, "groups": list(identity.groups)}


def _token_status(tokens: Tokens, spec: Obj) -> Obj:
    # An unknown token is an answer, not an error: the review itself succeeds.
    identity = tokens.authenticate(spec.get("token", ""))
    if identity is None:
        return {"authenticated": False, "user": {}, "error": "invalid bearer token"}
    return {"authenticated": True, "user": _user_info(identity), "audiences": [AUDIENCE]}


def _access_status(authorizer: Authorizer, call: Call, who: Identity, spec: Obj) -> Obj:
    wanted, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (wanted is None) is (path is None):
        error = field_errors.invalid("spec.resourceAttributes", "", "must specify exactly one of nonResourceAttributes")
        raise errors.unprocessable(call.kind, "", [error])
    if wanted is None:
        path = path or {}
        allowed = authorizer.allows_path(who, path.get("verb", ""), path.get("path", ""))
    else:
        resource = wanted.get("resource", "")
        if wanted.get("subresource"):
            resource += f"/{wanted['subresource']}"
        access = Access(
            wanted.get("verb", ""),
            wanted.get("group", ""),
            resource,
            wanted.get("namespace", ""),
            wanted.get("name", ""),
        )
        allowed = authorizer.allows(who, access)
    return {"allowed": allowed}


def _rules_status(authorizer: Authorizer, who: Identity, namespace: str) -> Obj:
    """Rules of bindings in the whole cluster and in this namespace; a ClusterRole tells its paths wherever it is bound.

    Source: RulesFor of plugin/pkg/auth/authorizer/rbac in kubernetes/kubernetes.
    """
    if not namespace:
        raise errors.bad_request("no namespace on request")
    rules = [rule for rule in authorizer.rules(who, namespace) if not (who.is_admin and "*" in rule["verbs"])]
    if who.is_admin:  # whatever bindings this world has, the members of system:masters may do anything
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        rules = [everything, {"verbs": ["*"], "nonResourceURLs": ["*"]}, *rules]
    return {
        "resourceRules": [_resource_rule(rule) for rule in rules if rule.get("resources")],
        "nonResourceRules": [
            {"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]}
            for rule in rules
            if rule.get("nonResourceURLs")
        ],
        "incomplete": False,
    }


def _resource_rule(rule: Obj) -> dict[str, Any]:
    fields = ("verbs", "apiGroups", "resources", "resourceNames")
    return {field: list(rule[field]) for field in fields if rule.get(field)}


def token_request(tokens: Tokens, world: World, call: Call) -> Response:
    """POST serviceaccounts/NAME/token. Raises: ApiError 404, 422."""
    account = stored(world, call.kind, call.namespace, call.name)
    spec = read_object(call).get("spec") or {}
    least, usual, most = LIFETIME_S
    lifetime_s = spec.get("expirationSeconds") or usual
    if not least <= lifetime_s <= most:
        why = (
            f"may not specify a duration {'less than 10 minutes' if lifetime_s < least else 'larger than 2^32 seconds'}"
        )
        error = field_errors.invalid("spec.expirationSeconds", lifetime_s, why)
        raise errors.ApiError(422, "Invalid", f'TokenRequest.authentication.k8s.io "" is invalid: {error}', {})
    audiences = list(spec.get("audiences") or ())
    wanted = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {"name": call.name}}
    ask_policies(world, call, "CREATE", {**wanted, "spec": spec})
    token, expires_s = tokens.issue(account, lifetime_s, audiences)
    stamp = world.clock.rfc3339(expires_s * 1000 - world.clock.epoch_ms)
    return json_response(
        {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": call.name, "namespace": call.namespace, "creationTimestamp": None},
            "spec": {"audiences": audiences or [AUDIENCE], "expirationSeconds": lifetime_s, "boundObjectRef": None},
            "status": {"token": token, "expirationTimestamp": stamp},
        },
        201,
    )
