"""`mtl init`: proposals for the columns of a table; every draft is a valid problem."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.draft import facts
from flows.draft.document import document
from flows.draft.facts import sample_table
from flows.draft.proposals import Draft, propose_problem
from flows.draft.reading import DetectedReading
from mtl_core.config import Export, Gates, Model, Problem, Reading, parse_problem, parse_yaml
from mtl_core.config.patterns import safe_name
from mtl_core.errors import DataError, ProblemError
from mtl_core.features import Proposal

ROWS = 200
DAY = date(2024, 1, 1)
NAMES = [f"v{row}" for row in range(ROWS)]
COLUMNS: dict[str, list[Any]] = {
    "key": [f"k{row}" for row in range(ROWS)],
    "amount": [row * 0.37 for row in range(ROWS)],
    "yes": [row % 3 == 0 for row in range(ROWS)],
}


def draft_of(tmp_path: Path, columns: dict[str, list[Any]], *targets: str) -> Draft:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), path)
    return propose_problem(sample_table(path), targets)


def parse(draft: Draft) -> Problem:
    return parse_problem(parse_yaml(document("table", "data/table.parquet", draft)))


@pytest.mark.parametrize(
    ("values", "kind", "warned"),
    [
        pytest.param([f"v{row % 5}" for row in range(ROWS)], "categorical", False, id="text that repeats"),
        pytest.param([f"v{row}" for row in range(ROWS)], None, False, id="distinct text"),
        pytest.param([row % 2 == 0 for row in range(ROWS)], "numeric", False, id="boolean"),
        pytest.param([row * 0.5 for row in range(ROWS)], "numeric", False, id="fractions"),
        pytest.param(
            [float("inf") if row % 2 else 0.5 + row for row in range(ROWS)], "numeric", False, id="infinities"
        ),
        pytest.param([row * row for row in range(ROWS)], "numeric", False, id="whole numbers"),
        pytest.param([row % 12 for row in range(ROWS)], "categorical", True, id="12 whole numbers"),
        pytest.param([row % 13 for row in range(ROWS)], "numeric", False, id="13 whole numbers"),
        pytest.param([row % 2 for row in range(ROWS)], "numeric", False, id="0 and 1"),
        pytest.param(list(range(7, 7 + ROWS)), None, False, id="row numbers"),
        pytest.param([DAY + timedelta(row) for row in range(ROWS)], "datetime", False, id="dates"),
        pytest.param(
            pa.array([10**8, *range(1, ROWS)], pa.int32()).cast(pa.date32()),
            "datetime",
            False,
            id="far dates",
        ),
        pytest.param(
            pa.array([10**15, *range(1, ROWS)]).cast(pa.timestamp("s")),
            "datetime",
            False,
            id="far timestamps",
        ),
        pytest.param(
            pa.array([-62_135_596_800, *range(1, ROWS)]).cast(pa.timestamp("s", "America/New_York")),
            "datetime",
            False,
            id="before the year 1 in local time",
        ),
        pytest.param(pa.array(range(ROWS)).cast(pa.timestamp("s", "Mars/Phobos")), "datetime", True, id="unknown zone"),
        pytest.param(
            ["", *((DAY + timedelta(row)).isoformat() for row in range(1, ROWS))], "datetime", False, id="ISO"
        ),
        pytest.param(
            pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(ROWS * 4.0).reshape(ROWS, 2, 2)),
            None,
            False,
            id="tensors",
        ),
        pytest.param(
            pa.array([10**15 + row for row in range(ROWS)]).cast(pa.duration("s")), None, False, id="durations"
        ),
        pytest.param([None] * ROWS, None, False, id="nothing"),
        pytest.param(["same"] * ROWS, None, False, id="constant"),
        pytest.param(["same", None] * (ROWS // 2), "categorical", False, id="constant or missing"),
        pytest.param([[1, 2]] * ROWS, None, False, id="lists"),
    ],
)
def test_the_kind_of_a_feature_follows_from_its_values(
    tmp_path: Path, values: list[Any], kind: str | None, warned: bool
) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "column": values}, "yes")
    if kind is None:
        assert draft.left_out["column"].note
    else:
        assert draft.features["column"].options["kind"] == kind
        assert bool(draft.features["column"].warning) == warned
    parse(draft)


@pytest.mark.parametrize(
    ("values", "options", "warned"),
    [
        pytest.param([row % 2 == 0 for row in range(ROWS)], {"kind": "binary"}, False, id="boolean"),
        pytest.param([row % 2 for row in range(ROWS)], {"kind": "binary"}, False, id="0 and 1"),
        pytest.param(["no", "yes"] * (ROWS // 2), {"kind": "binary", "positive": "yes"}, False, id="yes and no"),
        pytest.param(["a", "a", "a", "b"] * (ROWS // 4), {"kind": "binary", "positive": "b"}, True, id="two classes"),
        pytest.param([f"c{row % 3}" for row in range(ROWS)], {"kind": "multiclass"}, False, id="three classes"),
        pytest.param([row % 5 for row in range(ROWS)], {"kind": "multiclass"}, True, id="five whole numbers"),
        pytest.param([row * 0.1 for row in range(ROWS)], {"kind": "regression"}, False, id="fractions"),
        pytest.param([row % 99 for row in range(ROWS)], {"kind": "regression"}, False, id="many whole numbers"),
    ],
)
def test_the_kind_of_a_task_follows_from_its_labels(
    tmp_path: Path, values: list[Any], options: dict[str, str], warned: bool
) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "target": values}, "target")
    assert (draft.tasks["target"].options, bool(draft.tasks["target"].warning)) == (options, warned)
    assert parse(draft).tasks["target"].kind == options["kind"]


@pytest.mark.parametrize(("name", "kind"), [("paid", "numeric"), ("userid", None), ("shopId", None)])
def test_only_some_names_that_end_in_id_are_ids(tmp_path: Path, name: str, kind: str | None) -> None:
    columns = {name: [7 * row % 101 for row in range(ROWS)], "x": ["a", "b"] * (ROWS // 2), "y": [0, 1] * (ROWS // 2)}
    draft = draft_of(tmp_path, columns, "y")
    assert draft.split.options["column"] == ("row" if kind else name)
    assert (draft.features[name].options["kind"] if name in draft.features else None) == kind


def test_a_task_has_a_note_of_its_share_of_unlabelled_rows(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "target": [None, 0.5, 1.5, 2.5] * (ROWS // 4)}, "target")
    assert "25.0% of the rows are unlabelled" in draft.tasks["target"].note


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([None] * ROWS, id="nothing"),
        pytest.param([1] * ROWS, id="constant"),
        pytest.param([f"t{row}" for row in range(ROWS)], id="free text"),
        pytest.param([DAY] * (ROWS - 1) + [DAY + timedelta(1)], id="dates"),
        pytest.param([["a", "b"]] * ROWS, id="lists"),
    ],
)
def test_values_that_no_task_can_predict_are_refused(tmp_path: Path, values: list[Any]) -> None:
    with pytest.raises(DataError, match="--tasks: 'target' must"):
        draft_of(tmp_path, {**COLUMNS, "target": values}, "target")


def test_an_unknown_task_names_the_nearest_column(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="did you mean 'amount'"):
        draft_of(tmp_path, COLUMNS, "amuont")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({}, {"by": "hash", "column": "key"}, id="an id, without a time"),
        pytest.param(
            {"joined": [DAY + timedelta(row) for row in range(ROWS)]},
            {"by": "time", "column": "joined", "validation": "2024-06-09", "test": "2024-06-29"},
            id="a date",
        ),
        pytest.param(
            {"ends": [date(9999, 12, 31) if row > 150 else DAY + timedelta(row) for row in range(ROWS)]},
            {"by": "hash"},
            id="dates at the end of the calendar",
        ),
        pytest.param(
            {"at": pa.array(range(ROWS)).cast(pa.timestamp("s", "Mars/Phobos"))},
            {"by": "time", "column": "at", "validation": "1970-01-01T00:02:40+00:00"},
            id="an unknown zone",
        ),
        pytest.param(
            {"joined": [None, *(DAY + timedelta(row) for row in range(1, ROWS))]},
            {"by": "hash"},
            id="a date with nulls",
        ),
        pytest.param(
            {
                "birth_date": [DAY - timedelta(row) for row in range(ROWS)],
                "seen": [DAY + timedelta(r) for r in range(ROWS)],
            },
            {"by": "time", "column": "seen"},
            id="date of birth beside a time",
        ),
        pytest.param(
            {"part": ["train"] * 150 + ["valid"] * 25 + ["test"] * 25},
            {"by": "column", "column": "part", "validation": "valid", "test": "test"},
            id="column of split names",
        ),
    ],
)
def test_the_split_follows_from_the_columns(
    tmp_path: Path, columns: dict[str, list[Any]], expected: dict[str, str]
) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, **columns}, "yes")
    assert {key: draft.split.options[key] for key in expected} == expected
    assert (draft.split.options["column"] in draft.features) == (expected["by"] == "time")
    parse(draft)


def test_lists_that_are_too_long_for_a_request_are_left_out(tmp_path: Path) -> None:
    lists = [["a", "b"] * (501 if row == ROWS - 1 else row % 3) for row in range(ROWS)]
    texts = ["|".join(["b", "a"][row % 2 :] * (1_001 if row == ROWS - 1 else 1)) for row in range(ROWS)]
    vectors = [[float(row)] * (2 if row < ROWS - 1 else 3) for row in range(ROWS)]
    draft = draft_of(tmp_path, {**COLUMNS, "lists": lists, "texts": texts, "vectors": vectors}, "yes")
    assert "1,002 items" in draft.left_out["lists"].note
    assert draft.features["texts"].options["kind"] == "categorical"
    assert "several lengths" in draft.left_out["vectors"].note


def test_reserved_and_empty_names_are_left_out(tmp_path: Path) -> None:
    reserved = {"trunkline/id": list(range(ROWS)), "": NAMES}
    draft = draft_of(tmp_path, {**reserved, **COLUMNS}, "yes")
    assert all("rename" in draft.left_out[name].note for name in reserved)
    parse(draft)


def test_without_a_feature_the_error_has_the_reason_of_every_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)as a feature.*\n  key: .*an id, or free text"):
        draft_of(tmp_path, {"key": COLUMNS["key"], "yes": COLUMNS["yes"]}, "yes")


def test_without_time_and_key_the_split_hashes_the_row(tmp_path: Path) -> None:
    columns = {"few": [row % 4 for row in range(ROWS)], "amount": COLUMNS["amount"], "yes": COLUMNS["yes"]}
    draft = draft_of(tmp_path, columns, "yes")
    assert draft.split.options == {"by": "hash", "column": "row", "validation": 0.1, "test": 0.1}
    assert "no time or key" in draft.split.warning
    assert parse(draft).columns == ("few", "amount", "yes")
    with pytest.raises(DataError, match="named 'row', but a column has that name; rename it"):
        draft_of(tmp_path, {**columns, "row": [row % 7 for row in range(ROWS)]}, "yes")


PATIENTS = {"visit_id": [row * 7 % 1_009 for row in range(ROWS)], "patient_id": [f"p{row % 40}" for row in range(ROWS)]}


@pytest.mark.parametrize(
    ("columns", "key", "warning"),
    [
        pytest.param(PATIENTS, "patient_id", "rows with the same 'patient_id' stay", id="an id that repeats"),
        pytest.param(
            {**PATIENTS, "patient_id": [f"p{row % 10}" for row in range(ROWS)]},
            "visit_id",
            "'patient_id' repeats too",
            id="an id that repeats, of too few values",
        ),
        pytest.param(
            {**PATIENTS, "patient_id": [None, *PATIENTS["patient_id"][1:]]},
            "visit_id",
            "'patient_id' repeats too",
            id="an id that repeats, with nulls",
        ),
        pytest.param(
            {"key": COLUMNS["key"], "patient": [f"person {row % 70}" for row in range(ROWS)]},
            "patient",
            "rows with the same 'patient'",
            id="text that repeats, with too many values for a feature",
        ),
        pytest.param(
            {"key": COLUMNS["key"], "zip": [f"{row % 70:05}" for row in range(ROWS)]},
            "key",
            "'key' is different in every row",
            id="a code that repeats",
        ),
    ],
)
def test_a_key_that_repeats_is_preferred(tmp_path: Path, columns: dict[str, list[Any]], key: str, warning: str) -> None:
    draft = draft_of(tmp_path, {"amount": COLUMNS["amount"], "yes": COLUMNS["yes"], **columns}, "yes")
    assert draft.split.options["column"] == key
    assert key in draft.left_out
    assert warning in draft.split.warning
    parse(draft)


@pytest.mark.parametrize(
    ("words", "options", "warnings"),
    [
        pytest.param(["train", "test"], {"validation": 0.1, "test": "test"}, ["a hash of the row"], id="no validation"),
        pytest.param(["train", "dev"], {"validation": 0.1, "test": "dev"}, ["a hash of the row"], id="no test"),
        pytest.param(
            ["Train", "val", "dev", "test"],
            {"train": "Train", "validation": ["dev", "val"], "test": "test"},
            ["do 'dev' and 'val' all mean validation?"],
            id="val and dev",
        ),
        pytest.param(
            ["train", "valid", "test", "Test "],
            {"validation": "valid", "test": ["Test ", "test"]},
            ["do 'Test ' and 'test' all mean test?"],
            id="two spellings",
        ),
        pytest.param(
            ["train", "training", "valid", "test", "spare"],
            {"validation": "valid", "test": "test"},
            ["do 'train' and 'training' all mean train?", "add 'spare' to train, validation or test"],
            id="another word",
        ),
    ],
)
def test_a_column_of_split_names_defines_the_split(
    tmp_path: Path, words: list[str], options: dict[str, Any], warnings: list[str]
) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "part": [words[row % len(words)] for row in range(ROWS)]}, "yes")
    assert draft.split.options == {"by": "column", "column": "part", **options}
    assert all(warning in draft.split.warning for warning in warnings)
    parse(draft)


@pytest.mark.parametrize(
    ("name", "values", "train", "test"),
    [("is_test", [True, False], False, True), ("training", [1, 0], 1, 0), ("Holdout set", [0, 1], 0, 1)],
)
def test_a_flag_named_like_a_split_defines_the_split(
    tmp_path: Path, name: str, values: list[Any], train: Any, test: Any
) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, name: [values[row % 3 == 0] for row in range(ROWS)]}, "yes")
    expected = {"by": "column", "column": name, "train": train, "validation": 0.1, "test": test}
    assert draft.split.options == expected
    assert name in draft.left_out
    parse(draft)


def test_validation_is_sampled_by_the_key_that_repeats(tmp_path: Path) -> None:
    part = [("train", "test")[row % 2] for row in range(ROWS)]
    draft = draft_of(tmp_path, {**PATIENTS, "amount": COLUMNS["amount"], "yes": COLUMNS["yes"], "part": part}, "yes")
    assert (draft.split.options["validation"], draft.split.options["key"]) == (0.1, "patient_id")
    parse(draft)


@pytest.mark.parametrize("words", [["train", "bus", "car"], ["test", "other"], ["training", "work"]])
def test_other_words_among_split_names_make_a_feature(tmp_path: Path, words: list[str]) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "by": [words[row % len(words)] for row in range(ROWS)]}, "yes")
    assert draft.split.options["by"] == "hash"
    assert "by" in draft.features


def test_columns_that_leak_a_target_have_a_warning(tmp_path: Path) -> None:
    """A feature has a warning, a left-out column has a note."""
    spend = [row * 0.25 % 17 for row in range(ROWS)]
    tax = [row * 0.75 % 5 for row in range(ROWS)]
    columns = {
        "sum": [before + added for before, added in zip(spend, tax, strict=True)],
        "tax": tax,
        "left": [DAY if row % 3 == 0 else None for row in range(ROWS)],
        "number": list(range(ROWS)),
        "late": [row > ROWS // 2 for row in range(ROWS)],
        "size": [row * 7 % 97 / 8 for row in range(ROWS)],
        "spend": spend,
        "yes": COLUMNS["yes"],
        "key": COLUMNS["key"],
    }
    draft = draft_of(tmp_path, columns, "yes", "spend", "late")
    warnings = {name: proposal.warning for name, proposal in draft.features.items() if proposal.warning}
    assert "'spend' is 'sum' - 'tax'" in warnings["sum"]
    assert "are they known when a prediction is asked for?" in warnings["tax"]
    assert "'left' is missing in 100.0% of the rows where target 'yes' is 'false'" in warnings["left"]
    assert set(warnings) == {"sum", "tax", "left"}
    assert "orders target 'late' (AUC 1.000)" in draft.left_out["number"].note
    parse(draft)


def test_a_long_table_is_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample of a table sorted by its split has every split, and its row numbers are recognised."""
    monkeypatch.setattr(facts, "MAX_ROWS", 80)
    monkeypatch.setattr(facts, "CHUNK", 4)
    parts = ["train"] * 150 + ["validation"] * 25 + ["test"] * 25
    columns = {"split": parts, "number": list(range(200)), "amount": COLUMNS["amount"], "yes": COLUMNS["yes"]}
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=30)
    sample = sample_table(path)
    assert not sample.complete
    assert sample.table.num_rows < 90
    assert sample.table["split"].unique().to_pylist() == ["train", "validation", "test"]
    assert sample.facts["number"].sequence
    assert not sample.facts["amount"].sequence


