"""`mtl init`: the proposed split."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mtl_core.errors import DataError
from tests.flows.drafts import BASE, COLUMNS, DAY, DAYS, RANGE, draft_of, parse_draft, repeat

IDS = {"visit_id": [row * 7 % 1_009 for row in RANGE], "patient_id": repeat(*(f"p{index}" for index in range(40)))}
SPLITS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "an id, without a time": ({}, {"by": "hash", "column": "key"}),
    "a date": ({"at": DAYS}, {"by": "time", "column": "at", "validation": "2024-06-09", "test": "2024-06-29"}),
    "dates at the end of the calendar": ({"at": [*DAYS[:150], *[date(9999, 12, 31)] * 50]}, {"by": "hash"}),
    "an unknown zone": (
        {"at": pa.array(RANGE).cast(pa.timestamp("s", "Mars/Phobos"))},
        {"by": "time", "column": "at", "validation": "1970-01-01T00:02:40+00:00"},
    ),
    "a date with nulls": ({"at": [None, *DAYS[1:]]}, {"by": "hash"}),
    "date of birth beside a time": (
        {"birth_date": [DAY - timedelta(row) for row in RANGE], "seen": DAYS},
        {"by": "time", "column": "seen"},
    ),
    "a column of split names": (
        {"part": ["train"] * 150 + ["valid"] * 25 + ["test"] * 25},
        {"by": "column", "column": "part", "validation": "valid", "test": "test"},
    ),
}
KEYS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an id that repeats": (IDS, "patient_id", "rows with the same 'patient_id' stay"),
    "an id that repeats, of too few values": (
        {**IDS, "patient_id": repeat(*(f"p{index}" for index in range(10)))},
        "visit_id",
        "'patient_id' repeats too",
    ),
    "an id that repeats, with nulls": (
        {**IDS, "patient_id": [None, *IDS["patient_id"][1:]]},
        "visit_id",
        "'patient_id' repeats too",
    ),
    "text that repeats, with too many values for a feature": (
        {"key": COLUMNS["key"], "patient": [f"person {row % 70}" for row in RANGE]},
        "patient",
        "rows with the same 'patient'",
    ),
    "a code that repeats": (
        {"key": COLUMNS["key"], "zip": [f"{row % 70:05}" for row in RANGE]},
        "key",
        "'key' is different in every row",
    ),
}
SPLIT_NAMES: dict[str, tuple[list[str], dict[str, Any], list[str]]] = {
    "no validation": (["train", "test"], {"validation": 0.1, "test": "test"}, ["a hash of the row"]),
    "no test": (["train", "dev"], {"validation": 0.1, "test": "dev"}, ["a hash of the row"]),
    "val and dev": (
        ["Train", "val", "dev", "test"],
        {"train": "Train", "validation": ["dev", "val"], "test": "test"},
        ["do 'dev' and 'val' all mean validation?"],
    ),
    "two spellings": (
        ["train", "valid", "test", "Test "],
        {"validation": "valid", "test": ["Test ", "test"]},
        ["do 'Test ' and 'test' all mean test?"],
    ),
    "another word": (
        ["train", "training", "valid", "test", "spare"],
        {"validation": "valid", "test": "test"},
        ["do 'train' and 'training' all mean train?", "add 'spare' to train, validation or test"],
    ),
}


@pytest.mark.parametrize(("columns", "expected"), SPLITS.values(), ids=SPLITS)
def test_the_split_follows_from_the_columns(tmp_path: Path, columns: dict[str, Any], expected: dict[str, str]) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, **columns}, "yes")
    assert {key: draft.split.options[key] for key in expected} == expected
    assert (draft.split.options["column"] in draft.features) == (expected["by"] == "time")


def test_without_time_and_key_the_split_hashes_the_row(tmp_path: Path) -> None:
    columns = {"few": repeat(*range(4)), **BASE}
    draft = draft_of(tmp_path, columns, "yes")
    assert draft.split.options == {"by": "hash", "column": "row", "validation": 0.1, "test": 0.1}
    assert "no time or key" in draft.split.warning
    assert parse_draft(draft).columns == ("few", "amount", "yes")
    with pytest.raises(DataError, match="'row', but a column has that name; rename it"):
        draft_of(tmp_path, {**columns, "row": repeat(*range(7))}, "yes")


@pytest.mark.parametrize(("columns", "key", "warning"), KEYS.values(), ids=KEYS)
def test_a_key_that_repeats_is_preferred(tmp_path: Path, columns: dict[str, Any], key: str, warning: str) -> None:
    draft = draft_of(tmp_path, {**BASE, **columns}, "yes")
    assert draft.split.options["column"] == key
    assert key in draft.left_out
    assert warning in draft.split.warning


@pytest.mark.parametrize(("words", "options", "warnings"), SPLIT_NAMES.values(), ids=SPLIT_NAMES)
def test_a_column_of_split_names_defines_the_split(
    tmp_path: Path, words: list[str], options: dict[str, Any], warnings: list[str]
) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "part": repeat(*words)}, "yes")
    assert draft.split.options == {"by": "column", "column": "part", **options}
    assert all(warning in draft.split.warning for warning in warnings)


@pytest.mark.parametrize(
    ("name", "values", "train", "test"),
    [("is_test", [True, False], False, True), ("training", [1, 0], 1, 0), ("Holdout set", [0, 1], 0, 1)],
)
def test_a_flag_named_like_a_split_defines_the_split(
    tmp_path: Path, name: str, values: list[Any], train: Any, test: Any
) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, name: [values[row % 3 == 0] for row in RANGE]}, "yes")
    expected = {"by": "column", "column": name, "train": train, "validation": 0.1, "test": test}
    assert draft.split.options == expected
    assert name in draft.left_out


def test_validation_is_sampled_by_the_key_that_repeats(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {**IDS, **BASE, "part": repeat("train", "test")}, "yes")
    assert (draft.split.options["validation"], draft.split.options["key"]) == (0.1, "patient_id")


@pytest.mark.parametrize("words", [["train", "bus", "car"], ["test", "other"], ["training", "work"]])
def test_other_words_among_split_names_make_a_feature(tmp_path: Path, words: list[str]) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "by": repeat(*words)}, "yes")
    assert draft.split.options["by"] == "hash"
    assert "by" in draft.features
