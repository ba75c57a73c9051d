"""The `aoi` command. Commands import what they need when they run, so that `--help` is instant."""

import os
import sys
import tempfile
from pathlib import Path
from typing import TextIO

import typer

from aoi.errors import AoiError, Transient
from aoi.store.files import not_writable, refused_by_disk
from flows.commands import (
    access,
    actions,
    answers,
    backup,
    cluster,
    clusters,
    diagnosis,
    doctor,
    environments,
    episodes,
    loop,
    problems,
    recording,
    review,
    serving,
    state,
)
from flows.exit_status import EX_TEMPFAIL, INTERRUPTED, WRONG, print_error

app = typer.Typer(
    name="aoi",
    help="A self-improving on-call engineer for Kubernetes: diagnoses with agents that can only read.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
loop.add_to(app)
diagnosis.add_to(app)
answers.add_to(app)
recording.add_to(app)
review.add_to(app)
state.add_to(app)
backup.add_to(app)
doctor.add_to(app)
episodes.add_to(app)
problems.add_to(app)
cluster.add_to(app)
clusters.add_to(app)
actions.add_to(app)
environments.add_to(app)
access.add_to(app)
serving.add_to(app)


def main() -> None:
    """Run the command; an expected error is one line with what to do next, never a traceback."""
    try:
        # Outside of standalone mode an exit code is returned, also the one for Ctrl-C.
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except AoiError as error:
        print_error(error)
        sys.exit(EX_TEMPFAIL if isinstance(error, Transient) else WRONG)
    except KeyboardInterrupt:
        print("\ninterrupted: what was finished is kept. Run the same command again.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except typer.Abort:
        sys.exit(1)
    except BrokenPipeError as error:
        print(f"error: the output could not be written: {error.strerror}. Whoever read it has ended", file=sys.stderr)
        sys.exit(WRONG)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error of click
            error.show()
            sys.exit(error.exit_code)
        if isinstance(error, OSError) and error.filename is None and _is_full(sys.stdout):
            print_error(not_writable("the output", error))
            sys.exit(WRONG)
        if told := refused_by_disk(error, Path(os.environ.get("AOI_HOME") or ".aoi"), Path(tempfile.gettempdir())):
            print_error(told)
            sys.exit(WRONG)
        raise


def _is_full(stream: TextIO) -> bool:
    """Whether what is printed cannot leave this process. Only another line shows it: rich drops what it could not
    write."""
    try:
        stream.write("\n")
        stream.flush()
    except (OSError, ValueError):
        return True
    return False


if __name__ == "__main__":
    main()
