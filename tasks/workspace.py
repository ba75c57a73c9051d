"""What every stage stands on: settings, store, database and ledger, opened once per process."""

import os
import pwd
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aoi.database.engine import Database, open_database
from aoi.database.leases import Leases
from aoi.promotion.ledger import Ledger
from aoi.records.base import Ref, Sha256, canonical_bytes
from aoi.settings import Settings
from aoi.store.files import make_folder
from aoi.store.objects import ObjectStore

if TYPE_CHECKING:
    from aoi.promotion.signing import Approvers


@dataclass(frozen=True)
class Workspace:
    """The open parts. Processes share them through the folders and URLs of the settings, never in memory."""

    settings: Settings
    store: ObjectStore
    database: Database
    leases: Leases
    ledger: Ledger
    approvers: "Approvers | None" = None
    """Those whose signature a decision needs; None where it needs none."""

    @property
    def cache_folder(self) -> Path:
        """Local folder for what can be made again: unpacked bundles, the seed model while it is trained."""
        folder = self.settings.home.resolve() / "cache"
        make_folder(folder)
        return folder


@cache
def workspace() -> Workspace:
    """This process's workspace. Raises: SettingsError, StoreNotWritable."""
    keep_private()
    settings = Settings.load()
    store = ObjectStore(settings.store_url)
    database = open_database(settings)
    gate, approvers = settings.gate, _approvers(settings)
    ledger = Ledger(database, store, team=gate.team, frozen=gate.freeze, approvers=approvers)
    return Workspace(settings, store, database, Leases(database), ledger, approvers)


def _approvers(settings: Settings) -> "Approvers | None":
    """Raises: SettingsError."""
    if not settings.approval.signers:
        return None
    from aoi.promotion.signing import Approvers  # ciphers: most commands decide nothing

    return Approvers.read(Path(settings.approval.signers).expanduser())


def keep_private() -> None:
    """What this process and those that it starts write from now on is for their user alone.

    Prompts, symptoms and comments stand in databases and logs that other libraries make.
    """
    os.umask(os.umask(0o077) | 0o077)


def keep_settings() -> Sha256:
    """Store what can change a result, under the digest that bundles carry. Returns that digest."""
    ws = workspace()
    ref: Ref[Any] = ws.store.put("settings", canonical_bytes(ws.settings.public()))
    return ref.sha256


def login() -> str:
    """The person behind this process: its user as the system knows it, whatever its environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user often has no name
        return f"uid-{os.getuid()}"


def actor() -> str:
    """Who acts, for the ledger: the login name and the host."""
    return f"{login()}@{socket.gethostname()}"
