"""Options that several commands share."""

from typing import Annotated

import typer

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
