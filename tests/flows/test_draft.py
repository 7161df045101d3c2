"""`mtl init`: what is guessed of a table, and that every draft is a problem that can be read."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from flows.draft import facts
from flows.draft.document import document
from flows.draft.facts import sample
from flows.draft.guesses import Draft, guess_problem
from flows.draft.reading import DetectedReading
from mtl_core.config import Export, Gates, Model, Problem, Reading, parse_problem
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


def drafted(tmp_path: Path, columns: dict[str, list[Any]], *targets: str) -> Draft:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), path)
    return guess_problem(sample(path), targets)


def read(draft: Draft) -> Problem:
    text = document("table", "data/table.parquet", draft)
    return parse_problem(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize(
    ("values", "kind", "doubted"),
    [
        pytest.param([f"v{row % 5}" for row in range(ROWS)], "categorical", False, id="text that repeats"),
        pytest.param([f"v{row}" for row in range(ROWS)], None, False, id="text that does not"),
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
        pytest.param(pa.array([10**8, *range(1, ROWS)], pa.int32()).cast(pa.date32()), "datetime", False, id="far"),
        pytest.param(pa.array([10**15, *range(1, ROWS)]).cast(pa.timestamp("s")), "datetime", False, id="very far"),
        pytest.param(
            pa.array([-62_135_596_800, *range(1, ROWS)]).cast(pa.timestamp("s", "America/New_York")),
            "datetime",
            False,
            id="before the year 1 by its own clock",
        ),
        pytest.param(
            pa.array(range(ROWS)).cast(pa.timestamp("s", "Mars/Phobos")), "datetime", True, id="of an unknown zone"
        ),
        pytest.param(
            ["", *((DAY + timedelta(row)).isoformat() for row in range(1, ROWS))], "datetime", False, id="ISO"
        ),
        pytest.param(
            pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(ROWS * 4.0).reshape(ROWS, 2, 2)),
            None,
            False,
            id="tensors",
        ),
        pytest.param(pa.array([10**15 + row for row in range(ROWS)]).cast(pa.duration("s")), None, False, id="spans"),
        pytest.param([None] * ROWS, None, False, id="nothing"),
        pytest.param(["same"] * ROWS, None, False, id="constant"),
        pytest.param(["same", None] * (ROWS // 2), "categorical", False, id="there or not"),
        pytest.param([[1, 2]] * ROWS, None, False, id="lists"),
    ],
)
def test_a_column_is_guessed(tmp_path: Path, values: list[Any], kind: str | None, doubted: bool) -> None:
    draft = drafted(tmp_path, {**COLUMNS, "column": values}, "yes")
    if kind is None:
        assert draft.left_out["column"].note
    else:
        assert draft.features["column"].options["kind"] == kind
        assert bool(draft.features["column"].doubt) == doubted
    read(draft)


@pytest.mark.parametrize(
    ("values", "options", "doubted"),
    [
        pytest.param([row % 2 == 0 for row in range(ROWS)], {"kind": "binary"}, False, id="boolean"),
        pytest.param([row % 2 for row in range(ROWS)], {"kind": "binary"}, False, id="0 and 1"),
        pytest.param(["no", "yes"] * (ROWS // 2), {"kind": "binary", "positive": "yes"}, False, id="yes and no"),
        pytest.param(["a", "a", "a", "b"] * (ROWS // 4), {"kind": "binary", "positive": "b"}, True, id="two words"),
        pytest.param([f"c{row % 3}" for row in range(ROWS)], {"kind": "multiclass"}, False, id="three words"),
        pytest.param([row % 5 for row in range(ROWS)], {"kind": "multiclass"}, True, id="five whole numbers"),
        pytest.param([row * 0.1 for row in range(ROWS)], {"kind": "regression"}, False, id="fractions"),
        pytest.param([row % 99 for row in range(ROWS)], {"kind": "regression"}, False, id="many whole numbers"),
    ],
)
def test_a_task_is_guessed(tmp_path: Path, values: list[Any], options: dict[str, str], doubted: bool) -> None:
    draft = drafted(tmp_path, {**COLUMNS, "target": values}, "target")
    assert (draft.tasks["target"].options, bool(draft.tasks["target"].doubt)) == (options, doubted)
    assert read(draft).tasks["target"].kind == options["kind"]


@pytest.mark.parametrize(("name", "kind"), [("paid", "numeric"), ("userid", None), ("shopId", None)])
def test_not_every_name_that_ends_like_an_id_is_one(tmp_path: Path, name: str, kind: str | None) -> None:
    columns = {name: [7 * row % 101 for row in range(ROWS)], "x": ["a", "b"] * (ROWS // 2), "y": [0, 1] * (ROWS // 2)}
    draft = drafted(tmp_path, columns, "y")
    assert draft.split.options["column"] == ("row" if kind else name)
    assert (draft.features[name].options["kind"] if name in draft.features else None) == kind


def test_unlabelled_rows_are_counted(tmp_path: Path) -> None:
    draft = drafted(tmp_path, {**COLUMNS, "target": [None, 0.5, 1.5, 2.5] * (ROWS // 4)}, "target")
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
def test_what_no_task_can_be_is_refused(tmp_path: Path, values: list[Any]) -> None:
    with pytest.raises(DataError, match="--tasks: 'target' must"):
        drafted(tmp_path, {**COLUMNS, "target": values}, "target")


def test_an_unknown_task_names_the_nearest_column(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="did you mean 'amount'"):
        drafted(tmp_path, COLUMNS, "amuont")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({}, {"by": "hash", "column": "key"}, id="no time: what looks like an id"),
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
        pytest.param({"joined": [None, *(DAY + timedelta(row) for row in range(1, ROWS))]}, {"by": "hash"}, id="holes"),
        pytest.param(
            {
                "birth_date": [DAY - timedelta(row) for row in range(ROWS)],
                "seen": [DAY + timedelta(r) for r in range(ROWS)],
            },
            {"by": "time", "column": "seen"},
            id="not the day of birth",
        ),
        pytest.param(
            {"part": ["train"] * 150 + ["valid"] * 25 + ["test"] * 25},
            {"by": "column", "column": "part", "validation": "valid", "test": "test"},
            id="a column that says it",
        ),
    ],
)
def test_a_split_is_guessed(tmp_path: Path, columns: dict[str, list[Any]], expected: dict[str, str]) -> None:
    draft = drafted(tmp_path, {**COLUMNS, **columns}, "yes")
    assert {key: draft.split.options[key] for key in expected} == expected
    read(draft)


def test_lists_longer_than_a_batch_takes_are_left_out(tmp_path: Path) -> None:
    lists = [["a", "b"] * (501 if row == ROWS - 1 else row % 3) for row in range(ROWS)]
    texts = ["|".join(["b", "a"][row % 2 :] * (1_001 if row == ROWS - 1 else 1)) for row in range(ROWS)]
    vectors = [[float(row)] * (2 if row < ROWS - 1 else 3) for row in range(ROWS)]
    draft = drafted(tmp_path, {**COLUMNS, "lists": lists, "texts": texts, "vectors": vectors}, "yes")
    assert "1,002 items" in draft.left_out["lists"].note
    assert draft.features["texts"].options["kind"] == "categorical"
    assert "several lengths" in draft.left_out["vectors"].note


def test_names_that_cannot_be_declared_are_left_out(tmp_path: Path) -> None:
    reserved = {"trunkline/id": list(range(ROWS)), "": NAMES}
    draft = drafted(tmp_path, {**reserved, **COLUMNS}, "yes")
    assert all("rename" in draft.left_out[name].note for name in reserved)
    read(draft)


def test_without_a_feature_every_column_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)as a feature.*\n  key: .*an id, or free text"):
        drafted(tmp_path, {"key": COLUMNS["key"], "yes": COLUMNS["yes"]}, "yes")


def test_without_time_and_key_rows_are_split_as_a_whole(tmp_path: Path) -> None:
    few, size = [row % 4 for row in range(ROWS)], [row * 0.5 for row in range(ROWS)]
    columns = {"few": few, "size": size, "yes": COLUMNS["yes"]}
    draft = drafted(tmp_path, columns, "yes")
    assert draft.split.options == {"by": "hash", "column": "row", "validation": 0.1, "test": 0.1}
    assert "no time or key" in draft.split.doubt
    assert read(draft).columns == ("few", "size", "yes")
    with pytest.raises(DataError, match="named 'row', but a column has that name; rename it"):
        drafted(tmp_path, {**columns, "row": [row % 7 for row in range(ROWS)]}, "yes")


PATIENTS = {"visit_id": [row * 7 % 1_009 for row in range(ROWS)], "patient_id": [f"p{row % 40}" for row in range(ROWS)]}


@pytest.mark.parametrize(
    ("columns", "key", "doubt"),
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
            id="an id that repeats, with holes",
        ),
        pytest.param(
            {"key": COLUMNS["key"], "patient": [f"person {row % 70}" for row in range(ROWS)]},
            "patient",
            "rows with the same 'patient'",
            id="text that repeats and is no feature",
        ),
        pytest.param(
            {"key": COLUMNS["key"], "zip": [f"{row % 70:05}" for row in range(ROWS)]},
            "key",
            "'key' is different in every row",
            id="a code that repeats is no person",
        ),
    ],
)
def test_a_key_that_repeats_is_preferred(tmp_path: Path, columns: dict[str, list[Any]], key: str, doubt: str) -> None:
    draft = drafted(tmp_path, {"amount": COLUMNS["amount"], "yes": COLUMNS["yes"], **columns}, "yes")
    assert draft.split.options["column"] == key
    assert doubt in draft.split.doubt
    read(draft)


@pytest.mark.parametrize(
    ("words", "options", "doubts"),
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
            id="a word that is none",
        ),
    ],
)
def test_a_column_that_says_the_split(
    tmp_path: Path, words: list[str], options: dict[str, Any], doubts: list[str]
) -> None:
    draft = drafted(tmp_path, {**COLUMNS, "part": [words[row % len(words)] for row in range(ROWS)]}, "yes")
    assert draft.split.options == {"by": "column", "column": "part", **options}
    assert all(doubt in draft.split.doubt for doubt in doubts)
    read(draft)


@pytest.mark.parametrize(
    ("name", "values", "train", "test"),
    [("is_test", [True, False], False, True), ("training", [1, 0], 1, 0), ("Holdout set", [0, 1], 0, 1)],
)
def test_a_flag_that_says_the_split(tmp_path: Path, name: str, values: list[Any], train: Any, test: Any) -> None:
    draft = drafted(tmp_path, {**COLUMNS, name: [values[row % 3 == 0] for row in range(ROWS)]}, "yes")
    expected = {"by": "column", "column": name, "train": train, "validation": 0.1, "test": test}
    assert draft.split.options == expected
    assert name in draft.left_out
    read(draft)


def test_validation_is_taken_by_the_key_that_repeats(tmp_path: Path) -> None:
    part = [("train", "test")[row % 2] for row in range(ROWS)]
    draft = drafted(tmp_path, {**PATIENTS, "amount": COLUMNS["amount"], "yes": COLUMNS["yes"], "part": part}, "yes")
    assert (draft.split.options["validation"], draft.split.options["key"]) == (0.1, "patient_id")
    read(draft)


@pytest.mark.parametrize("words", [["train", "bus", "car"], ["test", "other"], ["training", "work"]])
def test_words_that_name_no_parts_are_a_feature(tmp_path: Path, words: list[str]) -> None:
    draft = drafted(tmp_path, {**COLUMNS, "by": [words[row % len(words)] for row in range(ROWS)]}, "yes")
    assert draft.split.options["by"] == "hash"
    assert "by" in draft.features


def test_columns_that_know_a_target_are_doubted(tmp_path: Path) -> None:
    """Features with a doubt, a column that is left out with a note; no other column."""
    spend = [row * 0.25 % 17 for row in range(ROWS)]
    tax = [row * 0.75 % 5 for row in range(ROWS)]
    columns = {
        "sum": [one + other for one, other in zip(spend, tax, strict=True)],
        "tax": tax,
        "left": [DAY if row % 3 == 0 else None for row in range(ROWS)],
        "number": list(range(ROWS)),
        "late": [row > ROWS // 2 for row in range(ROWS)],
        "size": [row * 7 % 97 / 8 for row in range(ROWS)],
        "spend": spend,
        "yes": COLUMNS["yes"],
        "key": COLUMNS["key"],
    }
    draft = drafted(tmp_path, columns, "yes", "spend", "late")
    doubts = {name: guess.doubt for name, guess in draft.features.items() if guess.doubt}
    assert "'spend' is 'sum' - 'tax'" in doubts["sum"]
    assert "are they known at prediction time?" in doubts["tax"]
    assert "'left' is missing in 100.0% of the rows where target 'yes' is 'false'" in doubts["left"]
    assert set(doubts) == {"sum", "tax", "left"}
    assert "sorts target 'late' (AUC 1.000)" in draft.left_out["number"].note
    read(draft)


def test_a_long_table_is_sampled_through_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted by its split, and numbered: the sample has every split, and knows the number of the row as such."""
    monkeypatch.setattr(facts, "MAX_ROWS", 80)
    monkeypatch.setattr(facts, "CHUNK", 4)
    parts = ["train"] * 150 + ["validation"] * 25 + ["test"] * 25
    columns = {"split": parts, "number": list(range(200)), "amount": COLUMNS["amount"], "yes": COLUMNS["yes"]}
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=30)
    seen = sample(path)
    assert not seen.complete
    assert seen.table.num_rows < 90
    assert seen.table["split"].unique().to_pylist() == ["train", "validation", "test"]
    assert seen.facts["number"].sequence
    assert not seen.facts["amount"].sequence


