"""Server-side printing: the columns that `kubectl get` shows."""

from aoi.clusters.embedded.api.table.render import scale_table, table_of, wants_table

__all__ = ["scale_table", "table_of", "wants_table"]
