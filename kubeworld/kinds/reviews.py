"""Questions that are answered and not stored: who somebody is, and what somebody may do."""

from kubeworld.kinds.kind import Kind


def _review(group: str, kind: str, *, namespaced: bool = False) -> Kind:
    return Kind(
        group=f"{group}.k8s.io",
        version="v1",
        kind=kind,
        plural=kind.lower() + "s",
        namespaced=namespaced,
        verbs=("create",),
        package=f"io.k8s.api.{group}.v1",
    )


REVIEWS = (
    _review("authentication", "TokenReview"),
    _review("authentication", "SelfSubjectReview"),
    _review("authorization", "SubjectAccessReview"),
    _review("authorization", "SelfSubjectAccessReview"),
    _review("authorization", "SelfSubjectRulesReview"),
    _review("authorization", "LocalSubjectAccessReview", namespaced=True),
)
