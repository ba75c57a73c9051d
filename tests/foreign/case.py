"""One foreign case: what is applied to a cluster, how its containers behave, and what a competent engineer expects.

A file of `cases/` holds several. Each begins with a document that has `case:`, and the plain Kubernetes documents after
it are its manifests. They may leave out their namespace, which is then the case's, as `kubectl -n` would have it.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from aoi.records.base import Record

Obj = dict[str, Any]
CASES = Path(__file__).with_name("cases")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Blame(Record):
    """One cause that has to be named."""

    component: tuple[str, ...]
    """What owns the pods, or the object itself; several where engineers would differ."""
    words: tuple[str, ...] = ()
    """All in the summary or in what the evidence cites; case does not count."""
    mention: tuple[str, ...] = ()
    """At least one of these, likewise."""
    cause: tuple[str, ...] = ()
    """Words of the lexicon any of which is right, where that is beyond doubt."""

    _components = field_validator("component", "cause", mode="before")(_listed)


class Expected(Record):
    """What a competent engineer expects of an answer."""

    component: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    mention: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    also: Blame | None = None
    each: tuple[Blame, ...] = ()
    """Causes side by side, in any order."""
    innocent: tuple[str, ...] = ()
    """Who must not be accused."""
    unsaid: tuple[str, ...] = ()
    """What the summary must not hold, such as a name that was taken for a secret."""
    symptoms: tuple[str, ...] = ()
    """Who must be named as merely suffering."""
    chain: tuple[str, ...] = ()
    """From the symptom that shows down to the cause; between them others may stand."""
    healthy: bool = False
    verdict: Literal["inconclusive"] | None = None
    """That is all that may be said; `words` are of the reason."""
    error: bool = False
    """There is no such namespace."""

    _components = field_validator("component", "cause", mode="before")(_listed)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if sum((bool(self.component), bool(self.each), self.healthy, self.error, bool(self.verdict))) != 1:
            raise ValueError("expected one of component, each, healthy, error, verdict")
        return self

    @property
    def blames(self) -> tuple[Blame, ...]:
        """All causes; the first is the answer's own unless `each` has them."""
        if self.each:
            return self.each
        own = Blame(component=self.component, words=self.words, mention=self.mention, cause=self.cause)
        return (own, *((self.also,) if self.also else ())) if self.component else ()


class Deed(Record):
    """Something that somebody does to the cluster: one of its verbs."""

    at_s: float = 0
    """Simulated seconds after the manifests were applied."""
    apply: tuple[Obj, ...] = ()
    patch: Obj | None = None
    """kind, name, body, and subresource if it is about one."""
    delete: Obj | None = None
    """kind and name, which may be a glob."""
    evict: Obj | None = None
    """pod, a glob, and the kubelet's message."""
    event: Obj | None = None
    """What somebody's own controller tells: component, kind and name of whom it is about, type, reason, message."""
    behaviours: tuple[Obj, ...] | None = None
    """From now on, instead of the former ones."""


class Case(Record):
    """One case, complete."""

    name: str
    kind: str
    namespaces: tuple[str, ...]
    """That are diagnosed; the first is that of manifests and behaviours which name none."""
    makes_namespaces: bool = True
    cluster: Literal["shared", "own"] = "shared"
    nodes: int = Field(default=2, ge=1)
    """Of a cluster of its own."""
    runs_s: float = Field(default=150, gt=0)
    """Simulated seconds from the manifests to the diagnosis."""
    before: tuple[Deed, ...] = ()
    """Before there are manifests."""
    behaviours: tuple[Obj, ...] = ()
    """As in a behaviours file; those without a namespace are about the case's own."""
    behaviours_from_s: float = 0
    then: tuple[Deed, ...] = ()
    alerts: tuple[str, ...] = ()
    """What an operator's alerts say, in words."""
    refused: tuple[str, ...] = ()
    """Resources that the Probe may not read there."""
    manifests: tuple[Obj, ...] = ()
    expected: Expected
    folder: Path = CASES
    """Where its log files are."""

    @property
    def deeds(self) -> Iterator[Deed]:
        """What happens after the manifests, in order of time."""
        own = (Deed(at_s=self.behaviours_from_s, behaviours=self.behaviours),) if self.behaviours_from_s else ()
        return iter(sorted((*own, *self.then), key=lambda deed: deed.at_s))


@cache
def own_cases() -> tuple[Case, ...]:
    """Those of `cases/`, in the order of files and documents."""
    return tuple(case for path in sorted(CASES.glob("*.yaml")) for case in read(path))


def read(path: Path) -> Iterator[Case]:
    """The cases of one file. Raises: pydantic.ValidationError with the field that is misspelt."""
    head: Obj | None = None
    manifests: list[Obj] = []
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if document and "case" in document:
            if head is not None:
                yield _case(head, manifests, path.parent)
            head, manifests = document, []
        elif document:
            assert head is not None, f"{path}: manifests before the first case"
            manifests.append(document)
    if head is not None:
        yield _case(head, manifests, path.parent)


def _case(head: Obj, manifests: Iterable[Obj], folder: Path) -> Case:
    fields = dict(head)
    name, namespaces = fields.pop("case"), _listed(fields.pop("namespace"))
    fields["makes_namespaces"] = fields.pop("make_namespace", True)
    return Case.model_validate(
        {**fields, "name": name, "namespaces": namespaces, "manifests": tuple(manifests), "folder": folder}
    )


def read_folder(folder: Path, runs_s: float = 300) -> Iterator[Case]:
    """Cases of a folder with manifests, `behaviours.yaml` and `expected.yaml`, an entry for each namespace."""
    documents = [
        document
        for path in sorted(folder.glob("*.yaml"))
        if path.name not in ("behaviours.yaml", "expected.yaml")
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if document
    ]
    behaviours = yaml.safe_load((folder / "behaviours.yaml").read_text(encoding="utf-8")) or ()
    for entry in yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8")):
        namespace = entry["namespace"]
        expected = Expected.model_validate({key: value for key, value in entry.items() if key != "namespace"})
        yield Case(
            name=namespace,
            kind=folder.name,
            namespaces=(namespace,),
            makes_namespaces=not expected.error,
            runs_s=runs_s,
            behaviours=tuple(b for b in behaviours if b.get("match", {}).get("namespace") == namespace),
            manifests=tuple(
                d
                for d in documents
                if namespace in (d["metadata"].get("namespace"), d["metadata"]["name"])
                or d["kind"] == "CustomResourceDefinition"
            ),
            expected=expected,
            folder=folder,
        )
