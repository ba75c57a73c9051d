"""A kubeconfig for a served cluster, or for several behind one address."""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CLUSTER = "kubeworld"
"""What the clusters of a kubeconfig are called, unless whoever serves them says otherwise."""


@dataclass(frozen=True, slots=True)
class Context:
    """One name in a kubeconfig: a cluster, somebody's token for it, and a namespace to begin with."""

    name: str
    url: str
    token: str
    namespace: str = "default"


def write_contexts(path: Path, authority_pem: bytes, contexts: Sequence[Context], *, cluster: str = CLUSTER) -> None:
    """Write a kubeconfig readable by its owner alone; the first context is the current one.

    The clusters in it are called `cluster`, `cluster`-2 and so on: `is_ours` knows the file by that.
    """
    urls = list(dict.fromkeys(context.url for context in contexts))
    clusters = dict(zip(urls, (cluster, *(f"{cluster}-{number}" for number in range(2, len(urls) + 1))), strict=True))
    authority = base64.b64encode(authority_pem).decode()
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": url, "certificate-authority-data": authority}}
            for url, name in clusters.items()
        ],
        "users": [{"name": context.name, "user": {"token": context.token}} for context in contexts],
        "contexts": [
            {
                "name": context.name,
                "context": {"cluster": clusters[context.url], "user": context.name, "namespace": context.namespace},
            }
            for context in contexts
        ],
        "current-context": contexts[0].name,
    }
    path.unlink(missing_ok=True)  # a file that was there keeps its mode, which may let others read
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        yaml.safe_dump(document, file, sort_keys=False)


def write_kubeconfig(
    path: Path, url: str, authority_pem: bytes, tokens: Mapping[str, str], *, namespace: str = "default"
) -> None:
    """For one cluster: one context per user, the first one current."""
    write_contexts(path, authority_pem, [Context(user, url, token, namespace) for user, token in tokens.items()])


def is_ours(path: Path, cluster: str = CLUSTER) -> bool:
    """Whether a file is a kubeconfig that this module wrote: its clusters are named as we name them."""
    try:
        document = yaml.safe_load(path.read_text())
        names = [cluster["name"] for cluster in document["clusters"]]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return False
    return bool(names) and all(name == cluster or name.startswith(f"{cluster}-") for name in names)
