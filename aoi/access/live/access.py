"""The start-up self-check: an identity that can do more than it should is not used at all.

One SelfSubjectRulesReview a namespace tells what an identity may do there, where the server's authorizers can say
it. Where they cannot, and for what a namespace's rules cannot tell, SelfSubjectAccessReviews are asked at once: the
server decides. Reviews are the only requests that AOI sends without being told to, and they change nothing.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import orjson

from aoi.access.live.grants import Access, Grants
from aoi.access.patience import Patience
from aoi.access.transport import Response
from aoi.errors import ClusterUnavailable, SettingsError

Role = Literal["probe", "executor"]
Post = Callable[[str, bytes], Response]
"""Sends one POST of JSON."""

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
AT_ONCE = 56
"""Reviews in flight: what one namespace needs without its rules is asked in two rounds of the server's latency."""
CHECK_S = 30.0
"""Budget of the whole check."""
_NAMES = 16
"""Objects that a cluster-wide right may be limited to, each with a review of its own."""


NEEDED = tuple(
    Access(verb, resource, group)
    for resource, group in (("pods", ""), ("services", ""), ("events", ""), ("deployments", "apps"))
    for verb in ("get", "list")
)
_WRITES = ("create", "update", "patch", "delete", "deletecollection")
_RBAC = "rbac.authorization.k8s.io"
FORBIDDEN_TO_ALL: tuple[Access, ...] = (
    *(Access(verb, "secrets") for verb in ("get", "list", "watch", *_WRITES)),
    Access("get", "secrets", namespaced=False),
    Access("list", "secrets", namespaced=False),
    *(
        Access(verb, "pods", subresource=sub)
        for sub in ("attach", "portforward", "proxy")
        for verb in ("create", "get")
    ),
    Access("get", "nodes", subresource="proxy", namespaced=False),
    Access("create", "serviceaccounts", subresource="token"),
    *(Access("impersonate", kind, namespaced=False) for kind in ("users", "groups", "serviceaccounts")),
    Access("impersonate", "serviceaccounts"),
    *(
        Access(verb, kind, _RBAC)
        for kind in ("roles", "rolebindings")
        for verb in ("create", "update", "patch", "bind", "escalate")
    ),
    *(
        Access(verb, kind, _RBAC, namespaced=False)
        for kind in ("clusterroles", "clusterrolebindings")
        for verb in ("create", "patch")
    ),
    Access("delete", "namespaces", namespaced=False),
    Access("create", "pods"),
    Access("create", "deployments", "apps"),
    Access("delete", "deployments", "apps"),
)
_PROBE_READS_ONLY = (
    *((resource, "") for resource in ("pods", "services", "configmaps", "persistentvolumeclaims")),
    *((resource, "apps") for resource in ("deployments", "statefulsets", "daemonsets", "replicasets")),
    ("jobs", "batch"),
    ("networkpolicies", "networking.k8s.io"),
)
FORBIDDEN_TO_PROBE: tuple[Access, ...] = (
    *(Access(verb, "pods", subresource="exec") for verb in ("create", "get")),
    *(Access(verb, resource, group) for resource, group in _PROBE_READS_ONLY for verb in _WRITES),
    *(Access(verb, "nodes", namespaced=False) for verb in ("update", "patch", "delete")),
    *(Access("patch", "deployments", "apps", subresource=sub) for sub in ("scale", "status")),
    Access("create", "pods", subresource="eviction"),
)


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether something is allowed; in no namespace if it is a matter of the whole cluster."""

    access: Access
    namespace: str


def check_identity(
    post: Post,
    namespaces: Sequence[str],
    role: Role,
    patience: Patience | None = None,
    *,
    needed_rights: Sequence[Access] = NEEDED,
) -> None:
    """Refuse an identity that lacks what it needs in a namespace, or can do what it must not in any of them.

    `needed_rights` is empty where whoever reads tells what was refused. `post` is called from several threads. A grant
    for named objects counts as the right itself where rules tell it.
    Raises: SettingsError; ClusterUnavailable if the server does not answer reviews, since no answer is no leave.
    """
    patience = patience or Patience(CHECK_S)
    rules = dict(zip(namespaces, _at_once([_rules_of(post, name, patience) for name in namespaces]), strict=True))
    needed = [_Question(access, name) for name in namespaces for access in needed_rights]
    forbidden = _forbidden(role, namespaces)
    known = {question: _from_rules(question, rules, is_needed=True) for question in needed}
    known |= {question: _from_rules(question, rules, is_needed=False) for question in forbidden}
    asked = [question for question, answer in known.items() if answer is None]
    answers = _at_once([_asking(post, question, rules, patience) for question in asked])
    may = {question: bool(answer) for question, answer in (*known.items(), *zip(asked, answers, strict=True))}
    _refuse_missing([question for question in needed if not may[question]], role)
    _refuse_excess([question for question in forbidden if may[question]], namespaces, role)


def may_all(post: Post, namespace: str, accesses: Sequence[Access]) -> bool:
    """Whether the server would let this identity do all of them. Raises: ClusterUnavailable."""
    patience = Patience(CHECK_S)
    return all(_at_once([_asking(post, _Question(access, namespace), {}, patience) for access in accesses]))


def _forbidden(role: Role, namespaces: Sequence[str]) -> list[_Question]:
    """What a whole cluster decides is asked once."""
    accesses = (*FORBIDDEN_TO_ALL, *FORBIDDEN_TO_PROBE) if role == "probe" else FORBIDDEN_TO_ALL
    places = {access: namespaces if access.namespaced else ("",) for access in accesses}
    return [_Question(access, name) for access, names in places.items() for name in names]


def _from_rules(question: _Question, rules: dict[str, Grants | None], *, is_needed: bool) -> bool | None:
    """What rules alone decide; None where a review of its own has to.

    A namespace's rules hold what its RoleBindings name as well, which is no right in the whole cluster: they can
    deny one, not grant it.
    """
    if question.access.namespaced:
        grants = rules[question.namespace]
        if grants is None:
            return None
        return grants.give(question.access) if is_needed else grants.touch(question.access)
    told = [grants for grants in rules.values() if grants is not None]
    return False if any(not grants.touch(question.access) for grants in told) else None


def _asking(post: Post, question: _Question, rules: dict[str, Grants | None], patience: Patience) -> Callable[[], bool]:
    """Reviews of one right, and of the objects by name that rules speak of."""
    named = {name for grants in rules.values() if grants is not None for name in grants.names(question.access)}
    names = sorted(named) if not question.access.namespaced else []
    accesses = [question.access, *(replace(question.access, name=name) for name in names[:_NAMES])]
    # More names than are asked: taken for allowed, since nobody has looked.
    return lambda: (
        len(names) > _NAMES or any(allowed(post, question.namespace, access, patience) for access in accesses)
    )


_T = TypeVar("_T")


def _at_once(tasks: Sequence[Callable[[], _T]]) -> list[_T]:
    """Results in order. The first failure ends what has not begun."""
    if not tasks:
        return []
    pool = ThreadPoolExecutor(min(len(tasks), AT_ONCE), thread_name_prefix="review")
    try:
        return [future.result() for future in [pool.submit(task) for task in tasks]]
    finally:
        pool.shutdown(cancel_futures=True)


def _refuse_missing(missing: list[_Question], role: Role) -> None:
    if not missing:
        return
    by_namespace: dict[str, list[str]] = {}
    for question in missing:
        by_namespace.setdefault(question.namespace, []).append(str(question.access))
    places = "; ".join(f"{', '.join(names)} in namespace {place}" for place, names in by_namespace.items())
    commands = " ; ".join(f"aoi access print --namespace {place} | kubectl apply -f -" for place in by_namespace)
    raise SettingsError(f"the {role} identity may not {places}. Grant it the role that fits: {commands}")


def _refuse_excess(excess: list[_Question], namespaces: Sequence[str], role: Role) -> None:
    too_much = sorted({str(question.access) for question in excess})
    if not too_much:
        return
    shown = ", ".join(too_much[:6]) + (f" and {len(too_much) - 6} more" if len(too_much) > 6 else "")
    places = sorted({question.namespace for question in excess} - {""}) or sorted(namespaces)
    raise SettingsError(
        f"the {role} identity may {shown} in namespace {', '.join(places)}: AOI does not run with an identity that "
        f"powerful. Make a fitting one: aoi access print --namespace {places[0]} | kubectl apply -f -"
    )


def _rules_of(post: Post, namespace: str, patience: Patience) -> Callable[[], Grants | None]:
    body = orjson.dumps(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
    )

    def ask() -> Grants | None:
        """None if the server tells no complete rules, for which reason ever: access reviews are asked then."""
        response = patience.ask(f"rules review of {namespace}", lambda _: post(RULES, body))
        return Grants.read(response.body) if response.status in (200, 201) else None

    return ask


def allowed(post: Post, namespace: str, access: Access, patience: Patience | None = None) -> bool:
    """Whether the server would let this identity do it.

    Raises: ClusterUnavailable without a clear answer; SettingsError if the server does not know the identity.
    """
    attributes = {
        "verb": access.verb,
        "group": access.group,
        "resource": access.resource,
        "subresource": access.subresource,
        "name": access.name,
        "namespace": namespace if access.namespaced else "",
    }
    kept = {key: value for key, value in attributes.items() if value}
    body = orjson.dumps(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": kept},
        }
    )
    patience = patience or Patience(CHECK_S)
    response = patience.ask(f"access review of {access}", lambda _: post(REVIEWS, body))
    if response.status == 401:
        raise SettingsError(
            "the server does not know who asks (HTTP 401): the token of the kubeconfig has ended, or is of another "
            "cluster. Make another one: kubectl -n aoi create token probe --duration 8h"
        )
    if response.status not in (200, 201):
        raise ClusterUnavailable(f"the access review of {access} answered HTTP {response.status}")
    try:
        status = orjson.loads(response.body).get("status") or {}
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise ClusterUnavailable(f"the access review of {access} answered no review") from error
    if not isinstance(status, dict) or not isinstance(status.get("allowed"), bool):
        raise ClusterUnavailable(f"the access review of {access} answered neither yes nor no")
    return bool(status["allowed"])
