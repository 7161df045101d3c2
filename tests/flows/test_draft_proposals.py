"""`mtl init`: proposals of features and tasks for the columns of a table."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.draft import facts
from flows.draft.facts import sample_table
from mtl_core.errors import DataError, ProblemError
from tests.flows.drafts import BASE, COLUMNS, DAY, DAYS, RANGE, draft_of, parse_draft, repeat

WHOLE = pa.array([10**15, *range(1, 200)])
NEW_YORK, UNKNOWN_ZONE = pa.timestamp("s", "America/New_York"), pa.timestamp("s", "Mars/Phobos")
FEATURES: dict[str, tuple[Any, str | None]] = {
    "text that repeats": (repeat(*"abcde"), "categorical"),
    "distinct text": ([f"v{row}" for row in RANGE], None),
    "boolean": (repeat(True, False), "numeric"),
    "fractions": ([row * 0.5 for row in RANGE], "numeric"),
    "infinities": ([float("inf") if row % 2 else 0.5 + row for row in RANGE], "numeric"),
    "whole numbers": ([row * row for row in RANGE], "numeric"),
    "12 whole numbers": (repeat(*range(12)), "categorical"),
    "13 whole numbers": (repeat(*range(13)), "numeric"),
    "0 and 1": (repeat(0, 1), "numeric"),
    "row numbers": (list(range(7, 207)), None),
    "dates": (DAYS, "datetime"),
    "far dates": (pa.array([10**8, *range(1, 200)], pa.int32()).cast(pa.date32()), "datetime"),
    "far timestamps": (WHOLE.cast(pa.timestamp("s")), "datetime"),
    "before the year 1 in local time": (pa.array([-62_135_596_800, *range(1, 200)]).cast(NEW_YORK), "datetime"),
    "unknown zone": (pa.array(RANGE).cast(UNKNOWN_ZONE), "datetime"),
    "ISO 8601": (["", *map(str, DAYS[1:])], "datetime"),
    "tensors": (pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(800.0).reshape(200, 2, 2)), None),
    "durations": (WHOLE.cast(pa.duration("s")), None),
    "nothing": (repeat(None), None),
    "constant": (repeat("same"), None),
    "constant or missing": (repeat("same", None), "categorical"),
    "lists": (repeat([1, 2]), None),
}
TASKS: dict[str, tuple[list[Any], dict[str, str]]] = {
    "boolean": (repeat(True, False), {"kind": "binary"}),
    "0 and 1": (repeat(0, 1), {"kind": "binary"}),
    "yes and no": (repeat("no", "yes"), {"kind": "binary", "positive": "yes"}),
    "two classes": (repeat("a", "a", "a", "b"), {"kind": "binary", "positive": "b"}),
    "three classes": (repeat("a", "b", "c"), {"kind": "multiclass"}),
    "five whole numbers": (repeat(*range(5)), {"kind": "multiclass"}),
    "fractions": ([row * 0.1 for row in RANGE], {"kind": "regression"}),
    "many whole numbers": (repeat(*range(99)), {"kind": "regression"}),
}


@pytest.mark.parametrize("name", FEATURES)
def test_the_kind_of_a_feature_follows_from_its_values(tmp_path: Path, name: str) -> None:
    values, kind = FEATURES[name]
    draft = draft_of(tmp_path, {**COLUMNS, "column": values}, "yes")
    if kind is None:
        assert draft.left_out["column"].note
    else:
        assert draft.features["column"].options["kind"] == kind
        assert bool(draft.features["column"].warning) == (name in ("12 whole numbers", "unknown zone"))


@pytest.mark.parametrize("name", TASKS)
def test_the_kind_of_a_task_follows_from_its_labels(tmp_path: Path, name: str) -> None:
    values, options = TASKS[name]
    draft = draft_of(tmp_path, {**COLUMNS, "target": values}, "target")
    assert draft.tasks["target"].options == options
    assert bool(draft.tasks["target"].warning) == (name in ("two classes", "five whole numbers"))
    assert parse_draft(draft).tasks["target"].kind == options["kind"]


@pytest.mark.parametrize(("name", "kind"), [("paid", "numeric"), ("userid", None), ("shopId", None)])
def test_only_some_names_that_end_in_id_are_ids(tmp_path: Path, name: str, kind: str | None) -> None:
    draft = draft_of(tmp_path, {name: [7 * row % 101 for row in RANGE], "x": repeat("a", "b"), "y": repeat(0, 1)}, "y")
    assert draft.split.options["column"] == ("row" if kind else name)
    assert (draft.features[name].options["kind"] if name in draft.features else None) == kind


def test_a_task_has_a_note_of_its_share_of_unlabelled_rows(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "target": repeat(None, 0.5, 1.5, 2.5)}, "target")
    assert "25.0% of the rows are unlabelled" in draft.tasks["target"].note


@pytest.mark.parametrize(
    "values",
    [repeat(None), repeat(1), [f"t{row}" for row in RANGE], [DAY] * 199 + [DAYS[1]], repeat(["a", "b"])],
    ids=["nothing", "constant", "free text", "dates", "lists"],
)
def test_values_that_no_task_can_predict_are_refused(tmp_path: Path, values: list[Any]) -> None:
    with pytest.raises(DataError, match="--tasks: 'target' must"):
        draft_of(tmp_path, {**COLUMNS, "target": values}, "target")


def test_an_unknown_task_names_the_nearest_column(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="did you mean 'amount'"):
        draft_of(tmp_path, COLUMNS, "amuont")


def test_lists_that_are_too_long_for_a_request_are_left_out(tmp_path: Path) -> None:
    lists = [["a", "b"] * (501 if row == 199 else row % 3) for row in RANGE]
    texts = ["|".join(["b", "a"][row % 2 :] * (1_001 if row == 199 else 1)) for row in RANGE]
    vectors = [[float(row)] * (2 if row < 199 else 3) for row in RANGE]
    draft = draft_of(tmp_path, {**COLUMNS, "lists": lists, "texts": texts, "vectors": vectors}, "yes")
    assert "1,002 items" in draft.left_out["lists"].note
    assert draft.features["texts"].options["kind"] == "categorical"
    assert "several lengths" in draft.left_out["vectors"].note


def test_reserved_and_empty_names_are_left_out(tmp_path: Path) -> None:
    reserved = {"trunkline/id": list(RANGE), "": [f"v{row}" for row in RANGE]}
    draft = draft_of(tmp_path, {**reserved, **COLUMNS}, "yes")
    assert all("rename" in draft.left_out[name].note for name in reserved)


def test_without_a_feature_the_error_has_the_reason_of_every_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)as a feature.*\n  key: .*an id, or texts of few words"):
        draft_of(tmp_path, {"key": COLUMNS["key"], "yes": BASE["yes"]}, "yes")


def test_columns_that_leak_a_target_have_a_warning(tmp_path: Path) -> None:
    """A feature has a warning, a left-out column has a note."""
    spend, tax = [row * 0.25 % 17 for row in RANGE], [row * 0.75 % 5 for row in RANGE]
    columns = {
        "sum": [before + added for before, added in zip(spend, tax, strict=True)],
        "tax": tax,
        "left": repeat(DAY, None, None),
        "number": list(RANGE),
        "late": [row > 100 for row in RANGE],
        "size": [row * 7 % 97 / 8 for row in RANGE],
        "spend": spend,
        "yes": BASE["yes"],
        "key": COLUMNS["key"],
    }
    draft = draft_of(tmp_path, columns, "yes", "spend", "late")
    warnings = {name: proposal.warning for name, proposal in draft.features.items() if proposal.warning}
    assert "'spend' is 'sum' - 'tax'" in warnings["sum"]
    assert "are they known at prediction time?" in warnings["tax"]
    assert "'left' is missing in 100.0% of the rows where target 'yes' is 'false'" in warnings["left"]
    assert set(warnings) == {"sum", "tax", "left"}
    assert "sorts target 'late' (AUC 1.000)" in draft.left_out["number"].note


def test_a_long_table_is_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample of a table sorted by its split has every split, and its row numbers are recognised."""
    monkeypatch.setattr(facts, "MAX_ROWS", 80)
    monkeypatch.setattr(facts, "CHUNK", 4)
    splits = ["train"] * 150 + ["validation"] * 25 + ["test"] * 25
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"split": splits, "number": list(RANGE), **BASE}), path, row_group_size=30)
    sample = sample_table(path)
    assert not sample.complete
    assert sample.table.num_rows < 90
    assert sample.table["split"].unique().to_pylist() == ["train", "validation", "test"]
    assert sample.facts["number"].sequence
    assert not sample.facts["amount"].sequence


@pytest.mark.parametrize("text", ["", "a,b\n", "a,a\n1,2\n"], ids=["empty", "no rows", "two columns of one name"])
def test_a_table_without_rows_or_distinct_names_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError):
        sample_table(path)
