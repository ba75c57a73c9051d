"""Server-side printing: the columns that `kubectl get` shows."""

from kubeworld.kinds.table.render import scale_table, table_of, wants_table

__all__ = ["scale_table", "table_of", "wants_table"]
