"""The model registry: MLflow, and the only module that imports it.

The registry is where people look: a run for each cycle with its curves, a version for each bundle with its lineage,
and the aliases `champion` and `challenger`. What decides is the ledger; the aliases are a projection of it that
`reconcile` repairs. Everything is looked up by tag before it is created, so a stage that was killed anywhere is run
again and finds its own half-done work: one run per cycle, one version per cycle and bundle.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from aoi.errors import RegistryUnavailable, UnknownBundle
from aoi.promotion.verify import Projection
from aoi.records.base import Sha256
from aoi.records.learning import BundleManifest
from aoi.records.promotion import Champion
from aoi.settings import Settings
from models import moving

# Read by MLflow at import. A server that is down is reported after seconds, not after minutes of retries.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

# The error that comes of it says the same in one line; MLflow's own tables are no news to anybody.
for _talkative in ("urllib3.connectionpool", "alembic", "mlflow.store.db.utils"):
    logging.getLogger(_talkative).setLevel(logging.ERROR)

NAME = "aoi"
CHAMPION, CHALLENGER = "champion", "challenger"

DESCRIPTION = "mlflow.note.content"
"""Tag of a run that MLflow shows as its description, in Markdown."""

_CYCLE, _BUNDLE, _KEY = "aoi.cycle", "aoi.bundle", "aoi.key"
_DESCRIPTION = "mlflow.note.content"
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_EXISTS = "RESOURCE_ALREADY_EXISTS"
_NO_RUN = ("INVALID_PARAMETER_VALUE", _ABSENT)


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version."""

    number: str
    bundle: str
    cycle: int
    model_id: str
    """MLflow's LoggedModel that holds the files."""
    tags: Mapping[str, str]


class InputSet(NamedTuple):
    """A set that a cycle's run was made with."""

    name: str
    sha256: Sha256
    rows: int


RunStatus = Literal["FINISHED", "KILLED"]


