"""The state of torch under which a training repeats to the bit on one machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["repeatable"]


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Fixed threads, deterministic algorithms, subnormal numbers as zero (they are slow, and mean nothing here).

    What was set before is set again on leaving, since all three hold for the whole process.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.use_deterministic_algorithms(before[1])
        torch.set_num_threads(before[0])
