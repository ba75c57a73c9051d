"""`accelerate launch`: which configuration trains in several ranks, and the processes for as long as they are needed.

The only importer of accelerate that reads its configuration. What a configuration may say is checked before anything
is trained; what starts is `models.training.rank`, once for each rank.
"""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.utils import DistributedType
from yaml import YAMLError

from aoi.errors import SettingsError, StageBusy
from aoi.model_settings import TrainingSettings
from models.training import rank
from models.training.wire import LOG, SOCKET, Line, Message, message_of

POLL_S = 1.0
"""Between two looks whether the launcher is still there."""
GRACE_S = 45.0
"""For the launcher to end. It gives a rank that does not end when it is told to 30 s before it kills it."""
LAST_LINES = 30
"""Of what the processes wrote, in an error: the launcher's own summary has some 20."""


class Launch(NamedTuple):
    """A configuration that was checked."""

    file: Path
    ranks: int
    on_cpu: bool

    def command(self, folder: Path) -> list[str]:
        """What starts the ranks of one training. Precision is a setting of ours; one machine needs no fixed port."""
        launcher = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(self.file)]
        # `--multi_gpu` is how accelerate names a start by torchrun, on CPUs too.
        options = ["--multi_gpu", "--mixed_precision", "no", "--main_process_port", "0"]
        return [*launcher, *options, "--module", rank.__name__, str(folder)]

    def environment(self) -> dict[str, str]:
        """Of the ranks: as here, but without devices that the configuration does not want."""
        loopback = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
        return loopback | os.environ | ({"CUDA_VISIBLE_DEVICES": ""} if self.on_cpu else {})


def launch_of(training: TrainingSettings) -> Launch:
    """The configuration of `AOI_TRAINING__ACCELERATE`.

    Raises: SettingsError if there is none, if it is for more or less than several processes of one machine that each
    hold the whole model, or if a step cannot be shared out evenly.
    """
    file = Path(training.accelerate)
    try:
        found = load_config_from_file(str(file))
    except (OSError, ValueError, TypeError, AttributeError, YAMLError) as error:
        raise SettingsError(
            f"AOI_TRAINING__ACCELERATE is {file}, which accelerate cannot read: {error}. Write one with "
            f"`accelerate config --config_file {file}`, or unset it to train in one process"
        ) from error
    kind = DistributedType(found.distributed_type)
    if not (
        isinstance(found, ClusterConfig)
        and kind in (DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
        and found.num_machines == 1
        and found.num_processes > 1
    ):
        raise SettingsError(
            f"AOI_TRAINING__ACCELERATE is {file}, which says distributed_type {kind.value}, num_machines "
            f"{found.num_machines}, num_processes {getattr(found, 'num_processes', None)}. Expected MULTI_GPU or "
            "MULTI_CPU, 1, and 2 or more: each rank holds the whole base. Unset it to train in one process"
        )
    on_cpu = found.use_cpu or kind == DistributedType.MULTI_CPU
    if not on_cpu and torch.cuda.device_count() < found.num_processes:
        raise SettingsError(
            f"AOI_TRAINING__ACCELERATE is {file}, which wants num_processes {found.num_processes} with a GPU each, and "
            f"{torch.cuda.device_count()} are here. Lower it, or set use_cpu: true there"
        )
    _check_shares(training, found.num_processes)
    return Launch(file, found.num_processes, on_cpu)


def _check_shares(training: TrainingSettings, ranks: int) -> None:
    """Raise SettingsError if a step's completions are not the same number of full microbatches for each rank."""
    whole = training.prompts * training.group_size
    share, rest = divmod(whole, ranks)
    at_once = min(training.microbatch, share)
    if share and not rest and share % at_once == 0:
        return
    told = (
        f"AOI_TRAINING__PROMPTS x AOI_TRAINING__GROUP_SIZE is {training.prompts} x {training.group_size} = {whole} "
        f"completions a step, for {ranks} ranks that compute AOI_TRAINING__MICROBATCH {training.microbatch} at once"
    )
    if rest or not share:
        raise SettingsError(
            f"{told}: they cannot be shared out evenly. Make one of the first two a multiple of {ranks}, or set "
            f"num_processes of {training.accelerate} to a number that {whole} can be divided by"
        )
    most = max(size for size in range(1, at_once + 1) if share % size == 0)
    raise SettingsError(f"{told}: {share} for each are no whole number of microbatches. Set the last one to {most}")


class Ranks:
    """The processes of one training, and what they say."""

    def __init__(self, door: socket.socket, process: subprocess.Popen[bytes], log: Path) -> None:
        self._door, self._process, self._log = door, process, log
        self._lines: list[Line] = []
        self._done: set[Line] = set()
        self._is_short = False

    def heard(self) -> list[tuple[Line, Message]]:
        """What came within a second, perhaps nothing. Raises: StageBusy if a rank is gone, or the launcher."""
        if self._is_short:  # not at once: why it is gone may have come with it
            raise self.ended("a rank is gone, most often for want of memory")
        ready = select.select([self._door, *self._lines], [], [], POLL_S)[0]
        found: list[tuple[Line, Message]] = []
        for each in ready:
            if isinstance(each, Line):
                try:
                    found += [(each, message_of(line)) for line in each.lines()]
                except EOFError:
                    self._lines.remove(each)
                    each.close()
                    self._is_short |= each not in self._done
            else:
                self._lines.append(Line(self._door.accept()[0]))
        if not ready and self._process.poll() is not None:
            raise self.ended("the launcher is gone")
        return found

    def done(self, line: Line) -> None:
        """That this rank ends is no news from now on. Its line stays: without one it would end as an orphan does, and
        the launcher take that for a failure of all."""
        self._done.add(line)

    def ended(self, why: str) -> StageBusy:
        """What is told of a training that ended too early, once the launcher has seen it too."""
        code = self._wait()
        last = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        state = "still runs" if code is None else f"exited with {code}"
        return StageBusy("\n".join([f"{why}. `accelerate launch` {state}; its last lines:", *last, "Run it again"]))

    def end(self) -> None:
        """Leave no process behind. Ranks end by themselves when nobody is at the other end of their lines."""
        for line in self._lines:
            line.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        if self._wait() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def rest(self) -> None:
        """Let them end in their own time, when all are done."""
        self._wait()

    def _wait(self) -> int | None:
        try:
            return self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            return None


@contextmanager
def launched(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[Ranks]:
    """Start a command whose processes say what they do through `folder`. None of them outlives the block."""
    with socket.socket(socket.AF_UNIX) as door, (folder / LOG).open("wb") as log:
        door.bind(str(folder / SOCKET))
        door.listen()
        # A group of its own: Ctrl-C in a terminal is for this process, which decides what becomes of them.
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        ranks = Ranks(door, process, folder / LOG)
        try:
            yield ranks
        finally:
            ranks.end()
