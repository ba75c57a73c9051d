"""AIOpsLab's problems by its ids: what is wrong in each, what it expects, and the split that AOI's paper gives it.

Source: AIOpsLab's registry at ddf7e40, 89 problems. The 86 of the paper are those without `NEWER`. A mechanism of ours
at a component of an application of ours (`PROBLEMS`) stands for one of its faults; `KNOWN` says the rest id by id.
`aiopslab_grading.py` grades as its evaluators do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from aoi.records.problem import FaultType, Split, SystemLevel, TaskKind

HOTEL, SOCIAL, SHOP = "hotel_reservation", "social_network", "astronomy_shop"
NAMESPACES: Mapping[str, str] = {
    HOTEL: "test-hotel-reservation",
    SOCIAL: "test-social-network",
    SHOP: "astronomy-shop",
}
_ALL = tuple(TaskKind)
_FINDING = (TaskKind.DETECTION, TaskKind.LOCALIZATION)
_WITHOUT_PLACE = (TaskKind.DETECTION, TaskKind.ANALYSIS, TaskKind.MITIGATION)
Look = Literal["pods", "ready", "target_port", "replicas", "exists", "command"]
"""What a mitigation's evaluator looks at; see `aiopslab_grading.py`."""
Labels = tuple[SystemLevel, FaultType]
_VIRTUAL, _APPLICATION = SystemLevel.VIRTUALIZATION, SystemLevel.APPLICATION


@dataclass(frozen=True, slots=True)
class Theirs:
    """One of AIOpsLab's faults at one component."""

    pattern: str
    """Id with `{}` for the kind."""
    kinds: tuple[TaskKind, ...]
    """Kinds that AIOpsLab has of it; other kinds get ids of our own."""
    split: Split
    labels: Labels | None = None
    """What an analysis must answer."""
    looks: Look = "pods"
    newer: tuple[TaskKind, ...] = ()
    """Kinds that came after the 86."""


_PORT = (_VIRTUAL, FaultType.MISCONFIGURATION)
_REVOKED = (_APPLICATION, FaultType.AUTHENTICATION)
_NETWORK = (_APPLICATION, FaultType.NETWORK_STORAGE)
_SHOP = "astronomy_shop_{fault}-{{}}-1"


def _shop(fault: str, split: Split, newer: tuple[TaskKind, ...] = ()) -> Theirs:
    return Theirs(_SHOP.format(fault=fault), (*_FINDING, *newer), split, newer=newer)


PROBLEMS: Mapping[tuple[str, str, str], Theirs] = {
    (SOCIAL, "wrong_target_port", "user-service"): Theirs(
        "k8s_target_port-misconfig-{}-1", _ALL, "train", _PORT, "target_port"
    ),
    (SOCIAL, "wrong_target_port", "text-service"): Theirs(
        "k8s_target_port-misconfig-{}-2", _ALL, "train", _PORT, "target_port"
    ),
    (SOCIAL, "wrong_target_port", "post-storage-service"): Theirs(
        "k8s_target_port-misconfig-{}-3", _ALL, "train", _PORT, "target_port"
    ),
    (SOCIAL, "db_requires_tls", "url-shorten-mongodb"): Theirs(
        "auth_miss_mongodb-{}-1", _ALL, "train", (_APPLICATION, FaultType.MISCONFIGURATION)
    ),
    (SOCIAL, "scale_to_zero", "user-service"): Theirs(
        "scale_pod_zero_social_net-{}-1", _ALL, "train", (_VIRTUAL, FaultType.OPERATION), "replicas"
    ),
    (SOCIAL, "node_selector", "user-service"): Theirs(
        "assign_to_non_existent_node_social_net-{}-1", _ALL, "test", (_VIRTUAL, FaultType.DEPENDENCY), "exists"
    ),
    (HOTEL, "db_auth_revoked", "mongodb-geo"): Theirs("revoke_auth_mongodb-{}-1", _ALL, "test", _REVOKED),
    (HOTEL, "db_auth_revoked", "mongodb-rate"): Theirs("revoke_auth_mongodb-{}-2", _ALL, "test", _REVOKED),
    (HOTEL, "db_user_dropped", "mongodb-geo"): Theirs("user_unregistered_mongodb-{}-1", _ALL, "test", _NETWORK),
    (HOTEL, "db_user_dropped", "mongodb-rate"): Theirs("user_unregistered_mongodb-{}-2", _ALL, "test", _NETWORK),
    (HOTEL, "buggy_image", "geo"): Theirs(
        "misconfig_app_hotel_res-{}-1", _ALL, "train", (_APPLICATION, FaultType.MISCONFIGURATION), "ready"
    ),
    (HOTEL, "container_kills", "geo"): Theirs("container_kill-{}", _FINDING, "test"),
    (HOTEL, "pod_failure", "user"): Theirs("pod_failure_hotel_res-{}-1", _FINDING, "test"),
    (HOTEL, "pod_kills", "user"): Theirs("pod_kill_hotel_res-{}-1", _FINDING, "test"),
    (HOTEL, "network_loss", "user"): Theirs("network_loss_hotel_res-{}-1", _FINDING, "train"),
    (HOTEL, "network_delay", "user"): Theirs("network_delay_hotel_res-{}-1", _FINDING, "test"),
    (HOTEL, "redeployed_without_volumes", "mongodb-geo"): Theirs(
        "redeploy_without_PV-{}-1", _WITHOUT_PLACE, "train", (_VIRTUAL, FaultType.OPERATION)
    ),
    (HOTEL, "wrong_binary", "profile"): Theirs("wrong_bin_usage-{}-1", _ALL, "test", _NETWORK, "command"),
    (SHOP, "flag_ad_failure", "ad"): _shop("ad_service_failure", "test"),
    (SHOP, "flag_ad_high_cpu", "ad"): _shop("ad_service_high_cpu", "test"),
    (SHOP, "flag_ad_manual_gc", "ad"): _shop("ad_service_manual_gc", "test"),
    (SHOP, "flag_cart_failure", "cart"): _shop("cart_service_failure", "train"),
    (SHOP, "flag_image_slow_load", "frontend"): _shop("image_slow_load", "test"),
    (SHOP, "flag_kafka_queue_problems", "kafka"): _shop("kafka_queue_problems", "test", (TaskKind.MITIGATION,)),
    (SHOP, "flag_flood_homepage", "frontend"): _shop("loadgenerator_flood_homepage", "test"),
    (SHOP, "flag_payment_failure", "payment"): _shop("payment_service_failure", "train"),
    (SHOP, "flag_payment_unreachable", "checkout"): _shop("payment_service_unreachable", "test"),
    (SHOP, "flag_product_catalog_failure", "product-catalog"): _shop("product_catalog_service_failure", "train"),
    (SHOP, "flag_recommendation_cache", "recommendation"): _shop("recommendation_service_cache_failure", "train"),
}
"""(application, fault, component) -> AIOpsLab's problem."""