class Registry:
    """One registered model in one MLflow. Every method raises RegistryUnavailable if MLflow does not answer."""

    def __init__(self, uri: str, artifacts: Path | None = None, *, name: str = NAME) -> None:
        """`artifacts` is the folder for files where MLflow is embedded; a server decides by itself."""
        self.uri = uri
        self.name = name
        self._artifacts = artifacts
        with self._reachable(), _alone(uri):
            self._client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)
            self._experiment = self._find_experiment()
            if artifacts and uri.startswith("sqlite:///"):
                moving.follow(uri, name, artifacts)

    @classmethod
    def of(cls, settings: Settings) -> "Registry":
        """The registry of these settings."""
        is_embedded = settings.mlflow_uri.startswith("sqlite")
        return cls(settings.mlflow_uri, settings.home.resolve() / "mlartifacts" if is_embedded else None)

    # Runs ------------------------------------------------------------------------------------------------------

    def run(self, cycle: int, tags: Mapping[str, str] | None = None) -> str:
        """The run of a cycle, made at the first call. Returns its id."""
        with self._reachable():
            runs = self._client.search_runs([self._experiment], f"tags.`{_CYCLE}` = '{int(cycle)}'")
            if runs:
                return str(min(runs, key=lambda run: (run.info.start_time, run.info.run_id)).info.run_id)
            made = self._client.create_run(
                self._experiment, tags={_CYCLE: str(cycle), **(tags or {})}, run_name=f"cycle-{cycle:04d}"
            )
            return str(made.info.run_id)

    def log(
        self,
        cycle: int,
        *,
        metrics: Mapping[str, float | Sequence[float]] | None = None,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add figures to a cycle's run. A sequence is a curve over steps; writing it again changes nothing."""
        run_id = self.run(cycle)
        with self._reachable():
            known = self._client.get_run(run_id).data
        points = [
            Metric(name, float(value), int(time.time() * 1000), step)
            for name, values in (metrics or {}).items()
            if name not in known.metrics
            for step, value in enumerate(values if isinstance(values, Sequence) else [values])
        ]
        news = [Param(name, str(value)[:500]) for name, value in (params or {}).items() if name not in known.params]
        labels = [RunTag(name, value[:5000]) for name, value in (tags or {}).items()]
        with self._reachable():
            self._client.log_batch(run_id, tags=labels)
            for start in range(0, len(points), 1000):  # MLflow takes 1,000 metrics at a time
                self._client.log_batch(run_id, metrics=points[start : start + 1000])
            for start in range(0, len(news), 100):  # and 100 params, and none may change
                self._client.log_batch(run_id, params=news[start : start + 100])

    def log_file(self, cycle: int, path: Path, folder: str = "") -> None:
        """Attach a file, such as the review page, to a cycle's run."""
        run_id = self.run(cycle)
        with self._reachable():
            self._client.log_artifact(run_id, str(path), folder or None)

    def log_inputs(self, cycle: int, sets: Sequence[InputSet]) -> None:
        """Name the sets that a cycle was made with. Naming one again changes nothing."""
        run_id = self.run(cycle)
        inputs = [
            DatasetInput(
                Dataset(
                    name=each.name,
                    digest=each.sha256[:12],  # MLflow takes 36 characters; the source has all
                    source_type="aoi",
                    source=json.dumps({"sha256": each.sha256}),
                    profile=json.dumps({"num_rows": each.rows}),
                )
            )
            for each in sets
        ]
        with self._reachable():
            self._client.log_inputs(run_id, inputs)

    def begin(self, cycle: int) -> None:
        """Show a cycle as under way: its run is made, or goes on that was ended as killed."""
        run_id = self.run(cycle)
        with self._reachable():
            if self._client.get_run(run_id).info.status != "RUNNING":
                self._client.update_run(run_id, status="RUNNING")

    def running(self) -> list[int]:
        """Cycles that are shown as under way, whether or not they are."""
        with self._reachable():
            runs = self._client.search_runs([self._experiment], "attributes.status = 'RUNNING'")
        return sorted({int(run.data.tags[_CYCLE]) for run in runs if _CYCLE in run.data.tags})

    def finish(self, cycle: int, status: RunStatus = "FINISHED", *, description: str = "") -> None:
        """End a cycle's run. `description` is Markdown, and stands at the top of its page."""
        run_id = self.run(cycle)
        with self._reachable():
            if description:
                self._client.set_tag(run_id, _DESCRIPTION, description)
            self._client.set_terminated(run_id, status)

    # Versions --------------------------------------------------------------------------------------------------

    def register(
        self, cycle: int, folder: Path, manifest: BundleManifest, *, tree: Sha256, tags: Mapping[str, str] | None = None
    ) -> Version:
        """The one version of this cycle's bundle, made if it is not there. `tree` is the stored folder's digest."""
        bundle = manifest.digest()
        version = self.version_of(bundle, cycle)
        if version:
            return version
        lineage = _lineage(cycle, bundle, manifest, tree) | dict(tags or {})
        with self._reachable():
            model_id = self._logged_model(cycle, bundle, folder, lineage)
            self._ensure_registered_model()
            self._client.create_model_version(
                self.name, f"models:/{model_id}", run_id=self.run(cycle), tags=lineage, model_id=model_id
            )
        made = self._versions(bundle, cycle)
        # Two runs at once may both have found nothing: the first version stays, whoever made it.
        for extra in made[1:]:
            with self._reachable():
                self._client.delete_model_version(self.name, extra.number)
        return made[0]

    def version_of(self, bundle: str, cycle: int | None = None) -> Version | None:
        """The version that holds a bundle (of one cycle, if given); None if there is none."""
        versions = self._versions(bundle, cycle)
        return versions[0] if versions else None

    def versions(self) -> list[Version]:
        """Every version, oldest first."""
        return self._search("")

    def download(self, version: str, into: Path) -> Path:
        """Fetch a version's files into a folder. Raises: UnknownBundle. The caller checks digests."""
        with self._reachable():
            self._version(version)
            into.mkdir(parents=True, exist_ok=True)
            place = download_artifacts(
                artifact_uri=f"models:/{self.name}/{version}", dst_path=str(into), tracking_uri=self.uri
            )
        return Path(place)

    # Aliases ---------------------------------------------------------------------------------------------------

    def alias(self, alias: str) -> Version | None:
        """The version that an alias names; None if it names none."""
        try:
            with self._reachable():
                return _version_from(self._client.get_model_version_by_alias(self.name, alias))
        except UnknownBundle:
            return None

    def point(self, alias: str, version: str) -> None:
        """Let an alias name a version. Raises: UnknownBundle."""
        with self._reachable():
            self._version(version)
            self._client.set_registered_model_alias(self.name, alias, version)

    def reconcile(self, champion: Champion | None) -> bool:
        """Make the alias `champion` name what the ledger says. Returns whether it had to be changed.

        Raises: UnknownBundle if the ledger's champion is not registered, or its version holds another bundle.
        """
        if champion is None:
            return False
        with self._reachable():
            registered = _version_from(self._version(champion.version))
        if registered.bundle != champion.bundle:
            raise UnknownBundle(
                f"version {champion.version} holds bundle {registered.bundle[:12]}, but the ledger promoted "
                f"{champion.bundle[:12]} as that version. Restore the registry from its backup, then `aoi verify`"
            )
        present = self.alias(CHAMPION)
        if present is not None and present.number == champion.version:
            return False
        self.point(CHAMPION, champion.version)
        return True

    def projection(self) -> Projection:
        """What the registry says, to be compared with the ledger by `aoi.promotion.verify`."""
        champion = self.alias(CHAMPION)
        bundles = {version.number: version.bundle for version in self.versions()}
        return Projection(champion=champion.number if champion else None, bundles=bundles)

    # Inside ----------------------------------------------------------------------------------------------------

    def _find_experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(self.name)
        if experiment is None:
            place = self._artifacts.as_uri() if self._artifacts else None
            try:
                return str(self._client.create_experiment(self.name, artifact_location=place))
            except MlflowException as error:
                if error.error_code != _EXISTS:
                    raise
                experiment = self._client.get_experiment_by_name(self.name)
        return str(experiment.experiment_id)

    def _logged_model(self, cycle: int, bundle: str, folder: Path, lineage: Mapping[str, str]) -> str:
        """The LoggedModel of a bundle: no flavor, its files as they are. Files are written again until it is READY."""
        key = f"{cycle}:{bundle}"
        logged = self._client.search_logged_models([self._experiment], f"tags.`{_KEY}` = '{key}'")
        if logged:
            model = logged[0]
        else:
            model = self._client.create_logged_model(
                self._experiment,
                name=f"bundle-{bundle[:12]}",
                source_run_id=self.run(cycle),
                tags={_KEY: key, **lineage},
                model_type="aoi-bundle",
            )
        if str(model.status) not in ("READY", "LoggedModelStatus.READY"):
            self._client.log_model_artifacts(model.model_id, str(folder))
            self._client.finalize_logged_model(model.model_id, "READY")
        return str(model.model_id)

    def _ensure_registered_model(self) -> None:
        try:
            self._client.create_registered_model(self.name, description="Policy bundles of AOI, one version a cycle.")
        except MlflowException as error:
            if error.error_code != _EXISTS:
                raise

    def _versions(self, bundle: str, cycle: int | None) -> list[Version]:
        by_cycle = "" if cycle is None else f" and tags.`{_CYCLE}` = '{int(cycle)}'"
        return self._search(f" and tags.`{_BUNDLE}` = '{_checked(bundle)}'{by_cycle}")

    def _search(self, condition: str) -> list[Version]:
        with self._reachable():
            versions = self._client.search_model_versions(f"name = '{self.name}'{condition}")
        return sorted((_version_from(entry) for entry in versions), key=lambda version: int(version.number))

    def _version(self, number: str) -> Any:
        return self._client.get_model_version(self.name, number)

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Turn MLflow's errors into ours: what is not there is unknown, everything else is an outage."""
        # Some of MLflow's own code asks a client of the process-wide address, whatever client it is called from.
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        try:
            yield
        except MlflowException as error:
            if error.error_code in _NO_RUN:
                raise UnknownBundle(f"{error.message} Known versions: `aoi status`") from None
            raise RegistryUnavailable(_outage(self.uri, error)) from error
        except (OSError, ConnectionError) as error:
            raise RegistryUnavailable(_outage(self.uri, error)) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("sqlalchemy", "requests", "urllib3", "sqlite3"):
                raise RegistryUnavailable(_outage(self.uri, error)) from error
            raise


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """One process at a time makes MLflow's tables in a new SQLite file: its own migrations are not safe for two."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    lock = Path(uri.removeprefix("sqlite:///") + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lineage(cycle: int, bundle: str, manifest: BundleManifest, tree: Sha256) -> dict[str, str]:
    """Tags that lead from a version to the data, code and settings behind it."""
    return {
        _CYCLE: str(cycle),
        _BUNDLE: bundle,
        "aoi.tree": tree,
        "aoi.base": manifest.base,
        "aoi.adapter": manifest.adapter or "none",
        "aoi.parent": manifest.parent or "none",
        "aoi.data": ",".join(manifest.data),
        "aoi.settings": manifest.settings,
        "aoi.code": manifest.code_sha256,
        "aoi.revision": manifest.code_revision,
    }


def _version_from(entry: Any) -> Version:
    tags = dict(entry.tags)
    return Version(
        number=str(entry.version),
        bundle=tags.get(_BUNDLE, ""),
        cycle=int(tags.get(_CYCLE, "0")),
        model_id=str(entry.source).removeprefix("models:/"),
        tags=tags,
    )


def _checked(bundle: str) -> str:
    """A digest that may stand in a filter. Raises: UnknownBundle for anything else."""
    if len(bundle) != 64 or not set(bundle) <= set("0123456789abcdef"):
        raise UnknownBundle(f"{bundle!r} is no bundle digest: expected 64 hexadecimal digits")
    return bundle


def _outage(uri: str, error: Exception) -> str:
    cause = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return (
        f"the model registry at {uri} does not answer: {cause}. Check that it runs and that its place is writable, or "
        "set AOI_MLFLOW_URI; nothing is lost, the stage can be run again"
    )
