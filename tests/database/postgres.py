"""A PostgreSQL of the test's own: a cluster in a folder, on a unix socket only, as a user without rights."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_S = 60


def binaries() -> Path | None:
    """The folder with `initdb` and `postgres`; Debian keeps it out of the path. None if there is none."""
    in_path = shutil.which("initdb")
    candidates = [Path(in_path).resolve().parent] if in_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "postgres").exists()), None)


def _user() -> str | None:
    """PostgreSQL refuses root: whom it runs as instead. None means as ourselves."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


class Postgres:
    """A server that can be killed and started again; its data stay."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.url = f"postgresql+psycopg://aoi@/postgres?host={folder}"
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        command = [programs / "initdb", "-D", folder / "data", "-U", "aoi", "-A", "trust"]
        command += ["-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(command, user=_user(), check=True, stdout=subprocess.DEVNULL, cwd=folder)

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        command += ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, user=_user(), stdout=log, stderr=log, cwd=self.folder)
        ready = [self._programs / "pg_isready", "-h", self.folder, "-t", str(READY_S)]
        while subprocess.run(ready, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            if self._process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def stop(self, how: int = signal.SIGQUIT) -> None:
        """End it: SIGQUIT as a crash, SIGINT as an administrator who restarts it."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(READY_S)
            self._process = None


@contextmanager
def running() -> Iterator[Postgres]:
    """A server for the block. `binaries()` must know where it is."""
    programs = binaries()
    assert programs is not None
    # Not pytest's folder: that one is closed to the user that PostgreSQL runs as, and too long for a socket's path.
    folder = Path(tempfile.mkdtemp(prefix="aoi-pg-"))
    try:
        user = _user()
        if user is not None:
            shutil.chown(folder, user)
        server = Postgres(folder, programs)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
