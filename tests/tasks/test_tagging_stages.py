"""A problem with two texts, two other columns, and tasks of rows and of tokens, through all stages and the service."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.tasks.tagging_codec import END_OF_ROW
from tests.end_to_end import run_end_to_end
from tests.tagging import ROWS, document, table

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and tracing them costs a third of these stages

REQUEST: list[dict[str, Any]] = [
    {"text": "\U0001f680 please play \U0001f3b5 red moon", "title": "by Ann", "size": 1.0, "colour": "red"},
    {"text": None, "title": "", "size": None, "colour": None},
    {"text": "book 北京 on 3 May", "title": "by Ann x x x x by Ann", "size": -1.0, "colour": "never seen"},
    {"text": "\u200b \U0001f469\u200d\U0001f680 e\u0301\n", "title": "?" * 500, "size": 0.0, "colour": ""},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tagged") / "problem"


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Any]:
    params = document(
        epochs=5,
        balancing={"method": "constant", "weights": {"intent": 5.0, "urgent": 1.0, "slots": 1.0, "people": 1.0}},
        stopping={"policy": "freeze"},
        finetune_heads={"epochs": 1},
        teachers={"people": {"kind": "single_task", "use_unlabelled": True}},
    )
    return run_end_to_end(folder, json.dumps(params), table(), [REQUEST, REQUEST[2:3]])


def test_all_stages_run_and_pass_their_checks(results: dict[str, Any]) -> None:
    assert results["resumed identically"]
    checks = {name: passed for name, passed in results["checks"].items() if not name.startswith("latency")}
    assert checks.keys() >= {"slots.span_f1 over baseline", "parity", "parity on adversarial rows"}
    assert all(checks.values()), checks


def test_the_signature_names_the_tokens_of_each_tagging_task(results: dict[str, Any]) -> None:
    signature = results["signature"]
    assert signature["inputs"][:2] == [
        {"name": "text", "type": "text", "max_tokens": 1_000},
        {"name": "title", "type": "text", "max_tokens": 6},
    ]
    of_spans = {"kind": "tagging", "form": "spans", "unit": "probability", "level": "token"}
    assert signature["outputs"][2:] == [
        {
            **of_spans,
            "name": "slots",
            "labels": ["day", "place", "song"],
            "sequence": "text",
            "tokens": "trunkline/tokens/text",
        },
        {**of_spans, "name": "people", "labels": ["person"], "sequence": "title", "tokens": "trunkline/tokens/title"},
    ]


def test_spans_are_parts_of_the_text_that_was_sent(results: dict[str, Any]) -> None:
    """They lie within its first `max_tokens` tokens."""
    status, body = results["responses"][0]
    assert status == 200
    found = 0
    for row, answer in zip(REQUEST, body["predictions"], strict=True):
        for task, column in (("slots", "text"), ("people", "title")):
            previous = 0
            for span in answer[task]:
                assert row[column][span["start"] : span["end"]] == span["text"]
                assert previous <= span["start"] < span["end"]
                assert 0 < span["probability"] <= 1
                previous, found = span["end"], found + 1
    assert found >= 4
    first, empty, cut, _ = body["predictions"]
    assert [(span["start"], span["end"], span["label"]) for span in first["people"]] == [(3, 6, "person")]
    assert [(span["text"], span["label"]) for span in cut["slots"]] == [("北京", "place"), ("3 May", "day")]
    assert empty["slots"] == empty["people"] == []
    assert all(span["end"] <= len("by Ann x x x x") for span in cut["people"])


def test_a_row_alone_has_the_answer_that_it_has_in_a_batch(results: dict[str, Any]) -> None:
    (_, together), (_, alone) = results["responses"]
    expected, (answer,) = together["predictions"][2], alone["predictions"]
    for task in ("slots", "people"):
        for span, other in zip(answer[task], expected[task], strict=True):
            assert span == other | {"probability": pytest.approx(other["probability"], abs=1e-5)}
    assert answer["urgent"] == pytest.approx(expected["urgent"], abs=1e-5)


@pytest.mark.usefixtures("results")
def test_labels_and_predictions_are_stored_per_text(folder: Path) -> None:
    stored = pq.read_table(folder / "artifacts" / "predictions.parquet")
    raw = pq.read_table(folder / "artifacts" / "encoded" / "test.parquet")
    assert 0 < stored.num_rows == raw.num_rows < ROWS
    for task in ("slots", "people"):
        labels, predictions = stored[f"label/{task}"], stored[f"prediction/{task}"]
        assert labels.type.value_type == pa.int16()
        item = predictions.type.value_type
        assert (item.list_size, item.value_type) == (2, pa.float32())
        assert f"uncalibrated/{task}" not in stored.column_names
        for row, tags in enumerate(labels.to_pylist()):
            assert tags[-1] == END_OF_ROW
            assert len(predictions[row].as_py()) == len(tags)
            if raw[task][row].as_py() is None:
                assert set(tags[:-1]) <= {-1}
            else:
                assert sum(tag % 2 == 1 for tag in tags[:-1]) == len(raw[task][row].as_py())


@pytest.mark.usefixtures("results")
def test_tagging_tasks_are_not_calibrated(folder: Path) -> None:
    history = json.loads((folder / "artifacts" / "training" / "history.json").read_text(encoding="utf-8"))
    assert [record["task"] for record in history["calibrations"]] == ["intent", "urgent"]


def test_the_report_has_every_task(results: dict[str, Any]) -> None:
    assert all(f">{task}<" in results["report"] for task in ("intent", "urgent", "slots", "people"))
