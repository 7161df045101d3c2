"""A problem with two texts, two other columns, and tasks of rows and of tokens, in memory and on disk."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from mtl_core.text.tags import OUTSIDE, Span
from tests.small import Small, prepared

SPANS = pa.list_(pa.struct({"start": pa.int64(), "end": pa.int64(), "label": pa.string()}))
"""Type of a column of spans."""
ROWS = 360
ENCODERS: dict[str, dict[str, Any]] = {
    kind: {"kind": kind, "width": 16, "embedding": 16} for kind in ("conv", "gru", "lstm", "transformer")
}
ENCODERS["gru"]["layers"] = 2
"""`model.text` of each encoder."""


def document(**training: Any) -> dict[str, Any]:
    """The problem's params.yaml, with changes under `training`."""
    return {
        "name": "tagged",
        "data": {"path": "data"},
        "split": {"by": "hash", "column": "key", "validation": 0.2, "test": 0.2},
        "features": {
            "text": {"kind": "text", "min_count": 1},
            "heading": {"kind": "text", "column": "title", "min_count": 1, "max_tokens": 6},
            "size": {"kind": "numeric"},
            "colour": {"kind": "categorical"},
        },
        "tasks": {
            "intent": {"kind": "multiclass", "target": "intent", "metric": "accuracy"},
            "urgent": {"kind": "binary", "target": "urgent", "metric": "auc"},
            "slots": {"kind": "tagging", "target": "slots", "weight_column": "heavy"},
            "people": {"kind": "tagging", "target": "people", "text": "heading"},
        },
        "model": {
            "members": 1,
            "embedding": 4,
            "text": {"kind": "conv", "width": 16, "embedding": 16, "layers": 1, "kernel": 3, "dropout": 0.0},
            "trunk": {"kind": "shared_bottom", "widths": [16]},
            "head": {"width": 16},
        },
        "training": {
            "epochs": 4,
            "batch_size": 32,
            "learning_rate": 0.02,
            "threads": 1,
            "balancing": {"method": "mean"},
            **training,
        },
    }


@dataclass
class Written:
    """A text under construction, with its spans."""

    text: str = ""
    spans: list[dict[str, Any]] = field(default_factory=list)

    def add(self, words: str, label: str | None = None) -> None:
        """Append words, as a span if they have a label."""
        start = len(self.text)
        self.text += words
        if label:
            self.spans.append({"start": start, "end": len(self.text), "label": label})


def table(rows: int = ROWS) -> pa.Table:
    """Columns key, text, title, size, colour, intent, urgent, slots, people, heavy.

    An eighth of each target is null, texts may be empty or null, and some weights are 0.
    """
    generator = np.random.default_rng(0)
    columns: dict[str, list[Any]] = {name: [] for name in ("text", "title", "intent", "slots", "people")}
    for _ in range(rows):
        plays = bool(generator.random() < 0.5)
        text, title = Written(), Written()
        text.add("please " * int(generator.integers(0, 4)))
        text.add("play \U0001f3b5 " if plays else "book ")
        text.add(str(generator.choice(["red moon", "été", "北京", "one  two"])), "song" if plays else "place")
        if generator.random() < 0.5:
            text.add(" on ")
            text.add(str(generator.choice(["monday", "3 May"])), "day")
        title.add("by ")
        title.add(str(generator.choice(["Ann", "Bob Lee", "Eve O'Hara"])), "person")
        columns["text"].append(text.text)
        columns["title"].append(title.text)
        columns["intent"].append("play" if plays else "book")
        columns["slots"].append(text.spans)
        columns["people"].append(title.spans)
    for row in range(0, rows, 20):
        columns["title"][row], columns["people"][row] = (None, None) if row % 40 else ("", [])
    size = generator.normal(size=rows)

    def nullable(values: Any, arrow_type: pa.DataType) -> pa.Array:
        is_null = generator.random(rows) < 0.125
        return pa.array([None if null else x for null, x in zip(is_null, values, strict=True)], arrow_type)

    return pa.table(
        {
            "key": pa.array(np.arange(rows)),
            "text": columns["text"],
            "title": columns["title"],
            "size": nullable(size.tolist(), pa.float64()),
            "colour": generator.choice(["red", "blue"], rows),
            "intent": nullable(columns["intent"], pa.string()),
            "urgent": nullable((size > 0).astype(float).tolist(), pa.float64()),
            "slots": nullable(columns["slots"], SPANS),
            "people": nullable(columns["people"], SPANS),
            "heavy": pa.array(generator.integers(0, 3, rows).astype(float)),
        }
    )


def spans_of(offsets: NDArray[np.int64], tags: NDArray[np.integer]) -> list[Span]:
    """(tokens, 2) start and end of each token, (tokens,) well-formed tags -> their spans; the inverse of `tags_of`."""
    spans: list[Span] = []
    for (start, end), tag in zip(offsets.tolist(), tags.tolist(), strict=True):
        if tag % 2 == 1:
            spans.append(Span(start, end, (tag - 1) // 2))
        elif tag != OUTSIDE:
            spans[-1] = spans[-1]._replace(end=end)
    return spans


@pytest.fixture(scope="session")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The problem, prepared once a session."""
    return prepared(tmp_path_factory.mktemp("tagged"), document(), table())
