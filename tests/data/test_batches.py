"""Batches of splits: random orders, similar lengths, ranges of rows, and training that resumes exactly."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.encoded import EncodedSplit
from mtl_core.training import train
from tests.data.test_ragged import LENGTHS, split_of
from tests.features import lists
from tests.small import Small, prepared
from tests.strategies import patient
from tests.training.runs import Callbacks


@given(lengths=LENGTHS, other=LENGTHS, size=st.integers(1, 12), seed=st.integers(0, 9), window=st.integers(1, 4))
@patient
def test_an_epoch_has_every_row_once(lengths: list[int], other: list[int], size: int, seed: int, window: int) -> None:
    split = split_of(lengths, (other * len(lengths))[: len(lengths)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtl_core.data.encoded.WINDOW", window)
        batches = list(split.order(np.random.default_rng(seed), size))
        repeated = list(split.order(np.random.default_rng(seed), size))
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    assert max(map(len, batches)) <= size
    assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in repeated]


def test_the_order_depends_only_on_the_generator() -> None:
    """The generator's state afterwards does not depend on how many batches were read."""
    split, (read, unread) = split_of([3, 1, 2] * 50), (np.random.default_rng(1), np.random.default_rng(1))
    batches = split.order(unread, 7)
    expected = [batch.tolist() for batch in split.order(read, 7)]
    assert read.integers(2**63) == unread.integers(2**63)
    np.random.seed(5)
    torch.manual_seed(5)
    assert [batch.tolist() for batch in batches] == expected
    assert [batch.tolist() for batch in split.order(np.random.default_rng(2), 7)] != expected


@given(rows=st.integers(0, 200), size=st.integers(1, 50), seed=st.integers(0, 9))
@patient
def test_the_batches_of_a_dense_split_are_a_permutation(rows: int, size: int, seed: int) -> None:
    split = EncodedSplit({"d": torch.zeros(rows, 2)}, {"y": torch.zeros(rows)})
    batches = list(split.order(np.random.default_rng(seed), size))
    expected = torch.split(torch.from_numpy(np.random.default_rng(seed).permutation(rows)), size)
    assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in expected]
    assert list(split.row_ranges(size)) == [(start, min(start + size, rows)) for start in range(0, rows, size)]


DISTRIBUTIONS = {
    "log-normal": np.random.default_rng(0).lognormal(3, 0.7, 60_000).astype(int),
    "geometric": np.random.default_rng(0).geometric(0.1, 60_000) - 1,
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("size", [64, 256])
def test_batches_of_similar_lengths_need_little_padding(name: str, size: int) -> None:
    lengths = DISTRIBUTIONS[name]
    split = split_of(lengths.tolist())
    batches = list(split.order(np.random.default_rng(0), size))
    assert cells(split, batches) <= 1.15 * lengths.sum()
    shuffled = torch.split(torch.from_numpy(np.random.default_rng(0).permutation(len(split))), size)
    assert cells(split, shuffled) > 3 * lengths.sum(), "without sorting"
    longest = [cells(split, [rows[:1]]) for rows in batches[:50]]
    assert longest != sorted(longest), "short rows do not come first"


def cells(split: EncodedSplit, batches: Iterable[torch.Tensor]) -> int:
    """Number of cells of all padded batches."""
    assert split.cells is not None
    return sum(len(rows) * max(1, int(split.cells[rows].max())) for rows in batches)


@given(lengths=LENGTHS, size=st.integers(1, 12), cells=st.integers(1, 40))
@patient
def test_ranges_cover_the_rows_in_order_within_the_limit_of_cells(lengths: list[int], size: int, cells: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtl_core.ragged.MAX_CELLS", cells)
        ranges = list(split_of(lengths).row_ranges(size))
    assert [row for start, stop in ranges for row in range(start, stop)] == list(range(len(lengths)))

    def area(start: int, stop: int) -> int:
        return (stop - start) * max(1, *lengths[start:stop], 1)

    for start, stop in ranges:
        assert stop - start <= size
        assert stop - start == 1 or area(start, stop) <= cells, "a single row may exceed the limit"
        assert stop == len(lengths) or stop - start == size or area(start, stop + 1) > cells, "few ranges"


@pytest.fixture(scope="module")
def with_lists(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return prepared(tmp_path_factory.mktemp("lists"), lists.document(), lists.table(400))


class KilledError(Exception):
    """Simulates a kill between two epochs."""


def test_a_killed_training_resumes_exactly(with_lists: Small, tmp_path: Path) -> None:
    assert with_lists.train.cells is not None
    parts = (with_lists.problem, with_lists.encoder, with_lists.train, with_lists.validation)
    expected, history = train(*parts, tmp_path / "undisturbed")

    def kill(epoch: Any) -> None:
        if epoch.number == 1:
            raise KilledError

    with pytest.raises(KilledError):
        train(*parts, tmp_path / "killed", Callbacks(on_epoch=kill))
    resumed, resumed_history = train(*parts, tmp_path / "killed")
    assert [epoch.losses for epoch in history.epochs] == [epoch.losses for epoch in resumed_history.epochs]
    weights, resumed_weights = expected.state_dict(), resumed.state_dict()
    assert weights.keys() == resumed_weights.keys()
    assert all(np.array_equal(weights[name].numpy(), resumed_weights[name].numpy()) for name in weights)
