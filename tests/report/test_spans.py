"""Report of tagging tasks: kinds of errors, examples in their texts, plots of any data, coverage of vocabularies."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from mtl_core.metrics.spans import NO_SPAN
from mtl_core.ragged import Ragged
from mtl_core.report.outputs.span_errors import SpanErrors
from mtl_core.report.outputs.spans import SpanReport
from mtl_core.report.plots.statistics import f1_interval
from mtl_core.report.run import Run, ScoredRows
from mtl_core.report.texts import Texts
from mtl_core.report.wording import UNDEFINED
from mtl_core.text.input_type import ADVERSARIAL_TEXTS
from tests.report.html_page import read
from tests.strategies import patient

NAMES = ("city", "<b>person</b>")
O, B_CITY, I_CITY, B_PERSON, I_PERSON, B_UNSEEN = range(6)
REPORT = SpanReport(labels=NAMES)


def rows_of(labels: Any, predictions: Any, texts: Any = None, probability: float = 0.5) -> ScoredRows:
    """Lists of tags per text; without texts, those of the tokens `a b c`."""
    lengths = np.array([len(row) for row in labels], dtype=np.int64)
    flat = [np.array([tag for row in side for tag in row], dtype=np.int16) for side in (labels, predictions)]
    predicted = np.stack([flat[1], np.full(len(flat[1]), probability)], axis=1).astype(np.float32)
    return ScoredRows(
        labels=Ragged.from_lengths(flat[0], lengths),
        predictions=Ragged.from_lengths(predicted, lengths),
        texts=Texts(
            values=pa.array(texts or [" ".join("abcdefgh"[:length]) for length in lengths]),
            rows=np.arange(len(lengths)),
            max_tokens=100,
        ),
    )


@pytest.mark.parametrize(
    ("true", "predicted", "kind", "cells"),
    [
        ([B_CITY, I_CITY, O], [B_CITY, I_CITY, O], "", ()),
        ([B_CITY, I_CITY, O], [B_PERSON, I_PERSON, O], "Wrong label", ("[a b] c", "city", NAMES[1], "25%")),
        ([O, B_CITY, I_CITY], [B_CITY, I_CITY, O], "Wrong borders", ("a [b c]", "city", "city: a b", "25%")),
        ([O, B_CITY, I_CITY], [O, O, B_PERSON], "Wrong borders", ("a [b c]", "city", f"{NAMES[1]}: c", "50%")),
        ([O, B_UNSEEN, O], [B_CITY, O, O], "Missed", ("a [b] c", "not in training", "none", UNDEFINED)),
        ([B_CITY, O, O], [O, B_CITY, O], "Spurious", ("a [b] c", "none", "city", "50%")),
    ],
)
def test_kinds_of_errors(true: list[int], predicted: list[int], kind: str, cells: tuple[str, ...]) -> None:
    examples = REPORT.examples(rows_of([[O], true], [[O], predicted]))
    if not kind:
        assert examples == {}
        return
    text, *others = examples[kind].rows[0]
    plain = text.replace("<bdi>", "").replace("</bdi>", "").replace("<mark>", "[").replace("</mark>", "]")
    assert (plain, *others) == cells


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
    data = rows_of([[O, O]] * 40, [[B_CITY, O]] * 40, [f"w{row // 2} x" for row in range(40)])
    data.predictions.values[::2, 1] = np.repeat(np.linspace(0.99, 0.6, 20), 2)
    (table,) = REPORT.examples(data).values()
    assert [row[0] for row in table.rows] == [f"<bdi><mark>w{index}</mark> x</bdi>" for index in range(8)]


def test_missed_spans_have_labels_in_turn() -> None:
    true = [[B_CITY, O]] * 9 + [[B_PERSON, O]] * 2
    data = rows_of(true, [[O, O]] * 11, [f"w{row} x" for row in range(11)])
    (table,) = REPORT.examples(data).values()
    assert [row[1] for row in table.rows] == ["city", NAMES[1], "city", NAMES[1], *["city"] * 4]


@pytest.mark.parametrize("text", [*ADVERSARIAL_TEXTS, "<script>alert(1)</script>", "x" * 10_000, "y " * 90])
def test_adversarial_texts_are_escaped_and_short(text: str) -> None:
    data = rows_of([[]], [[]], [text])
    ((_, places),) = data.texts.read(np.zeros(1, np.int64)) if data.texts else ()
    for start in {0, len(places) // 2, len(places) - 1} & set(range(len(places))):
        predicted = [O] * start + [B_CITY] + [I_CITY] * (len(places) - start - 1)
        (table,) = REPORT.examples(rows_of([[O] * len(places)], [predicted], [text])).values()
        page = read(str(table.rows[0][0]))
        assert [tag for tag, _ in page.tags] == ["bdi", "mark"]
        assert len(table.rows[0][0]) < 500 + 5 * 300
        marked = str(table.rows[0][0]).split("<mark>")[1].split("</mark>")[0]
        assert read(marked).sections.get("", "") == " ".join(
            text[places[start][0] : places[-1][1]][:120].split() + ["…"] * (places[-1][1] - places[start][0] > 120)
        )


def test_the_numbers_per_label() -> None:
    generator = np.random.default_rng(0)
    labels, predictions = (generator.choice([O, B_CITY, B_PERSON], 300).tolist() for _ in range(2))
    data = rows_of([[tag] for tag in labels], [[tag] for tag in predictions])
    f1, confusion, calibration = REPORT.figures(data)
    for name, spans, _, _, value, bounds in f1.table.rows:
        tag = B_CITY if name == "city" else B_PERSON
        assert int(spans) == labels.count(tag)
        expected = f1_score(np.equal(labels, tag), np.equal(predictions, tag))
        assert float(value) == pytest.approx(expected, abs=6e-4)
        low, high = map(float, bounds.split(" to "))
        assert low < expected < high
    counts = {
        (a, b): sum(pair == (a, b) for pair in zip(labels, predictions, strict=True))
        for a in range(4)
        for b in range(4)
    }
    city = confusion.table.rows[0]
    assert city[2:] == tuple(
        f"{100 * counts[B_CITY, tag] / labels.count(B_CITY):.1f}".removesuffix(".0") + "%"
        for tag in (B_CITY, B_PERSON, O)
    )
    assert confusion.table.rows[2][0] == "none"
    assert sum(int(row[3]) for row in calibration.table.rows) == 300 - predictions.count(O)


@pytest.mark.parametrize("hits", [0, 1, 40])
@pytest.mark.parametrize("errors", [0, 3])
def test_the_interval_of_f1_lies_around_it(hits: int, errors: int) -> None:
    if hits + errors == 0:
        return
    low, high = f1_interval(np.array([hits]), np.array([errors]))
    assert 0 <= low[0] <= 2 * hits / (2 * hits + errors) <= high[0] <= 1
    assert high[0] - low[0] > 0.01


@pytest.mark.parametrize("labels", [[O, O, O], [B_CITY, I_CITY, O], [B_UNSEEN, O, O]])
@pytest.mark.parametrize("predictions", [[O, O, O], [B_CITY, O, B_PERSON]])
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
    train = rows_of([[B_CITY, B_CITY], [B_PERSON, O], [O], [O]], [[O, O], [O, O], [O], [O]]).labels
    test = rows_of([[B_UNSEEN]], [[O]]).labels
    table = REPORT.label_distribution({"train": train, "test": test, "none": train.take(np.zeros(0, np.int64))})
    assert table.head == ("spans per text", "texts with a span", "city", NAMES[1], "not in training")
    assert table.rows == (
        ("0.75", "50%", "66.7%", "33.3%", "0%"),
        ("1", "100%", "0%", "0%", "100%"),
        (UNDEFINED,) * 5,
    )
    assert REPORT.baseline(np.array([O, 0.75])) == "no span (75% of tokens)"


def test_a_task_has_the_texts_of_its_labelled_rows(run: Run) -> None:
    (task,) = (task for task in run.tasks if task.name == "entities")
    rows = run.scored_rows(task)
    assert rows.texts is not None
    raw = run.raw_rows("test", ["note", "entities"]).to_pylist()
    labelled = [row for row in raw if row["note"] and row["entities"] is not None]
    read_texts = rows.texts.read(np.arange(len(rows.labels)))
    assert [text for text, _ in read_texts] == [row["note"] for row in labelled]
    for (text, places), row, start in zip(read_texts, labelled, rows.labels.offsets, strict=False):
        if row["entities"]:
            index = next(i for i, tag in enumerate(rows.labels.values[start : start + len(places)]) if tag)
            assert places[index][0] == row["entities"][0]["start"], text
