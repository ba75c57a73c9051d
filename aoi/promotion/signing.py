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
from aoi.promotion.approval import AUTO
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
            if path.stat().st_mode & 0o022:
                raise SettingsError(f"AOI_APPROVAL__SIGNERS: others can write {path}: chmod go-w {path}")
            text = path.read_bytes().decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"AOI_APPROVAL__SIGNERS: {path}: {error}. It lists who may approve, in ASCII"
            ) from error
        names: dict[bytes, str] = {}
        # OpenSSH ends a line at a line feed and nowhere else.
        for number, line in enumerate(text.split("\n"), start=1):
            where, said = f"{path}: line {number}", line.removesuffix("\r")
            if not said.replace("\t", " ").isprintable():
                raise SettingsError(f"{where}: a character that does not show")
            if said.strip() and not said.lstrip().startswith("#"):
                name, key = _entry(said.split(), where)
                if names.setdefault(key, name) != name:
                    raise SettingsError(f"{where}: the key of {name} is the key of {names[key]} already")
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
    return given.model_copy(update={"signature": _armor(blob)})


def signer_of(given: Approval) -> Ed25519PublicKey:
    """The key that signed exactly this decision, whoever's it is. Raises: ApprovalRefused if none did."""
    refused = ApprovalRefused(
        f"the signature under the decision by {given.approver} is not one of this decision. Decide again: `aoi review`"
    )
    try:
        blob = base64.b64decode("".join(_armored(given.signature)), validate=True)
        # One way to write it: what can be written otherwise without the key would be another object each time.
        if not blob.startswith(_MAGIC + struct.pack(">I", _VERSION)) or _armor(blob) != given.signature:
            raise refused
        public, namespace, reserved, hashed, signature = _read(blob[len(_MAGIC) + 4 :], 5)
        kind, raw = _read(public, 2)
        signed_as, signed = _read(signature, 2)
        found = (namespace, reserved, hashed, kind, signed_as)
        if found != (NAMESPACE.encode(), b"", _HASH.encode(), _KIND, _KIND):
            raise refused
        key = Ed25519PublicKey.from_public_bytes(raw)
        key.verify(signed, _to_sign(given))
    except (ValueError, struct.error, binascii.Error, InvalidSignature) as error:
        raise refused from error
    return key


def whose(given: Approval, approvers: Approvers | None) -> str:
    """Whose signature is under a decision, in words. Raises: ApprovalRefused for one of something else."""
    if not given.signature:
        return "not signed"
    key = signer_of(given)
    name = approvers.name_of(key) if approvers else None
    listed = f"of {name}" if name else "not among the signers" if approvers else "of whom no file of signers tells here"
    return f"signed as {given.approver} with the key {_fingerprint(key)}, {listed}"


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


def _to_sign(given: Approval) -> bytes:
    digest = hashlib.new(_HASH, given.unsigned).digest()
    return _MAGIC + _strings(NAMESPACE.encode(), b"", _HASH.encode(), digest)


def _entry(words: list[str], where: str) -> tuple[str, bytes]:
    expected = f"{where}: expected NAME ssh-ed25519 KEY, without options and patterns"
    is_kept_to = len(words) >= 3 and words[1] == _KIND.decode() and words[0] != AUTO
    if not is_kept_to or any(letter in words[0] for letter in ',*?!"'):
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


def _fingerprint(key: Ed25519PublicKey) -> str:
    """As `ssh-keygen -l` shows it."""
    return f"SHA256:{base64.b64encode(hashlib.sha256(_blob(key)).digest()).decode().rstrip('=')}"


def _armor(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    return "\n".join((_BEGIN, *(text[start : start + 70] for start in range(0, len(text), 70)), _END, ""))


def _armored(text: str) -> list[str]:
    """The lines between begin and end. Raises: ValueError."""
    first, *lines, last = text.strip().splitlines() or [""] * 2
    if (first, last) != (_BEGIN, _END):
        raise ValueError("no signature of SSH")
    return lines