NOOPS: Mapping[tuple[str, Split], str] = {
    (HOTEL, "train"): "noop_detection_hotel_reservation-1",
    (SOCIAL, "test"): "noop_detection_social_network-1",
    (SHOP, "test"): "noop_detection_astronomy_shop-1",
}
"""(application, split) -> id of the first no-fault detection there."""

NEWER: Mapping[str, str] = {
    "astronomy_shop_kafka_queue_problems-mitigation-1": "served: the only mitigation on Astronomy Shop",
    "flower_node_stop-detection": "not served: its fault stops a container of a Docker host, outside any cluster",
    "flower_model_misconfig-detection": "not served: its fault edits files in a container of a Docker host",
}
"""Problems that came after the paper's 86, and whether they are here."""


@dataclass(frozen=True, slots=True)
class Known:
    """One problem as AIOpsLab's registry has it."""

    id: str
    kind: TaskKind
    application: str
    split: Split
    fault: str | None
    """Mechanism of ours; None where nothing is wrong."""
    component: str | None
    """Where it is: what AIOpsLab calls its faulty service, but for storage, where it names none."""
    labels: Labels | None
    looks: Look
    is_newer: bool

    @property
    def verdict(self) -> str:
        """What a detection must submit."""
        return "No" if self.fault is None else "Yes"

    @property
    def accepted(self) -> tuple[str, ...]:
        """Names of which a localization must submit one. A database and its service count as one where roles differ."""
        if self.component is None:
            return ()
        is_shared = self.fault in ("db_auth_revoked", "db_user_dropped")
        return (self.component, self.component.removeprefix("mongodb-")) if is_shared else (self.component,)


@cache
def known() -> Mapping[str, Known]:
    """All problems that are served, by id: the 86, and those of `NEWER` that say so."""
    found: dict[str, Known] = {}
    for (application, fault, component), theirs in PROBLEMS.items():
        for kind in theirs.kinds:
            name = theirs.pattern.format(kind.value)
            labels, is_newer = theirs.labels, kind in theirs.newer
            found[name] = Known(name, kind, application, theirs.split, fault, component, labels, theirs.looks, is_newer)
    for (application, split), name in NOOPS.items():
        found[name] = Known(name, TaskKind.DETECTION, application, split, None, None, None, "pods", is_newer=False)
    return MappingProxyType(found)


def problem_id(application: str, fault: str, component: str, kind: TaskKind) -> str | None:
    """AIOpsLab's id of a problem, if it has that problem."""
    theirs = PROBLEMS.get((application, fault, component))
    return theirs.pattern.format(kind.value) if theirs and kind in theirs.kinds else None