@pytest.mark.parametrize("text", ["", "a,b\n", "a,a\n1,2\n"], ids=["empty", "no rows", "two of one name"])
def test_a_table_without_rows_or_distinct_names_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError):
        sample_table(path)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_round_trip_through_yaml(text: str) -> None:
    task = Proposal(options={"kind": "multiclass", "classes": [text]}, note=text, warning=text)
    split = Proposal(options={"by": "hash", "column": text}, warning=text)
    reading = DetectedReading(options=Reading())
    draft = Draft(split=split, features={}, left_out={text: task}, tasks={text: task}, reading=reading)
    loaded = parse_yaml(document("table", text, draft))
    assert (loaded["data"], loaded["split"]) == ({"path": text}, {"by": "hash", "column": text})
    assert list(loaded["tasks"].values()) == [{"kind": "multiclass", "target": text, "classes": [text]}]


@given(st.text())
def test_any_column_gets_a_valid_name(text: str) -> None:
    tasks = {"t": {"kind": "binary", "target": "y"}}
    features = {safe_name(text): {"kind": "numeric", "column": "x"}}
    split = {"by": "hash", "column": "k"}
    parse_problem({"name": "n", "data": {"path": "d"}, "split": split, "features": features, "tasks": tasks})


def test_names_of_similar_columns_do_not_collide(tmp_path: Path) -> None:
    similar = {
        name: [row * 0.5 + index for row in range(ROWS)] for index, name in enumerate(["a b", "a_b", "a-b", "a:b"])
    }
    problem = parse(draft_of(tmp_path, {**COLUMNS, **similar, "a/b": COLUMNS["yes"]}, "a/b"))
    assert set(problem.feature_columns) >= set(similar)
    assert len(problem.tasks) == 1


def test_a_draft_declares_a_search_space_and_no_defaults(tmp_path: Path) -> None:
    problem = parse(draft_of(tmp_path, COLUMNS, "yes"))
    assert (problem.model, problem.export, problem.gates) == (Model(), Export(), Gates())
    assert problem.training.model_fields_set == {"seed"}
    assert problem.tuning is not None
    assert "model.private" in problem.tuning.space


@pytest.mark.parametrize(("features", "limits"), [(100, (5.0, 100.0)), (101, (10.1, 202.0)), (1_000, (100.0, 2_000.0))])
def test_latency_limits_grow_with_the_number_of_features(features: int, limits: tuple[float, float]) -> None:
    columns = {f"f{number}": Proposal(options={"kind": "numeric"}) for number in range(features)}
    split = Proposal(options={"by": "hash", "column": "key"})
    tasks = {"yes": Proposal(options={"kind": "binary"})}
    draft = Draft(split=split, features=columns, left_out={}, tasks=tasks, reading=DetectedReading(options=Reading()))
    latency = parse(draft).gates.latency_ms
    assert (latency.rows_1, latency.rows_1000) == limits
