"""Report of tagging tasks: kinds of errors, examples in their texts, plots of any data, coverage of vocabularies."""

import re
from html import unescape
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from mtl_core.metrics.spans import NO_SPAN
from mtl_core.ragged import Ragged
from mtl_core.report.outputs.span_errors import SpanErrors
from mtl_core.report.outputs.spans import SpanReport
from mtl_core.report.plots.statistics import f1_interval
from mtl_core.report.run import Run
from mtl_core.report.scored_rows import ScoredRows
from mtl_core.report.texts import Texts
from mtl_core.report.wording import UNDEFINED, percent, rounded
from mtl_core.text.input_type import ADVERSARIAL_TEXTS
from tests.report.html_page import read
from tests.strategies import patient

NAMES = ("city", "<b>person</b>")
OUT, B_CITY, I_CITY, B_PERSON, I_PERSON, B_UNSEEN = range(6)
REPORT = SpanReport(labels=NAMES)


def rows_of(labels: Any, predictions: Any, texts: Any = None, probability: float = 0.5) -> ScoredRows:
    """Lists of tags per text; without texts, those of the tokens `a b c`."""
    lengths = np.array([len(row) for row in labels], dtype=np.int64)
    flat = [np.array([tag for row in side for tag in row], dtype=np.int16) for side in (labels, predictions)]
    predicted = np.stack([flat[1], np.full(len(flat[1]), probability)], axis=1).astype(np.float32)
    return ScoredRows(
        labels=Ragged.from_lengths(flat[0], lengths),
        predictions=Ragged.from_lengths(predicted, lengths),
        texts=texts_of(texts or [" ".join("abcdefgh"[:length]) for length in lengths]),
    )


def texts_of(texts: list[str]) -> Texts:
    return Texts(values=pa.array(texts), rows=np.arange(len(texts)), max_tokens=100)


@pytest.mark.parametrize(
    ("true", "predicted", "kind", "cells"),
    [
        ([B_CITY, I_CITY, OUT], [B_CITY, I_CITY, OUT], "", ()),
        ([B_CITY, I_CITY, OUT], [B_PERSON, I_PERSON, OUT], "Wrong label", ("[a b] c", "city", NAMES[1], "25%")),
        ([OUT, B_CITY, I_CITY], [B_CITY, I_CITY, OUT], "Wrong borders", ("a [b c]", "city", "city: a b", "25%")),
        ([OUT, B_CITY, I_CITY], [OUT, OUT, B_PERSON], "Wrong borders", ("a [b c]", "city", f"{NAMES[1]}: c", "50%")),
        ([OUT, B_UNSEEN, OUT], [OUT, OUT, OUT], "Missed", ("a [b] c", "not in training", "none", UNDEFINED)),
        ([B_CITY, OUT, OUT], [B_CITY, B_CITY, OUT], "Spurious", ("a [b] c", "none", "city", "50%")),
    ],
)
def test_kinds_of_errors(true: list[int], predicted: list[int], kind: str, cells: tuple[str, ...]) -> None:
    examples = REPORT.examples(rows_of([[OUT], true], [[OUT], predicted]))
    marks = {"<bdi>": "", "</bdi>": "", "<mark>": "[", "</mark>": "]"}
    plain = {
        name: [tuple(_replaced(cell, marks) for cell in row) for row in table.rows] for name, table in examples.items()
    }
    assert plain == ({kind: [cells]} if kind else {})


def _replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        text = str(text).replace(old, new)
    return text


tags = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=8)


@given(rows=st.lists(tags, min_size=1, max_size=6))
@patient
def test_every_span_is_right_or_in_one_kind_of_error(rows: list[list[tuple[int, int]]]) -> None:
    data = rows_of(*([[pair[side] for pair in row] for row in rows] for side in range(2)))
    errors = SpanErrors.of(data)
    true = np.flatnonzero(errors.pairs.true != NO_SPAN)
    right = np.flatnonzero(errors.pairs.true == errors.pairs.predicted)
    kinds = (right, errors.wrong_label, errors.wrong_borders, errors.missed)
    assert sorted(np.concatenate(kinds)) == true.tolist()
    assert errors.is_right.sum() == len(right)
    assert set(errors.spurious) <= set(np.flatnonzero(errors.pairs.true == NO_SPAN))
    assert REPORT.summary(data)[1].startswith(f"Of {len(true)} true span")


