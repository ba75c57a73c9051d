"""Live clusters by name: where their kubeconfig lies, never what is in it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import delete, select

from aoi.database import tables
from aoi.database.engine import Database
from aoi.errors import Permanent, UnknownCluster
from aoi.records.base import Record
from aoi.records.request import ClusterName, NamespaceName
from aoi.settings import Url


class RegisteredCluster(Record):
    """One cluster whose identity was found able to do nothing but look. Version 2 brought the Executor's identity."""

    schema_version: Literal[1, 2] = 2
    name: ClusterName
    kubeconfig: str = Field(min_length=1)
    """Absolute path of the file, a mounted Secret's for one: it is read anew for every diagnosis."""
    context: str
    """Of the kubeconfig."""
    server: str
    """Address of its API server when it was registered, for display."""
    namespaces: tuple[NamespaceName, ...]
    """Looked at where neither the request nor its alerts name one."""
    prometheus_url: Url = ""
    jaeger_url: Url = ""
    executor_kubeconfig: str = ""
    """Absolute path of the file of the identity that approved changes are made with; empty: nothing is changed."""
    executor_context: str = ""
    """Of that kubeconfig; empty: its current one."""
    registered_at: datetime
    """UTC."""
    registered_by: str


class ClusterBook:
    """Writes and reads the list of clusters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, cluster: RegisteredCluster, *, is_replaced: bool) -> None:
        """Raises: Permanent for a name that is taken, unless it is to be replaced."""
        table = tables.clusters
        with self._database.write() as connection:
            if is_replaced:
                connection.execute(delete(table).where(table.c.name == cluster.name))
            elif connection.execute(select(table.c.name).where(table.c.name == cluster.name)).first():
                raise Permanent(
                    f"a cluster {cluster.name} is registered already. Look: aoi clusters show {cluster.name}; to put "
                    "this one in its place add --replace"
                )
            row = {"name": cluster.name, "record": cluster.to_bytes().decode()}
            connection.execute(table.insert().values(row))

    def all(self) -> list[RegisteredCluster]:
        """Every cluster, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(tables.clusters.c.record).order_by(tables.clusters.c.name))
            return [_read(row) for row in rows]

    def get(self, name: str) -> RegisteredCluster:
        """Raises: UnknownCluster."""
        with self._database.read() as connection:
            query = select(tables.clusters.c.record).where(tables.clusters.c.name == name)
            row = connection.execute(query).first()
        if row is None:
            raise _unknown(name)
        return _read(row)

    def remove(self, name: str) -> None:
        """Raises: UnknownCluster."""
        with self._database.write() as connection:
            gone = connection.execute(delete(tables.clusters).where(tables.clusters.c.name == name))
        if not gone.rowcount:
            raise _unknown(name)


def _read(row: Any) -> RegisteredCluster:
    return RegisteredCluster.from_bytes(row.record.encode())


def _unknown(name: str) -> UnknownCluster:
    return UnknownCluster(
        f"no cluster {name!r:.80} is registered. List them: aoi clusters list; enter one: aoi clusters add NAME "
        "--kubeconfig FILE"
    )
