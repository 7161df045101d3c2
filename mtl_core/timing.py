"""Time of calls."""

import time
from collections.abc import Callable, Mapping

import numpy as np

Call = Callable[[], object]
Clock = Callable[[], float]
MIN_ROUNDS, MAX_SECONDS = 10, 3.0
"""Rounds that are always measured, and the time after which there are no more of them."""


def median_ms(
    calls: Mapping[str, Call], *, rounds: int = 50, warm_up: int = 5, clock: Clock | None = None
) -> dict[str, float]:
    """Name -> median milliseconds of a call by that clock, in seconds.

    Calls take turns, so that other load on the machine affects all alike.

    Fewer than `rounds` are measured where these take more than MAX_SECONDS, but MIN_ROUNDS at least.
    """
    clock = clock or time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in calls}
    start = time.perf_counter()
    for done in range(warm_up + rounds):
        if done >= warm_up + MIN_ROUNDS and time.perf_counter() - start > MAX_SECONDS:
            break
        for name, call in calls.items():
            began = clock()
            call()
            times[name].append(clock() - began)
    return {name: float(np.median(found[warm_up:])) * 1e3 for name, found in times.items()}
