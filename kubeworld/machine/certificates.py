"""Certificates that programs of a world make: real ones, the same in every run of the same seed.

Keys are derived and signatures deterministic, so they protect nothing: whoever knows the seed has them.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=3650)
_SAFE_BITS = 248
"""Of a derived key: below the order of P-256, whatever the digest."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """PEM of an authority and of a certificate that it signed, with the certificate's key."""

    authority: bytes
    certificate: bytes
    key: bytes


def key_pair(seed: str, names: Sequence[str], now_ms: int) -> KeyPair:
    """For host names and addresses; `now_ms` since the Unix epoch is when it is made."""
    authority_key, key = _key(f"{seed}/authority"), _key(f"{seed}/server")
    start = datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(hours=1)
    issuer = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nil1")])
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "nil2")])
    alternatives = [_general(name) for name in names if name]
    authority = (
        _builder(issuer, issuer, authority_key, start, seed + "/1")
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    builder = _builder(subject, issuer, key, start, seed + "/2")
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(authority.public_bytes(pem), certificate.public_bytes(pem), secret)


def _key(seed: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()) % 2**_SAFE_BITS
    return ec.derive_private_key(number + 1, ec.SECP256R1())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, seed: str
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) + 1)
        .not_valid_before(start)
        .not_valid_after(start + _LIFETIME)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
