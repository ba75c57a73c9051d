"""Worker processes that end when the process that started them is gone, however it went."""

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """Called in a worker. Its parent cannot tell it to end when it is killed itself; a closed pipe can."""
    threading.Thread(target=_follow, name="parent", daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # no clean-up: what a worker had begun is made again, and a task may hold the main thread
