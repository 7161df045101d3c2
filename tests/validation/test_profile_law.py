"""The law of profiling: all reference parts pass their suite, whatever their values, number and format."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_core.config import Problem, parse_problem
from mtl_core.data.parts import parts
from mtl_core.validation.expectation_runner import ExpectationRunner
from mtl_core.validation.part import validate_part
from mtl_core.validation.profile import write_profile
from mtl_core.validation.suite import load_suite, suite_path

POOLS: dict[str, list[list[Any]]] = {
    "amount": [[1, 2, 30], [0.5, 2.25, -1e300], [None], [float("nan"), 1.5, None], [float("inf"), 3.0]],
    "code": [["7", "12"], ["007", "7"], ["A1", "B2", None], [None], ["12", "x" * 50]],
    "flag": [[True, False], [True, None], [None]],
    "day": [["2024-01-01", "2024-02-29"], ["2024-01-01 10:00:00", None], ["2024-03-01 10:00:00.25"], [None]],
    "label": [[0, 1], [1, 0, None], [1.0, 0.0]],
    "target": [[1.5, 2.5, None], [3, 4], [1e9 + 0.25, 5]],
}
"""Column -> kinds of values; each part has one kind, drawn at random."""
TYPES = {"amount": pa.float64(), "code": pa.string(), "flag": pa.bool_(), "label": pa.float64(), "target": pa.float64()}


def problem() -> Problem:
    return parse_problem(
        {
            "name": "law",
            "data": {"path": "data", "quarantine": 0},
            "split": {"by": "hash", "column": "key"},
            "features": {
                "amount": {"kind": "numeric"},
                "code": {"kind": "categorical"},
                "flag": {"kind": "categorical"},
                "day": {"kind": "datetime"},
            },
            "tasks": {
                "label": {"kind": "binary", "target": "label"},
                "target": {"kind": "regression", "target": "target"},
            },
        }
    )


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[Any]]:
    rows = draw(st.integers(2, 12))
    kinds = {name: draw(st.sampled_from(pools)) for name, pools in POOLS.items()}
    return {name: [kind[row % len(kind)] for row in range(rows)] for name, kind in kinds.items()}


def write(path: Path, content: dict[str, list[Any]], number: int) -> None:
    rows = len(content["amount"])
    content = {"key": [f"k{number}_{row}" for row in range(rows)], **content}
    if path.suffix == ".csv":
        cells = ["" if cell is None else str(cell) for column in content.values() for cell in column]
        table = zip(*(cells[start : start + rows] for start in range(0, len(cells), rows)), strict=True)
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([list(content), *table])
        return
    arrays = {name: pa.array(column, TYPES.get(name)) for name, column in content.items()}
    if arrays["day"].null_count < rows:
        has_fractions = any("." in (cell or "") for cell in content["day"])
        arrays["day"] = arrays["day"].cast(pa.timestamp("us" if has_fractions else "s"))
    pq.write_table(pa.table(arrays), path)


@settings(deadline=None, max_examples=12)
@given(st.lists(st.tuples(columns(), st.sampled_from([".csv", ".parquet"])), min_size=1, max_size=3))
def test_reference_parts_pass_their_suite(
    tmp_path_factory: pytest.TempPathFactory, contents: list[tuple[dict[str, list[Any]], str]]
) -> None:
    folder = tmp_path_factory.mktemp("law")
    (folder / "data").mkdir()
    for number, (content, suffix) in enumerate(contents):
        write(folder / "data" / f"{number}{suffix}", content, number)
    declared = problem()
    write_profile(folder, declared)
    path = suite_path(folder, declared)
    runner = ExpectationRunner(load_suite(path), path)
    for part in parts(folder, declared):
        result = validate_part(part, declared, runner)
        assert (result.errors, result.reasons) == ((), ()), part.name
    shutil.rmtree(folder)
