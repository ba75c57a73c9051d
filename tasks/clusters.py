"""Live clusters by name: entered once their identity is proven, found again by whoever diagnoses."""

from datetime import UTC, datetime
from pathlib import Path

from aoi.database.clusters import ClusterBook, RegisteredCluster
from aoi.errors import SettingsError
from aoi.records.base import Record
from aoi.records.request import ClusterName, NamespaceName
from aoi.settings import ClusterSettings
from tasks.live import LiveTarget, SurveyClock, connected
from tasks.workspace import actor, workspace


def register(
    name: str,
    kubeconfig: Path,
    *,
    context: str | None = None,
    namespaces: tuple[str, ...] = (),
    prometheus_url: str = "",
    jaeger_url: str = "",
    executor_kubeconfig: Path | None = None,
    executor_context: str | None = None,
    is_replaced: bool = False,
) -> RegisteredCluster:
    """Enter a cluster, once its identity was found able to do nothing but look in these namespaces.

    Without namespaces it is the one of the context. With a kubeconfig of its own the Executor may carry out there what
    people approve, once its identity was found to hold no more than the shipped roles, in the same cluster. Only paths
    and names are kept: what opens the cluster stays in its file. Raises: as `tasks.live.connected`; Permanent for a
    name that is taken.
    """
    settings = workspace().settings.cluster
    draft = RegisteredCluster(
        name=name,
        kubeconfig=str(kubeconfig.expanduser().absolute()),  # not resolved: a mounted Secret is a link that moves
        context=context or "",
        server="",
        namespaces=namespaces,
        prometheus_url=prometheus_url,
        jaeger_url=jaeger_url,
        executor_kubeconfig=str(executor_kubeconfig.expanduser().absolute()) if executor_kubeconfig else "",
        executor_context=executor_context or "",
        registered_at=datetime.now(UTC),
        registered_by=actor(),
    )
    book = ClusterBook(workspace().database)
    with connected(LiveTarget(namespaces=namespaces), place_of(draft, settings), SurveyClock()) as transport:
        found = transport.config
        places = namespaces or (found.namespace,)
        if draft.executor_kubeconfig:
            from tasks.executing import armed, same_place  # what can write: nobody who diagnoses loads it

            with armed(draft, places, settings) as executor:
                same_place(transport, executor, places[0])
    known = {"context": found.context, "server": found.server, "namespaces": places}
    entered = draft.model_copy(update=known)
    book.enter(entered, is_replaced=is_replaced)
    return entered


def registered() -> list[RegisteredCluster]:
    """Every cluster, by name."""
    return ClusterBook(workspace().database).all()


class Place(Record):
    """A registered cluster, as far as whoever asks from elsewhere is told."""

    name: ClusterName
    namespaces: tuple[NamespaceName, ...]


def places() -> list[Place]:
    """Every cluster, by name."""
    return [Place(name=cluster.name, namespaces=cluster.namespaces) for cluster in registered()]


def cluster_named(name: str) -> RegisteredCluster:
    """Raises: UnknownCluster."""
    return ClusterBook(workspace().database).get(name)


def forget(name: str) -> None:
    """Take a cluster out of the list; its file stays. Raises: UnknownCluster."""
    ClusterBook(workspace().database).remove(name)


def place_of(cluster: RegisteredCluster, settings: ClusterSettings) -> ClusterSettings:
    """What takes the place of the group `cluster` of the settings: its times, and of where to look nothing.

    Raises: SettingsError if the kubeconfig is gone.
    """
    if not Path(cluster.kubeconfig).is_file():
        raise SettingsError(
            f"the kubeconfig {cluster.kubeconfig} of cluster {cluster.name} is no file. Write it there, as aoi access "
            f"print shows, or name another: aoi clusters add {cluster.name} --replace --kubeconfig FILE"
        )
    where = cluster.model_dump(include={"kubeconfig", "context", "prometheus_url", "jaeger_url"})
    return settings.model_copy(update={**where, "namespace": ""})
