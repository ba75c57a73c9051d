"""What an agent may call in a problem's world: one frozen type for each tool, whose fields are its arguments."""

from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from aoi.language.lexicon import ACTIONS, SIGNALS
from aoi.records.problem import FaultType, SystemLevel, TaskKind

MAX_TEXT = 2_000
"""Characters of one argument."""
MAX_COMPONENTS = 8
"""Of one answer."""

Line = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]


def _known(words: Collection[str]) -> Callable[[str], str]:
    def known(word: str) -> str:
        if word not in words:
            raise ValueError(f"not one of {', '.join(words)}")
        return word

    return known


LEVELS = tuple(level.value for level in SystemLevel)
TYPES = tuple(fault_type.value for fault_type in FaultType)
ActionWord = Annotated[str, AfterValidator(_known(ACTIONS)), Field(json_schema_extra={"enum": list(ACTIONS)})]
CauseWord = Annotated[str, AfterValidator(_known(SIGNALS)), Field(json_schema_extra={"enum": list(SIGNALS)})]
Level = Annotated[str, AfterValidator(_known(LEVELS)), Field(json_schema_extra={"enum": list(LEVELS)})]
Type = Annotated[str, AfterValidator(_known(TYPES)), Field(json_schema_extra={"enum": list(TYPES)})]


class Call(BaseModel):
    """The arguments of one tool."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Kubectl(Call):
    """Read the cluster with one kubectl command (get, describe, logs, events, top, rollout history, rollout status)."""

    command: Line = Field(description="The whole line, such as: kubectl get pods -n NAMESPACE")


class Exec(Call):
    """Run a command inside a container, as kubectl exec does. Images hold few programs."""

    pod: Name = Field(description="Name of a pod of the application's namespace")
    command: Line = Field(description="Program and arguments, such as: mongo admin --eval 'db.getUsers()'")
    container: str = Field(default="", max_length=253, description="Of the pod; its default one if not given")


class Metrics(Call):
    """Evaluate a PromQL expression, now or over the last minutes."""

    query: Line = Field(description="A PromQL expression")
    minutes: int = Field(default=0, ge=0, le=360, description="0: now. Otherwise ten points over so many minutes")


class Traces(Call):
    """Show recent traces that touch a service: failed ones first, then the slowest. Without a service, name them."""

    service: str = Field(default="", max_length=253, description="As traces call it")


class Act(Call):
    """Change one component of the application by a typed action, behind a dry run. In mitigations only."""

    action: ActionWord = Field(description="What to do")
    component: Name = Field(description="A component of the application, or a node")
    value: str | None = Field(default=None, max_length=MAX_TEXT, description="What some actions need, such as replicas")


class Submit(Call):
    """Answer, which ends the episode. Give what the task asks for; in a mitigation nothing: the cluster is graded."""

    verdict: Literal["fault", "no_fault", "inconclusive"] | None = Field(
        default=None, description="Whether something is wrong; follows from the components if it is not given"
    )
    components: tuple[Name, ...] = Field(
        default=(), max_length=MAX_COMPONENTS, description="What is at fault, the causes and not what suffers from them"
    )
    cause: CauseWord | None = Field(default=None, description="A word for it")
    system_level: Level | None = Field(default=None, description="Where the cause lies; for an analysis")
    fault_type: Type | None = Field(default=None, description="Of what type it is; for an analysis")


LOOKING: Mapping[str, type[Call]] = {"kubectl": Kubectl, "exec": Exec, "metrics": Metrics, "traces": Traces}
TOOLS: Mapping[str, type[Call]] = {**LOOKING, "act": Act, "submit": Submit}


def tools_of(kind: TaskKind) -> Mapping[str, type[Call]]:
    """Those that a kind of task allows."""
    return TOOLS if kind is TaskKind.MITIGATION else {name: call for name, call in TOOLS.items() if name != "act"}


def schema_of(name: str) -> dict[str, Any]:
    """A tool as chat APIs describe a function: name, description, JSON schema of its parameters."""
    call = TOOLS[name]
    schema = call.model_json_schema()
    parameters = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {"name": name, "description": " ".join((call.__doc__ or "").split()), "parameters": parameters}