def test_words_for_missing_values_are_found_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b,yes\n" + "".join(f"{'NA' if row % 9 == 0 else row / 7},NA?,{row % 2}\n" for row in range(90)))
    seen = sample(path)
    assert seen.reading.options.csv.nulls == ("NA",)
    assert pa.types.is_floating(seen.facts["a"].type)
    assert seen.facts["a"].known == 80


def test_words_for_missing_dates_are_found_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,yes\n" + "".join(f"{'NA' if row % 9 == 0 else DAY},{row % 2}\n" for row in range(90)))
    seen = sample(path)
    assert seen.reading.options.csv.nulls == ("NA",)
    assert seen.facts["a"].is_temporal


@pytest.mark.parametrize("text", ["", "a,b\n", "a,a\n1,2\n"], ids=["empty", "no rows", "two of one name"])
def test_a_table_without_substance_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError):
        sample(path)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_read_back(text: str) -> None:
    """As the name of a task, of a column in a list, and in a comment."""
    task = Proposal(options={"kind": "multiclass", "classes": [text]}, note=text, doubt=text)
    split = Proposal(options={"by": "hash", "column": text}, doubt=text)
    reading = DetectedReading(options=Reading())
    draft = Draft(split=split, features={}, left_out={text: task}, tasks={text: task}, reading=reading)
    found = YAML(typ="safe", pure=True).load(document("table", text, draft))
    assert (found["data"], found["split"]) == ({"path": text}, {"by": "hash", "column": text})
    assert list(found["tasks"].values()) == [{"kind": "multiclass", "target": text, "classes": [text]}]


