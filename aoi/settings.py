"""All settings of AOI in one frozen object, built at the edge and passed down.

Every field is also an environment variable: `settings.gate.level` is `AOI_GATE__LEVEL`. A variable that starts with
`AOI_` and names no field is refused with the nearest right name, since it would otherwise be ignored in silence.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from aoi.errors import SettingsError
from aoi.model_settings import Dtype, Group, ModelSettings, SeedModelSettings, TrainingSettings, with_preset
from aoi.records.base import Sha256, canonical_bytes, sha256_hex
from aoi.records.seed import MAX_SEED

PREFIX = "AOI_"
DELIMITER = "__"
OTHERS = ("AOI_CHECKOUT",)
"""Variables of our pages and manifests that are no settings: `prefect.yaml` asks for the folder with the code."""

_PLACES = frozenset({"home", "store_url", "database_url", "mlflow_uri", "approval", "serve", "executor"})
"""Where things lie, who decides about them, how they are asked for and how a live cluster is changed decides nothing
about what they are: not part of the digest."""


def _without_password(url: str) -> str:
    if re.search(r"://[^/@\s]*:[^/@\s]+@", url):
        raise ValueError(
            "a URL may not carry a password, since URLs are shown and recorded: use AOI_DATABASE_PASSWORD for the "
            "database, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD for the registry"
        )
    return url


Url = Annotated[str, AfterValidator(_without_password)]
Decoding = Literal["free", "constrained"]
Hiding = Literal["auto", "credentials", "values"]


class CollectSettings(Group):
    """How many episodes a cycle collects with the champion."""

    problems: int = Field(default=384, ge=1)
    """Problems of the training split in each cycle, drawn anew from the cycle's seed."""
    rollouts: int = Field(default=2, ge=1)
    """Episodes of each problem."""
    shard_size: int = Field(default=32, ge=1)
    """Episodes in a shard: the unit of batching, and of redoing after a crash."""
    temperature: float = Field(default=1.0, ge=0, le=2)


class EvaluationSettings(Group):
    """The paired comparison that the gate reads."""

    problems_per_slice: int = Field(default=30, ge=1)
    """Problems of each slice (seen, unseen mechanism, unseen application, unseen naming style, several faults); three
    times as many controls are drawn, of which the same world counts once."""
    seeds: int = Field(default=3, ge=1)
    """World and rollout seeds of each problem: runs that repeat a problem share one cluster in the statistics."""
    injected: int = Field(default=96, ge=0)
    """Runs of each arm that are made again with an injection in what is read, each of another problem."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """0 is greedy."""


class GateSettings(Group):
    """When a challenger may be promoted. Rates are in [0, 1]; margins are differences of rates."""

    level: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of every one-sided bound. At most 1 - level of equal challengers are promoted."""
    minimum_gain: float = Field(default=0.0, ge=0, le=1)
    """The lower bound of the gain must lie above this."""
    slice_margin: float = Field(default=0.05, ge=0, le=1)
    """A slice blocks if its gain is proven to lie below minus this."""
    slice_loss: float = Field(default=0.14, ge=0, le=1)
    """Each slice and each kind of task must be proven to lose less than this."""
    control_margin: float = Field(default=0.0, ge=0, le=1)
    """False alarms block if they are proven to rise by more than this."""
    alarm_rise: float = Field(default=0.065, ge=0, le=1)
    """False alarms must be proven to rise by less than this."""
    refused_margin: float = Field(default=0.1, ge=0)
    """Refused commands per run that the challenger may have beyond the champion's."""
    token_margin: float = Field(default=0.5, ge=0)
    """Share of tokens per run that the challenger may cost beyond the champion's: 0.5 is half as much again."""
    step_margin: float = Field(default=0.5, ge=0)
    """Share of steps per run that the challenger may take beyond the champion's: who waits, waits for steps."""
    injection_margin: float = Field(default=0.03, ge=0, le=1)
    """How much more often than without them the challenger may be wrong where injections are planted."""
    minimum_injected: int = Field(default=20, ge=2)
    """Fewer problems with an injection than this never promote."""
    minimum_problems: int = Field(default=20, ge=2)
    """Fewer problems with a fault than this never promote."""
    minimum_controls: int = Field(default=4, ge=0)
    """Fewer no-fault problems than this never promote: false alarms would go unseen."""
    simulated_nights: int = Field(default=2000, ge=100)
    """Nights simulated for power and detectable gain."""
    approval_hours: float = Field(default=72.0, gt=0, le=168)
    """An approval is valid for this long, and never for more than a week."""
    freeze: bool = False
    """Refuse every promotion; rollback still works."""
    team: bool = False
    """Refuse the approval of a request by the person who asked for it."""


