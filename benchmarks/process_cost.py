"""Run a function in a separate process and measure seconds, processor seconds and peak memory."""

import multiprocessing
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLING = 0.01
"""Seconds between samples of the anonymous memory, for which the kernel records no peak."""


@dataclass(frozen=True, kw_only=True)
class ProcessCost:
    """Memory in MiB.

    `peak` counts all resident pages; `anonymous` excludes those of mapped files, which the kernel can drop; `before` is
    the anonymous memory after the imports.
    """

    wall: float
    processor: float
    peak: float
    anonymous: float
    before: float


def cost_in_new_process(function: Callable[..., None], *arguments: Any) -> ProcessCost:
    """ProcessCost of `function` in a new process; both must be importable there."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(cost_of, function, *arguments).result()


def cost_of(function: Callable[..., None], *arguments: Any) -> ProcessCost:
    """ProcessCost of `function` in this process; the peak is that of the process so far."""
    before = _resident("RssAnon")
    samples, ended = [before], threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLING):
            samples.append(_resident("RssAnon"))

    watch = threading.Thread(target=sample)
    watch.start()
    wall, processor = time.perf_counter(), time.process_time()
    try:
        function(*arguments)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    finally:
        ended.set()
        watch.join()
    return ProcessCost(wall=wall, processor=processor, peak=_resident("VmHWM"), anonymous=max(samples), before=before)


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))
