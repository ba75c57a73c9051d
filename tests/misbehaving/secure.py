"""Misbehaviour before the first request: names, connections and certificates."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from kubeworld.front.certificates import make_certificates
from tests.access.live.servers import Scripted, scripted
from tests.misbehaving.case import Case
from tests.misbehaving.server import calm, honest

Serving = Callable[[Path], AbstractContextManager[Path]]


@contextmanager
def accepting(folder: Path, then: Callable[[socket.socket], object]) -> Iterator[Path]:
    """A port at which each connection is handed to `then`, and kept open."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    kept.append(sock)
                    with contextlib.suppress(OSError):
                        then(sock)

        threading.Thread(target=accept, daemon=True).start()
        yield _config(folder, f"https://127.0.0.1:{listener.getsockname()[1]}")
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    for sock in kept:
        sock.close()


def at(then: Callable[[socket.socket], object]) -> Serving:
    """The same, to be served later."""
    return lambda folder: accepting(folder, then)


def _config(folder: Path, url: str, authority: bytes = make_certificates().authority_pem) -> Path:
    return Scripted(0, url, authority).kubeconfig(folder / "config")


@contextmanager
def named(folder: Path, url: str) -> Iterator[Path]:
    """A server that is not there."""
    yield _config(folder, url)


def url(address: str) -> Serving:
    """The same, to be served later."""
    return lambda folder: named(folder, address)


@contextmanager
def untrusted(folder: Path) -> Iterator[Path]:
    """An honest server whose certificate another authority signed."""
    with scripted(lambda received: [honest(received, calm())]) as server:
        yield _config(folder, server.url)


@contextmanager
def misnamed(folder: Path) -> Iterator[Path]:
    """An honest server whose certificate is of another host."""
    with scripted(lambda received: [honest(received, calm())]) as server:
        yield server.kubeconfig(folder / "config", cluster={"tls-server-name": "other.example"})


@contextmanager
def plain(folder: Path) -> Iterator[Path]:
    """HTTP where HTTPS was asked for."""
    with scripted(lambda received: [honest(received, calm())], tls=False) as server:
        yield _config(folder, server.url.replace("http:", "https:"))


@contextmanager
def old(folder: Path) -> Iterator[Path]:
    """A server that speaks no TLS that anybody should."""
    certificates = make_certificates("127.0.0.1")
    context = certificates.context
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")

    def shake(sock: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(sock, server_side=True).close()

    with accepting(folder, shake) as path:
        yield path


def greet(sock: socket.socket) -> None:
    """Ask for another hello for ever, faster than it can be read."""
    while True:
        sock.sendall(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 1_000)


def cases() -> Iterator[Case]:
    """Of none of them anything can be read."""
    servers: dict[str, Serving] = {
        "connection refused": url("https://127.0.0.1:1"),
        "a name that does not resolve": url("https://nowhere.invalid:6443"),
        "a name of 250 characters": url("https://" + "a" * 250 + ":6443"),
        "an address that is none": url("https://[::ffff]:6443"),
        "port 0 in a name with an empty label": url("https://a..b:6443"),
        "handshake that stalls": at(lambda sock: None),
        "handshake cut": at(lambda sock: (sock.recv(10), sock.close())),
        "handshake of garbage": at(lambda sock: sock.sendall(b"\x16\x03\x01\xff\xff" + b"x" * 70_000)),
        "handshake that never ends": at(greet),
        "handshake with an alert": at(lambda sock: sock.sendall(b"\x15\x03\x03\x00\x02\x02\x28")),
        "certificate of another authority": untrusted,
        "certificate of another host": misnamed,
        "HTTP instead of HTTPS": plain,
        "TLS that nobody should speak": old,
    }
    for name, serving in servers.items():
        yield Case(name, serving=serving, is_silent=True)


CASES = tuple(cases())
