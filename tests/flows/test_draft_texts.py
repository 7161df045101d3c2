"""`mtl init`: text features, and tagging tasks with the texts of their spans."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.draft.document import document
from flows.draft.facts import sample_table
from flows.draft.proposals import propose_problem
from mtl_core.config import Problem, parse_problem, parse_yaml
from mtl_core.config.gates import Latency
from mtl_core.errors import DataError
from mtl_core.features.text import TextFeature
from mtl_core.tasks.tagging import Tagging
from tests.flows.drafts import BASE, RANGE, draft_of, parse_draft, repeat

TEXTS = [f"please book a table for {row} of us in New York" for row in RANGE]
SPANS = [
    [{"start": 24, "end": len(text) - 18, "label": "size"}, {"start": len(text) - 8, "end": len(text), "label": "city"}]
    for text in TEXTS
]
INTENT = repeat("book", "cancel", "ask")
COLUMNS: dict[str, Any] = {"text": TEXTS, "slots": SPANS, "intent": INTENT}


def test_spans_are_a_tagging_task_on_their_text(tmp_path: Path) -> None:
    problem = parse_draft(draft_of(tmp_path, {**COLUMNS, "slots": [None, *SPANS[1:]]}, "intent", "slots"))
    assert isinstance(problem.features["text"], TextFeature)
    assert isinstance(problem.tasks["slots"], Tagging)
    assert "text" not in problem.tasks["slots"].model_fields_set
    assert problem.training.balancing.method == "mean"


def test_spans_that_are_no_target_are_left_out_with_the_option_that_predicts_them(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {**COLUMNS, "people": SPANS}, "intent", "people")
    assert "--tasks slots" in draft.left_out["slots"].note
    assert draft.tasks["people"].options["text"] == "text"


OTHER_TEXTS: dict[str, list[Any]] = {
    "shorter": [text[:-1] for text in TEXTS],
    "one shorter": [*TEXTS[1:], "short"],
    "missing once": [None, *TEXTS[1:]],
    "shifted": [f"ab{text}" for text in TEXTS],
    "a word": repeat("x" * 60),
}


@pytest.mark.parametrize("other", OTHER_TEXTS.values(), ids=OTHER_TEXTS)
def test_the_text_of_spans_is_the_one_whose_words_they_are(tmp_path: Path, other: list[Any]) -> None:
    """Other columns before and after it; its name is no valid name of a feature."""
    columns = {"first": other, "the text": TEXTS, "last": other, "slots": SPANS, **BASE}
    problem = parse_draft(draft_of(tmp_path, columns, "slots", "yes"))
    task = problem.tasks["slots"]
    assert isinstance(task, Tagging)
    assert (task.text, problem.column_of(task.text)) == ("the_text", "the text")


def test_a_text_of_spans_needs_no_sentences(tmp_path: Path) -> None:
    names = [f"Ann {row}" for row in RANGE]
    spans = [[{"start": 0, "end": 3, "label": "first"}]] * len(names)
    draft = draft_of(tmp_path, {"text": names, "slots": spans, **BASE}, "slots")
    assert draft.features["text"].options == {"kind": "text"}
    assert "spans in 'slots'" in draft.features["text"].note


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "beyond every text": (
        {"text": ["short"] * 200, "slots": SPANS},
        "must end within the texts.*columns of text: text;",
    ),
    "no text": ({"slots": SPANS}, "must end within the texts.*there are none"),
    "no spans": ({"text": TEXTS, "slots": pa.array([[], None] * 100, pa.array(SPANS).type)}, "must have spans"),
    "fractions": (
        {"text": TEXTS, "slots": [[{"start": 0.5, "end": 2.5, "label": "x"}]] * 200},
        r"lists of \{start, end, label\}, of whole numbers",
    ),
}


@pytest.mark.parametrize(("columns", "message"), REFUSED.values(), ids=REFUSED)
def test_spans_without_a_text_are_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"--tasks: .*'slots'.*{message}"):
        draft_of(tmp_path, {**BASE, **columns}, "slots")


def of_words(tmp_path: Path, words: int) -> Problem:
    """A draft without tagging tasks whose longest text has that many words."""
    texts = [f"some words that many texts of this table have {row}" for row in RANGE[1:]] + ["word " * words]
    path = tmp_path / f"{words}.parquet"
    pq.write_table(pa.table({**BASE, "review": texts}), path)
    return parse_problem(parse_yaml(document("table", "data", propose_problem(sample_table(path), ["yes"]))))


def test_limits_of_latency_grow_with_the_longest_text(tmp_path: Path) -> None:
    """Up to the tokens that a text feature reads; training is unchanged without tags."""
    limits = [of_words(tmp_path, words).gates.latency_ms for words in (10, 500, 1_000, 5_000)]
    rows_1, rows_1000 = [each.rows_1 or 0 for each in limits], [each.rows_1000 or 0 for each in limits]
    default = Latency()
    assert (default.rows_1 or 0) < rows_1[0] < rows_1[1] < rows_1[2] == rows_1[3]
    assert (default.rows_1000 or 0) < rows_1000[0] < rows_1000[1] < rows_1000[2] == rows_1000[3]
    assert of_words(tmp_path, 10).training.model_fields_set == {"seed"}
