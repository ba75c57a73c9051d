"""`aoi cluster`: an embedded cluster for real kubectl, helm and client libraries."""

import typer


def add_to(app: typer.Typer) -> None:
    """Register the `cluster` group."""
    _ = app
