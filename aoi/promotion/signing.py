"""Signatures under decisions: SSH keys that people have, against a file of those who may decide.

The formats are OpenSSH's own (PROTOCOL.sshsig, `ALLOWED SIGNERS` of ssh-keygen(1)), so that `ssh-keygen -Y verify` says
the same of a signature as we do. Keys are ed25519.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

from aoi.errors import ApprovalRefused, SettingsError
from aoi.records.promotion import Approval

NAMESPACE = "aoi.approval"
"""What a signature is for: one that was made for anything else is none here."""
_MAGIC, _VERSION, _HASH, _KIND = b"SSHSIG", 1, "sha512", b"ssh-ed25519"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


class Approvers:
    """Who may decide, by the keys that they sign with."""

    def __init__(self, names: Mapping[bytes, str], where: str) -> None:
        """`names` are by raw public key."""
        self._names, self._where = names, where

    @classmethod
    def read(cls, path: Path) -> "Approvers":
        """Of a file of allowed signers: `NAME ssh-ed25519 KEY` a line. Raises: SettingsError, for a line it cannot keep
        to as well: one that is misread lets the wrong person in."""
        try:
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"AOI_APPROVAL__SIGNERS: {path}: {error}. It lists who may approve") from error
        names: dict[bytes, str] = {}
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                name, key = _entry(line.split(), f"{path}: line {number}")
                names[key] = name
        return cls(names, str(path))

    def name_of(self, key: Ed25519PublicKey) -> str | None:
        """Whose key it is."""
        return self._names.get(_raw(key))

    def check(self, given: Approval) -> None:
        """Raises: ApprovalRefused unless one of them signed exactly this decision under their own name."""
        if not given.signature:
            raise ApprovalRefused(
                f"the decision by {given.approver or 'nobody'} is not signed, and {self._where} says who may decide "
                "(AOI_APPROVAL__SIGNERS). Set AOI_APPROVAL__KEY to your SSH key and decide again: `aoi review`"
            )
        name = self.name_of(signer_of(given))
        if name is None:
            raise ApprovalRefused(
                f"the decision by {given.approver} is signed with a key that is not in {self._where}. Have it added "
                "there, or let somebody decide who is"
            )
        if name != given.approver:
            raise ApprovalRefused(f"the decision by {given.approver} is signed with the key of {name}. Decide again")


def sign(given: Approval, key: Ed25519PrivateKey) -> Approval:
    """The same decision with a signature under it."""
    public = _blob(key.public_key())
    signed = key.sign(_to_sign(given))
    parts = (public, NAMESPACE.encode(), b"", _HASH.encode(), _strings(_KIND, signed))
    blob = _MAGIC + struct.pack(">I", _VERSION) + _strings(*parts)
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return given.model_copy(update={"signature": "\n".join((_BEGIN, *lines, _END, ""))})


def signer_of(given: Approval) -> Ed25519PublicKey:
    """The key that signed exactly this decision, whoever's it is. Raises: ApprovalRefused if none did."""
    refused = ApprovalRefused(
        f"the signature under the decision by {given.approver} is not one of this decision. Decide again: `aoi review`"
    )
    try:
        blob = base64.b64decode("".join(_armored(given.signature)), validate=True)
        if not blob.startswith(_MAGIC + struct.pack(">I", _VERSION)):
            raise refused
        public, namespace, _reserved, hashed, signature = _read(blob[len(_MAGIC) + 4 :], 5)
        kind, raw = _read(public, 2)
        signed_as, signed = _read(signature, 2)
        if (namespace.decode(), hashed.decode(), kind, signed_as) != (NAMESPACE, _HASH, _KIND, _KIND):
            raise refused
        key = Ed25519PublicKey.from_public_bytes(raw)
        key.verify(signed, _to_sign(given))
    except (ValueError, struct.error, binascii.Error, InvalidSignature) as error:
        raise refused from error
    return key


def open_key(path: Path, passphrase: Callable[[], str]) -> Ed25519PrivateKey:
    """A person's private key; `passphrase` is asked for one that is locked. Raises: SettingsError."""
    try:
        data = path.expanduser().read_bytes()
        if path.expanduser().stat().st_mode & 0o077:
            raise SettingsError(f"AOI_APPROVAL__KEY: others can read {path}: chmod 600 {path}")
        try:
            key = load_ssh_private_key(data, None)
        except TypeError:  # it is locked
            key = load_ssh_private_key(data, passphrase().encode())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(
            f"AOI_APPROVAL__KEY: {path} cannot be opened as an SSH key: {error}. Make one: ssh-keygen -t ed25519"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"AOI_APPROVAL__KEY: {path} is no ed25519 key. Make one: ssh-keygen -t ed25519")
    return key


def message(given: Approval) -> bytes:
    """What is signed: the decision without its signature, in canonical bytes."""
    return given.model_copy(update={"signature": ""}).to_bytes()


def _to_sign(given: Approval) -> bytes:
    digest = hashlib.new(_HASH, message(given)).digest()
    return _MAGIC + _strings(NAMESPACE.encode(), b"", _HASH.encode(), digest)


def _entry(words: list[str], where: str) -> tuple[str, bytes]:
    expected = f"{where}: expected NAME ssh-ed25519 KEY, without options and patterns"
    if len(words) < 3 or words[1] != _KIND.decode() or any(letter in words[0] for letter in ',*?!"'):
        raise SettingsError(expected)
    try:
        key = load_ssh_public_key(" ".join(words[1:3]).encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{expected}; the key cannot be read: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsError(expected)
    return words[0], _raw(key)


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _blob(key: Ed25519PublicKey) -> bytes:
    return _strings(_KIND, _raw(key))


def _strings(*parts: bytes) -> bytes:
    """RFC 4251 strings: a length of four bytes before each."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _read(data: bytes, count: int) -> Iterator[bytes]:
    """So many strings and nothing after them. Raises: ValueError, struct.error."""
    for _ in range(count):
        (size,) = struct.unpack_from(">I", data)
        if len(data) < 4 + size:
            raise ValueError(f"a string of {size} bytes in {len(data) - 4}")
        yield data[4 : 4 + size]
        data = data[4 + size :]
    if data:
        raise ValueError(f"{len(data)} bytes after the last string")


def _armored(text: str) -> list[str]:
    """The lines between begin and end. Raises: ValueError."""
    first, *lines, last = text.strip().splitlines() or [""] * 2
    if (first, last) != (_BEGIN, _END):
        raise ValueError("no signature of SSH")
    return lines