@given(st.text())
def test_any_column_gets_a_name_that_can_be_declared(text: str) -> None:
    tasks = {"t": {"kind": "binary", "target": "y"}}
    features = {safe_name(text): {"kind": "numeric", "column": "x"}}
    split = {"by": "hash", "column": "k"}
    parse_problem({"name": "n", "data": {"path": "d"}, "split": split, "features": features, "tasks": tasks})


def test_odd_columns_do_not_collide(tmp_path: Path) -> None:
    odd = {name: [row * 0.5 + place for row in range(ROWS)] for place, name in enumerate(["a b", "a_b", "a-b", "a:b"])}
    problem = read(drafted(tmp_path, {**COLUMNS, **odd, "a/b": COLUMNS["yes"]}, "a/b"))
    assert set(problem.feature_columns) >= set(odd)
    assert len(problem.tasks) == 1


def test_nothing_is_restated_that_is_the_default_and_tuning_can_begin(tmp_path: Path) -> None:
    problem = read(drafted(tmp_path, COLUMNS, "yes"))
    assert (problem.model, problem.export, problem.gates) == (Model(), Export(), Gates())
    assert problem.training.model_fields_set == {"seed"}
    assert problem.tuning is not None
    assert "model.private" in problem.tuning.space


@pytest.mark.parametrize(("features", "limits"), [(100, (5.0, 100.0)), (101, (10.1, 202.0)), (1_000, (100.0, 2_000.0))])
def test_limits_of_latency_grow_with_the_features(features: int, limits: tuple[float, float]) -> None:
    columns = {f"f{number}": Proposal(options={"kind": "numeric"}) for number in range(features)}
    split = Proposal(options={"by": "hash", "column": "key"})
    tasks = {"yes": Proposal(options={"kind": "binary"})}
    draft = Draft(split=split, features=columns, left_out={}, tasks=tasks, reading=DetectedReading(options=Reading()))
    latency = read(draft).gates.latency_ms
    assert (latency.rows_1, latency.rows_1000) == limits
