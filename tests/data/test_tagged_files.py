"""Column files and folders of intents and slots: their rows, their splits, and the errors of invalid lines."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mtl_core.config import Problem
from mtl_core.data import tagged_files
from mtl_core.data.column_types import column_types
from mtl_core.data.data_warnings import data_warnings
from mtl_core.data.parts import open_parts
from mtl_core.data.tagged_files import SPANS, TaggedText
from mtl_core.errors import DataError
from tests.data.orders import declared
from tests.data.preparation import opened, run

CONLL = """\
-DOCSTART- -X- -X- O

EU NNP B-NP I-ORG
rejects VBZ B-VP O
New NNP B-NP I-LOC
York NNP I-NP I-LOC
.\t.\tO\tO

Peter NNP B-NP I-PER
Blackburn NNP I-NP I-PER"""
EU: dict[str, Any] = {
    "text": "EU rejects New York .",
    "spans": [{"start": 0, "end": 2, "label": "ORG"}, {"start": 11, "end": 19, "label": "LOC"}],
}
PETER: dict[str, Any] = {"text": "Peter Blackburn", "spans": [{"start": 0, "end": 15, "label": "PER"}]}
SLOTS = {"seq.in": "play a song \nhi\n\n", "seq.out": "O B-x I-x\nO\n\n", "label": "Play\n\n\n"}


def files(folder: Path, contents: dict[str, str | bytes]) -> None:
    for name, content in contents.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def of_format(name: str, **options: Any) -> Problem:
    return declared(data={"path": "data", "format": name, **options})


def rows(folder: Path, problem: Problem) -> list[dict[str, Any]]:
    return [row for part in open_parts(folder, problem) for row in part.read(part.names).to_pylist()]


def test_the_rows_of_column_files_are_their_sentences(tmp_path: Path) -> None:
    files(tmp_path, {"eng.train": CONLL, "eng.testa": CONLL, ".hidden": "x"})
    parts = open_parts(tmp_path, of_format("conll"))
    assert [part.name for part in parts] == ["eng.testa", "eng.train"]
    assert parts[0].types == pa.schema({"text": pa.string(), "spans": SPANS, "file": pa.string()})
    assert rows(tmp_path, of_format("conll")) == [{**row, "file": part.name} for part in parts for row in (EU, PETER)]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_layouts_of_column_files(tmp_path: Path, ends: str) -> None:
    """Blank lines anywhere, blanks at the ends of lines, no last line break, a byte order mark, two columns."""
    lines = ["\ufeff", "", "New\tB-LOC", "York \tE-LOC ", " ", "", "-DOCSTART- O", "x\u00a0y S-LOC", ""]
    files(tmp_path, {"train.txt": ends.join(lines)})
    assert [(row["text"], row["spans"]) for row in rows(tmp_path, of_format("conll"))] == [
        ("New York", [{"start": 0, "end": 8, "label": "LOC"}]),
        ("x\u00a0y", [{"start": 0, "end": 3, "label": "LOC"}]),
    ]


def test_spans_are_in_code_points() -> None:
    text = TaggedText(("😀", "a\u0301", "東京"), ("S-x", "O", "B-y"), "file")
    assert [text.text[span["start"] : span["end"]] for span in text.spans] == ["😀", "東京"]


INVALID_COLUMNS: dict[str, tuple[str | bytes, str]] = {
    "a token alone": ("EU NNP O\n\n\nEU\n", "line 4 must have a token and its tag, .*found 'EU'"),
    "another number of columns": ("EU NNP O\nEU I-ORG\n", "line 2 must have 3 columns as the first line, found 'EU I-"),
    "a last column without tags": ("EU O NNP\n", r"line 1 must end with a tag \(O, .*found 'EU O NNP'"),
    "Latin-1": (b"\xe9 O\n", r"must be utf-8 text, .*encoding: latin-1"),
}


@pytest.mark.parametrize(("content", "words"), INVALID_COLUMNS.values(), ids=INVALID_COLUMNS)
def test_an_invalid_column_file_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    files(tmp_path, {"eng.train": content})
    (part,) = open_parts(tmp_path, of_format("conll"))
    with pytest.raises(DataError, match=rf"eng\.train: {words}"):
        part.read(["text"])


def test_encoding_and_nulls_may_be_declared(tmp_path: Path) -> None:
    files(tmp_path, {"eng.train": b"\xe9 O\n\nNA O\n"})
    problem = of_format("conll", csv={"encoding": "latin-1", "nulls": ["NA"]})
    assert [row["text"] for row in rows(tmp_path, problem)] == ["é", None]


@pytest.mark.parametrize("folders", [["."], ["test", "train", "valid"]])
def test_the_rows_of_folders_are_their_lines(tmp_path: Path, folders: list[str]) -> None:
    files(tmp_path, {f"{folder}/{name}": text for folder in folders for name, text in SLOTS.items()})
    files(tmp_path, {"vocabulary/words": "play\n"})
    song = {"text": "play a song", "spans": [{"start": 5, "end": 11, "label": "x"}], "label": "Play"}
    unlabelled = {"text": "hi", "spans": [], "label": None}
    assert rows(tmp_path, of_format("intent_slots")) == [
        {**row, "file": "data" if folder == "." else folder} for folder in folders for row in (song, unlabelled)
    ]


def test_other_files_of_the_subfolders_give_no_warning(tmp_path: Path) -> None:
    files(tmp_path, {f"{folder}/{name}": text for folder in ("train", "test") for name, text in SLOTS.items()})
    files(tmp_path, {"train/words.csv": "word\nplay\n"})
    problem = declared(
        data={"path": "data", "format": "intent_slots"},
        split={"by": "column", "column": "file", "validation": 0.5},
        features={"text": {"kind": "categorical"}},
        tasks={"intent": {"kind": "multiclass", "target": "label"}},
    )
    assert data_warnings(problem, open_parts(tmp_path, problem)) == []


INVALID_SLOTS = {
    "a missing line": ("label", "Play\n", "label: must have as many lines as .*found no line 2"),
    "a missing tag": ("seq.out", "O B-x\nO\n", r"seq\.out: line 1 must have a tag for each of the 3 tokens .*found 2"),
    "tags without a token": ("seq.in", "play a song\n\n", r"seq\.out: line 2 must .* the 0 tokens .*found 1"),
    "another word": ("seq.out", "O B-x x\nO\n", r"seq\.out: line 1 must have tags \(O, .*found 'x'"),
}


@pytest.mark.parametrize(("name", "content", "words"), INVALID_SLOTS.values(), ids=INVALID_SLOTS)
def test_lines_that_do_not_match_are_refused(tmp_path: Path, name: str, content: str, words: str) -> None:
    files(tmp_path, {f"train/{file}": text for file, text in (SLOTS | {name: content}).items()})
    (part,) = open_parts(tmp_path, of_format("intent_slots"))
    with pytest.raises(DataError, match=f"train/{words}"):
        part.read(["text"])


def test_missing_files_are_refused(tmp_path: Path) -> None:
    files(tmp_path, {"train/seq.in": "hi\n"})
    with pytest.raises(DataError, match=r"train/seq\.out: must be a readable file"):
        rows(tmp_path, of_format("intent_slots"))
    (tmp_path / "data" / "train" / "seq.in").unlink()
    with pytest.raises(DataError, match=r"data: data must be a folder with seq\.in, .*found none"):
        open_parts(tmp_path, of_format("intent_slots"))
    with pytest.raises(DataError, match=r"data: data must be column files, .*found none"):
        open_parts(tmp_path, of_format("conll"))


def test_batches_have_a_bounded_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagged_files, "ROWS", 2)
    files(tmp_path, {"train.txt": "a O\n\n" * 5})
    (part,) = open_parts(tmp_path, of_format("conll"))
    assert [batch.num_rows for batch in part.batches(["text"], dictionaries=["text"])] == [2, 2, 1]


@pytest.mark.parametrize("names", [("eng.train", "eng.testa", "eng.testb"), ("train.txt", "valid.txt", "test.txt")])
def test_the_file_names_the_split(tmp_path: Path, names: tuple[str, str, str]) -> None:
    train, validation, test = names
    files(tmp_path, {train: CONLL, validation: CONLL, test: "\n\n".join([CONLL, CONLL])})
    problem = declared(
        data={"path": "data", "format": "conll"},
        split={"by": "column", "column": "file", "train": train, "validation": validation, "test": test},
        features={"file": {"kind": "categorical", "min_count": 1}},
        tasks={"text": {"kind": "multiclass", "target": "text"}},
    )
    assert column_types(tmp_path, problem) == {"file": pa.string(), "text": pa.string()}
    assert run(tmp_path, problem) == {"train": 2, "validation": 2, "test": 4}
    assert opened(tmp_path)[1]["train"].labels["text"].tolist() == [0, 1]
