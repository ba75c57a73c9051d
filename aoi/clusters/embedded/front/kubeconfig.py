"""A kubeconfig for a served cluster."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

import yaml


def write_kubeconfig(
    path: Path, url: str, authority_pem: bytes, tokens: Mapping[str, str], *, namespace: str = "default"
) -> None:
    """Write a kubeconfig readable by its owner alone: one context per user, the first one current."""
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(authority_pem).decode()}
    users = list(tokens)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "aoi", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}} for user, token in tokens.items()],
        "contexts": [
            {"name": user, "context": {"cluster": "aoi", "user": user, "namespace": namespace}} for user in users
        ],
        "current-context": users[0],
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        yaml.safe_dump(document, file, sort_keys=False)
