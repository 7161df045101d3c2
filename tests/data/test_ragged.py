"""Laws of ragged storage: what is written comes back, padded; batches of like length; training that resumes to the bit.

Memory: a batch of a mapped split touches its own rows, and no others.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.data.array_files import SplitWriter
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.ragged_tensor import RaggedTensor
from mtl_core.features import Block
from mtl_core.ragged import Ragged
from mtl_core.training import train
from tests.features import lists
from tests.small import Small, prepared
from tests.strategies import partitions, patient
from tests.training.runs import Callbacks

SHAPES = st.sampled_from([(), (2,)])
PAD = -1


def ragged(rows: list[int], shape: tuple[int, ...] = (), dtype: Any = np.int16) -> Ragged:
    """Rows of those lengths, of values that all differ."""
    total = sum(rows) * int(np.prod(shape))
    return Ragged.of_lengths(np.arange(total, dtype=dtype).reshape(-1, *shape), np.array(rows, dtype=np.int64))


def lists_of(values: Ragged) -> list[NDArray[Any]]:
    """The oracle: each row by itself."""
    return [values.values[a:b] for a, b in zip(values.offsets[:-1], values.offsets[1:], strict=True)]


def padded(rows: list[NDArray[Any]], like: Ragged) -> NDArray[Any]:
    """Rows padded to the longest, to one item at least, item by item."""
    longest = max([1, *map(len, rows)])
    out = np.full((len(rows), longest, *like.values.shape[1:]), PAD, dtype=like.values.dtype)
    for place, row in enumerate(rows):
        out[place, : len(row)] = row
    return out


def tensor(values: Ragged) -> RaggedTensor:
    return RaggedTensor(values=torch.from_numpy(values.values), offsets=torch.from_numpy(values.offsets), pad=PAD)


def split_of(*rows: list[int]) -> EncodedSplit:
    """A split in memory with a ragged array for each list of lengths."""
    inputs = {f"r{place}": tensor(ragged(lengths)) for place, lengths in enumerate(rows)}
    return EncodedSplit(inputs, {"y": torch.arange(len(rows[0]))})


class _Encoder:
    """Blocks alone, for a split that no features made."""

    tasks = ()

    def __init__(self, **blocks: Block) -> None:
        self.blocks = blocks


def opened(folder: Path, **blocks: Block) -> EncodedSplit:
    return EncodedSplit.open(folder, _Encoder(**blocks))  # type: ignore[arg-type]  # all that it asks of an encoder


lengths = st.lists(st.integers(0, 6), min_size=1, max_size=30)


# In memory


@given(rows=lengths, shape=SHAPES, data=st.data())
@patient
def test_rows_that_are_taken_are_those_of_an_oracle(
    rows: list[int], shape: tuple[int, ...], data: st.DataObject
) -> None:
    values = ragged(rows, shape)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1)))
    expected = [lists_of(values)[row] for row in chosen]
    found = tensor(values).index_select(0, torch.tensor(chosen, dtype=torch.int64))
    np.testing.assert_array_equal(found.numpy(), padded(expected, values))
    assert found.numpy().dtype == values.values.dtype
    taken = values.take(np.array(chosen, dtype=np.int64))
    np.testing.assert_array_equal(taken.padded(PAD), padded(expected, values))
    assert taken.lengths.tolist() == [len(row) for row in expected]


@given(rows=lengths, start=st.integers(-40, 40) | st.none(), stop=st.integers(-40, 40) | st.none())
@patient
def test_slices_are_those_of_an_oracle(rows: list[int], start: int | None, stop: int | None) -> None:
    values, cut = ragged(rows), slice(start, stop)
    np.testing.assert_array_equal(tensor(values)[cut].numpy(), padded(lists_of(values)[cut], values))


# On disk


@given(rows=lengths | st.lists(st.just(0), min_size=1, max_size=9), shape=SHAPES, data=st.data())
@patient
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], shape: tuple[int, ...], data: st.DataObject
) -> None:
    dtype = data.draw(st.sampled_from([np.int16, np.int32, np.float32]))
    values, dense = ragged(rows, shape, dtype), np.arange(2 * len(rows), dtype=np.float32).reshape(-1, 2)
    folder = tmp_path_factory.mktemp("ragged") / "train"
    writer = SplitWriter(folder, len(rows))
    for cut in data.draw(partitions(len(rows))):  # empty ones too
        part = Ragged(values=values.values, offsets=values.offsets[cut.start : cut.stop + 1])
        writer.append({"r": part, "d": dense[cut]}, {"y": dense[cut, 0]})
    writer.close()
    blocks = {
        "r": Block(shape=shape, dtype=np.dtype(dtype), ragged=True, pad=PAD),
        "d": Block(shape=(2,), dtype=np.dtype(np.float32)),
    }
    split = opened(folder, **blocks)
    found = split.inputs["r"]
    assert found.offsets.dtype == torch.int64
    assert found.offsets.tolist() == values.offsets.tolist()
    np.testing.assert_array_equal(found.values.numpy(), values.values)
    assert found.values.numpy().dtype == dtype
    np.testing.assert_array_equal(split.inputs["d"].numpy(), dense)
    np.testing.assert_array_equal(found[:].numpy(), padded(lists_of(values), values))
    assert split.lengths is not None
    assert split.lengths.tolist() == rows


SMAPS = Path("/proc/self/smaps")


def resident(path: Path) -> int:
    """Bytes of a mapped file that are in this process's memory."""
    regions = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", SMAPS.read_text(), flags=re.MULTILINE)
    mapped = [region for region in regions if region.partition("\n")[0].endswith(str(path))]
    assert mapped, "the file is mapped"
    return sum(1024 * int(size) for region in mapped for size in re.findall(r"^Rss: +(\d+) kB", region, re.MULTILINE))


