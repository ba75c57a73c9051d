"""Look at what this installation stands on, one part after the other: what is configured, reachable, writable, and of
which version. Nothing is repaired, started or changed, but for one small mark that shows that the store can be written.
"""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from aoi.access.redaction import redact_text
from aoi.errors import AoiError
from aoi.records.base import Record
from aoi.settings import Settings
from aoi.store.objects import ObjectStore
from tasks.bundles import base_of, champion_ref
from tasks.clusters import place_of, registered
from tasks.live import LiveTarget, connected
from tasks.workspace import workspace

State = Literal["ok", "warning", "broken", "unset"]
GIGABYTE = 1024**3
DISK_GB = 5.0
"""Free space below which a cycle may not find room: its bundles, episodes and caches take one to two."""
MEMORY_GB = 4.0
"""Free memory below which workers of a cycle have been killed."""
PATIENCE_S = 5.0
"""For a server of Prefect or of a judge."""
PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "mlflow",
    "prefect",
    "great-expectations",
    "kubernetes",
    "ray",
    "vllm",
)


class Examined(Record):
    """One part, and how it is."""

    part: str
    state: State
    """`unset`: nothing of the kind is configured, and the default does."""
    detail: str
    """What was found; of what is broken, what to do."""


class _Found(NamedTuple):
    state: State
    detail: str


class Probed(Record):
    """What is written into the store to see whether that can be done."""

    at: str


def examine() -> Iterator[Examined]:
    """Every part, as soon as it is known. A part that is broken hides no other, but for settings that are wrong."""
    for part, look in _PARTS.items():
        try:
            found = look()
        except AoiError as error:
            found = _Found("broken", str(error))
        except Exception as error:  # of whatever library: the parts after it are told all the same
            found = _Found("broken", f"{type(error).__name__}: {error}")
        yield Examined(part=part, state=found.state, detail=redact_text(found.detail))
        if part == "settings" and found.state == "broken":
            return


def _settings() -> _Found:
    Settings.load()
    given = sorted(name for name in os.environ if name.startswith("AOI_"))
    return _Found("ok", f"set: {', '.join(given)}" if given else "all as they are by default")


def _versions() -> _Found:
    known = {name: found for name in ("aoi", *PACKAGES) if (found := _version(name))}
    told = ", ".join(f"{name} {found}" for name, found in known.items())
    return _Found("ok", f"Python {platform.python_version()}, {told}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _home() -> _Found:
    home = Settings.load().home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    free_gb = shutil.disk_usage(home).free / GIGABYTE
    if not os.access(home, os.W_OK):
        return _Found("broken", f"{home} cannot be written by this user. Set AOI_HOME, or mend its rights")
    if free_gb < DISK_GB:
        return _Found("warning", f"{home}: {free_gb:.1f} GB free, and a cycle may need {DISK_GB:.0f}. Make room")
    return _Found("ok", f"{home}: {free_gb:.0f} GB free")


def _memory() -> _Found:
    memory_gb = _available_gb()
    if memory_gb is None:
        return _Found("unset", "this system does not say how much memory is free")
    if memory_gb < MEMORY_GB:
        return _Found("warning", f"{memory_gb:.1f} GB free, and the workers of a cycle need {MEMORY_GB:.0f}")
    return _Found("ok", f"{memory_gb:.0f} GB free, {os.cpu_count()} cores")


def _available_gb() -> float | None:
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 / GIGABYTE
    return None


def _store() -> _Found:
    url = Settings.load().store_url
    store, written = ObjectStore(url), Probed(at=datetime.now(UTC).isoformat())
    store.mark("doctor", "probe", written)
    if store.marked("doctor", "probe", Probed) != written:
        return _Found("broken", f"{url}: what was just written reads otherwise. Look at its rights")
    return _Found("ok", f"{url}: written and read")


def _database() -> _Found:
    ws = workspace()
    entries = ws.ledger.verify()
    return _Found("ok", f"{ws.settings.database_url}: the ledger's {entries} entries follow each other")


def _champion() -> _Found:
    champion = workspace().ledger.champion()
    if champion is None:
        return _Found("warning", "there is none yet. Make one: aoi retrain")
    base_of(champion_ref(champion))
    return _Found("ok", f"version {champion.version}, bundle {champion.bundle[:12]}; its base is here")


def _registry() -> _Found:
    from models.registry import CHAMPION, Registry

    champion = workspace().ledger.champion()
    named = Registry.of(workspace().settings).alias(CHAMPION)
    if champion is not None and (named is None or named.number != champion.version):
        other = f"names version {named.number}" if named else "names nobody"
        return _Found("warning", f"its alias {other}, and version {champion.version} is champion. Run: aoi reconcile")
    return _Found("ok", f"{workspace().settings.mlflow_uri} answers")


def _prefect() -> _Found:
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return _Found("unset", "PREFECT_API_URL: each command that needs a server starts its own")
    return _answers(
        f"{url.rstrip('/')}/health", f"{url} answers", "Start it: docs/operations.md, or unset the variable"
    )


def _model_server() -> _Found:
    settings = Settings.load()
    if not settings.server.url:
        return _Found("unset", "AOI_SERVER__URL: bundles are served in process")
    from models.policies.server import ModelServer, ServerSettings

    key = settings.server.api_key.get_secret_value() or None
    with ModelServer(ServerSettings(settings.server.url, key, timeout_s=PATIENCE_S)) as server:
        base, names = server.base(), server.names()
    return _Found("ok", f"{settings.server.url} serves {base.name} and {len(names) - 1} adapters")


def _judge() -> _Found:
    settings = Settings.load()
    if not settings.judge.url:
        return _Found("unset", f"AOI_JUDGE__URL: rewards are {settings.training.reward}")
    return _answers(settings.judge.url, f"{settings.judge.url} answers", "Look at AOI_JUDGE__URL")


def _clusters() -> _Found:
    known, settings = registered(), Settings.load().cluster
    if not known:
        return _Found("unset", "none is registered: aoi clusters add")
    troubles = []
    for cluster in known:
        try:
            with connected(LiveTarget(namespaces=cluster.namespaces), place_of(cluster, settings)):
                pass
        except AoiError as error:
            troubles.append(f"{cluster.name}: {error}")
    if troubles:
        return _Found("broken", "; ".join(troubles))
    return _Found("ok", f"{', '.join(cluster.name for cluster in known)}: their identities can look, and only look")


def _cluster() -> _Found:
    settings = Settings.load().cluster
    if not (settings.kubeconfig or settings.context):
        return _Found("unset", "AOI_CLUSTER__KUBECONFIG: `aoi diagnose` is told where to look")
    with connected(LiveTarget(), settings) as transport:
        return _Found("ok", f"{transport.config.server}: the identity of {settings.kubeconfig} can look, and only look")


def _answers(url: str, told: str, then: str) -> _Found:
    """Whether anything speaks HTTP there; what it says is another matter."""
    direct = build_opener(ProxyHandler({}))
    try:
        direct.open(url, timeout=PATIENCE_S).close()
    except HTTPError as error:
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _Found("broken", f"{url} answers {error.code}. {then}")
    except (OSError, HTTPException) as error:
        return _Found("broken", f"{url} does not answer ({error}). {then}")
    return _Found("ok", told)


_PARTS: dict[str, Callable[[], _Found]] = {
    "settings": _settings,
    "versions": _versions,
    "home": _home,
    "memory": _memory,
    "store": _store,
    "database": _database,
    "champion": _champion,
    "registry": _registry,
    "Prefect": _prefect,
    "model server": _model_server,
    "judge": _judge,
    "cluster": _cluster,
    "clusters": _clusters,
}
