"""Settings of torch under which training is bit-reproducible on one machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils import deterministic as torch_deterministic


@contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Fix the threads, use deterministic algorithms, and flush subnormal numbers, which are slow and negligible here.

    Torch does not fill new memory, its default with deterministic algorithms, since it is always written before it is
    read. The settings apply to the whole process; at exit the previous ones are restored, and subnormals are no longer
    flushed.
    """
    previous = (
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
        torch_deterministic.fill_uninitialized_memory = previous[2]  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(previous[1])
        torch.set_num_threads(previous[0])
