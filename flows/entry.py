"""Way in and out of the `aoi` command: Ctrl-C is told as that from the first moment, and its end is at once."""

import atexit
import logging
import os
import sys

from flows.exit_status import INTERRUPTED

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


def main() -> None:
    """Run the command."""
    ending = Ending()
    atexit.register(ending)  # first, so that it is called after all others
    try:
        from flows.cli import main as run

        run()
    except KeyboardInterrupt:  # while it was imported: afterwards the command tells it
        print("\ninterrupted", file=sys.stderr)
        ending.status = INTERRUPTED
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            ending.status = end.code or 0
        raise
    sys.exit(ending.status)


if __name__ == "__main__":
    main()
