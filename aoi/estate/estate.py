"""What stands in a namespace and how it hangs together: read once, breadth first, without any name of ours.

`read_estate` reads; `Estate` answers questions about what was read. What is wrong is said by the rules (`rules/`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from aoi.access.reading import READABLES
from aoi.errors import ClusterUnavailable, Permanent, UnknownNamespace
from aoi.estate.authors import is_of_cluster
from aoi.estate.components import Component, Identity, components_of
from aoi.estate.custom import read_custom
from aoi.estate.finding import Witness
from aoi.estate.hosts import Hosts, Setting, settings_of
from aoi.estate.objects import Obj, age_s, name, namespace, number, part, text
from aoi.estate.policies import Policies, labels_of
from aoi.estate.reading import Listing, Reader
from aoi.estate.services import Service, services_of

NAMESPACED = (
    "pods",
    "events",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "services",
    "configmaps",
    "persistentvolumeclaims",
    "endpointslices.discovery.k8s.io",
    "endpoints",
    "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io",
    "horizontalpodautoscalers.autoscaling",
    "resourcequotas",
    "limitranges",
    "poddisruptionbudgets.policy",
    "replicationcontrollers",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
    "networkchaos.chaos-mesh.org",
    "podchaos.chaos-mesh.org",
    "stresschaos.chaos-mesh.org",
    "iochaos.chaos-mesh.org",
    "dnschaos.chaos-mesh.org",
    "httpchaos.chaos-mesh.org",
    "schedules.chaos-mesh.org",
)
"""In the order of what they tell: where the budget ends, the last are missing."""
CLUSTER_WIDE = (
    "nodes",
    "storageclasses.storage.k8s.io",
    "persistentvolumes",
    "ingressclasses.networking.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
)
NEEDED = ("pods",)
"""Without these nothing can be said."""


@dataclass(frozen=True)
class Estate:
    """Everything that was read of one or several namespaces."""

    namespaces: tuple[str, ...]
    listings: Mapping[tuple[str, str], Listing]
    """(resource, namespace; empty for cluster-wide ones) -> what was read."""
    now: datetime | None
    """The server's time."""
    places: tuple[Obj, ...] = ()
    """The namespaces' own objects, of those that could be read."""

    custom: Mapping[Identity, Obj] = field(default_factory=dict)
    """Owners of pods that are of somebody's own kind, read as themselves."""

    @cached_property
    def objects(self) -> dict[str, list[Obj]]:
        """Resource -> objects of all namespaces."""
        merged: dict[str, list[Obj]] = {}
        for (key, _), listing in self.listings.items():
            merged.setdefault(key, []).extend(listing.items)
        return merged

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """What owns pods."""
        return components_of(self.objects)

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """With what is behind them."""
        keys = ("endpoints", "endpointslices.discovery.k8s.io")
        whole = frozenset(place for place in self.namespaces if all(self.shows_absence(key, place) for key in keys))
        return services_of(self.objects, self.components, absent_in=whole)

    @cached_property
    def hosts(self) -> Hosts:
        """Resolves names and addresses."""
        whole = frozenset(place for place in self.namespaces if self.shows_absence("services", place))
        return Hosts(self.services, self.components, whole)

    @cached_property
    def policies(self) -> Policies:
        """NetworkPolicies, added up."""
        return Policies(tuple(self.of("networkpolicies.networking.k8s.io")), labels_of(self.places))

    @cached_property
    def witness(self) -> Witness:
        """Makes observations of what was read."""
        return Witness()

    def of(self, key: str, place: str | None = None) -> list[Obj]:
        """Objects of a resource; of one namespace if given."""
        held = self.objects.get(key, [])
        return held if place is None else [obj for obj in held if namespace(obj) == place]

    def shows_absence(self, key: str, place: str = "") -> bool:
        """Whether an object that is not here does not exist. Never so for what was refused, cut or not asked."""
        listing = self.listings.get((key, place))
        return listing is not None and listing.shows_absence

    @cached_property
    def _events(self) -> dict[tuple[str, str, str], list[Obj]]:
        by_object: dict[tuple[str, str, str], list[Obj]] = {}
        for event in filter(is_of_cluster, self.of("events")):
            about = part(event, "involvedObject")
            key = (text(about, "kind"), text(about, "namespace") or namespace(event), text(about, "name"))
            by_object.setdefault(key, []).append(event)
        for events in by_object.values():
            events.sort(key=last_seen, reverse=True)
        return by_object

    def events(self, obj: Obj, *reasons: str) -> list[Obj]:
        """Events that the cluster tells of one object, newest first; of some reasons only, if given."""
        own = self._events.get((str(obj.get("kind")), namespace(obj), name(obj)), [])
        return [event for event in own if not reasons or event.get("reason") in reasons]

    def event_age_s(self, event: Obj) -> float | None:
        """Seconds since an event was last seen."""
        return age_s(last_seen(event), self.now)

    def age_s(self, when: str) -> float | None:
        """Seconds since a time of the cluster."""
        return age_s(when, self.now)

    @cached_property
    def _by_pod(self) -> dict[tuple[str, str], Component]:
        return {(namespace(pod), name(pod)): c for c in self.components for pod in c.pods}

    def component_of(self, pod: Obj) -> Component | None:
        """Whose pod it is."""
        return self._by_pod.get((namespace(pod), name(pod)))

    def maps(self, place: str) -> dict[str, Obj]:
        """ConfigMaps of a namespace by name."""
        return {name(obj): obj for obj in self.of("configmaps", place)}

    def settings(self, component: Component) -> Iterator[Setting]:
        """What the component's containers are given."""
        return settings_of(part(component.template, "spec"), self.maps(component.namespace))

    def label(self, identity: Identity) -> str:
        """What to call a component or object: its name; with its kind or namespace where that is not enough."""
        kinds = self._kinds_of_name.get((identity.namespace, identity.name), set())
        is_shared = identity.kind in kinds and len(kinds) > 1
        plain = f"{identity.kind.lower()}/{identity.name}" if is_shared else identity.name
        is_alone = len(self.namespaces) <= 1 or not identity.namespace
        return plain if is_alone else f"{identity.namespace}/{plain}"

    @cached_property
    def _kinds_of_name(self) -> dict[tuple[str, str], set[str]]:
        kinds: dict[tuple[str, str], set[str]] = {}
        for component in self.components:
            kinds.setdefault((component.namespace, component.name), set()).add(component.kind)
        return kinds


