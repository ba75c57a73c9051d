"""An application that was taken down and put up again before its volumes were free: all of its claims wait.

AIOpsLab's `redeploy_without_PV`. The namespace's claims are deleted with what used them; their volumes are `Retain`,
so each stays `Released`, kept for a claim that is gone, and no claim of the new installation gets one.
"""

import random
from collections.abc import Iterator

from aoi.problems.faults.base import Fault, Mark, Plan, never
from aoi.problems.sites import Site
from aoi.problems.writes import Create, Deed, Delete, Key, Patch, Wait
from aoi.records.problem import FaultType, SystemLevel
from aoi.worlds.applications.manifests import claim_name
from aoi.worlds.applications.spec import Application, Component
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

_CLAIMS, _VOLUMES = "persistentvolumeclaims", "persistentvolumes"


def _stores(application: Application) -> list[Component]:
    """Databases that keep their data in a hand-made volume."""
    return [c for c in application.components if c.workload_kind == "Deployment" and _claims_of(application, c)]


def _claims_of(application: Application, component: Component) -> list[str]:
    return [claim_name(application, mount.name) for mount in component.mounts if mount.source == "claim"]


def _is_first_of_several(application: Application, component: Component) -> bool:
    """The whole application suffers: one problem an application, told by its first database."""
    stores = _stores(application)
    return len(stores) > 1 and stores[0].name == component.name


def _redeploy(site: Site, choices: random.Random) -> Plan:
    stores = _stores(site.application)
    wanted = {name for store in stores for name in _claims_of(site.application, store)}
    claims = [claim for claim in site.around[_CLAIMS] if claim["metadata"]["name"] in wanted]
    volumes: list[tuple[Key, Obj]] = [((_VOLUMES, "", claim["spec"]["volumeName"]), claim) for claim in claims]
    marks = tuple(Mark(key, ("spec", "claimRef", "uid"), claim["metadata"]["uid"]) for key, claim in volumes)
    return Plan(
        writes=tuple(_taken_down_and_up(site, stores, claims, choices)),
        repair=tuple(Patch(key, {"spec": {"claimRef": None}}) for key, _ in volumes),
        marks=marks,
        actions=(),
        evidence=(("storage", site.name),),
        accepted=tuple(store.name for store in stores),
        state_holds=lambda world: _is_kept(world, marks),
    )


def _taken_down_and_up(
    site: Site, stores: list[Component], claims: list[Obj], choices: random.Random
) -> Iterator[Deed]:
    replicas = {store.name: store.replicas for store in stores}
    for store in stores:
        yield Patch(site.key_of(store.name), {"spec": {"replicas": 0}})
    yield Wait(choices.choice((45, 60, 75)))
    for claim in claims:
        yield Delete((_CLAIMS, site.namespace, claim["metadata"]["name"]))
    yield Wait(choices.choice((10, 15, 20)))
    for claim in claims:
        meta = {k: claim["metadata"][k] for k in ("name", "namespace", "labels") if k in claim["metadata"]}
        again = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": claim["spec"]}
        yield Create((_CLAIMS, site.namespace, meta["name"]), again)
    for store in stores:
        yield Patch(site.key_of(store.name), {"spec": {"replicas": replicas[store.name]}})


def _is_kept(world: World, marks: tuple[Mark, ...]) -> bool:
    """Whether any volume is still kept for a claim that is gone."""
    return any(mark.holds(world) for mark in marks)


MECHANISMS = (
    Fault(
        key="redeployed_without_volumes",
        version="1",
        family="storage",
        causes=("released", "unbound"),
        level=SystemLevel.VIRTUALIZATION,
        type=FaultType.OPERATION,
        eligible=_is_first_of_several,
        plan=_redeploy,
        mendable=never,
    ),
)
