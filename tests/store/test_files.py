"""What a full or closed disk does to a write is told with its place and what to do, by whatever library it comes."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aoi.errors import StoreNotWritable
from aoi.store.files import refused_by_disk, writing_to
from tests.command import AOI, environment


class SafetensorError(Exception):
    """As safetensors says it."""


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


FULL = [
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
    SafetensorError('Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "No space left" })'),
    RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
    caused(ValueError("could not save"), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
]


@pytest.mark.parametrize("error", FULL, ids=["disk", "quota", "safetensors", "torch", "caused by it"])
def test_a_full_disk_is_told_with_a_place_and_what_to_do(error: BaseException, tmp_path: Path) -> None:
    told = refused_by_disk(error, tmp_path / "not" / "there" / "yet")
    assert isinstance(told, StoreNotWritable)
    assert str(told).startswith(f"cannot write {tmp_path}/not/there/yet: ")
    assert "free space there" in str(told)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC])
def test_a_file_that_is_named_is_the_place(number: int) -> None:
    told = refused_by_disk(OSError(number, os.strerror(number), "/home/of/another/aoi.db"), Path("/tmp"))
    assert str(told).startswith(f"cannot write /home/of/another/aoi.db: {os.strerror(number)}. ")


@pytest.mark.parametrize(
    "error", [ValueError("x"), OSError(errno.ENOENT, "gone", "/x"), PermissionError(errno.EACCES, "of a socket")]
)
def test_anything_else_stays_what_it_is(error: Exception) -> None:
    assert refused_by_disk(error, Path("/tmp")) is None


def test_what_a_disk_refuses_inside_a_block_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(StoreNotWritable, match=f"cannot write {tmp_path}/file: "), writing_to(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{tmp_path}/file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_is_full_is_told_without_a_traceback(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*AOI, "settings"], env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode != 0
    assert "cannot write the output: No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_the_home_of_another_user_is_told_with_its_place(tmp_path: Path) -> None:
    """Everything is imported before: where only root may read the interpreter, somebody else could not."""
    tmp_path.chmod(0o700)
    become = (
        "import os, sys, sqlite3, alembic.command, sqlalchemy.dialects.sqlite, flows.console, flows.summary\n"
        "import fsspec.implementations.local, flows.schedule, tasks.status\n"
        "from flows import cli\n"
        "os.setuid(65534); sys.argv = ['aoi', 'status']; cli.main()"
    )
    where = environment(tmp_path / "home", HOME="/nonexistent")
    ended = subprocess.run([sys.executable, "-c", become], env=where, capture_output=True, text=True, check=False)
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 1
    assert f"{tmp_path}/home" in ended.stderr.splitlines()[-1]
    assert "AOI_HOME" in ended.stderr.splitlines()[-1]
