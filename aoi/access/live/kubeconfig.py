"""Reads a kubeconfig as data. Whatever would run a program, skip verification or change the route is refused."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aoi.errors import SettingsError

MAX_BYTES = 1_048_576
_PROGRAMS = ("exec", "auth-provider")
"""Entries of a user that make a client run a program or contact a third party."""
_IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One context of one file, checked."""

    document: dict[str, Any]
    context: str
    namespace: str
    """Of the context; `default` if it names none."""
    server: str


def load(path: Path | None = None, context: str | None = None) -> Kubeconfig:
    """Read and check a kubeconfig; without a path the one of KUBECONFIG, else ~/.kube/config.

    Raises: SettingsError, saying which entry is refused and what to do instead.
    """
    source = path or _default_path()
    document = _document(source)
    name = context or document.get("current-context")
    chosen = _entry(document, "contexts", "context", name, source)
    cluster = _entry(document, "clusters", "cluster", chosen.get("cluster"), source)
    user = _entry(document, "users", "user", chosen.get("user"), source)
    _check_cluster(cluster, source)
    _check_user(user, source)
    return Kubeconfig(document, str(name), str(chosen.get("namespace") or "default"), str(cluster["server"]))


def _default_path() -> Path:
    listed = os.environ.get("KUBECONFIG", "")
    if os.pathsep in listed:
        raise SettingsError(
            f"KUBECONFIG lists several files ({listed}): a merged identity is hard to foresee. Name one file"
        )
    return Path(listed) if listed else Path.home() / ".kube" / "config"


def _document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            f"kubeconfig {path} cannot be read: {error.strerror}. Name one with --kubeconfig"
        ) from error
    if len(data) > MAX_BYTES:
        raise SettingsError(f"kubeconfig {path} has more than {MAX_BYTES} bytes")
    try:
        document = yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise SettingsError(f"kubeconfig {path} is not YAML") from error
    if not isinstance(document, dict) or document.get("kind") != "Config":
        raise SettingsError(f"kubeconfig {path} is not of kind Config")
    return document


def _entry(document: dict[str, Any], table: str, key: str, name: Any, path: Path) -> dict[str, Any]:
    entries = document.get(table)
    named = [entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, dict)]
    matches = [entry.get(key) for entry in named if entry.get("name") == name]
    if len(matches) != 1 or not isinstance(matches[0], dict):
        raise SettingsError(f"kubeconfig {path} has {len(matches)} {table} named {name!r}, expected one")
    return matches[0]


def _check_cluster(cluster: dict[str, Any], path: Path) -> None:
    server = str(cluster.get("server", ""))
    if not server.startswith("https://") or "@" in server:
        raise SettingsError(f"kubeconfig {path}: server {server!r} is not an https:// URL without user information")
    if cluster.get("insecure-skip-tls-verify"):
        raise SettingsError(f"kubeconfig {path}: insecure-skip-tls-verify would send the token to anybody. Give the CA")
    if cluster.get("proxy-url"):
        raise SettingsError(f"kubeconfig {path}: proxy-url would send the token to another host. Remove it")


def _check_user(user: dict[str, Any], path: Path) -> None:
    for key in _PROGRAMS:
        if user.get(key):
            raise SettingsError(
                f"kubeconfig {path}: the user's {key!r} entry runs a program. "
                "Use the token of a service account instead: aoi access print"
            )
    for key in _IMPERSONATION:
        if user.get(key):
            raise SettingsError(f"kubeconfig {path}: the user impersonates ({key!r}). Use an identity of its own")
    if user.get("username") or user.get("password"):
        raise SettingsError(f"kubeconfig {path}: the user has a password. Use the token of a service account")
