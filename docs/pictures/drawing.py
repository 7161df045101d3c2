"""Pictures in the style of the report: each is one SVG file for light and dark pages."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import altair as alt

from mtl_core.report import theme
from mtl_core.report.svg_file import svg_file

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def parse_arguments(description: str | None, *, file: bool = False) -> argparse.Namespace:
    """The command line of a script, without arguments or with an optional `file`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if file:
        parser.add_argument("file", type=Path, nargs="?", help="output of the benchmark; default: run it")
    return parser.parse_args()


def benchmark_ratios(output: Path | None, script: str, *options: str) -> dict[str, float]:
    """The `ratios` in the last line that a benchmark printed; without an output the benchmark runs first."""
    if output:
        text = output.read_text(encoding="utf-8")
    else:
        command = [sys.executable, str(ROOT / "benchmarks" / script), *options]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    ratios: dict[str, float] = json.loads(text.splitlines()[-1])["ratios"]
    return ratios


def save(name: str, chart: alt.TopLevelMixin, label: str, numbers: dict[str, Any]) -> None:
    """Write NAME.svg and NAME.json, the numbers in it, next to the scripts; both or none.

    Args:
        label: the alternative text for screen readers.
        numbers: JSON values; tests check the numbers in a page against them.
    """
    written = {
        HERE / f"{name}.svg": svg_file(theme.svg(chart, label)),
        HERE / f"{name}.json": json.dumps(numbers, indent=1) + "\n",
    }
    for path, text in written.items():
        _pending(path).write_text(text, encoding="utf-8")
    for path in written:
        _pending(path).replace(path)


def rounded(value: float, divisor: float = 1.0, digits: int = 3) -> float:
    """The quotient, rounded for the JSON file of a picture."""
    return round(float(value) / divisor, digits)


def _pending(path: Path) -> Path:
    return path.with_name(f".{path.name}.pending")
