import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from aoi.database import tables
from aoi.database.engine import MIGRATIONS, REVISION, engine_url, open_database, open_url
from aoi.database.feedback import Feedback, FeedbackBook
from aoi.errors import Permanent, SettingsError, StoreNotWritable
from aoi.promotion.ledger import Ledger
from aoi.settings import Settings
from tests.promotion.requests import installed


def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'deep' / 'aoi.db'}"


def test_migrations_make_exactly_the_tables_that_the_code_declares(tmp_path):
    database = open_url(url(tmp_path))
    found = inspect(database.engine)
    assert set(found.get_table_names()) == {*tables.metadata.tables, "alembic_version"}
    for name, table in tables.metadata.tables.items():
        assert [column["name"] for column in found.get_columns(name)] == [column.name for column in table.columns]
        assert [column["nullable"] for column in found.get_columns(name)] == [c.nullable for c in table.columns]


def test_alembic_sees_no_difference_to_the_declared_tables(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with open_url(url(tmp_path)).read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_the_revision_that_the_code_names_is_that_of_the_newest_migration():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_what_people_had_said_before_a_migration_is_read_after_it(tmp_path):
    address = url(tmp_path)
    given = Feedback(answer="0" * 64, verdict="wrong", author="ann", consent=True)
    database = open_url(address)
    FeedbackBook(database).add(given)
    with database.write() as connection:
        former = given.model_dump(mode="json", exclude={"answer"}) | {"schema_version": 1, "trajectory": given.answer}
        connection.execute(text("UPDATE feedback SET record = :record"), {"record": json.dumps(former)})
        connection.execute(text("DROP INDEX ix_feedback_answer"))
        connection.execute(text("ALTER TABLE feedback RENAME COLUMN answer TO trajectory"))
        connection.execute(text("CREATE INDEX ix_feedback_trajectory ON feedback (trajectory)"))
        connection.execute(text("DROP TABLE answers"))
        for later in ("clusters", "tokens", "submissions", "actions"):
            connection.execute(text(f"DROP TABLE {later}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    database.close()
    assert FeedbackBook(open_url(address)).about(given.answer) == [given.model_copy(update={"schema_version": 1})]


def test_opening_a_current_database_loads_no_tool_of_migrations(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    open_url(url).close()
    program = (
        "import sys; from aoi.database.engine import open_url; open_url(sys.argv[1]).close(); "
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_opening_again_changes_nothing(tmp_path):
    open_url(url(tmp_path))
    open_url(url(tmp_path))


def _open(address, barrier, failures):
    barrier.wait()
    try:
        open_url(address)
    except Exception as error:
        failures.put(repr(error))


def test_eight_processes_may_start_on_a_new_database_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, failures = context.Barrier(8), context.SimpleQueue()
    processes = [context.Process(target=_open, args=(url(tmp_path), barrier, failures)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert failures.empty(), failures.get()


def test_sqlite_waits_for_writers_and_keeps_a_write_ahead_log(tmp_path):
    with open_url(url(tmp_path)).read() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 60_000
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2


def test_a_failed_write_transaction_leaves_nothing(tmp_path):
    database = open_url(url(tmp_path))
    row = {"seq": 0, "cycle": 0, "kind": "x", "previous": "a", "hash": "b", "record": "{}"}

    def half_done():
        with database.write() as connection:
            connection.execute(tables.ledger.insert().values(row))
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        half_done()
    with database.read() as connection:
        assert connection.execute(tables.ledger.select()).all() == []


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    open_url(url(tmp_path))
    engine = create_engine(url(tmp_path))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SettingsError, match="newer AOI"):
        open_url(url(tmp_path))


def test_a_place_without_room_for_a_folder_is_named(tmp_path):
    (tmp_path / "deep").write_text("a file")
    with pytest.raises(StoreNotWritable, match="deep"):
        open_url(url(tmp_path))


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "aoi.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(Permanent, match="damaged"):
        open_url(url(tmp_path))


@pytest.mark.parametrize("address", ["nonsense", "postgresql+nodriver://host/name"])
def test_an_unusable_url_says_what_is_expected(address):
    with pytest.raises(SettingsError, match="AOI_DATABASE_URL"):
        open_url(address)


def test_the_password_of_the_settings_is_used_and_not_shown(tmp_path):
    url = engine_url("postgresql+psycopg://aoi@db/aoi", "hunter2")
    assert url.password == "hunter2"
    assert "hunter2" not in repr(url) + str(url)
    open_database(Settings.load(home=tmp_path, database_password="hunter2"))


def _read_as_a_stranger(folder, answer):
    """In a child process: nobody who may write there."""
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        ledger = Ledger(open_url(f"sqlite:///{folder / 'aoi.db'}"))
        answer.put((ledger.verify(), str(ledger.champion().version)))
        with pytest.raises(StoreNotWritable):
            ledger.open_cycle("stranger")
        answer.put("refused")
    except BaseException as error:
        answer.put(repr(error))


def test_a_database_that_cannot_be_written_can_be_read():
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to strangers
        folder = Path(place)
        installed(folder)
        for path in (folder / "aoi.db", folder):
            path.chmod(0o555 if path.is_dir() else 0o444)
        answer = multiprocessing.get_context("fork").Queue()
        child = multiprocessing.get_context("fork").Process(target=_read_as_a_stranger, args=(folder, answer))
        child.start()
        assert answer.get(timeout=60) == (2, "v0")
        assert answer.get(timeout=60) == "refused"
        child.join()
        folder.chmod(0o755)
