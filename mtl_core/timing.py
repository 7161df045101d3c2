"""Wall time of calls."""

import time
from collections.abc import Callable, Mapping

import numpy as np

__all__ = ["Call", "median_ms"]

Call = Callable[[], object]


def median_ms(calls: Mapping[str, Call], *, rounds: int = 50, warm_up: int = 5) -> dict[str, float]:
    """Name -> median milliseconds of a call. Calls take turns, so that other load on the machine affects all alike."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(warm_up + rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - began)
    return {name: float(np.median(found[warm_up:])) * 1e3 for name, found in times.items()}
