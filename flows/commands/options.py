"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer


def to_be_written(path: Path | None) -> Path | None:
    """A file that a command writes at its end, refused before its work if its folder is not there.

    Raises: BadParameter.
    """
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"{path}: no folder {path.parent}. Make it: mkdir -p {path.parent}")
    return path


Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig; its current one if not given.")]
Namespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="<str>",
        help="Namespace to look at, several times if you like; else the context's.",
    ),
]
Everywhere = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="Look at every namespace that the identity may read.")
]
Symptoms = Annotated[
    list[str] | None,
    typer.Option(
        "--symptom",
        metavar="<str>",
        help="What you saw, in words, several times if you like; names in it are looked at.",
    ),
]
AlertFile = Annotated[
    str | None,
    typer.Option("--alert", help="File with what Alertmanager posts to a webhook (version 4); - reads stdin."),
]
