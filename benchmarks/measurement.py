"""Processor time, alternating rounds, and result files of the benchmarks."""

import json
import resource
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mtl_core.files import write_text

Row = dict[str, Any]
T = TypeVar("T")


def processor_seconds(run: Callable[[], object], repeats: int = 1) -> float:
    """Processor seconds of a run in this process, the mean over `repeats`."""
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats


def processor_seconds_of_children() -> float:
    """Processor seconds of all ended children and their descendants."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def alternate(measurements: Mapping[str, Callable[[], T]], rounds: int, warm_up: int = 1) -> dict[str, list[T]]:
    """Name -> results of `rounds` rounds, in which every measurement is made once, after warm-up rounds."""
    results: dict[str, list[T]] = {name: [] for name in measurements}
    for number in range(warm_up + rounds):
        for name, measurement in measurements.items():
            result = measurement()
            if number >= warm_up:
                results[name].append(result)
    return results


def error_of(value: float, higher_is_better: bool) -> float:
    """Error of a metric's value. Where higher is better, the maximum is 1 and the error is 1 minus the value."""
    return 1 - value if higher_is_better else value


def distinct(rows: Iterable[Mapping[str, Any]], key: str) -> list[Any]:
    """Distinct values of a key, in the order of their first rows."""
    return list(dict.fromkeys(row[key] for row in rows))


def merge_rows(path: Path, rows: Sequence[Row], keys: Collection[str], order: Callable[[Row], Any]) -> None:
    """Replace the rows of the JSON file that agree with a new row on all `keys`, and sort by `order`."""

    def identity(row: Row) -> Hashable:
        return tuple(row[key] for key in keys)

    replaced = {identity(row) for row in rows}
    merged = [*(row for row in _stored(path, []) if identity(row) not in replaced), *rows]
    write_text(path, "[\n" + ",\n".join(json.dumps(row) for row in sorted(merged, key=order)) + "\n]\n")


def merge_records(path: Path, records: Mapping[str, Any], order: Collection[str] = ()) -> None:
    """Add the records to the JSON object of the file. `order`: all names that the file may have, in their order."""
    merged = _stored(path, {}) | records
    document = {name: merged[name] for name in order or merged if name in merged}
    write_text(path, json.dumps(document, indent=1) + "\n")


def _stored(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default
