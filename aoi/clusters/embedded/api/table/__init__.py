"""Server-side printing: the columns that `kubectl get` shows."""

from aoi.clusters.embedded.api.table.render import table_of, wants_table

__all__ = ["table_of", "wants_table"]