class ApprovalSettings(Group):
    """Who may decide about a promotion, and what they sign with: SSH keys of the kind ed25519."""

    signers: str = ""
    """File of those who may decide, `NAME ssh-ed25519 KEY` a line. With it no decision counts that none of them signed;
    without it a decision is anybody's who can run `aoi review` here."""
    key: str = ""
    """Private key that `aoi review` signs with; a passphrase is asked for at the terminal."""


class ClusterSettings(Group):
    """The live cluster that `aoi diagnose` looks at where its options do not say."""

    kubeconfig: str = ""
    """Path of a kubeconfig of a read-only ServiceAccount; `aoi access print` shows how to make one."""
    context: str = ""
    """Empty: the current one of the kubeconfig."""
    namespace: str = ""
    """Empty: the one of the context."""
    budget_s: float = Field(default=60.0, gt=0)
    """Wall-clock seconds from the first request to the survey's answer; what did not fit is told."""
    request_s: float = Field(default=8.0, gt=0)
    """Longest that one request may take, the lookup of the server's name included."""
    prometheus_url: Url = ""
    jaeger_url: Url = ""


class DiagnosisSettings(Group):
    """One model's episode that somebody waits for. What is collected to learn from knows no clock."""

    deadline_s: float = Field(default=300.0, gt=0)
    """Wall-clock seconds, the survey before it aside: what it has come to by then is the answer."""


class RetrainingSettings(Group):
    """When people's words on answers ask for a cycle before the next night's."""

    wrong: int = Field(default=3, ge=0)
    """So many wrong answers of the champion, and a retraining is requested; 0 never does."""
    of: int = Field(default=10, ge=1)
    """They are counted among so many newest ones that people rated since the last cycle ended."""
    cool_down_hours: float = Field(default=12.0, gt=0)
    """No sooner than this after the last cycle began, and once in so long."""


class ExecutorSettings(Group):
    """What typed actions may do on a live cluster."""

    scripts: str = ""
    """File with the SHA-256 of each script that `repair_database` may run, one a line, as `sha256sum` prints it; empty:
    none. `aoi access script` shows a script with its line."""
    proposal_minutes: float = Field(default=60.0, gt=0, le=1440)
    """A proposal that nobody decided about expires after this. An approval counts for five minutes whatever this is."""
    verify_s: float = Field(default=120.0, ge=0, le=3600)
    """How long an approved change may take to show before it is called without effect."""


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own; a name is not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServerSettings(Group):
    """What answers for every stage and command."""

    url: Url = ""
    """Base URL of a vLLM server; empty answers in process."""
    api_key: SecretStr = SecretStr("")
    dtype: Dtype = "float32"
    """What the server computes in, its `--dtype`: says how near the identity probe must come to 32-bit floats."""
    timeout_s: float = Field(default=60.0, gt=0)
    prove_every_s: float = Field(default=60.0, gt=0)
    """While episodes run, the identity probe shows again at least this often that the server answers with the adapters
    that it should. Before anything that it answered is kept, it is shown in any case."""
    hides: Hiding = "auto"
    """What a diagnosis of a live cluster hides from the model: credentials, or values of configuration too, which stand
    there as shape and digest. `auto`: the latter for a server that is not on this machine."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether the server is on another machine, as far as its address tells."""
        host = urlsplit(self.url).hostname or ""
        return bool(self.url) and not (host == "localhost" or is_loopback(host))


