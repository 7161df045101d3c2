"""Label coverage of encoded splits, dense and ragged."""

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtl_core.data.array_files import SplitWriter
from mtl_core.data.coverage import check_coverage
from mtl_core.errors import DataError
from mtl_core.ragged import Ragged
from tests.small import Small, small
from tests.tasks.test_token_level import Marks, MarksCodec

__all__ = ["small"]

MARKS: dict[str, Any] = {
    "train": ([1, 0, -1, 1], [0, 3, 4]),
    "validation": ([1, 0], [0, 1, 2]),
    "test": ([0, 1, 1], [0, 0, 3]),
}
"""Split -> labels of items, and offsets of rows."""
CODEC = MarksCodec(name="marks", type="list", targets=("marks",), sequence="words")


def coverage_error(small: Small, folder: Path, **changed: tuple[list[int], list[int]]) -> str:
    """The error for a task of level token with those labels, or ""."""
    for split, (values, offsets) in (MARKS | changed).items():
        writer = SplitWriter(folder / split, 2)
        labels = Ragged(values=np.array(values, np.int8), offsets=np.array(offsets))
        writer.append({"x": np.zeros(2)}, {"marks": labels})
        writer.close()
    problem = small.problem.model_copy(update={"tasks": {"marks": Marks(target="marks", sequence="words")}})
    encoder = small.encoder.model_copy(update={"tasks": (CODEC,)})
    try:
        check_coverage(problem, encoder, folder)
    except DataError as error:
        return str(error)
    return ""


def test_labels_of_items_count(small: Small, tmp_path: Path) -> None:
    assert coverage_error(small, tmp_path) == ""


@pytest.mark.parametrize(
    ("labels", "count", "pattern"),
    [
        (([], [0, 0, 0]), 0, "tasks.marks: the validation split .* found none in 'marks'"),
        (([-1, -1], [0, 2, 2]), 0, "tasks.marks: the validation split .* found none"),
        (([1, -1], [0, 2, 2]), 1, "tasks.marks.metric: auc .* validation split, found one class"),
    ],
    ids=["no item", "no labelled item", "one class"],
)
def test_a_split_without_labelled_items_is_refused(
    small: Small, tmp_path: Path, labels: tuple[list[int], list[int]], count: int, pattern: str
) -> None:
    message = coverage_error(small, tmp_path, validation=labels)
    assert re.match(pattern, message)
    assert f"(labelled items: 3 train, {count} validation, 3 test)" in message


@pytest.mark.parametrize(("metric", "refused"), [("auc", True), ("log_loss", False)])
def test_training_checks_validation_labels_for_the_declared_metric_and_reads_no_test_labels(
    small: Small, tmp_path: Path, metric: str, refused: bool
) -> None:
    """Encoded data do not depend on the metric, so it may change after `prepare`."""
    labels = tmp_path / "encoded"
    for split, values in {"train": [0, 1], "validation": [1, 1]}.items():
        writer = SplitWriter(labels / split, 2)
        writer.append({"x": np.zeros(2)}, {"late": np.array(values, np.int8)})
        writer.close()
    late = small.problem.tasks["late"].model_copy(update={"metric": metric})
    problem = small.problem.model_copy(update={"tasks": {"late": late}})
    encoder = small.encoder.model_copy(update={"tasks": small.encoder.tasks[:1]})
    with pytest.raises(DataError, match="one class only") if refused else nullcontext():
        check_coverage(problem, encoder, labels, ("train", "validation"))
