"""Which problems of the catalogue are AIOpsLab's own, with its ids and the split that AOI's paper gives them.

Source: AIOpsLab's registry at ddf7e40. Its problems on Astronomy Shop and Flower, and those whose mechanisms are not
in `aoi.problems.faults` (auth_miss_mongodb, redeploy_without_PV, container_kill, pod_kill), are not part of this set.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aoi.records.problem import Split, TaskKind

HOTEL, SOCIAL = "hotel_reservation", "social_network"
_ALL = tuple(TaskKind)
_FINDING = (TaskKind.DETECTION, TaskKind.LOCALIZATION)


@dataclass(frozen=True, slots=True)
class Theirs:
    """One of AIOpsLab's faults at one component."""

    pattern: str
    """Id with `{}` for the kind."""
    kinds: tuple[TaskKind, ...]
    """Kinds that AIOpsLab has of it; other kinds get ids of our own."""
    split: Split


PROBLEMS: Mapping[tuple[str, str, str], Theirs] = {
    (SOCIAL, "wrong_target_port", "user-service"): Theirs("k8s_target_port-misconfig-{}-1", _ALL, "train"),
    (SOCIAL, "wrong_target_port", "text-service"): Theirs("k8s_target_port-misconfig-{}-2", _ALL, "train"),
    (SOCIAL, "wrong_target_port", "post-storage-service"): Theirs("k8s_target_port-misconfig-{}-3", _ALL, "train"),
    (SOCIAL, "scale_to_zero", "user-service"): Theirs("scale_pod_zero_social_net-{}-1", _ALL, "train"),
    (SOCIAL, "node_selector", "user-service"): Theirs("assign_to_non_existent_node_social_net-{}-1", _ALL, "test"),
    (HOTEL, "buggy_image", "geo"): Theirs("misconfig_app_hotel_res-{}-1", _ALL, "train"),
    (HOTEL, "network_loss", "user"): Theirs("network_loss_hotel_res-{}-1", _FINDING, "train"),
    (HOTEL, "network_delay", "user"): Theirs("network_delay_hotel_res-{}-1", _FINDING, "test"),
    (HOTEL, "pod_failure", "user"): Theirs("pod_failure_hotel_res-{}-1", _FINDING, "test"),
    (HOTEL, "db_auth_revoked", "mongodb-geo"): Theirs("revoke_auth_mongodb-{}-1", _ALL, "test"),
    (HOTEL, "db_auth_revoked", "mongodb-rate"): Theirs("revoke_auth_mongodb-{}-2", _ALL, "test"),
    (HOTEL, "db_user_dropped", "mongodb-geo"): Theirs("user_unregistered_mongodb-{}-1", _ALL, "test"),
    (HOTEL, "db_user_dropped", "mongodb-rate"): Theirs("user_unregistered_mongodb-{}-2", _ALL, "test"),
    (HOTEL, "wrong_binary", "profile"): Theirs("wrong_bin_usage-{}-1", _ALL, "test"),
}
"""(application, fault, component) -> AIOpsLab's problem."""

NOOPS: Mapping[tuple[str, Split], str] = {
    (HOTEL, "train"): "noop_detection_hotel_reservation-1",
    (SOCIAL, "test"): "noop_detection_social_network-1",
}
"""(application, split) -> id of the first no-fault detection there."""


def problem_id(application: str, fault: str, component: str, kind: TaskKind) -> str | None:
    """AIOpsLab's id of a problem, if it has that problem."""
    theirs = PROBLEMS.get((application, fault, component))
    return theirs.pattern.format(kind.value) if theirs and kind in theirs.kinds else None
