"""Encoded splits: written part by part, mapped, and read by row number or slice."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.array_files import SplitWriter
from mtl_core.data.encoded import Batch, EncodedSplit
from mtl_core.data.encoder import Encoder, fit
from mtl_core.errors import DataError
from tests.data.orders import DECLARED, ROWS, declared, month
from tests.data.test_encoder import TYPES
from tests.strategies import partitions, patient

SLOW = {**DECLARED["tasks"]["slow"], "weight_column": "row"}
ENCODER: Encoder = fit(declared(tasks={**DECLARED["tasks"], "slow": SLOW}), TYPES, month(1).to_batches())
"""Three tasks, one with row weights."""


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> EncodedSplit:
    folder = tmp_path_factory.mktemp("encoded") / "train"
    writer = SplitWriter(folder, ROWS)
    append(writer, 0, 17)
    append(writer, 17, ROWS)
    writer.close()
    return EncodedSplit.open(folder, ENCODER)


def append(writer: SplitWriter, start: int, stop: int) -> None:
    rows = month(1).slice(start, stop - start)
    writer.append(ENCODER.encode(rows), ENCODER.labels(rows), ENCODER.weights(rows))


def assert_rows(batch: Batch, rows: Any) -> None:
    for tensors, expected in (
        (batch.inputs, ENCODER.encode(month(1))),
        (batch.labels, ENCODER.labels(month(1))),
        (batch.weights, ENCODER.weights(month(1))),
    ):
        assert list(tensors) == list(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(tensors[name].numpy(), values[rows])
            assert tensors[name].numpy().dtype == values.dtype


@given(data=st.data(), rows=st.lists(st.integers(0, ROWS - 1)))
@patient
def test_rows_are_read_as_written(split: EncodedSplit, data: st.DataObject, rows: list[int]) -> None:
    assert len(split) == ROWS
    assert_rows(split.take(torch.tensor(rows, dtype=torch.int64)), rows)
    for part in data.draw(partitions(ROWS)):
        assert_rows(split.slice(part.start, part.stop), part)


def test_a_split_without_weights_has_none(tmp_path: Path) -> None:
    encoder = fit(declared(), TYPES, month(1).to_batches())
    writer = SplitWriter(tmp_path / "train", ROWS)
    writer.append(encoder.encode(month(1)), encoder.labels(month(1)))
    writer.close()
    opened = EncodedSplit.open(tmp_path / "train", encoder)
    assert opened.take(torch.tensor([3])).weights == opened.slice(0, 9).weights == {}
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == ["categorical.npy", "labels", "numeric.npy"]


def test_the_files_are_those_of_numpy(tmp_path: Path) -> None:
    writer = SplitWriter(tmp_path / "train", 3)
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    for part in (slice(0, 2), slice(2, 3)):
        writer.append({"floats": values.T.copy().T[part]}, {"y": values[part, 0] > 1})
    writer.close()
    for name, expected in (("floats", values), ("labels/y", values[:, 0] > 1)):
        np.save(tmp_path / "expected.npy", expected)
        assert (tmp_path / "train" / f"{name}.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


def test_an_existing_folder_is_not_overwritten(tmp_path: Path) -> None:
    SplitWriter(tmp_path / "train", 1)
    with pytest.raises(FileExistsError):
        SplitWriter(tmp_path / "train", 1)


def test_a_slice_is_no_copy(split: EncodedSplit) -> None:
    whole, part = split.inputs["categorical"], split.slice(5, 9).inputs["categorical"]
    assert part.data_ptr() == whole.data_ptr() + 5 * whole.shape[1] * whole.element_size()
    taken = split.take(torch.tensor([5])).inputs["categorical"]
    assert taken.data_ptr() != part.data_ptr()


def test_arrays_are_memory_mapped(split: EncodedSplit, tmp_path: Path) -> None:
    """A change of the file changes the tensor; a change of the tensor does not reach the file."""
    writer = SplitWriter(tmp_path / "s", 1)
    append(writer, 1, 2)
    writer.close()
    opened = EncodedSplit.open(tmp_path / "s", ENCODER)
    np.load(tmp_path / "s" / "categorical.npy", mmap_mode="r+")[0, 0] = 4
    assert opened.inputs["categorical"].tolist() == [[4]]
    before = (tmp_path / "s" / "numeric.npy").read_bytes()
    opened.inputs["numeric"][0, 0] = 99.0
    assert (tmp_path / "s" / "numeric.npy").read_bytes() == before


@pytest.mark.parametrize("stops", [[9], [5, 9], []], ids=str)
def test_too_few_rows_are_refused(tmp_path: Path, stops: list[int]) -> None:
    writer = SplitWriter(tmp_path / "train", 10)
    for start, stop in itertools.pairwise([0, *stops]):
        append(writer, start, stop)
    rows = stops[-1] if stops else 0
    with pytest.raises(DataError, match=rf"train: .*found {rows} rows where 10 .*; run again"):
        writer.close()


def test_too_many_rows_are_refused(tmp_path: Path) -> None:
    writer = SplitWriter(tmp_path / "test", 10)
    append(writer, 0, 10)
    with pytest.raises(DataError, match=r"test: .*found 11 or more rows where 10 .*; run again"):
        append(writer, 10, 11)
