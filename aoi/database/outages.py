"""What a driver says when a database fails, put into the error tree: come back later, or mend something first.

Called by `aoi.database.engine` around every transaction. PostgreSQL names its failures by SQLSTATE
(https://www.postgresql.org/docs/current/errcodes-appendix.html); a connection that was never made has none, so that
only its text is left. SQLite has texts alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from aoi.errors import AoiError, DatabaseUnavailable, Permanent, SettingsError, StoreNotWritable

_LATER = {
    "55P03": "another writer holds it for too long",  # lock_not_available: lock_timeout
    "57014": "a statement took too long",  # query_canceled: statement_timeout
    "40001": "another writer was faster",  # serialization_failure
    "40P01": "two writers waited for each other",  # deadlock_detected
    "25006": "it only answers reads, as a standby does during a fail-over",  # read_only_sql_transaction
}
_LATER_CLASSES = ("08", "53", "57")
"""connection_exception, insufficient_resources, operator_intervention: 57P01 is what a restart says."""
_FULL = "53100"
"""disk_full: waiting does not make room."""
_WRONG_CODES = ("28", "3D", "3F", "42501")
"""Invalid authorization, catalogue, schema, missing right: somebody has to mend the address or the rights."""
_WRONG_WORDS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied", "no password")
_LOCKED_WORDS = ("locked", "busy")
_DAMAGED_WORDS = ("malformed", "not a database")


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn what the driver raises inside the block into the error tree. The URL is shown without its password.

    Raises: DatabaseUnavailable for what may pass; SettingsError, StoreNotWritable, Permanent for what does not.
    """
    try:
        yield
    except DBAPIError as error:
        named = _sqlite(url, error) if url.get_backend_name() == "sqlite" else _postgres(url, error)
        if named is None:
            raise
        raise named from error
    except PoolTimeout as error:  # of SQLAlchemy's own pool: the driver was never asked
        raise DatabaseUnavailable(
            f"every connection of this process to {url!r} is in use: {error}. Run it again later"
        ) from error


def _sqlite(url: URL, error: DBAPIError) -> AoiError | None:
    cause = str(error.orig)
    if any(word in cause for word in _DAMAGED_WORDS):
        return Permanent(f"{url!r} is damaged: {cause}. Restore it from its backup, then `aoi verify`")
    if not isinstance(error, OperationalError):
        return None
    if any(word in cause for word in _LOCKED_WORDS):
        return DatabaseUnavailable(f"another writer holds {url!r} for too long: {cause}. Run it again later")
    return _unusable(url, cause)


def _postgres(url: URL, error: DBAPIError) -> AoiError | None:
    cause = " ".join(str(error.orig).split())
    code = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")
    if code == _FULL:
        return _unusable(url, cause)
    if code in _LATER or code.startswith(_LATER_CLASSES):
        reason = _LATER.get(code, cause)
        return DatabaseUnavailable(f"the database {url!r} cannot go on: {reason}. Run it again later")
    if code.startswith(_WRONG_CODES) or (not code and any(word in cause for word in _WRONG_WORDS)):
        return SettingsError(
            f"the database {url!r} refuses us: {cause}. Check AOI_DATABASE_URL, AOI_DATABASE_PASSWORD and its rights"
        )
    if error.connection_invalidated or (not code and isinstance(error, OperationalError | InterfaceError)):
        return DatabaseUnavailable(f"the database {url!r} does not answer: {cause}. Run it again when it is back")
    return _unusable(url, cause) if isinstance(error, OperationalError) else None


def _unusable(url: URL, cause: str) -> StoreNotWritable:
    return StoreNotWritable(
        f"the database {url!r} cannot be used: {cause}. Check that its place exists, is writable and has room, "
        "or set AOI_DATABASE_URL"
    )