def last_seen(event: Obj) -> str:
    """When an event was seen last, as RFC 3339; old and new events say so in different fields."""
    return (
        text(event, "series", "lastObservedTime")
        or text(event, "lastTimestamp")
        or text(event, "eventTime")
        or text(event, "firstTimestamp")
        or text(event, "metadata", "creationTimestamp")
    )


def times_seen(event: Obj) -> int:
    """How often."""
    return max(number(event, "count", default=1), number(event, "series", "count"), 1)


def read_estate(reader: Reader, namespaces: Sequence[str]) -> Estate:
    """Everything that the rules look at. Raises: UnknownNamespace, ClusterUnavailable if not even pods can be read."""
    places = tuple(dict.fromkeys(namespaces))
    unanswered: list[str] = []
    known_places = [obj for place in places if (obj := _namespace(reader, place, unanswered)) is not None]
    wanted = [(key, place) for key in NAMESPACED for place in places] + [(key, "") for key in CLUSTER_WIDE]
    known = [pair for pair in wanted if pair[0] in READABLES]
    first, rest = known[: len(places)], known[len(places) :]
    listings = reader.lists(first)
    is_silent = len(unanswered) == len(places)
    if is_silent and all(listing.state == "unread" and _is_unreachable(listing) for listing in listings):
        raise ClusterUnavailable(f"{first[0][0]} cannot be read: {listings[0].gap.detail if listings[0].gap else ''}")
    listings += reader.lists(rest)
    held = {(listing.key, listing.namespace): listing for listing in listings}
    estate = Estate(places, held, reader.now, tuple(known_places))
    return replace(estate, custom=read_custom(reader, estate.components))


def all_namespaces(reader: Reader) -> tuple[str, ...]:
    """Names of all namespaces. Raises: Permanent if the identity may not list them."""
    listing = reader.lists([("namespaces", "")])[0]
    if not listing.items:
        why = listing.gap.detail if listing.gap else "the cluster lists none"
        raise Permanent(f"namespaces cannot be listed: {why}. Name them one by one with --namespace NAME")
    return tuple(name(obj) for obj in listing.items)


def _namespace(reader: Reader, place: str, unanswered: list[str]) -> Obj | None:
    """The namespace's own object; None if the identity may not look. Raises: UnknownNamespace.

    Where no answer came its name joins `unanswered`: the lists will tell whether one read was lost or all are.
    """
    try:
        obj, status = reader.get("namespaces", "", place)
    except ClusterUnavailable:
        unanswered.append(place)
        return None
    if status == 404:
        raise UnknownNamespace(
            f"the cluster has no namespace {place!r}. List them with: kubectl get namespaces; name another with -n"
        )
    if obj is None:
        reader.skip("namespaces", "", f"whether {place!r} exists could not be asked: HTTP {status}")
    return obj


def _is_unreachable(listing: Listing) -> bool:
    return listing.gap is not None and listing.gap.reason in ("unreachable", "timeout")


def names(objects: Iterable[Obj]) -> frozenset[str]:
    """Names of some objects."""
    return frozenset(name(obj) for obj in objects)
