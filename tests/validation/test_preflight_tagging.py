"""The check of a problem's data before its stages, with tagging tasks."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from mtl_core.validation.preflight import DataSummary, check_data
from tests.tagging import SPANS, document, table

PLAIN = {"start": 0, "end": 1, "label": "day"}


def checked(folder: Path, rows: pa.Table, **slots: Any) -> DataSummary:
    (folder / "data").mkdir()
    pq.write_table(rows, folder / "data" / "part.parquet")
    params = document()
    params["tasks"]["slots"] |= slots
    return check_data(folder, parse_problem(params))


def with_slots(spans: list[Any], arrow_type: pa.DataType = SPANS) -> pa.Table:
    """The table with these spans in every row."""
    rows = table()
    return rows.set_column(rows.column_names.index("slots"), "slots", pa.array([spans] * len(rows), arrow_type))


def test_labelled_texts_are_counted(tmp_path: Path) -> None:
    rows = table()
    summary = checked(tmp_path, rows)
    for task in ("slots", "people"):
        assert sum(summary.labelled[task].values()) == len(rows) - rows[task].null_count


@pytest.mark.parametrize(
    ("spans", "options", "error"),
    [
        ([PLAIN, PLAIN], {}, "spans must not overlap, found one from 0 to 1 after one that ends at 1"),
        ([PLAIN | {"label": None}], {"labels": ["day"]}, "needs spans of 1 to 1,000 labels"),
        ([PLAIN, PLAIN | {"label": None}], {}, "a span must have start, end, label, found"),
        ([PLAIN], {"labels": ["song"]}, "the labels are song, found 'day'"),
        ([], {}, "needs spans of 1 to 1,000 labels in the training split, found 0"),
    ],
)
def test_broken_spans_are_lines_with_their_task(
    tmp_path: Path, spans: list[Any], options: dict[str, Any], error: str
) -> None:
    with pytest.raises(ProblemError, match=rf"tasks\.slots: .*{error}"):
        checked(tmp_path, with_slots(spans), **options)


def test_a_column_without_spans_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"tasks\.slots: a tagging target must be lists of \{start, end, label"):
        checked(tmp_path, with_slots(["day"], pa.list_(pa.string())))


def test_a_split_without_a_span_leaves_the_metric_undefined(tmp_path: Path) -> None:
    rows, params = table(), document()
    params["split"] = {"by": "column", "column": "part", "validation": "validation", "test": "test"}
    parts = ["train" if row % 3 else "validation" if row % 2 else "test" for row in range(len(rows))]
    slots = [
        [] if part == "validation" else spans for part, spans in zip(parts, rows["slots"].to_pylist(), strict=True)
    ]
    rows = rows.set_column(rows.column_names.index("slots"), "slots", pa.array(slots, SPANS))
    (tmp_path / "data").mkdir()
    pq.write_table(rows.append_column("part", pa.array(parts)), tmp_path / "data" / "part.parquet")
    rule = (
        r"tasks\.slots\.metric: span_f1 must be defined on the validation split, found no span in the labels in 'slots'"
    )
    with pytest.raises(ProblemError, match=rule):
        check_data(tmp_path, parse_problem(params))
