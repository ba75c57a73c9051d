"""Who AOI is to a cluster and what it may do there: the manifests of `deploy/`, the one table of its rights.

`aoi access print` prints these objects for a live cluster, `aoi.worlds.identities` creates them in embedded ones.
"""

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from aoi.errors import Permanent

Obj = dict[str, Any]
Account = Literal["probe", "executor"]

NAMESPACE = "aoi"
"""Of the service accounts that AOI acts as."""
PLACEHOLDER = "shop"
"""Namespace that the bindings in `deploy/` name, to be replaced by the one that AOI looks after."""
POLICY_FILE = "rbac/executor-policy.yaml"
DATABASES_FILE = "rbac/optional/executor-databases.yaml"
_PROBE_FILES = ("namespace.yaml", "rbac/probe.yaml", "rbac/bindings.yaml")
_FILES: Mapping[Account, tuple[str, ...]] = {
    "probe": _PROBE_FILES,
    "executor": (*_PROBE_FILES, "rbac/executor.yaml"),  # it reads through the Probe's roles
}


def documents(account: Account, namespace: str, *, databases: bool = False) -> Iterator[Obj]:
    """An account with its roles, bound in one namespace: objects of the caller's own, in the order to apply them.

    `databases` also lets the Executor run commands in pods of that namespace, which `repair_database` needs.
    Raises: Permanent if the manifests are not there.
    """
    for file in (*_FILES[account], *((DATABASES_FILE,) if databases else ())):
        for document in _parsed(file):
            if not _concerns(document, account):
                continue
            own = copy.deepcopy(document)
            if own["metadata"].get("namespace") == PLACEHOLDER:
                own["metadata"]["namespace"] = namespace
            yield own


def policies() -> Iterator[Obj]:
    """The admission policies that bound the Executor's patches. Raises: Permanent if the manifests are not there."""
    return (copy.deepcopy(document) for document in _parsed(POLICY_FILE))


def _concerns(document: Obj, account: Account) -> bool:
    """Roles and the namespace concern both accounts; an account and the bindings that name it one of them."""
    if document["kind"] == "ServiceAccount":
        return bool(document["metadata"]["name"] == account)
    if document["kind"].endswith("RoleBinding"):
        return any(subject["name"] == account for subject in document["subjects"])
    return True


@cache
def _parsed(file: str) -> tuple[Obj, ...]:
    """Parsed once: a world is made in less time than the YAML takes to read."""
    path = folder() / file
    try:
        text = path.read_text()
    except OSError as error:
        raise Permanent(
            f"{path} cannot be read ({error.strerror}): the manifests of AOI's identities are missing from this "
            "installation. Install it again, or run it from its checkout"
        ) from error
    return tuple(yaml.safe_load_all(text))


def folder() -> Path:
    """Where the manifests are: in a wheel beside this file (pyproject.toml puts them there), else in the checkout."""
    packaged = Path(__file__).resolve().with_name("deploy")
    return packaged if packaged.is_dir() else packaged.parents[2] / "deploy"