@given(rows=st.lists(tags, min_size=1, max_size=6))
@patient
def test_an_error_overlaps_another_span_unless_it_is_missed_or_spurious(rows: list[list[tuple[int, int]]]) -> None:
    data = rows_of(*([[pair[side] for pair in row] for row in rows] for side in range(2)))
    errors = SpanErrors.of(data)
    predicted = [set(range(a, b)) for a, b in zip(errors.predicted.starts, errors.predicted.stops, strict=True)]
    true = errors.pairs.true != NO_SPAN
    items = [set(range(a, b)) for a, b in zip(errors.pairs.starts, errors.pairs.stops, strict=True)]
    for index in errors.wrong_borders:
        assert predicted[errors.overlapping[index]] & items[index]
    for index in errors.missed:
        assert not any(span & items[index] for span in predicted)
    for index in errors.spurious:
        assert not any(items[other] & items[index] for other in np.flatnonzero(true))


def test_examples_are_the_most_probable_and_distinct() -> None:
    data = rows_of([[OUT, OUT]] * 40, [[B_CITY, OUT]] * 40, [f"w{row // 2} x" for row in range(40)])
    data.predictions.values[::2, 1] = np.repeat(np.linspace(0.99, 0.6, 20), 2)
    (table,) = REPORT.examples(data).values()
    assert [row[0] for row in table.rows] == [f"<bdi><mark>w{index}</mark> x</bdi>" for index in range(8)]


def test_missed_spans_have_labels_in_turn() -> None:
    true = [[B_CITY, OUT]] * 9 + [[B_PERSON, OUT]] * 2
    data = rows_of(true, [[OUT, OUT]] * 11, [f"w{row} x" for row in range(11)])
    (table,) = REPORT.examples(data).values()
    assert [row[1] for row in table.rows] == ["city", NAMES[1], "city", NAMES[1], *["city"] * 4]


@pytest.mark.parametrize("text", [*ADVERSARIAL_TEXTS, "<script>alert(1)</script>", "x" * 10_000])
def test_adversarial_texts_are_escaped_and_cut(text: str) -> None:
    text = f"{text} x <i> {text}"
    ((_, offsets),) = texts_of([text]).read(np.zeros(1, np.int64))
    for start in range(min(len(offsets), 12)):
        predicted = [OUT] * start + [B_CITY] + [I_CITY] * (len(offsets) - start - 1)
        (table,) = REPORT.examples(rows_of([[OUT] * len(offsets)], [predicted], [text])).values()
        cell = str(table.rows[0][0])
        assert [tag for tag, _ in read(cell).tags] == ["bdi", "mark"]
        before, span, after = map(unescape, re.split("</?mark>", cell.removeprefix("<bdi>").removesuffix("</bdi>")))
        first, last = offsets[start][0], offsets[-1][1]
        assert text[:first].endswith(before.removeprefix("… "))
        assert text[first:last].startswith(span.removesuffix(" …"))
        assert text[last:].startswith(after.removesuffix(" …"))
        assert max(len(before), len(after)) <= 72
        assert min(last - first, 120) <= len(span) <= 122


def test_the_numbers_per_label() -> None:
    generator = np.random.default_rng(0)
    labels, predictions = (generator.choice([OUT, B_CITY, B_PERSON], 300) for _ in range(2))
    f1, confusion, calibration = REPORT.figures(rows_of(labels[:, None], predictions[:, None]))
    for name, spans, precision, recall, value, bounds in f1.table.rows:
        tag = B_CITY if name == "city" else B_PERSON
        *rates, expected, _ = precision_recall_fscore_support(labels == tag, predictions == tag, average="binary")
        assert int(spans) == (labels == tag).sum()
        assert (precision, recall, value) == (*map(percent, rates), rounded(expected, 3))
        low, high = map(float, bounds.split(" to "))
        assert low < expected < high
    counts = confusion_matrix(labels, predictions, labels=[B_CITY, B_PERSON, OUT])
    counts[2, 2] = 0  # no span on either side
    for row, of_label in zip(confusion.table.rows, counts, strict=True):
        assert row[2:] == tuple(map(percent, of_label / of_label.sum()))
    assert [row[0] for row in confusion.table.rows] == [*NAMES, "none"]
    assert sum(int(row[3]) for row in calibration.table.rows) == (predictions != OUT).sum()


