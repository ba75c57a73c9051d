"""Frozen records: everything that crosses a stage."""
