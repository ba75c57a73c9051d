"""`aoi` in a process that is killed at its first write: `before` the request leaves, or `after` its answer is there.

python -m tests.flows.dying before actions approve ...
"""

import os
import signal
import sys

from aoi.access import live
from aoi.access.transport import Request, Response


class Dying(live.LiveTransport):
    """Lets dry runs through."""

    def request(self, request: Request) -> Response:
        """Die, unless it changes nothing."""
        if request.dry_run:
            return super().request(request)
        if moment == "after":
            super().request(request)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody outlives SIGKILL")


if __name__ == "__main__":
    moment = sys.argv.pop(1)
    live.LiveTransport = Dying  # type: ignore[misc]
    from flows.cli import main

    main()
