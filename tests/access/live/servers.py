"""A server on loopback that answers byte by byte as a test says: slow, broken, hostile. And kubeconfigs for it."""

import contextlib
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

from kubeworld.front.certificates import make_certificates

TOKEN = "token-of-the-probe"
NAMESPACE = "shop"
READING = {
    "verbs": ["get", "list"],
    "apiGroups": ["", "apps"],
    "resources": ["pods", "services", "events", "deployments"],
}
CERTIFICATES = make_certificates("127.0.0.1")
IPV6 = make_certificates("::1")


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    path: str
    headers: Any
    body: bytes

    @property
    def is_review(self) -> bool:
        return "/apis/authorization.k8s.io/" in self.path


Sent = Iterable[bytes | float | None]
"""Bytes to send and seconds to wait; None drops the connection."""
Script = Callable[[Received], Sent]


def answer_of(status: int, body: bytes, content_type: str = "application/json", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def as_json(value: Any, *headers: str, status: int = 200) -> Sent:
    return [answer_of(status, orjson.dumps(value), "application/json", *headers)]


def reviewing(received: Received, rules: Iterable[Any] = (READING,), *, incomplete: bool = False) -> Sent:
    """What a server says to both reviews, by these rules without names. Nothing else may be read."""
    if not received.is_review:
        return as_json({}, status=403)
    if received.path.endswith("selfsubjectrulesreviews"):
        return as_json({"status": {"resourceRules": list(rules), "incomplete": incomplete}}, status=201)
    wanted = orjson.loads(received.body)["spec"].get("resourceAttributes", {"verb": "", "resource": ""})
    allowed = any(
        wanted["verb"] in rule["verbs"] and wanted["resource"] in rule["resources"] and "subresource" not in wanted
        for rule in rules
    )
    return as_json({"status": {"allowed": allowed}}, status=201)


@dataclass
class Scripted:
    """A server that is up: what it was asked, over how many connections."""

    port: int
    url: str
    authority_pem: bytes
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def reads(self) -> list[Received]:
        return [received for received in self.requests if not received.is_review]

    def kubeconfig(self, path: Path, *, server: str = "", namespace: str = NAMESPACE, **changes: Any) -> Path:
        """Written with a token; `cluster` and `user` are merged in."""
        (path.parent / "ca.pem").write_bytes(self.authority_pem)
        cluster = {"server": server or self.url, "certificate-authority": "ca.pem", **changes.get("cluster", {})}
        document = {
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": changes.get("user", {"token": TOKEN})}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
            "current-context": "x",
            **changes.get("top", {}),
        }
        path.write_text(yaml.safe_dump(document))
        return path


@contextmanager
def scripted(script: Script, *, tls: bool = True, host: str = "127.0.0.1") -> Iterator[Scripted]:
    """A server until the block ends. Reviews are passed to the script like all else."""
    certificates = IPV6 if ":" in host else CERTIFICATES
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128)
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    server = Scripted(port, f"{'https' if tls else 'http'}://{shown}:{port}", certificates.authority_pem)
    sockets: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sockets.append(sock)
            with server.lock:
                server.connections += 1
            threading.Thread(
                target=_serve, args=(server, script, sock, tls and certificates.context), daemon=True
            ).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for sock in sockets:
            sock.close()


def _serve(server: Scripted, script: Script, plain: socket.socket, context: ssl.SSLContext | None) -> None:
    with (
        contextlib.suppress(OSError, ValueError),
        context.wrap_socket(plain, server_side=True) if context else plain as sock,
    ):
        while (received := _read(sock)) is not None:
            with server.lock:
                server.requests.append(received)
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
            try:
                if not _send(sock, script(received)):
                    return
            finally:
                with server.lock:
                    server.at_once -= 1


def _send(sock: socket.socket, parts: Sent) -> bool:
    for part in parts:
        if part is None:
            return False
        if isinstance(part, float):
            time.sleep(part)
        else:
            sock.sendall(part)
    return True


def _read(sock: socket.socket) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65_536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, _, rest = head.partition(b"\r\n")
    headers = http.client.parse_headers(io.BytesIO(rest + b"\r\n\r\n"))
    while len(body) < int(headers.get("Content-Length", 0)):
        body += sock.recv(65_536)
    method, path, _ = first.decode().split(" ")
    return Received(method, path, headers, body)
