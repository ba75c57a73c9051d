"""The base of every record that crosses a stage, its canonical bytes and its digest."""

import hashlib
from typing import Any, ClassVar, Generic, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from typing_extensions import TypeVar

Sha256 = str
"""64 lower-case hexadecimal digits."""


def canonical_bytes(value: JsonValue | dict[str, Any] | list[Any]) -> bytes:
    """JSON with sorted keys and no white space: equal values give equal bytes in every process."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def sha256_hex(data: bytes) -> Sha256:
    """Hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


class Record(BaseModel):
    """A frozen, versioned value. Unknown fields are refused, so a typo never passes silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: int = Field(default=1, ge=1, le=1, strict=True)
    """Of this record's fields. A record that grew names its versions, and still reads the former ones."""

    def to_bytes(self) -> bytes:
        """Canonical JSON of this record."""
        return canonical_bytes(self.model_dump(mode="json"))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a record back. Raises: pydantic.ValidationError on any unknown or missing field."""
        return cls.model_validate_json(data)

    def digest(self) -> Sha256:
        """SHA-256 of the canonical JSON."""
        return sha256_hex(self.to_bytes())


T_co = TypeVar("T_co", covariant=True, default=Any)


class Ref(BaseModel, Generic[T_co]):
    """What stages hand over instead of payloads: the address of an immutable object in the store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    SHORT: ClassVar[int] = 12

    kind: str
    """What the object is: `trajectories`, `plans`, `examples`, `evaluation`, `bundle`, `settings`..."""
    sha256: Sha256 = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)

    @property
    def short(self) -> str:
        """What people see and type: `kind:first twelve digits`."""
        return f"{self.kind}:{self.sha256[: self.SHORT]}"
