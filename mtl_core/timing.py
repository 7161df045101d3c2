"""Latency of calls."""

import time
from collections.abc import Callable, Mapping

import numpy as np

Call = Callable[[], object]
Clock = Callable[[], float]
MIN_ROUNDS, MAX_SECONDS = 10, 3.0
"""Minimum number of measured rounds, and seconds after which no further round starts."""


def median_ms(
    calls: Mapping[str, Call], *, rounds: int = 50, warm_up: int = 5, clock: Clock | None = None
) -> dict[str, float]:
    """Name -> median milliseconds of a call, by a clock that returns seconds.

    A round makes every call once, so that other load on the machine affects all of them alike. Fewer than `rounds` are
    measured where these take longer than MAX_SECONDS, but at least MIN_ROUNDS.
    """
    clock = clock or time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in calls}
    first_start = time.perf_counter()
    for completed in range(warm_up + rounds):
        if completed >= warm_up + MIN_ROUNDS and time.perf_counter() - first_start > MAX_SECONDS:
            break
        for name, call in calls.items():
            start = clock()
            call()
            times[name].append(clock() - start)
    return {name: float(np.median(seconds[warm_up:])) * 1e3 for name, seconds in times.items()}
