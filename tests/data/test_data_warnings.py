"""Warnings and errors of `mtl check` from a sample of the rows."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.config import Problem
from mtl_core.data.data_warnings import balancing_warnings, data_warnings, repeating_columns
from mtl_core.data.parts import open_parts
from mtl_core.errors import DataError
from tests.data.orders import declared, month, write

ROWS = 400
RNG = np.random.default_rng(1)
VISITS = pa.table(
    {
        "visit_id": np.arange(ROWS) * 3,
        "patient_id": [f"p{row % 50}" for row in range(ROWS)],
        "age": RNG.integers(20, 90, ROWS),
        "days": RNG.normal(size=ROWS),
        "returned": RNG.random(ROWS) < 0.5,
    }
)
BY_PATIENT = {"by": "hash", "column": "patient_id"}


def warnings_of(folder: Path, problem: Problem, **tables: pa.Table) -> list[str]:
    write(folder, **tables)
    return data_warnings(problem, open_parts(folder, problem))


def visits(**changes: Any) -> Problem:
    return declared(**{"features": {"age": {"kind": "numeric"}}, "split": BY_PATIENT, **changes})


def test_ignored_data_files_give_a_warning(tmp_path: Path) -> None:
    problem = visits()
    assert warnings_of(tmp_path, problem, a=VISITS) == []
    (tmp_path / "data" / "year=2024" / "month=1").mkdir(parents=True)
    for name in ("b.csv.gz", ".c.csv.gz", "d.csv.tmp", "notes.gz"):
        (tmp_path / "data" / name).touch()
    assert "'b.csv.gz' in data is not read" in warnings_of(tmp_path, problem)[0]
    (tmp_path / "data" / "year=2024" / "month=1" / "c.parquet").touch()
    assert "'b.csv.gz', 'year=2024/' in data are not read" in warnings_of(tmp_path, problem)[0]
    assert warnings_of(tmp_path, visits(data={"path": "data/a.parquet"})) == []


def test_an_unquoted_date_gives_a_warning(tmp_path: Path) -> None:
    split = {"by": "time", "column": "day", "validation": date(2024, 2, 1), "test": "2024-03-01"}
    (warning,) = warnings_of(tmp_path, declared(split=split), a=month(1), b=month(2), c=month(3))
    assert re.match("split.validation: .* found 2024-02-01; put it in quotes", warning)


SHARE = {"by": "column", "column": "part", "validation": 0.1}
BY_KEY: dict[str, tuple[dict[str, Any], str]] = {
    "a key of each row": (
        {"by": "hash", "column": "visit_id"},
        "'visit_id' is unique in nearly every row, while 'patient_id' repeats",
    ),
    "rows": ({"by": "hash", "column": "row"}, "as in `column: patient_id`"),
    "a share of the training rows": (SHARE, "`key: patient_id`"),
    "a key that repeats": (BY_PATIENT, ""),
    "a share by a key that repeats": (SHARE | {"key": "patient_id"}, ""),
    "a column that names the split": ({"by": "column", "column": "part", "validation": "dev", "train": "train"}, ""),
}


@pytest.mark.parametrize(("split", "words"), BY_KEY.values(), ids=BY_KEY)
def test_a_key_per_row_gives_a_warning_if_another_id_repeats(tmp_path: Path, split: dict[str, Any], words: str) -> None:
    names = ["train", "test"] if split.get("validation") != "dev" else ["train", "test", "dev", "train"]
    table = VISITS.append_column("part", pa.array((names * ROWS)[:ROWS]))
    warnings = warnings_of(tmp_path, visits(split=split), a=table)
    assert len(warnings) == bool(words)
    assert all(words in warning for warning in warnings)


ID_TYPES = {
    "a map": pa.map_(pa.string(), pa.int64()),
    "a struct": pa.struct([("site", pa.string()), ("number", pa.int64())]),
    "a list": pa.list_(pa.int64()),
    "a view of text": pa.string_view(),
    "a dictionary": pa.dictionary(pa.int8(), pa.string()),
}


@pytest.mark.parametrize("arrow_type", ID_TYPES.values(), ids=ID_TYPES)
def test_an_id_of_any_type_can_repeat(arrow_type: pa.DataType) -> None:
    values: dict[str, list[Any]] = {
        "map": [[("a", 1)], [("a", 2)]],
        "struct": [{"site": "a", "number": 1}, {"site": "b", "number": 1}],
        "list": [[1, 2], [2, 1]],
    }
    name = str(arrow_type).partition("<")[0]
    column = pa.array(
        [*values.get(name, ["a", "b"]) * 2, None, None], pa.string() if name == "dictionary" else arrow_type
    )
    table = pa.table({"id": column.cast(arrow_type), "key": [None, None, None, "a", "b", "c"]})
    assert repeating_columns(table, ["id", "key"]) == ["id"]


def test_a_repeating_id_that_is_a_feature_gives_no_warning(tmp_path: Path) -> None:
    features = {"patient_id": {"kind": "categorical"}}
    assert warnings_of(tmp_path, visits(features=features, split={"by": "hash", "column": "visit_id"}), a=VISITS) == []


def test_a_leak_gives_one_warning_for_a_target_and_its_bands(tmp_path: Path) -> None:
    """`slow` is true where days are 5 or more."""
    days = np.arange(ROWS) * 7 % 31 / 3
    table = VISITS.set_column(3, "days", pa.array(days)).append_column("copy", pa.array(days))
    table = table.append_column("late", pa.array(days >= 5))
    features = {"copy": {"kind": "numeric"}, "late": {"kind": "categorical"}, "age": {"kind": "numeric"}}
    warnings = warnings_of(tmp_path, visits(features=features), a=table)
    assert [warning.partition(" in ")[0].partition(" (")[0] for warning in warnings] == [
        "'copy' equals target 'days'",
        "'late' alone predicts target 'slow'",
    ]


@pytest.mark.parametrize("parts", [1, 30])
def test_clean_data_give_no_warnings(tmp_path: Path, parts: int) -> None:
    """A single part file, and many of which only some are sampled."""
    tables = {f"p{number:02}": VISITS.slice(number * ROWS // parts, ROWS // parts) for number in range(parts)}
    assert warnings_of(tmp_path, visits(), **tables) == []


INTENT = {"intent": {"kind": "multiclass", "target": "intent"}}
SLOTS = {"slots": {"kind": "tagging", "target": "slots"}}
BALANCED: dict[str, tuple[dict[str, Any], dict[str, str] | None, int]] = {
    "tags and classes": (INTENT | SLOTS, None, 1),
    "tags and classes by the mean": (INTENT | SLOTS, {"method": "mean"}, 0),
    "tags alone": (SLOTS, None, 0),
    "classes alone": (INTENT, None, 0),
}


@pytest.mark.parametrize(("tasks", "balancing", "count"), BALANCED.values(), ids=BALANCED)
def test_tags_under_inverse_losses_give_a_warning(
    tasks: dict[str, Any], balancing: dict[str, str] | None, count: int
) -> None:
    training = {"balancing": balancing} if balancing else {}
    problem = declared(features={"text": {"kind": "text"}}, tasks=tasks, training=training)
    warnings = balancing_warnings(problem)
    assert len(warnings) == count
    assert all(re.match("training.balancing.method: should be mean with 'slots' ", warning) for warning in warnings)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "text that does not sort as time": (
        {"by": "time", "column": "joined", "validation": "10/1/2023", "test": "11/1/2023"},
        "found '1/2/2023' in column 'joined'",
    ),
    "a value that is not declared": ({"by": "column", "column": "part"}, "found 'Test ' in 200 rows"),
    "a key with nulls": ({"by": "hash", "column": "gaps"}, "must have a value in every row, found 200 nulls"),
    "a key of a share with nulls": (
        SHARE | {"test": "Test ", "key": "gaps"},
        "split.key: 'gaps' must have a value in every row",
    ),
    "a missing key": ({"by": "hash", "column": "patient"}, "no column 'patient'"),
}


@pytest.mark.parametrize(("split", "words"), REFUSED.values(), ids=REFUSED)
def test_a_split_that_preparation_would_refuse_is_an_error(tmp_path: Path, split: dict[str, Any], words: str) -> None:
    table = VISITS.append_column("joined", pa.array(["1/2/2023"] * ROWS))
    table = table.append_column("part", pa.array(["train", "Test "] * (ROWS // 2)))
    table = table.append_column("gaps", pa.array(["a", None] * (ROWS // 2)))
    with pytest.raises(DataError, match=re.escape(words)):
        warnings_of(tmp_path, visits(split=split), a=table)


def test_data_without_rows_give_no_warnings(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, visits(split={"by": "hash", "column": "row"}), a=VISITS.slice(0, 0)) == []
