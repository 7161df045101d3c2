"""Dates and times from the profile to training, graph and parity."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mtl_core.config import parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.data.parts import open_parts
from mtl_core.data.prepare import prepare
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph
from mtl_core.export.parity import parity
from mtl_core.features.datetime import Datetime
from mtl_core.graphs.runtime import open_graph
from mtl_core.training import train
from mtl_core.validation.profile import profile, write_profile
from mtl_core.validation.suite import suite_path, write_suite
from mtl_core.validation.validate import validate

ROWS = 600
INVALID, PLACEHOLDER = "31.03.2013", datetime(9999, 12, 31)
DOCUMENT: dict[str, Any] = {
    "name": "timestamps",
    "data": {"path": "data", "quarantine": 0.05},
    "split": {"by": "hash", "column": "key", "validation": 0.2, "test": 0.2},
    "features": {
        "size": {"kind": "numeric"},
        "seen": {"kind": "datetime", "categorical": ["weekday"]},
        "day": {"kind": "datetime", "elapsed": False, "cyclic": ["month", "day"]},
        "written": {"kind": "datetime"},
        "sent": {"kind": "datetime", "timezone": "Europe/Berlin", "categorical": ["hour"]},
        "logged": {"kind": "datetime", "timezone": "America/New_York"},
    },
    "tasks": {"busy": {"kind": "binary", "target": "busy"}, "minutes": {"kind": "regression", "target": "minutes"}},
    "model": {"embedding": 4, "trunk": {"kind": "shared_bottom", "widths": [16]}, "head": {"width": 0}},
    "training": {"epochs": 2, "batch_size": 64, "threads": 1},
}


def table(seed: int = 0) -> pa.Table:
    """Columns key, size, seen (timestamp), day, written (text), sent (zoned), logged (text with Z), busy, minutes."""
    generator = np.random.default_rng(seed)
    first = np.datetime64("2013-03-01", "us").astype(np.int64)
    seen = pa.array(first + generator.integers(0, 300 * 86_400, ROWS) * 1_000_000).cast(pa.timestamp("us"))
    missing = pa.array(generator.random(ROWS) < 0.1)
    text = pc.strftime(seen, format="%Y-%m-%dT%H:%M:%S")
    hour = pc.hour(seen).to_numpy()
    return pa.table(
        {
            "key": pa.array(np.arange(ROWS)),
            "size": pa.array(generator.normal(size=ROWS)),
            "seen": pc.if_else(missing, None, seen),
            "day": seen.cast(pa.date32()),
            "written": pc.if_else(missing, "", text),
            "sent": seen.cast(pa.int64()).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Asia/Kolkata")),
            "logged": pc.binary_join_element_wise(text, "Z", ""),
            "busy": pa.array(((hour > 6) & (hour < 20)).astype(float)),
            "minutes": pa.array(hour + generator.normal(size=ROWS)),
        }
    )


def replaced(rows: pa.Table, column: str, values: dict[int, Any]) -> pa.Table:
    """The table with other values (by row) in a column."""
    changed = [values.get(row, value) for row, value in enumerate(rows[column].to_pylist())]
    return rows.set_column(rows.column_names.index(column), column, pa.array(changed, rows[column].type))


def test_from_profile_to_parity(tmp_path: Path) -> None:
    problem = parse_problem(DOCUMENT)
    (tmp_path / "data").mkdir()
    pq.write_table(table(), tmp_path / "data" / "a.parquet")
    write_profile(tmp_path, problem)
    pq.write_table(
        replaced(replaced(table(1), "written", {7: INVALID}), "seen", {5: PLACEHOLDER}), tmp_path / "data" / "b.parquet"
    )

    result = validate(tmp_path, problem, tmp_path / "validated")
    assert result.passed
    quarantine = pq.read_table(tmp_path / "validated" / "quarantine.parquet").to_pylist()
    assert {(row["part"], row["row"], row["column"]) for row in quarantine} == {
        ("b.parquet", 5, "seen"),
        ("b.parquet", 7, "written"),
    }

    prepare(tmp_path, problem, tmp_path / "validated" / "quarantine.parquet", tmp_path / "encoded")
    encoder = Encoder.load(tmp_path / "encoded" / "encoder.json")
    splits = {name: EncodedSplit.open(tmp_path / "encoded" / name, encoder) for name in ("train", "validation")}
    network, result = train(problem, encoder, splits["train"], splits["validation"], tmp_path / "scratch")
    assert len(result.epochs) == 2

    raw = pq.read_table(tmp_path / "encoded" / "test.parquet")
    session = open_graph(build_graph(network, encoder).SerializeToString())
    empty_first = replaced(raw, "written", {0: ""})
    for rows in (raw, adversarial_rows(raw, encoder), adversarial_rows(empty_first, encoder)):
        assert parity(session, network, encoder, rows).difference < 1e-5


def expectations(name: str, rows: pa.Table, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Range or pattern that a profile of those rows expects of a column; the rows themselves pass."""
    (tmp_path / "data").mkdir()
    pq.write_table(rows, tmp_path / "data" / "a.parquet")
    problem = parse_problem(DOCUMENT)
    suite = profile(problem, open_parts(tmp_path, problem))
    write_suite(suite_path(tmp_path, problem), suite)
    assert validate(tmp_path, problem, tmp_path / "validated").passed
    rules = {e.type.removeprefix("expect_column_values_to_"): e.kwargs for e in suite.expectations if name in e.columns}
    return {rule: kwargs for rule, kwargs in rules.items() if rule in ("be_between", "match_regex")}


@pytest.mark.parametrize(
    ("column", "changes", "low", "high"),
    [
        ("day", {0: date(2013, 3, 1), 1: date(2013, 12, 25)}, "2003-03-01", "2023-12-26"),
        ("seen", {0: datetime(1900, 1, 1), 1: datetime(2013, 12, 25)}, "1786-01-07", "2127-12-19"),
        ("seen", {0: PLACEHOLDER, 1: datetime(1, 1, 1)}, "1678-01-01", "2262-01-01"),
    ],
)
def test_a_range_is_widened_by_ten_years_or_the_span_of_the_reference(
    tmp_path: Path, column: str, changes: dict[int, Any], low: str, high: str
) -> None:
    assert expectations(column, replaced(table(), column, changes), tmp_path) == {
        "be_between": {"column": column, "min_value": low, "max_value": high}
    }


@pytest.mark.parametrize(
    ("texts", "accepted", "refused"),
    [
        (
            ["2013-01-01", "2013-01-02 05:30", None],
            "2020-02-29T01:02:03.5",
            ["2019-02-29", "2013-01-01T00Z", "2013-01-01\n"],
        ),
        (
            ["2013-01-01T00Z", "2013-01-02T00:00+02:00", "n/a"],
            "2020-02-29T01:02:03Z",
            ["2013-01-01", "n/a", "0000-01-01T00Z"],
        ),
    ],
)
def test_text_must_match_the_pattern_of_most_of_the_reference(
    texts: list[str | None], accepted: str, refused: list[str]
) -> None:
    (pattern,) = Datetime().expectations("written", "str", [pd.Series(texts), pd.Series([None], dtype=object)])
    assert (pattern.type, pattern.kwargs["column"]) == ("expect_column_values_to_match_regex", "written")
    values = pd.Series([accepted, *refused])
    assert values.str.contains(pattern.kwargs["regex"]).tolist() == [True, *[False] * len(refused)]
