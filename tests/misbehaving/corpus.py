"""All kinds of misbehaviour."""

from tests.misbehaving import secure, shapes, wire
from tests.misbehaving.case import Case

CASES: tuple[Case, ...] = (*wire.CASES, *shapes.CASES, *secure.CASES)
