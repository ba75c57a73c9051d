"""How much is hidden from whoever reads: credentials always; for a reader elsewhere values of configuration too."""

from typing import Protocol

from aoi.access.redaction.objects import Obj, redact_object
from aoi.access.redaction.text import redact_text


class Level(Protocol):
    """One level of hiding. `Strictness` is the stricter one."""

    def object(self, obj: Obj) -> Obj:
        """A copy of a Kubernetes object without what is hidden."""
        ...

    def text(self, text: str) -> str:
        """A text, free of control characters, without what is hidden."""
        ...


class Credentials:
    """Hides what is, or looks like, a credential."""

    def object(self, obj: Obj) -> Obj:
        """`redact_object`."""
        return redact_object(obj)

    def text(self, text: str) -> str:
        """`redact_text`."""
        return redact_text(text)


CREDENTIALS: Level = Credentials()
