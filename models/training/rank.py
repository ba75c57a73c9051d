"""One of several processes that train an adapter together: `accelerate launch -m models.training.rank FOLDER`.

Started by `ranks.py`, never by people. A rank runs the trainer of `grpo.py` on its share of each step and asks the
process that started it for everything that there is once: what completions are worth, and who is told of a step. It
ends when that process is gone.
"""

import os
import queue
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import PartialState

from aoi.errors import Transient
from aoi.records.learning import TrainingExample
from models.training.curves import CurvePoint
from models.training.grpo import grpo
from models.training.wire import ORDER, SOCKET, Failed, Finished, Joined, Line, Message, Order, Reached, Said, Worth


class Payer:
    """The process that pays, as a rank knows it."""

    def __init__(self, folder: Path, examples: Sequence[TrainingExample]) -> None:
        """Raises: OSError if it is gone already."""
        end = socket.socket(socket.AF_UNIX)
        end.connect(str(folder / SOCKET))
        self._line = Line(end)
        self._answers: queue.Queue[Worth] = queue.Queue()
        self._places = {example.digest(): place for place, example in enumerate(examples)}
        threading.Thread(target=self._listen, name="payer", daemon=True).start()

    def tell(self, message: Message) -> None:
        """Say what needs no answer."""
        self._line.send(message)

    def reached(self, point: CurvePoint) -> None:
        """A `Progress`."""
        self.tell(Reached(point=point))

    def reward(self, examples: Sequence[TrainingExample], completions: Sequence[tuple[int, ...]]) -> list[float]:
        """A `Reward` of this rank's share. Every rank asks for its own, so none waits in a collective, which has a
        time limit, while decisions are measured."""
        places = tuple(self._places[example.digest()] for example in examples)
        self.tell(Said(places=places, completions=tuple(completions)))
        return list(self._answers.get().rewards)

    def _listen(self) -> None:
        try:
            while True:
                for line in self._line.lines():
                    self._answers.put(Worth.from_bytes(line))
        except EOFError:
            os._exit(1)  # nobody wants what this rank computes, and the main thread may wait for another rank


def main(folder: Path) -> None:
    """Do what the order in `folder` says."""
    order = Order.from_bytes((folder / ORDER).read_bytes())
    payer = Payer(folder, order.examples)
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    payer.tell(Joined(rank=rank))
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # where `loading.device` puts the model of this rank
    try:
        run = grpo(
            order.base,
            order.examples,
            payer.reward,
            order.folder,
            seed=order.seed,
            settings=order.settings,
            warm_start=order.warm_start,
            progress=None if rank else payer.reached,
            ranks=ranks,
        )
    except Exception as error:
        retry_in_s = error.retry_in_s if isinstance(error, Transient) else None
        payer.tell(Failed(error=type(error).__name__, message=str(error), retry_in_s=retry_in_s))
        raise
    PartialState().destroy_process_group()
    payer.tell(Finished(run=run))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
