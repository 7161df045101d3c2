"""Waiting time of commands: `mtl --help`, `mtl check`, and `mtl serve` until it is ready.

    python benchmarks/start_up.py [--rounds 5] [--folder .]

Whole processes from their start: `--help` and `check` until they end, `serve` until /readyz answers 200 on a free port,
with the champion of the folder's store, which must have one. Each runs once to warm the disk cache, then
alternating. `seconds` is wall time; `processor` is processor time of the process and its children. Medians.

The limits are those of an idle core: 0.5, 4 and 8 s. The last line is one JSON object:
{"seconds": {"help": s, "check": s, "serve": s}, "processor": {...}}.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
from measurement import alternate, processor_seconds_of_children
from problems import ROOT

MTL = Path(sys.executable).with_name("mtl")
LIMITS = {"help": 0.5, "check": 4.0, "serve": 8.0}
PATIENCE = 120.0
"""Seconds to wait for the service."""


def main() -> None:
    """Time every command and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=ROOT)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    commands = {
        "help": lambda: time_command(["--help"]),
        "check": lambda: time_command(["check", "-C", str(folder)]),
        "serve": lambda: time_service(folder),
    }
    times = alternate(commands, arguments.rounds)
    print(f"{'':<8}{'seconds':>10}{'slowest':>10}{'processor':>11}{'limit':>8}")
    result: dict[str, dict[str, float]] = {"seconds": {}, "processor": {}}
    for name, runs in times.items():
        seconds, processor = (statistics.median(values) for values in zip(*runs, strict=True))
        result["seconds"][name], result["processor"][name] = round(seconds, 2), round(processor, 2)
        slowest = max(run[0] for run in runs)
        print(f"{name:<8}{seconds:>10.2f}{slowest:>10.2f}{processor:>11.2f}{LIMITS[name]:>8.1f}")
    print(json.dumps(result))


def time_command(arguments: list[str]) -> tuple[float, float]:
    """Seconds and processor seconds of a command until it has ended."""
    before, start = processor_seconds_of_children(), time.perf_counter()
    subprocess.run([MTL, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start, processor_seconds_of_children() - before


def time_service(folder: Path) -> tuple[float, float]:
    """Seconds and processor seconds of the service until it is ready; then it is stopped."""
    port, start = free_port(), time.perf_counter()
    command = [MTL, "serve", "-C", str(folder), "--port", str(port)]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        family: list[psutil.Process] = []
        try:
            while not answers(port):
                if process.poll() is not None or time.perf_counter() - start > PATIENCE:
                    raise SystemExit(f"the service is not ready: {os.pread(log.fileno(), 10_000, 0).decode()}")
                time.sleep(0.02)
            seconds = time.perf_counter() - start
            leader = psutil.Process(process.pid)
            family = [leader, *leader.children(recursive=True)]
            return seconds, sum(sum(member.cpu_times()[:4]) for member in family)
        finally:
            process.terminate()
            process.wait(30)
            for member in family:
                if member.is_running():
                    member.kill()


def answers(port: int) -> bool:
    """True if the service on this port is ready."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """A free port on 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
