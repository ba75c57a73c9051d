"""Which kind a path means: those of the catalogue, and those that CustomResourceDefinitions add."""

from kubeworld.kinds.catalogue import BY_PATH, KINDS
from kubeworld.kinds.custom import custom_kinds
from kubeworld.kinds.custom_resource_definition import CUSTOM_RESOURCE_DEFINITION
from kubeworld.kinds.kind import Kind
from kubeworld.machine.store import Obj, Store


class Registry:
    """Looks kinds up. Custom ones are derived from the definitions in the store and remembered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._definitions: list[Obj] = []
        self._custom: dict[tuple[str, str, str], Kind] = {}

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind served at /apis/group/version/plural, or None."""
        key = (group, version, plural)
        return BY_PATH.get(key) or (self.custom().get(key) if group else None)

    def custom(self) -> dict[tuple[str, str, str], Kind]:
        """Kinds of the CustomResourceDefinitions that exist now."""
        definitions = self._store.objects(CUSTOM_RESOURCE_DEFINITION.table)
        same = len(definitions) == len(self._definitions) and all(
            new is old for new, old in zip(definitions, self._definitions, strict=True)
        )
        if not same:
            self._definitions = definitions
            kinds = [kind for definition in definitions for kind in custom_kinds(definition)]
            self._custom = {(kind.group, kind.version, kind.plural): kind for kind in kinds}
        return self._custom

    def all(self) -> list[Kind]:
        """Every kind served now: those of the catalogue first."""
        return [*KINDS, *(kind for key, kind in self.custom().items() if key not in BY_PATH)]
