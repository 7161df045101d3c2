"""The state of torch under which a training repeats to the bit on one machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils import deterministic

__all__ = ["repeatable"]


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Fixed threads, deterministic algorithms, subnormal numbers as zero (they are slow, and mean nothing here).

    New memory is not filled, which torch does beside deterministic algorithms, at a cost; nothing here reads it first.
    What was set before is set again on leaving, since all of it holds for the whole process.
    """
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]  # torch makes it on demand
    )
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        deterministic.fill_uninitialized_memory = before[2]  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(before[1])
        torch.set_num_threads(before[0])