class ServeSettings(Group):
    """`aoi serve`: diagnoses over HTTP."""

    host: str = "127.0.0.1"
    """Address to listen on. One that is not loopback needs a token that is made already, and something before it that
    speaks TLS."""
    port: int = Field(default=8321, ge=0, le=65535)
    """0 takes a free one."""
    workers: int = Field(default=4, ge=1, le=64)
    """Diagnoses that run at once."""
    per_cluster: int = Field(default=2, ge=1)
    """Diagnoses of one cluster that run at once."""
    queue: int = Field(default=256, ge=1)
    """Diagnoses that may wait; one more is refused with the time after which to ask again."""
    budget_s: float = Field(default=600.0, gt=0, le=3600)
    """Most that a request may ask for as its whole time, and what it has if it asks for none."""
    listeners: int = Field(default=256, ge=1)
    """Streams of progress that are open at once."""
    keep_days: int = Field(default=30, ge=1)
    """Diagnoses that were submitted are remembered for so long; their answers longer."""


class JudgeSettings(Group):
    """The model that judges decisions where `AOI_TRAINING__REWARD=judge`: any endpoint of OpenAI's chat protocol."""

    url: Url = ""
    """Base URL, without `/v1`."""
    model: str = ""
    """As the endpoint names it."""
    api_key: SecretStr = SecretStr("")
    concurrency: int = Field(default=8, ge=1)
    """Requests under way at once."""
    timeout_s: float = Field(default=60.0, gt=0)
    """For one request; one that fails for a moment is sent four times at most."""
    completion_tokens: int = Field(default=300, ge=1)
    """Most of a reply. A model that reasons before it answers needs some thousands."""


class Settings(BaseSettings):
    """Everything that can be set. Frozen; build it with `Settings.load()`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,  # an empty variable is one that is not set
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, given: dict[str, Any]) -> dict[str, Any]:
        return with_preset(given)

    @model_validator(mode="after")
    def _has_a_judge(self) -> Self:
        if self.training.reward == "judge" and not (self.judge.url and self.judge.model):
            raise ValueError(
                "AOI_TRAINING__REWARD is judge, and that needs AOI_JUDGE__URL and AOI_JUDGE__MODEL. Without a model "
                "that judges: AOI_TRAINING__REWARD=rules"
            )
        return self

    @model_validator(mode="after")
    def _has_a_server(self) -> Self:
        if self.training.sampling == "server" and not self.server.url:
            raise ValueError(
                "AOI_TRAINING__SAMPLING is server, and that needs AOI_SERVER__URL. To sample in this process: "
                "AOI_TRAINING__SAMPLING=in_process"
            )
        if self.training.sampling == "server" and self.training.quantization != "none":
            raise ValueError(
                f"AOI_TRAINING__QUANTIZATION is {self.training.quantization}: a base that is rounded says other things "
                "than the one that is served, so who samples cannot be held against it. Set "
                "AOI_TRAINING__SAMPLING=in_process, or AOI_TRAINING__QUANTIZATION=none"
            )
        if self.training.sampling == "server" and self.training.accelerate:
            raise ValueError(
                f"AOI_TRAINING__ACCELERATE is {self.training.accelerate}: several ranks train, and a server is handed "
                "the adapter by one process. Set AOI_TRAINING__SAMPLING=in_process, or unset AOI_TRAINING__ACCELERATE"
            )
        return self

    home: Path = Path(".aoi")
    """Folder for everything that is not given a place of its own."""
    store_url: Url = Field(default_factory=lambda data: f"file://{data['home'].resolve() / 'store'}")
    """Any fsspec URL: a folder, `s3://bucket/prefix`, `gs://bucket/prefix`."""
    database_url: Url = Field(default_factory=lambda data: f"sqlite:///{data['home'].resolve() / 'aoi.db'}")
    """SQLAlchemy URL of the ledger, approvals, answers and feedback; PostgreSQL where several machines share them."""
    database_password: SecretStr = SecretStr("")
    mlflow_uri: Url = Field(default_factory=lambda data: f"sqlite:///{data['home'].resolve() / 'mlflow.db'}")
    """MLflow tracking URI: sqlite embedded, or http(s) of a server."""
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    """Root of every random choice; each cycle and stage derives its own from it."""
    decoding: Decoding = "free"
    """`constrained` lets a completion be nothing but a well-formed decision: by grammar in process, by JSON schema on a
    server. `free` leaves malformed ones to be learnt from."""
    collect: CollectSettings = CollectSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    training: TrainingSettings = TrainingSettings()
    model: ModelSettings = ModelSettings()
    seed_model: SeedModelSettings = SeedModelSettings()
    gate: GateSettings = GateSettings()
    approval: ApprovalSettings = ApprovalSettings()
    cluster: ClusterSettings = ClusterSettings()
    diagnosis: DiagnosisSettings = DiagnosisSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    server: ServerSettings = ServerSettings()
    judge: JudgeSettings = JudgeSettings()
    serve: ServeSettings = ServeSettings()
    executor: ExecutorSettings = ExecutorSettings()

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the environment; `given` wins over it. Raises: SettingsError naming the field and what to do."""
        refuse_misspelt(os.environ)
        try:
            return cls(**given)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from None

    def digest(self) -> Sha256:
        """SHA-256 of every value that can change a result: secrets and places are left out."""
        return sha256_hex(self.canonical())

    def canonical(self) -> bytes:
        """The bytes behind `digest()`: stored under it, they say later what a bundle was trained with."""
        return canonical_bytes(self.public())

    def public(self) -> dict[str, Any]:
        """The values behind `digest()`, as JSON: what the review page compares between two cycles."""
        return _public(self, _PLACES)


