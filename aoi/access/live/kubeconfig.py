"""Reads a kubeconfig as data. Whatever would run a program, skip verification or change the route is refused."""

import base64
import binascii
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from aoi.errors import SettingsError

MAX_BYTES = 1_048_576
"""Of the kubeconfig and of each file that it names."""
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token, its authority and its namespace."""
MAX_ENTRIES = 40_000
"""Keys, items and aliases of a kubeconfig: what parses it takes a second for so many, and a thousand clusters need
fewer."""
_MARKS = (b":", b",", b"- ", b"[", b"{", b"*", b"&")
_FOLDERS = (".kube", ".minikube")
"""Of the user's home, where clients keep the certificates that kubeconfigs name."""
_SHOWN = 10
"""Names of contexts that an error lists."""
_PROGRAMS = ("exec", "auth-provider")
"""Entries of a user that make a client run a program or contact a third party."""
_IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
"""What fits into a header: visible ASCII, so that no line of a request can be forged."""
_SERVER = re.compile(r"https://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One context of one file, checked: where to go and who to be, with the contents of the files that it names."""

    context: str
    namespace: str
    """Of the context; `default` if it names none, as for kubectl."""
    server: str
    """https:// URL without a slash at its end."""
    authority: bytes | None = None
    """PEM of who signs the server's certificate; None trusts whom the system trusts."""
    tls_server_name: str | None = None
    """Name that the server's certificate must have; None: the host of its URL."""
    certificate: bytes | None = None
    """PEM of the client's certificate, with `key`."""
    key: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    """Of a pod's service account: read for each request, since the kubelet replaces it."""

    def bearer(self) -> str | None:
        """The token to send now. Raises: SettingsError if its file cannot be read or holds no token."""
        if self.token_file is None:
            return self.token
        return _checked_token(_contents(self.token_file, "the service account's token").decode("utf-8", "replace"), "")

    def document(self) -> Obj:
        """The same as a kubeconfig without files or other contexts, for the vendor's client."""
        cluster: Obj = {"server": self.server, "tls-server-name": self.tls_server_name}
        user: Obj = {"token": self.bearer()}
        for entry, name, data in (
            (cluster, "certificate-authority-data", self.authority),
            (user, "client-certificate-data", self.certificate),
            (user, "client-key-data", self.key),
        ):
            if data is not None:
                entry[name] = base64.b64encode(data).decode()
        context = {"cluster": "live", "user": "live", "namespace": self.namespace}
        return {
            "clusters": [{"name": "live", "cluster": {key: value for key, value in cluster.items() if value}}],
            "users": [{"name": "live", "user": {key: value for key, value in user.items() if value}}],
            "contexts": [{"name": "live", "context": context}],
            "current-context": "live",
        }


def load(path: Path | None = None, context: str | None = None) -> Kubeconfig:
    """Read and check a kubeconfig: `path`, else the one of KUBECONFIG, else ~/.kube/config, else a pod's own account.

    Files that it names are looked for beside it, as kubectl does.
    Raises: SettingsError, saying which entry is refused and what to do instead.
    """
    source = path or _default_path()
    if source is None:
        return _in_cluster()
    document = _document(source)
    name = context or document.get("current-context")
    chosen = _entry(document, "contexts", "context", name, source)
    cluster = _entry(document, "clusters", "cluster", chosen.get("cluster"), source)
    user = _entry(document, "users", "user", chosen.get("user"), source)
    namespace = _checked_namespace(chosen.get("namespace") or "default", f"kubeconfig {source}: context {shown(name)}")
    _check_cluster(cluster, source)
    _check_user(user, source, namespace)
    return Kubeconfig(
        context=str(name),
        namespace=namespace,
        server=str(cluster["server"]).rstrip("/"),
        authority=_material(cluster, "certificate-authority", source),
        tls_server_name=cluster.get("tls-server-name") or None,
        certificate=_material(user, "client-certificate", source),
        key=_material(user, "client-key", source),
        token=_token(user, source),
        token_file=Path(user["tokenFile"]) if user.get("tokenFile") else None,
    )


def _default_path() -> Path | None:
    """None in a pod without a kubeconfig: there is its service account instead."""
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if len(listed) > 1:
        raise SettingsError(
            f"KUBECONFIG lists several files ({os.pathsep.join(listed)}): a merged identity is hard to foresee. "
            "Name one file"
        )
    usual = Path.home() / ".kube" / "config"
    if not listed and not usual.exists() and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    return Path(listed[0]) if listed else usual


def _in_cluster() -> Kubeconfig:
    """The service account of the pod that this runs in."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT") or "443"
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    _check_cluster({"server": server}, SERVICE_ACCOUNT)
    named = _contents(SERVICE_ACCOUNT / "namespace", "the service account's namespace").decode("ascii", "replace")
    config = Kubeconfig(
        context="in-cluster",
        namespace=_checked_namespace(named.strip(), str(SERVICE_ACCOUNT)),
        server=server,
        authority=_contents(SERVICE_ACCOUNT / "ca.crt", "the service account's authority"),
        token_file=SERVICE_ACCOUNT / "token",
    )
    config.bearer()
    return config


def _checked_namespace(name: Any, where: str) -> str:
    if not isinstance(name, str) or not _NAMESPACE.fullmatch(name):
        raise SettingsError(f"{where} names {shown(name)}, which is no namespace. Look: kubectl get namespaces")
    return name


def shown(value: Any) -> str:
    """What stands in a file, for a message: what is no short text may be larger than any memory, written out."""
    return repr(value[:80]) if isinstance(value, str) else f"a {type(value).__name__}"


def _document(path: Path) -> Obj:
    data = _contents(path, f"kubeconfig {path}", "Name one with --kubeconfig")
    if sum(data.count(mark) for mark in _MARKS) > MAX_ENTRIES:
        raise SettingsError(f"kubeconfig {path} has more than {MAX_ENTRIES} entries. Name another one")
    try:
        document = yaml.safe_load(data)
    except RecursionError as error:
        raise SettingsError(f"kubeconfig {path} is nested deeper than any kubeconfig. Name another one") from error
    except (yaml.YAMLError, ValueError, LookupError, ArithmeticError, AttributeError, TypeError) as error:
        # What a tag says of a value that is none of it, PyYAML raises as it comes: a date, a number, a truth.
        raise SettingsError(f"kubeconfig {path} is not YAML") from error
    # kubectl takes one without a kind as well.
    if not isinstance(document, dict) or document.get("kind", "Config") != "Config":
        what = "is empty" if not data.strip() else "is not of kind Config"
        raise SettingsError(f"kubeconfig {path} {what}. Name one with --kubeconfig")
    return document


def _entry(document: Obj, table: str, key: str, name: Any, path: Path) -> Obj:
    entries = document.get(table)
    if name is not None and not isinstance(name, str):
        raise SettingsError(f"kubeconfig {path} names {shown(name)} among its {table}, expected a text")
    named = [entry for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, dict)]
    named = [entry for entry in named if isinstance(entry.get("name"), str)]
    matches = [part for entry in named if entry.get("name") == name and isinstance(part := entry.get(key), dict)]
    if len(matches) == 1:
        return matches[0]
    if table != "contexts":
        raise SettingsError(f"kubeconfig {path} has {len(matches)} {table} named {shown(name)}, expected one")
    known = [shown(entry["name"]) for entry in named]
    there = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
    what = "has no current-context" if not name else f"has {len(matches)} contexts named {shown(name)}, expected one"
    raise SettingsError(f"kubeconfig {path} {what}: it has {there or 'none'}. Name one with --context")


def _check_cluster(cluster: Obj, path: Path) -> None:
    server = cluster.get("server")
    if not isinstance(server, str) or not _SERVER.fullmatch(server) or "/.." in server or not _has_port(server):
        raise SettingsError(
            f"kubeconfig {path}: server {shown(server)} is not an https:// URL of a host, a port and a path. "
            "It takes no user information, query or fragment"
        )
    if cluster.get("insecure-skip-tls-verify"):
        raise SettingsError(f"kubeconfig {path}: insecure-skip-tls-verify would send the token to anybody. Give the CA")
    if cluster.get("proxy-url"):
        raise SettingsError(f"kubeconfig {path}: proxy-url would send the token to another host. Remove it")
    expected = cluster.get("tls-server-name")
    if expected and not (isinstance(expected, str) and _HOST.fullmatch(expected)):
        raise SettingsError(f"kubeconfig {path}: tls-server-name {shown(expected)} is not a host name")


def _has_port(server: str) -> bool:
    port = _SERVER.fullmatch(server)
    return port is not None and (port[2] is None or 0 < int(port[2][1:]) < 65536)


def _check_user(user: Obj, path: Path, namespace: str) -> None:
    remedy = (
        "Use the token of a service account instead. Make the account: "
        f"aoi access print --namespace {namespace} | kubectl apply -f -  then write its kubeconfig with the commands "
        f"that `aoi access print --namespace {namespace}` ends with (its token: kubectl -n aoi create token probe "
        "--duration 8h), and give that file: --kubeconfig probe.kubeconfig"
    )
    for key in _PROGRAMS:
        if user.get(key) is not None:
            raise SettingsError(f"kubeconfig {path}: the user's {key!r} entry runs a program. {remedy}")
    for key in _IMPERSONATION:
        if user.get(key):
            raise SettingsError(f"kubeconfig {path}: the user impersonates ({key!r}). Use an identity of its own")
    if user.get("username") or user.get("password"):
        raise SettingsError(f"kubeconfig {path}: the user has a password. {remedy}")
    file = user.get("tokenFile")
    if file and file != str(SERVICE_ACCOUNT / "token"):
        raise SettingsError(
            f"kubeconfig {path}: tokenFile {shown(file)} would send a file of this machine to the server. "
            f"Only a pod's own {SERVICE_ACCOUNT / 'token'} is read. {remedy}"
        )
    certificates = [user.get(key) or user.get(f"{key}-data") for key in ("client-certificate", "client-key")]
    if not any((file, user.get("token"), all(certificates))):
        raise SettingsError(f"kubeconfig {path}: the user has neither a token nor a client certificate. {remedy}")


def _token(user: Obj, path: Path) -> str | None:
    token = user.get("token")
    return None if token is None or token == "" else _checked_token(token, f"kubeconfig {path}: ")


def _checked_token(token: Any, where: str) -> str:
    """A token as it goes into a header. What is refused is not shown: it may be most of a token."""
    text = token.strip(" \n") if isinstance(token, str) and not where else token
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise SettingsError(
            f"{where}the token is not one line of visible ASCII characters. Make another one: "
            "kubectl -n aoi create token probe --duration 8h"
        )
    return text


def _material(entry: Obj, key: str, path: Path) -> bytes | None:
    """Certificates or a key, from the file itself or from one beside it; the data wins, as for kubectl."""
    data, file = entry.get(f"{key}-data"), entry.get(key)
    if data:
        try:
            encoded = (
                data.encode("ascii") if isinstance(data, str) else bytes(data if isinstance(data, bytes) else b"%")
            )
            return base64.b64decode(b"".join(encoded.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise SettingsError(f"kubeconfig {path}: {key}-data is not base64") from error
    if not file:
        return None
    if not isinstance(file, str):
        raise SettingsError(f"kubeconfig {path}: {key} is not the name of a file")
    beside, what = _beside(path, file, key), f"kubeconfig {path}: {key} {shown(file)}"
    if beside.exists() and not beside.is_file():
        raise SettingsError(f"{what} is no file. Write its contents as {key}-data: kubectl config view --flatten")
    return _contents(beside, what)


def _beside(path: Path, file: str, key: str) -> Path:
    """A file that may be read for a kubeconfig: in its folder or below, or where clients keep certificates."""
    try:
        target = (path.parent / file).resolve()
        folders = [folder.resolve() for folder in (path.parent, SERVICE_ACCOUNT, *(Path.home() / d for d in _FOLDERS))]
    except (OSError, ValueError, RuntimeError) as error:  # a name with a NUL, a link to itself, no home
        raise SettingsError(f"kubeconfig {path}: {key} {shown(file)} cannot be read: it is no file name") from error
    if not any(target.is_relative_to(folder) for folder in folders):
        raise SettingsError(
            f"kubeconfig {path}: {key} {shown(file)} leads to {target.parent}, and only files beside the kubeconfig, "
            f"in ~/{' or ~/'.join(_FOLDERS)} or in {SERVICE_ACCOUNT} are read. Copy it there, or write its contents as "
            f"{key}-data: kubectl config view --flatten"
        )
    return target


def _contents(path: Path, what: str, remedy: str = "") -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        reason = error.strerror if isinstance(error, OSError) else "it is no file name"
        raise SettingsError(f"{what} cannot be read: {reason}" + (f". {remedy}" if remedy else "")) from error
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{what} has more than {MAX_BYTES} bytes. {remedy or 'Name another one'}")
    return data
