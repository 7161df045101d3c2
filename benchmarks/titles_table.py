"""Tables of the results of titles.py as Markdown, as shown in docs/text.md.

    python benchmarks/titles_table.py

The first table has the variants' gains on validation, 100 ln(error without titles / error), per task and their mean.
The others compare the selected variant with no titles: means over seeds of each task's own metric, and their
difference, above 0 if titles are better, with its 95% interval over rows and seeds.
"""

import json
import math
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paired import MARKS

RESULTS = Path(__file__).parent / "results" / "titles.json"
SPLITS = ("validation", "test")
TITLES, WITHOUT = "titles", "without"
"""The two arms."""


def tables(results: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the tables: the variants on validation, and the selected one on validation and test."""
    tasks, variants = results["tasks"], results["variants"]
    names = [f"`{name}`" for name in (*variants[0]["options"], *tasks)]
    yield f"| {' | '.join(names)} | mean |"
    yield "|---" * (len(names) + 1) + "|"
    for number, variant in enumerate(variants):
        gains = [*variant["gains"].values(), statistics.mean(variant["gains"].values())]
        cells = [*map(str, variant["options"].values()), *(f"{gain:+.2f}" for gain in gains)]
        mark = " selected" if number == results["selected"] else ""
        yield f"| {' | '.join(cells)}{mark} |"
    for split in SPLITS:
        yield ""
        yield f"| task | metric | {split}: without titles | with titles | difference |"
        yield "|---|---|---|---|---|"
        for name, task in tasks.items():
            gain, digits = task[split]["gain"], _decimals(task[split]["gain"])
            means = (f"{task[split][arm]['mean']:.{digits}f}" for arm in (WITHOUT, TITLES))
            interval = f"{gain['low']:.{digits}f} to {gain['high']:.{digits}f}"
            mark = MARKS[(gain["low"] > 0) - (gain["high"] < 0)]
            difference = f"{gain['difference']:+.{digits}f} ({interval}){mark}"
            yield f"| `{name}` | {task['metric']} | {' | '.join(means)} | {difference} |"


def _decimals(gain: Mapping[str, float]) -> int:
    """Decimals that show two digits of the interval's width."""
    width = gain["high"] - gain["low"]
    return max(0, min(5, 1 - math.floor(math.log10(width)))) if width > 0 else 4


if __name__ == "__main__":
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))