def _public(group: BaseModel, left_out: frozenset[str] = frozenset()) -> dict[str, Any]:
    """JSON values of a group, without secrets, addresses and paths."""
    shown: dict[str, Any] = {}
    for name in type(group).model_fields:
        value = getattr(group, name)
        if (
            name in left_out
            or name in ("kubeconfig", "scripts")
            or name.endswith("url")
            or isinstance(value, SecretStr)
        ):
            continue
        shown[name] = _public(value) if isinstance(value, BaseModel) else value
    return shown


def derive_seed(root: int, *parts: str | int) -> int:
    """A seed in [0, 2**31) for one purpose, the same in every process: `derive_seed(settings.seed, "collect", 3)`."""
    text = "/".join(str(part) for part in (root, *parts))
    return int(sha256_hex(text.encode())[:8], 16) & 0x7FFFFFFF


def variable_names() -> list[str]:
    """Every environment variable that is a setting, in order of the fields."""
    return _names(Settings, PREFIX)


def refuse_misspelt(environment: Mapping[str, str]) -> None:
    """Raise SettingsError if a variable begins with `AOI_` but is none that we know."""
    known = [*variable_names(), *OTHERS]
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)
        raise SettingsError(
            f"{name} is set, but no setting has that name. Did you mean {near[0]}? "
            f"Unset {name} or rename it; `aoi settings` lists all names."
        )


def _names(model: type[BaseModel], prefix: str) -> list[str]:
    names: list[str] = []
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        names.append(variable)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += _names(field.annotation, f"{variable}{DELIMITER}")
    return names


def _explain(error: ValidationError) -> str:
    """One line for each wrong value. The value itself is left out: it may be a secret."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        path = [str(part) for part in problem["loc"]]
        variable = PREFIX + DELIMITER.join(path).upper()
        told = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{'.'.join(path)} ({variable}): {told}" if path else told)
    return "wrong settings: " + "; ".join(lines) + ". `aoi settings` lists names, defaults and bounds."
