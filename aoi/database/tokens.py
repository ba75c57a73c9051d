"""Tokens of `aoi serve`: who may ask, as what. Only a salted digest of each is kept.

A token is 256 random bits, so one round of SHA-256 is enough: there is nothing to guess from a dictionary.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field
from sqlalchemy import delete, func, select

from aoi.database import tables
from aoi.database.engine import Database
from aoi.errors import Permanent, TokenRefused
from aoi.records.base import Record

Role = Literal["viewer", "operator"]
"""A viewer reads; an operator diagnoses, cancels and rates as well."""
PREFIX = "aoi"
_ID_BYTES, _SECRET_BYTES = 6, 32


class Token(Record):
    """One token as it is kept."""

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._@-]{0,62})$")
    """Of the person or program that has it; feedback carries it."""
    role: Role
    id: str
    """The part by which it is found."""
    salt: str
    hashed: str
    """SHA-256 of salt and token, hexadecimal."""
    made_at: datetime
    """UTC."""


class TokenBook:
    """Makes, finds and revokes tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role) -> str:
        """Make one. Returns it: it is shown this once. Raises: Permanent for a name that has one."""
        identity, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        plain, salt = f"{PREFIX}_{identity}_{secret}", secrets.token_hex(16)
        made = Token(
            name=name, role=role, id=identity, salt=salt, hashed=_digest(salt, plain), made_at=datetime.now(UTC)
        )
        table = tables.tokens
        with self._database.write() as connection:
            if connection.execute(select(table.c.name).where(table.c.name == name)).first():
                raise Permanent(f"{name} has a token. Revoke it first: aoi serve token revoke {name}")
            row = {"name": name, "token": identity, "record": made.to_bytes().decode()}
            connection.execute(table.insert().values(row))
        return plain

    def all(self) -> list[Token]:
        """Every token, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(tables.tokens.c.record).order_by(tables.tokens.c.name))
            return [Token.from_bytes(row.record.encode()) for row in rows]

    def count(self) -> int:
        """How many there are."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(tables.tokens)).scalar_one()

    def revoke(self, name: str) -> None:
        """From the next request on it opens nothing. Raises: Permanent if there is none of that name."""
        with self._database.write() as connection:
            gone = connection.execute(delete(tables.tokens).where(tables.tokens.c.name == name))
        if not gone.rowcount:
            raise Permanent(f"{name!r:.80} has no token. List them: aoi serve token list")

    def holder(self, plain: str) -> Token:
        """Whose token this is; compared in constant time. Raises: TokenRefused."""
        parts = plain.split("_", 2)
        identity = parts[1] if len(parts) == 3 and len(parts[1]) == 2 * _ID_BYTES else ""
        with self._database.read() as connection:
            query = select(tables.tokens.c.record).where(tables.tokens.c.token == identity)
            row = connection.execute(query).first()
        known = Token.from_bytes(row.record.encode()) if row else None
        salt, hashed = (known.salt, known.hashed) if known else ("", _digest("", ""))
        is_it = hmac.compare_digest(_digest(salt, plain), hashed)
        if known is None or not is_it:
            raise TokenRefused("this token is not known, or was revoked. Make one: aoi serve token add NAME")
        return known


def _digest(salt: str, plain: str) -> str:
    return hashlib.sha256(f"{salt}:{plain}".encode("utf-8", "surrogatepass")).hexdigest()
