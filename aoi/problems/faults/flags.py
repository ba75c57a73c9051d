"""Feature flags that make programs misbehave: a ConfigMap is changed, and flagd's pod replaced so that it reads it.

One mechanism for each flag that AIOpsLab sets. What a flag does is in `aoi/worlds/applications/astronomy_flags.py`.
"""

import random
from collections.abc import Callable, Sequence
from functools import partial

from aoi.problems.faults.base import Action, Evidence, Fault, Mark, Plan
from aoi.problems.faults.templates import restart
from aoi.problems.sites import Site
from aoi.problems.writes import Delete, Key, Patch
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications import flags as definitions
from aoi.worlds.applications.spec import Application, Component
from aoi.worlds.runtime import traffic
from kubeworld.machine.world import World


def _set(site: Site, choices: random.Random, *, flag: str, variants: Sequence[str], seen: Sequence[Evidence]) -> Plan:
    service = site.application.flags
    assert service is not None
    key: Key = ("configmaps", site.namespace, service.config_map)
    flagd = site.key_of(service.component)
    text = service.text({flag: choices.choice(variants)})
    # An object that the pod is replaced for, as AIOpsLab restarts flagd: it reads its ConfigMap when its pod starts.
    pods = tuple(Delete(("pods", site.namespace, name)) for name in site.pods_of[service.component])
    return Plan(
        writes=(Patch(key, {"data": {service.key: text}}), *pods),
        repair=(Patch(key, {"data": {service.key: service.text()}}), restart(flagd)),
        marks=(Mark(key, ("data", service.key), text),),
        actions=(Action("set_config", service.component),),
        evidence=tuple(seen),
        accepted=(site.name,),
        state_holds=partial(_is_on, key=key, field=service.key, flag=flag),
    )


def _is_on(world: World, *, key: Key, field: str, flag: str) -> bool:
    """Whether the ConfigMap says so, or flagd still serves it to who asks."""
    written = ((world.store.get(*key) or {}).get("data") or {}).get(field, "")
    return flag in definitions.read(written) or flag in dict(traffic(world).conditions.flags)


def _shows_at(component: str) -> Callable[[Application, Component], bool]:
    return lambda application, found: application.flags is not None and found.name == component


def _flag(
    key: str,
    flag: str,
    component: str,
    *,
    variants: Sequence[str] = ("on",),
    causes: tuple[str, ...] = ("flag",),
    seen: tuple[Evidence, ...] = (),
) -> Fault:
    """`seen` is where an expert would look beside the flags' own ConfigMap."""
    return Fault(
        key=key,
        version="1",
        family="flag",
        causes=causes,
        level=SystemLevel.APPLICATION,
        type=FaultType.MISCONFIGURATION,
        eligible=_shows_at(component),
        plan=partial(_set, flag=flag, variants=variants, seen=(("config", component), *seen)),
        needs_requests=True,
    )


MECHANISMS = (
    _flag("flag_ad_failure", "adFailure", "ad"),
    _flag("flag_ad_high_cpu", "adHighCpu", "ad"),
    _flag("flag_ad_manual_gc", "adManualGc", "ad", causes=("flag", "gc")),
    _flag("flag_cart_failure", "cartFailure", "cart"),
    _flag("flag_image_slow_load", "imageSlowLoad", "frontend", variants=("10sec",)),
    _flag("flag_kafka_queue_problems", "kafkaQueueProblems", "kafka", causes=("flag", "lag")),
    _flag("flag_flood_homepage", "loadGeneratorFloodHomepage", "frontend", causes=("flag", "flood")),
    _flag("flag_payment_failure", "paymentFailure", "payment", variants=("100%",)),
    _flag(
        "flag_payment_unreachable",
        "paymentUnreachable",
        "checkout",
        causes=("flag", "nohost"),
        seen=(("logs", "checkout"),),
    ),
    _flag("flag_product_catalog_failure", "productCatalogFailure", "product-catalog"),
    _flag("flag_recommendation_cache", "recommendationCacheFailure", "recommendation", causes=("flag", "leak")),
)
"""AIOpsLab's own variants, so that its problems are as it sets them."""
