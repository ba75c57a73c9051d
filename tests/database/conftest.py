"""Both databases: SQLite always, PostgreSQL where its binaries are installed."""

from collections.abc import Iterator

import pytest

from tests.database import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    if postgres.binaries() is None:
        pytest.skip("no PostgreSQL binaries here")
    with postgres.running() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path) -> Iterator[str]:
    """URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'aoi.db'}"
        return
    import psycopg

    server = request.getfixturevalue("server")
    name = f"t{abs(hash(tmp_path))}"
    with psycopg.connect(f"host={server.folder} user=aoi dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.url.replace("/postgres?", f"/{name}?")
