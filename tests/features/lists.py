"""The small problem with list features: tags, tags as text, and vectors of either list type."""

from typing import Any

import numpy as np
import pyarrow as pa

from tests import small


def document(**training: Any) -> dict[str, Any]:
    """The problem's params.yaml, with changes under `training`."""
    params = small.document(epochs=2, **training)
    features = {
        "colour": {"kind": "categorical"},
        "size": {"kind": "numeric"},
        "tags": {"kind": "multicategorical"},
        "words": {"kind": "multicategorical", "separator": "|"},
        "point": {"kind": "vector"},
        "location": {"kind": "vector"},
    }
    return params | {"features": features}


def table(rows: int = small.ROWS, seed: int = 0) -> pa.Table:
    """The small table with lists of strings, some null or empty, tags as text, and lists of numbers of both types."""
    generator = np.random.default_rng(seed)
    tags = [
        None if generator.random() < 0.05 else generator.choice(list("abcdefgh"), generator.integers(0, 6)).tolist()
        for _ in range(rows)
    ]
    numbers = generator.normal(size=(rows, 3)).tolist()
    points = [None if generator.random() < 0.05 else row for row in numbers]
    return (
        small.table(rows, seed)
        .append_column("tags", pa.array(tags, pa.list_(pa.string())))
        .append_column("words", pa.array([None if row is None else " | ".join(row) for row in tags[::-1]]))
        .append_column("point", pa.array(points, pa.list_(pa.float32())))
        .append_column("location", pa.array(numbers, pa.list_(pa.float32(), 3)))
    )
