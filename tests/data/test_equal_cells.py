"""Training batches where padding would exceed the limit of cells: equal cells instead of equal rows."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.encoded import EncodedSplit, equal_cells
from mtl_core.data.ragged_tensor import RaggedTensor
from tests.data.test_ragged import LENGTHS, split_of
from tests.strategies import patient

any_cells = st.lists(st.integers(0, 9) | st.integers(0, 10_000), min_size=1, max_size=60).map(sorted)


@given(cells=any_cells, data=st.data())
@patient
def test_batches_cover_the_rows_in_order_and_none_is_empty(cells: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(cells)))
    rows = torch.arange(100, 100 + len(cells))
    batches = equal_cells(rows, torch.tensor(cells), count)
    assert torch.cat(batches).tolist() == rows.tolist()
    assert len(batches) == count
    assert min(map(len, batches)) >= 1


DISTRIBUTIONS = {
    "equal": np.full(6_400, 80),
    "log-normal": np.random.default_rng(0).lognormal(3, 0.7, 6_400).astype(int) + 1,
    "a very long row": np.append(np.full(6_399, 80), 160_000),
    "many very long rows": np.append(np.full(6_350, 80), np.full(50, 160_000)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_batch_has_its_share_of_the_cells_up_to_a_row(name: str) -> None:
    """A share is an equal part of the cells of a batch and of all batches of shorter rows."""
    cells = np.sort(DISTRIBUTIONS[name])
    batches = equal_cells(torch.arange(len(cells)), torch.from_numpy(cells), 100)
    total = 0
    for index, batch in enumerate(batches):
        of_batch = cells[batch.numpy()]
        total += of_batch.sum()
        if len(batch) > 1:
            assert abs(of_batch.sum() - total / (index + 1)) <= of_batch.max()
        else:
            assert of_batch[0] >= total / (index + 1) / 2


def test_golden_batches() -> None:
    for cells, count, sizes in (
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 3, [5, 3, 2]),
        ([1, 1, 1, 1, 100], 3, [2, 2, 1]),
        ([1, 1, 50, 100], 4, [1, 1, 1, 1]),
        ([0, 0, 0], 2, [1, 2]),
        ([5], 1, [1]),
    ):
        batches = equal_cells(torch.arange(len(cells)), torch.tensor(cells), count)
        assert [len(batch) for batch in batches] == sizes, cells


@given(lengths=LENGTHS, size=st.integers(1, 12), limit=st.integers(1, 60), window=st.integers(1, 4))
@patient
def test_a_pass_with_long_rows_has_as_many_batches_as_without(
    lengths: list[int], size: int, limit: int, window: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtl_core.data.encoded.WINDOW", window)
        patch.setattr("mtl_core.data.encoded.MAX_TRAINING_CELLS", limit)
        batches = list(split_of(lengths).order(np.random.default_rng(0), size))
    assert len(batches) == -(-len(lengths) // size)
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))


def split_of_texts(lengths: list[int], cells: int) -> EncodedSplit:
    split = split_of(lengths)
    array: Any = split.inputs["r0"]
    ragged = RaggedTensor(values=array.values, offsets=array.offsets, pad=0, cells=cells)
    return EncodedSplit({"text": ragged}, split.labels)


def test_only_a_window_beyond_the_limit_has_batches_of_different_sizes() -> None:
    lengths = np.random.default_rng(0).integers(1, 20, 2_000).tolist()
    expected = [batch.tolist() for batch in split_of(lengths).order(np.random.default_rng(0), 64)]
    short = [batch.tolist() for batch in split_of_texts(lengths, 16).order(np.random.default_rng(0), 64)]
    assert short == expected, "the cost of an item changes nothing below the limit"
    lengths[7] = 5_000
    batches = list(split_of_texts(lengths, 16).order(np.random.default_rng(0), 64))
    assert len(batches) == len(expected)
    (with_long,) = (batch for batch in batches if 7 in batch)
    assert with_long.tolist() == [7]
    assert max(map(len, batches)) > 64


def test_the_cells_of_a_row_are_those_of_its_costliest_array() -> None:
    text, tags = split_of_texts([1, 2, 3], 16).inputs["text"], split_of([20, 50, 7]).inputs["r0"]
    split = EncodedSplit({"text": text, "tags": tags}, {"y": torch.zeros(3)})
    assert split.cells is not None
    assert split.cells.tolist() == [20, 50, 48]
