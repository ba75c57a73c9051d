"""Which resource type a path means: the built-in ones, and those that CustomResourceDefinitions add."""

from collections.abc import Iterable

from kubeworld.kinds.resources import BUILT_IN, ResourceType, Subresource
from kubeworld.machine.store import Obj, Store

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_BUILT_IN = {(kind.group, kind.version, kind.plural): kind for kind in BUILT_IN}


class Registry:
    """Looks resource types up. Custom ones are derived from the definitions in the store and remembered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._definitions: list[Obj] = []
        self._custom: dict[tuple[str, str, str], ResourceType] = {}

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The type served at /apis/group/version/plural, or None."""
        key = (group, version, plural)
        return _BUILT_IN.get(key) or (self.custom().get(key) if group else None)

    def custom(self) -> dict[tuple[str, str, str], ResourceType]:
        """Types of the CustomResourceDefinitions that exist now."""
        definitions = self._store.objects(_CRDS)
        same = len(definitions) == len(self._definitions) and all(
            new is old for new, old in zip(definitions, self._definitions, strict=True)
        )
        if not same:
            self._definitions = definitions
            self._custom = {(kind.group, kind.version, kind.plural): kind for kind in _custom_types(definitions)}
        return self._custom

    def all(self) -> list[ResourceType]:
        """Every type served now: built-in ones first."""
        return [*BUILT_IN, *(kind for key, kind in self.custom().items() if key not in _BUILT_IN)]


def _custom_types(definitions: Iterable[Obj]) -> Iterable[ResourceType]:
    for definition in definitions:
        spec = definition["spec"]
        names = spec["names"]
        for version in spec.get("versions") or ():
            if not version.get("served", True):
                continue
            group, name = spec["group"], version["name"]
            parts = version.get("subresources") or {}
            spoken = {"scale": ("autoscaling", "v1", "Scale"), "status": (group, name, names["kind"])}
            verbs = ("get", "patch", "update")
            subresources = {part: Subresource(*spoken[part], verbs) for part in spoken if part in parts}
            yield ResourceType(
                group,
                name,
                names["kind"],
                names["plural"],
                short=tuple(names.get("shortNames") or ()),
                namespaced=spec.get("scope") != "Cluster",
                categories=tuple(names.get("categories") or ()),
                subresources=subresources,
                columns=tuple(version.get("additionalPrinterColumns") or ()),
                scale=parts.get("scale"),
                structure=(version.get("schema") or {}).get("openAPIV3Schema"),
            )
