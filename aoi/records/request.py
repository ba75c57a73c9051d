"""What somebody wants diagnosed, whoever takes it: the command line, Prefect, HTTP. It names no file and no secret."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from aoi.records.alert import Alert
from aoi.records.base import Record
from aoi.records.problem import TaskKind
from aoi.records.seed import MAX_SEED

MAX_BUDGET_S = 3600.0
ClusterName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
"""A name under which a cluster is registered, in the form of a DNS label."""
NamespaceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Symptom = Annotated[str, StringConstraints(min_length=1, max_length=4_000)]


class DiagnosisRequest(Record):
    """One diagnosis of a registered cluster, or of the embedded world of a problem."""

    cluster: ClusterName | None = None
    """As `aoi clusters add` registered it."""
    problem: str | None = Field(default=None, min_length=1, max_length=200)
    """Id of an embedded problem, in the place of a cluster."""
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    """Of the problem's world."""
    namespaces: tuple[NamespaceName, ...] = Field(default=(), max_length=100)
    """Empty: those that the alerts name, else those that the cluster was registered with."""
    is_everywhere: bool = False
    """Every namespace that the identity may read."""
    symptoms: tuple[Symptom, ...] = Field(default=(), max_length=100)
    """What was seen, in words; names of components and objects in it are where the survey begins."""
    alerts: tuple[Alert, ...] = Field(default=(), max_length=1_000)
    kind: TaskKind = TaskKind.LOCALIZATION
    """What a model is asked to find out on a live cluster; a mitigation is not asked for."""
    budget_s: float | None = Field(default=None, gt=0, le=MAX_BUDGET_S)
    """Wall-clock seconds for the whole answer; None: those of the settings. What did not fit is told."""
    is_demonstration: bool = False
    """Whether the seed model answers on a live cluster, which it was not made for."""

    @model_validator(mode="after")
    def _is_about_one_place(self) -> Self:
        if (self.cluster is None) == (self.problem is None):
            raise ValueError("name a cluster (aoi clusters list) or a problem (aoi problems list), one of them")
        is_about_a_cluster = self.namespaces or self.is_everywhere or self.symptoms or self.alerts
        if self.problem is not None and (is_about_a_cluster or self.is_demonstration):
            raise ValueError("namespaces, symptoms and alerts are of a cluster, and a problem is a world of ours")
        if self.namespaces and self.is_everywhere:
            raise ValueError("give namespaces, or all of them, not both")
        if self.kind is TaskKind.MITIGATION:
            raise ValueError("a mitigation is not asked for here: it changes a cluster")
        return self