@pytest.mark.skipif(not SMAPS.exists(), reason="Linux alone says which pages of a file are in memory")
def test_a_batch_touches_its_own_rows_of_a_mapped_split(tmp_path: Path) -> None:
    rows, length = 8_192, 4_096
    writer = SplitWriter(tmp_path / "train", rows)
    for _ in range(8):
        part = ragged([length] * (rows // 8), dtype=np.int16)
        writer.append({"r": part}, {"y": np.zeros(rows // 8)})
    writer.close()
    path, size = tmp_path / "train" / "r.values", rows * length * 2  # 64 MiB
    assert path.stat().st_size == size
    split = opened(tmp_path / "train", r=Block(shape=(), dtype=np.dtype(np.int16), ragged=True, pad=PAD))
    split.labels["y"] = torch.zeros(rows)
    assert resident(path) <= size / 64, "nothing is read before it is asked for"
    batch = split.take(torch.tensor([7, 4_000, 8_191])).inputs["r"]
    assert batch.shape == (3, length)
    assert resident(path) <= size / 4, "three rows of 8,192, with up to 2 MiB around each, as the system pages"
    list(split.spans(64))
    assert resident(path) <= size / 4, "lengths are known without the values"
    split.inputs["r"].values.amax()
    assert resident(path) >= size / 2, "the measure is one"


# Batches


@given(rows=lengths, other=lengths, size=st.integers(1, 12), seed=st.integers(0, 9), window=st.integers(1, 4))
@patient
def test_an_epoch_has_every_row_once(rows: list[int], other: list[int], size: int, seed: int, window: int) -> None:
    split = split_of(rows, (other * len(rows))[: len(rows)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtl_core.data.encoded.WINDOW", window)
        batches = list(split.order(np.random.default_rng(seed), size))
        again = list(split.order(np.random.default_rng(seed), size))
    assert sorted(torch.cat(batches).tolist()) == list(range(len(rows)))
    assert len(batches) == -(-len(rows) // size)
    assert max(map(len, batches)) <= size
    assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in again]


def test_the_generator_decides_at_once_and_alone() -> None:
    """Whoever draws from the generator next gets the same number, however far the batches were read."""
    split, (read, unread) = split_of([3, 1, 2] * 50), (np.random.default_rng(1), np.random.default_rng(1))
    batches = split.order(unread, 7)
    list(split.order(read, 7))
    assert read.integers(2**63) == unread.integers(2**63)
    np.random.seed(5)
    torch.manual_seed(5)
    assert [batch.tolist() for batch in batches] == [
        batch.tolist() for batch in split.order(np.random.default_rng(1), 7)
    ]
    other = list(split.order(np.random.default_rng(2), 7))
    assert [batch.tolist() for batch in other] != [batch.tolist() for batch in split.order(np.random.default_rng(1), 7)]


@given(rows=st.integers(0, 200), size=st.integers(1, 50), seed=st.integers(0, 9))
@patient
def test_a_dense_split_is_a_permutation_cut_in_order(rows: int, size: int, seed: int) -> None:
    split = EncodedSplit({"d": torch.zeros(rows, 2)}, {"y": torch.zeros(rows)})
    found = list(split.order(np.random.default_rng(seed), size))
    expected = torch.split(torch.from_numpy(np.random.default_rng(seed).permutation(rows)), size)
    assert [batch.tolist() for batch in found] == [batch.tolist() for batch in expected]
    assert list(split.spans(size)) == [(start, min(start + size, rows)) for start in range(0, rows, size)]


DRAWS = {
    "log-normal": np.random.default_rng(0).lognormal(3, 0.7, 60_000).astype(int),
    "geometric": np.random.default_rng(0).geometric(0.1, 60_000) - 1,
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("size", [64, 256])
def test_batches_of_like_length_are_hardly_padded(draw: str, size: int) -> None:
    real, split = int(DRAWS[draw].sum()), split_of(DRAWS[draw].tolist())
    batches = list(split.order(np.random.default_rng(0), size))
    assert cells(split, batches) <= 1.15 * real
    shuffled = torch.split(torch.from_numpy(np.random.default_rng(0).permutation(len(split))), size)
    assert cells(split, shuffled) > 3 * real, "as a shuffle alone leaves them"
    longest = [cells(split, [rows[:1]]) for rows in batches[:50]]
    assert longest != sorted(longest), "short rows do not come first"


def cells(split: EncodedSplit, batches: Iterable[torch.Tensor]) -> int:
    """Number of cells of all batches together, padded."""
    assert split.lengths is not None
    return sum(len(rows) * max(1, int(split.lengths[rows].max())) for rows in batches)


@given(rows=lengths, size=st.integers(1, 12), cells=st.integers(1, 40))
@patient
def test_spans_cover_the_rows_in_order_and_are_no_larger_than_they_may_be(
    rows: list[int], size: int, cells: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtl_core.ragged.MAX_CELLS", cells)
        spans = list(split_of(rows).spans(size))
    assert [row for start, stop in spans for row in range(start, stop)] == list(range(len(rows)))

    def area(start: int, stop: int) -> int:
        return (stop - start) * max(1, *rows[start:stop], 1)

    for start, stop in spans:
        assert stop - start <= size
        assert stop - start == 1 or area(start, stop) <= cells, "a single row may be as long as it is"
        assert stop == len(rows) or stop - start == size or area(start, stop + 1) > cells, "as few as can be"


# Training


@pytest.fixture(scope="module")
def with_lists(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return prepared(tmp_path_factory.mktemp("lists"), lists.document(), lists.table(400))


class KilledError(Exception):
    """Stands for a kill between two epochs."""


def test_a_training_that_was_killed_resumes_to_the_bit(with_lists: Small, tmp_path: Path) -> None:
    assert with_lists.train.lengths is not None
    parts = (with_lists.problem, with_lists.encoder, with_lists.train, with_lists.validation)
    undisturbed, outcome = train(*parts, tmp_path / "undisturbed")

    def kill(epoch: Any) -> None:
        if epoch.number == 1:
            raise KilledError

    with pytest.raises(KilledError):
        train(*parts, tmp_path / "killed", Callbacks(on_epoch=kill))
    resumed, again = train(*parts, tmp_path / "killed")
    assert [epoch.losses for epoch in outcome.epochs] == [epoch.losses for epoch in again.epochs]
    ours, theirs = undisturbed.state_dict(), resumed.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in ours)
