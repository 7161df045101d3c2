"""Settings of torch under which training is reproducible to the bit on one machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils import deterministic as torch_deterministic


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Fixed threads, deterministic algorithms, subnormal numbers as zero (they are slow and carry no information here).

    New memory is not filled, as torch would do with deterministic algorithms, since it is always written before it is
    read. The settings hold for the whole process; on leaving, the former ones are restored, and subnormals are no
    longer flushed.
    """
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch_deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]  # torch makes it on demand
    )
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch_deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch_deterministic.fill_uninitialized_memory = before[2]  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(before[1])
        torch.set_num_threads(before[0])
