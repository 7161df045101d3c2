"""Ragged arrays: padding, files, and memory-mapped reading."""

import re
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
from tests.strategies import partitions, patient

SHAPES = st.sampled_from([(), (2,)])
PAD = -1
LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=30)


def ragged(lengths: list[int], shape: tuple[int, ...] = (), dtype: Any = np.int16) -> Ragged:
    """Rows of those lengths, of distinct values."""
    total = sum(lengths) * int(np.prod(shape))
    return Ragged.from_lengths(np.arange(total, dtype=dtype).reshape(-1, *shape), np.array(lengths, dtype=np.int64))


def rows_of(values: Ragged) -> list[NDArray[Any]]:
    return [values.values[a:b] for a, b in zip(values.offsets[:-1], values.offsets[1:], strict=True)]


def padded(rows: list[NDArray[Any]], like: Ragged) -> NDArray[Any]:
    """The expected padding: to the longest row, at least to one item."""
    longest = max([1, *map(len, rows)])
    out = np.full((len(rows), longest, *like.values.shape[1:]), PAD, dtype=like.values.dtype)
    for index, row in enumerate(rows):
        out[index, : len(row)] = row
    return out


def tensor(values: Ragged) -> RaggedTensor:
    return RaggedTensor(values=torch.from_numpy(values.values), offsets=torch.from_numpy(values.offsets), pad=PAD)


def split_of(*arrays: list[int]) -> EncodedSplit:
    """A split in memory with a ragged array for each list of lengths."""
    inputs = {f"r{index}": tensor(ragged(lengths)) for index, lengths in enumerate(arrays)}
    return EncodedSplit(inputs, {"y": torch.arange(len(arrays[0]))})


class _Encoder:
    """Blocks without features."""

    tasks = ()

    def __init__(self, **blocks: Block) -> None:
        self.blocks = blocks


def opened(folder: Path, **blocks: Block) -> EncodedSplit:
    return EncodedSplit.open(folder, _Encoder(**blocks))  # type: ignore[arg-type]  # all that it needs of an encoder


@given(lengths=LENGTHS, shape=SHAPES, data=st.data())
@patient
def test_selected_rows_are_padded(lengths: list[int], shape: tuple[int, ...], data: st.DataObject) -> None:
    values = ragged(lengths, shape)
    indices = data.draw(st.lists(st.integers(0, len(lengths) - 1)))
    expected = [rows_of(values)[index] for index in indices]
    selected = tensor(values).index_select(0, torch.tensor(indices, dtype=torch.int64)).numpy()
    np.testing.assert_array_equal(selected, padded(expected, values))
    assert selected.dtype == values.values.dtype
    taken = values.take(np.array(indices, dtype=np.int64))
    np.testing.assert_array_equal(taken.padded(PAD), padded(expected, values))
    assert taken.lengths.tolist() == [len(row) for row in expected]


@given(lengths=LENGTHS, start=st.integers(-40, 40) | st.none(), stop=st.integers(-40, 40) | st.none())
@patient
def test_slices_are_padded(lengths: list[int], start: int | None, stop: int | None) -> None:
    values, part = ragged(lengths), slice(start, stop)
    np.testing.assert_array_equal(tensor(values)[part].numpy(), padded(rows_of(values)[part], values))


@given(lengths=LENGTHS | st.lists(st.just(0), min_size=1, max_size=9), shape=SHAPES, data=st.data())
@patient
def test_arrays_are_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], shape: tuple[int, ...], data: st.DataObject
) -> None:
    dtype = data.draw(st.sampled_from([np.int16, np.int32, np.float32]))
    values, dense = ragged(lengths, shape, dtype), np.arange(2 * len(lengths), dtype=np.float32).reshape(-1, 2)
    folder = tmp_path_factory.mktemp("ragged") / "train"
    writer = SplitWriter(folder, len(lengths))
    for part in data.draw(partitions(len(lengths))):
        rows = Ragged(values=values.values, offsets=values.offsets[part.start : part.stop + 1])
        writer.append({"r": rows, "d": dense[part]}, {"y": dense[part, 0]})
    writer.close()
    blocks = {
        "r": Block(shape=shape, dtype=np.dtype(dtype), ragged=True, pad=PAD),
        "d": Block(shape=(2,), dtype=np.dtype(np.float32)),
    }
    split = opened(folder, **blocks)
    stored = split.inputs["r"]
    assert stored.offsets.dtype == torch.int64
    assert stored.offsets.tolist() == values.offsets.tolist()
    np.testing.assert_array_equal(stored.values.numpy(), values.values)
    assert stored.values.numpy().dtype == dtype
    np.testing.assert_array_equal(split.inputs["d"].numpy(), dense)
    np.testing.assert_array_equal(stored[:].numpy(), padded(rows_of(values), values))
    assert split.cells is not None
    assert split.cells.tolist() == lengths


SMAPS = Path("/proc/self/smaps")


def resident(path: Path) -> int:
    """Bytes of a mapped file that are in this process's memory."""
    regions = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", SMAPS.read_text(), flags=re.MULTILINE)
    mapped = [region for region in regions if region.partition("\n")[0].endswith(str(path))]
    assert mapped, "the file is mapped"
    return sum(1024 * int(size) for region in mapped for size in re.findall(r"^Rss: +(\d+) kB", region, re.MULTILINE))


@pytest.mark.skipif(not SMAPS.exists(), reason="only Linux reports which pages of a file are in memory")
def test_a_batch_reads_only_its_rows_of_a_mapped_split(tmp_path: Path) -> None:
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
    assert resident(path) <= size / 64, "opening reads nothing"
    batch = split.take(torch.tensor([7, 4_000, 8_191])).inputs["r"]
    assert batch.shape == (3, length)
    assert resident(path) <= size / 4, "three rows of 8,192, with up to 2 MiB around each, as the system pages"
    list(split.row_ranges(64))
    assert resident(path) <= size / 4, "ranges of rows need no values"
    split.inputs["r"].values.amax()
    assert resident(path) >= size / 2, "the whole array is resident after it is read"
