"""Way in and out of the `aoi` command: Ctrl-C is told as that from the first moment, and its end is at once.

SIGTERM, with which services and batch systems end a command, unwinds it in the same way: what it started ends with it.
"""

import atexit
import logging
import os
import signal
import sys
import time

from flows.exit_status import INTERRUPTED, TERMINATED

NOT_WRITTEN = 120
"""What the interpreter itself ends with where its last output could not be written."""


class Ending:
    """The last thing that happens: taking the modules of a model apart, which would come after it, costs seconds."""

    status: int | None = None
    """None: the interpreter ends as it likes."""

    def __call__(self) -> None:
        """End the process, if a model was loaded."""
        if self.status is None or "torch" not in sys.modules:
            return
        logging.shutdown()
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            os._exit(NOT_WRITTEN)
        os._exit(self.status)


class Termination:
    """SIGTERM as an interrupt. Commands that serve, and Prefect while it runs a flow, set handlers of their own."""

    AGAIN_S = 1.0
    """`timeout` and supervisors send it to a process and to its group: that is one wish."""

    def __init__(self) -> None:
        self.is_wished = False
        self._last = float("-inf")
        signal.signal(signal.SIGTERM, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        self.is_wished = True
        now = time.monotonic()
        if now - self._last > self.AGAIN_S:
            self._last = now
            raise KeyboardInterrupt

    def status(self, status: int) -> int:
        """How the command ends that would end with `status`."""
        return TERMINATED if self.is_wished and status == INTERRUPTED else status


def main() -> None:
    """Run the command."""
    ending = Ending()
    atexit.register(ending)  # first, so that it is called after all others
    termination = Termination()
    try:
        from flows.cli import main as run

        run()
    except KeyboardInterrupt:  # while it was imported: afterwards the command tells it
        print("\ninterrupted", file=sys.stderr)
        ending.status = termination.status(INTERRUPTED)
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise
        ending.status = termination.status(end.code or 0)
    sys.exit(ending.status)


if __name__ == "__main__":
    main()
