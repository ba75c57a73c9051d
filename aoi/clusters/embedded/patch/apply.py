"""Server-side apply and field ownership (metadata.managedFields)."""

from aoi.clusters.embedded.api.errors import ApiError
from aoi.clusters.embedded.api.results import Call
from aoi.clusters.embedded.store import Obj
from aoi.clusters.embedded.world import World


def track_update(world: World, call: Call, old: Obj | None, new: Obj) -> Obj:
    """`new` as stored."""
    return new


def apply_configuration(world: World, call: Call, old: Obj | None, body: Obj) -> Obj:
    """Raises: ApiError 415 while server-side apply is not served."""
    raise ApiError(415, "UnsupportedMediaType", "application/apply-patch+yaml is not served yet")
