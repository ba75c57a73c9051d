"""What a diagnosis says beside its first answer: other causes, and who merely suffers."""

from aoi.records.base import Record


class Accusation(Record):
    """One cause that stands beside the answer's: incidents do not come one at a time."""

    component: str
    cause: str
    summary: str
    next: tuple[str, ...] = ()
