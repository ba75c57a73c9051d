"""What a kind is: everything that the API server and the controllers must know of one resource of one version.

Each is declared in a file of its own beside this one and listed in `catalogue.py`, from which every look-up is made.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kubeworld.kinds.field_errors import FieldError
from kubeworld.kinds.shared.columns import NAME_AND_AGE, Printer
from kubeworld.kinds.shared.formats import subdomain_name
from kubeworld.machine.schema.definitions import OPEN, Schema, custom_schema, schema_of
from kubeworld.machine.store import Obj
from kubeworld.machine.world import World

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_VERBS = ("get", "list")
METADATA_FIELDS = frozenset({"metadata.name", "metadata.namespace"})


@dataclass(frozen=True)
class Subresource:
    """One subresource as discovery lists it: the kind it speaks and the verbs it takes."""

    group: str
    version: str
    kind: str
    verbs: tuple[str, ...] = ("get", "patch", "update")


SCALE = Subresource("autoscaling", "v1", "Scale")


@dataclass(frozen=True)
class Conversion:
    """How a version is kept as another one, and read back."""

    table: str
    """The store's table of the version that is stored."""
    from_storage: Callable[[Obj], Obj]
    """The object in this version; its apiVersion and kind are set by whoever asks."""
    to_storage: Callable[[Obj], Obj]


def _unchanged(world: World, obj: Obj) -> Obj:
    return obj


def _no_errors(new: Obj, old: Obj | None) -> Iterable[FieldError]:
    return ()


def _new(old: Obj, new: Obj) -> Obj:
    return new


def _as_admitted(world: World, new: Obj, old: Obj | None) -> Obj:
    return new


def _nothing(obj: Obj) -> Iterable[str]:
    return ()


def _no_usage(obj: Obj) -> Mapping[str, int]:
    return {}


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of one group version. Two kinds are equal only if they are the same one.

    A write passes the hooks in this order: `keep` (updates), `default`, `check`, admission, `assign`.
    """

    group: str
    """Empty for the core group."""
    version: str
    kind: str
    plural: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    verbs: tuple[str, ...] = ALL_VERBS
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = field(default_factory=dict)
    """`status` among them takes the status out of the reach of ordinary writes."""
    fields: frozenset[str] = METADATA_FIELDS
    """Field selectors that this kind supports."""

    package: str = ""
    """Package of the published schema (v1.32); empty for kinds that Kubernetes does not publish."""
    structure: Mapping[str, object] | None = None
    """OpenAPI v3 schema of a kind without a published one: types, required fields, defaults, rules in CEL."""
    names_missing_fields: bool = False
    """Its own check names each missing field; the schema's `required` is not asked."""
    zero_values: Mapping[str, object] = field(default_factory=dict)
    """Fields of the spec that the schema requires and kube-apiserver still takes as zero when they are absent."""
    has_generation: bool = True
    """Whether a change of anything but metadata and status bumps metadata.generation (in v1.32)."""
    conversion: Conversion | None = None
    """For a version that is not the stored one."""
    scale: Mapping[str, str] | None = None
    """Where a custom resource keeps its replicas: `specReplicasPath`, `statusReplicasPath`, `labelSelectorPath`."""

    printer: Printer = NAME_AND_AGE
    """The columns of `kubectl get`."""

    name_errors: Callable[[str], Iterable[FieldError]] = subdomain_name
    """What is wrong with metadata.name."""
    default: Callable[[World, Obj], Obj] = _unchanged
    """The object with what its manifest did not say, as the API server would store it."""
    check: Callable[[Obj, Obj | None], Iterable[FieldError]] = _no_errors
    """What is wrong with (new, old); old is None on create. Expressions in CEL are checked by admission."""
    keep: Callable[[Obj, Obj], Obj] = _new
    """(old, new) -> new with what an update that does not mention it leaves as it was."""
    assign: Callable[[World, Obj, Obj | None], Obj] = _as_admitted
    """(new, old) -> new with what the server gives an object that it takes. Raises: ApiError if it cannot."""
    warnings: Callable[[Obj], Iterable[str]] = _nothing
    """What the client is told about an object that is created."""
    usage: Callable[[Obj], Mapping[str, int]] = _no_usage
    """What one object adds to the keys of a ResourceQuota, beside `count/`."""
    finalizer: str = ""
    """Given at creation; the controller that protects objects in use takes it away."""
    undeletable: frozenset[str] = frozenset()
    """Names of objects that stay."""
    answers_deleted: bool = False
    """A deletion is answered with the object also when it is gone at once: typed clients expect it."""
    has_heartbeat: bool = False
    """Live kubelets keep it fresh; what they write every few seconds is shown and not stored."""

    @cached_property
    def qualified(self) -> str:
        """`deployments.apps`, as messages and the store name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def table(self) -> str:
        """The store's table."""
        return self.conversion.table if self.conversion else self.qualified

    @cached_property
    def api_version(self) -> str:
        """`apps/v1` or `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def singular(self) -> str:
        """What discovery calls one of them."""
        return self.kind.lower()

    @cached_property
    def schema(self) -> Schema:
        """How its objects merge, prune and explain."""
        if self.package:
            return schema_of(f"{self.package}.{self.kind}")
        return custom_schema(self.structure) if self.structure else OPEN

    @cached_property
    def is_custom(self) -> bool:
        """Custom resources take JSON merge patches, and keep unknown fields if they have no structure."""
        return not self.package
