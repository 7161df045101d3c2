"""Preparation writes a complete folder, the same for the same data, or changes nothing."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mtl_core.data import parts as parts_module
from mtl_core.data.prepare import prepare
from mtl_core.data.split import SPLITS
from mtl_core.errors import DataError
from tests.data.orders import ROWS, contents, declared, month, write
from tests.data.preparation import raw, run


def assert_same_arrays(folder: Path, expected: dict[str, bytes]) -> None:
    files = contents(folder / "encoded")
    assert files.keys() == expected.keys()
    assert all(files[name] == expected[name] for name in expected if name.endswith((".npy", ".json")))


@pytest.mark.parametrize(
    ("empty", "validation", "test"),
    [
        ("train", "2023-01-01", "2024-03-01"),
        ("validation", "2024-02-29", "2024-03-01"),
        ("test", "2024-02-01", "2025-01-01"),
    ],
)
def test_an_empty_split_is_refused(folder: Path, empty: str, validation: str, test: str) -> None:
    problem = declared(split={"by": "time", "column": "day", "validation": validation, "test": test})
    with pytest.raises(DataError, match=f"split: .* found none for {empty}"):
        run(folder, problem)
    assert not (folder / "encoded").exists()


def test_preparation_is_repeatable_and_replaces_the_whole_folder(folder: Path) -> None:
    run(folder)
    first = contents(folder / "encoded")
    (folder / "encoded" / "left over.npy").write_bytes(b"old")
    (folder / ".encoded.pending").mkdir()
    (folder / ".encoded.pending" / "left over.npy").write_bytes(b"of a killed run")
    run(folder)
    assert contents(folder / "encoded") == first
    assert sorted(path.name for path in folder.iterdir()) == ["data", "encoded", "quarantine.parquet"]


def with_ints(number: int) -> pa.Table:
    return month(number).set_column(3, "returned", month(number)["returned"].cast(pa.int64()))


LATE_ERRORS = {
    "an invalid label": {
        "a": with_ints(1),
        "b": with_ints(2),
        "c": month(3).set_column(3, "returned", pa.array([7] * ROWS)),
    },
    "a part without a column": {"c": month(3).drop_columns(["days"])},
}
"""Errors in the second pass, and at the end of the first."""


@pytest.mark.parametrize("changes", LATE_ERRORS.values(), ids=LATE_ERRORS)
def test_a_late_error_leaves_the_previous_folder(folder: Path, changes: dict[str, pa.Table]) -> None:
    run(folder)
    before = contents(folder / "encoded")
    write(folder, **changes)
    with pytest.raises(DataError, match=r"found 7 in 'returned'|c\.parquet: no column"):
        run(folder)
    assert contents(folder / "encoded") == before
    assert sorted(path.name for path in folder.iterdir()) == ["data", "encoded", "quarantine.parquet"]


def test_data_that_change_between_the_passes_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part is read once."""
    run(folder)
    expected = contents(folder / "encoded")
    batches = parts_module.Part.batches

    def vanishing(part: parts_module.Part, columns: Any, dictionaries: Any) -> Any:
        yield from batches(part, columns, dictionaries)
        part.path.unlink()

    monkeypatch.setattr(parts_module.Part, "batches", vanishing)
    assert run(folder) == dict.fromkeys(SPLITS, ROWS)
    assert contents(folder / "encoded") == expected


def test_the_division_into_parts_changes_nothing(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Three files or one, Parquet or CSV: the same encoder and the same arrays."""
    run(folder)
    expected = contents(folder / "encoded")
    other = tmp_path_factory.mktemp("one")
    write(other, all_csv=pa.concat_tables([month(1), month(2), month(3)]))
    run(other)
    assert_same_arrays(other, expected)


SHOPS = {
    "large text": lambda shops: shops.cast(pa.large_string()),
    "a narrow dictionary": lambda shops: shops.dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())),
    "an empty text for a null": lambda shops: pc.fill_null(shops, ""),
}


@pytest.mark.parametrize("change_layout", SHOPS.values(), ids=SHOPS)
@pytest.mark.parametrize("number", [1, 2])
def test_the_layout_of_text_changes_nothing(folder: Path, change_layout: Any, number: int) -> None:
    """The first part, whose types all parts share, or a later one has another layout."""
    run(folder)
    expected, table = contents(folder / "encoded"), month(number)
    write(folder, **{"ab"[number - 1]: table.set_column(1, "shop", change_layout(table["shop"].combine_chunks()))})
    run(folder)
    assert_same_arrays(folder, expected)
    shops = [value or None for value in raw(folder, "validation")["shop"].to_pylist()]
    assert shops == month(2)["shop"].to_pylist()


def test_a_part_without_rows(folder: Path) -> None:
    run(folder)
    expected = contents(folder / "encoded")
    write(folder, aa=month(1).slice(0, 0), d=month(1).slice(0, 0))
    assert run(folder) == dict.fromkeys(SPLITS, ROWS)
    assert contents(folder / "encoded") == expected


def test_a_missing_quarantine_file_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"quarantine\.parquet: .*found no file; run validate"):
        prepare(folder, declared(), folder / "quarantine.parquet", folder / "encoded")