@pytest.mark.parametrize(("hits", "errors"), [(0, 1), (0, 30), (1, 0), (40, 0), (1, 3), (40, 3)])
def test_the_interval_of_f1_lies_around_it(hits: int, errors: int) -> None:
    low, high = f1_interval(np.array([hits]), np.array([errors]))
    assert 0 <= low[0] <= 2 * hits / (2 * hits + errors) <= high[0] <= 1
    assert high[0] - low[0] > 0.01


@pytest.mark.parametrize("labels", [[OUT, OUT, OUT], [B_CITY, I_CITY, OUT], [B_UNSEEN, OUT, OUT]])
@pytest.mark.parametrize("predictions", [[OUT, OUT, OUT], [B_CITY, OUT, B_PERSON]])
def test_any_tags_can_be_plotted(labels: list[int], predictions: list[int]) -> None:
    data = rows_of([labels], [predictions], probability=0.0)
    figures = REPORT.figures(data)
    assert [figure.title for figure in figures] == [
        *["F1 per label"] * any(labels),
        *["Confusion matrix"] * (any(labels) or any(predictions)),
        *["Calibration"] * any(predictions),
    ]
    assert all(len(row) == len(figure.table.head) for figure in figures for row in figure.table.rows)


def test_many_labels_are_grouped_in_plots_and_complete_in_the_table() -> None:
    names = tuple(f"label {index}" for index in range(300))
    tags = [[1 + 2 * label] for label in range(300) for _ in range(1 + (label >= 290))]
    f1, confusion, _ = SpanReport(labels=names).figures(rows_of(tags, tags))
    assert len(f1.table.rows) == 300
    assert {row[0] for row in f1.table.rows[:10]} == set(names[290:])
    assert "20 most frequent of 300" in f1.caption
    assert [row[0] for row in confusion.table.rows] == [*names[290:298], "292 others", "none"]


def test_label_distribution_of_spans() -> None:
    train = rows_of([[B_CITY, B_CITY], [B_PERSON, OUT], [OUT], [OUT]], [[OUT, OUT], [OUT, OUT], [OUT], [OUT]]).labels
    test = rows_of([[B_UNSEEN]], [[OUT]]).labels
    table = REPORT.label_distribution({"train": train, "test": test, "none": train.take(np.zeros(0, np.int64))})
    assert table.head == ("spans per text", "texts with a span", "city", NAMES[1], "not in training")
    assert table.rows == (
        ("0.75", "50%", "66.7%", "33.3%", "0%"),
        ("1", "100%", "0%", "0%", "100%"),
        (UNDEFINED,) * 5,
    )
    assert REPORT.baseline(np.array([OUT, 0.75])) == "no span (75% of tokens)"


def test_a_task_has_the_texts_of_its_labelled_rows(run: Run) -> None:
    (task,) = (task for task in run.tasks if task.name == "entities")
    rows = run.scored_rows(task)
    assert rows.dropped == 1
    assert rows.texts is not None
    raw = run.raw_rows("test", ["note", "entities"]).to_pylist()
    labelled = [row for row in raw if row["note"] and row["entities"] is not None]
    labelled.remove(next(row for row in labelled if row["entities"]))  # its prediction is not finite
    read_texts = rows.texts.read(np.arange(len(rows.labels)))
    assert [text for text, _ in read_texts] == [row["note"] for row in labelled]
    for (text, offsets), row, start in zip(read_texts, labelled, rows.labels.offsets, strict=False):
        if row["entities"]:
            index = next(i for i, tag in enumerate(rows.labels.values[start : start + len(offsets)]) if tag)
            assert offsets[index][0] == row["entities"][0]["start"], text
