"""The state of torch during a training, and after it."""

from collections.abc import Callable
from contextlib import suppress

import torch
from torch.utils import deterministic as torch_deterministic

from mtl_core.nn.deterministic import deterministic

STATE: dict[str, Callable[[], object]] = {
    "threads": torch.get_num_threads,
    "deterministic": torch.are_deterministic_algorithms_enabled,
    "filled": lambda: torch_deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
    "subnormal": lambda: bool(torch.tensor(1e-40) * 1),
}


def state() -> dict[str, object]:
    return {name: read() for name, read in STATE.items()}


def test_the_settings_apply_within_the_context_and_are_restored_after_it_also_after_an_error() -> None:
    before = state()
    with suppress(ZeroDivisionError), deterministic(1):
        assert state() == {"threads": 1, "deterministic": True, "filled": False, "subnormal": False}
        raise ZeroDivisionError
    assert state() == before
