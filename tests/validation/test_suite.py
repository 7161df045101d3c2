"""Suite files: reading, writing, and comparison with an edited one. Nothing here needs Great Expectations."""

import json
from pathlib import Path

import pytest

from mtl_core.errors import DataError
from mtl_core.expectations import Expectation
from mtl_core.validation.profile import write_profile
from mtl_core.validation.suite import Suite, differences, load_suite, suite_path, write_suite
from tests.validation.conftest import about, edit, problem

PATH = "gx/expectations/orders.json"


def suite_of(*expectations: Expectation) -> Suite:
    return Suite(name="s", expectations=expectations)


def test_a_second_profile_changes_nothing(folder: Path) -> None:
    before = suite_path(folder, problem()).read_bytes()
    for force in (False, True):
        assert write_profile(folder, problem(), force=force) == (f"{PATH}: unchanged",)
    assert suite_path(folder, problem()).read_bytes() == before


def test_an_edited_suite_is_overwritten_only_with_force(folder: Path) -> None:
    path = suite_path(folder, problem())
    original = path.read_text()
    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "note"}}
    edit(folder, lambda entries: about(entries, "amount", "min_value")["kwargs"].update(max_value=5))
    edit(folder, lambda entries: entries.append(unique))
    edit(folder, lambda entries: entries.remove(entries[1]))
    edited = path.read_text()
    with pytest.raises(DataError, match=f"{PATH}: is not overwritten, .* 3 changes") as error:
        write_profile(folder, problem())
    assert path.read_text() == edited
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[1:3] == [
        "- note: expect_column_values_to_be_unique()",
        "+ expect_table_row_count_to_be_between(min_value=50, max_value=200)",
    ]
    assert lines[3].startswith("~ amount: expect_column_values_to_be_between(min_value=0, max_value=5) becomes")
    assert "overwritten, 3 changes" in write_profile(folder, problem(), force=True)[0]
    assert path.read_text() == original


def test_a_damaged_suite_is_replaced_only_with_force(folder: Path) -> None:
    path = suite_path(folder, problem())
    path.write_text("{")
    with pytest.raises(DataError, match="must be JSON"):
        write_profile(folder, problem())
    assert "overwritten, 1 changes" in write_profile(folder, problem(), force=True)[0]
    assert load_suite(path).name == "orders"


def test_references_must_be_parts(folder: Path) -> None:
    path = suite_path(folder, problem())
    path.unlink()
    with pytest.raises(DataError, match=r"no part '2024-3.parquet'; did you mean '2024-03.parquet'"):
        write_profile(folder, problem(), ["2024-3.parquet"])
    assert not path.exists()
    write_profile(folder, problem(), ["2024-03.parquet"])
    assert [e.notes for e in load_suite(path).expectations if "row_count" in e.type] == ["100 rows in a part"]


def test_differences_ignore_notes_and_order() -> None:
    x = Expectation(type="a", kwargs={"column": "x"}, notes="old")
    y = Expectation(type="a", kwargs={"column": "y", "value_set": list(range(9))})
    assert differences(suite_of(x, y), suite_of(y, Expectation(type="a", kwargs={"column": "x"}, notes="new"))) == ()
    assert str(y) == "a(value_set=[0, 1, 2, 3, 4, 5, … 9 in all])"


def test_a_repeated_expectation_is_compared_with_its_repetition() -> None:
    low, high = (Expectation(type="a", kwargs={"column": "x", "max_value": limit}) for limit in (1, 2))
    assert differences(suite_of(low, low), suite_of(low, high)) == (f"~ x: {low} becomes {high}",)
    assert differences(suite_of(low, high), suite_of(low)) == (f"- x: {high}",)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "`mtl profile` writes one"),
        ("[]", "must be an object with `name` and a list `expectations`"),
        ('{"expectations": [3]}', r"expectations\[0\]: must be an object with `type` and `kwargs`"),
        ('{"expectations": [{"type": "a", "kwargs": 3}]}', r"expectations\[0\]\.kwargs: must be an object"),
        ('{"expectations": [{"type": "a", "severity": "bad"}]}', "must be one of critical, warning, info, found 'bad'"),
    ],
)
def test_an_invalid_suite_is_refused(tmp_path: Path, text: str | None, error: str) -> None:
    path = tmp_path / "s.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=error):
        load_suite(path)


def test_a_written_suite_is_read_as_it_was(tmp_path: Path) -> None:
    complete = Expectation(
        type="a", kwargs={"column_A": "é", "column_B": "x"}, notes="n", severity="info", meta={"k": 1}
    )
    suite = suite_of(complete, Expectation(type="b", kwargs={"column_list": ["x", "y"]}))
    write_suite(tmp_path / "s.json", suite)
    assert load_suite(tmp_path / "s.json") == suite
    assert suite.columns == ("é", "x", "y")


def test_notes_as_a_list_are_joined_by_line_breaks(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps({"expectations": [{"type": "a", "notes": ["x", "y"]}]}))
    assert load_suite(tmp_path / "s.json").expectations[0].notes == "x\ny"
