"""How many threads the tensor library uses. At this size two that contend are slower than one."""

import torch


def use_threads(count: int) -> None:
    """Set the number of threads of this process."""
    torch.set_num_threads(count)
