"""Reviews of what an identity may do: the only requests that AOI posts without being told to; they change nothing.

A SelfSubjectRulesReview tells all rules of a namespace at once, where the server's authorizers can say them; a
SelfSubjectAccessReview answers one question, and the server decides.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from aoi.access.live.grants import Access, Grants, PathAccess
from aoi.access.patience import Patience
from aoi.access.transport import Response
from aoi.errors import ClusterRefused, ClusterUnavailable, SettingsError

Post = Callable[[str, bytes], Response]
"""Sends one POST of JSON; called from several threads."""

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
AT_ONCE = 56
"""Reviews in flight: all questions about one namespace are asked in a few rounds of the server's latency."""
CHECK_S = 30.0
"""Budget of a whole check."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Question:
    """Whether something is allowed, in a namespace; empty where it is a matter of the whole cluster."""

    right: Access | PathAccess
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Reviews:
    """Asks one server within one budget, several reviews at a time."""

    post: Post
    patience: Patience

    def rules(self, namespaces: Sequence[str]) -> dict[str, Grants]:
        """What the server tells of each namespace; nothing where it tells none, for which reason ever.

        Raises: ClusterUnavailable without an answer; SettingsError if the server does not know the identity.
        """
        return dict(zip(namespaces, self._each(self._rules_of, namespaces), strict=True))

    def answers(self, questions: Sequence[Question]) -> dict[Question, bool]:
        """What the server would let this identity do.

        Raises: ClusterUnavailable without a clear answer, since no answer is no leave; ClusterRefused if it answers no
        such questions; SettingsError if the server does not know the identity.
        """
        return dict(zip(questions, self._each(self._is_allowed, questions), strict=True))

    def _each(self, ask: Callable[[Any], _T], things: Sequence[Any]) -> list[_T]:
        """Results in order. The first failure ends what has not begun."""
        if len(things) < 2:
            return [ask(thing) for thing in things]
        pool = ThreadPoolExecutor(min(len(things), AT_ONCE), thread_name_prefix="review")
        try:
            return [future.result() for future in [pool.submit(ask, thing) for thing in things]]
        finally:
            pool.shutdown(cancel_futures=True)

    def _rules_of(self, namespace: str) -> Grants:
        body = _review("SelfSubjectRulesReview", {"namespace": namespace})
        response = self.patience.ask(f"rules review of {namespace}", lambda _: self.post(RULES, body))
        _refuse_unknown_token(response)
        return Grants.read(response.body) if response.status in (200, 201) else Grants()

    def _is_allowed(self, question: Question) -> bool:
        what = f"the access review of {question.right}"
        body = _review("SelfSubjectAccessReview", _attributes(question))
        response = self.patience.ask(f"access review of {question.right}", lambda _: self.post(REVIEWS, body))
        _refuse_unknown_token(response)
        if response.status == 403:
            raise ClusterRefused(
                f"{what} answered HTTP 403: the server does not let this identity ask what it may do, as it lets "
                "everybody by default. Give that back: kubectl create clusterrolebinding aoi-basic-user "
                "--clusterrole=system:basic-user --serviceaccount=aoi:probe"
            )
        if response.status not in (200, 201):
            raise ClusterUnavailable(f"{what} answered HTTP {response.status}")
        try:
            status = orjson.loads(response.body).get("status") or {}
        except (orjson.JSONDecodeError, AttributeError) as error:
            raise ClusterUnavailable(f"{what} answered no review") from error
        if not isinstance(status, dict) or not isinstance(status.get("allowed"), bool):
            raise ClusterUnavailable(f"{what} answered neither yes nor no")
        return bool(status["allowed"])


def may_all(post: Post, namespace: str, accesses: Sequence[Access]) -> bool:
    """Whether the server would let this identity do all of them. Raises: as `Reviews.answers`."""
    answers = Reviews(post, Patience(CHECK_S)).answers([Question(access, namespace) for access in accesses])
    return all(answers.values())


def _review(kind: str, spec: dict[str, Any]) -> bytes:
    return orjson.dumps({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec})


def _attributes(question: Question) -> dict[str, Any]:
    right = question.right
    if isinstance(right, PathAccess):
        return {"nonResourceAttributes": {"verb": right.verb, "path": right.path}}
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "subresource": right.subresource,
        "namespace": question.namespace if right.namespaced else "",
    }
    return {"resourceAttributes": {key: value for key, value in attributes.items() if value}}


def _refuse_unknown_token(response: Response) -> None:
    if response.status == 401:
        raise SettingsError(
            "the server does not know who asks (HTTP 401): the token of the kubeconfig has ended, or is of another "
            "cluster. Make another one: kubectl -n aoi create token probe --duration 8h"
        )
