"""`mtl init`: the formats of files and folders, their copies, and the split by the files of a corpus."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.draft.drafting import draft_problem
from flows.draft.facts import sample_table
from flows.draft.proposals import Draft, propose_problem
from flows.draft.source import find_source
from flows.draft.splits import split_of_file
from mtl_core.errors import DataError, ProblemError
from tests.flows.conftest import mtl
from tests.flows.drafts import parse_draft

LINES = [
    [("Peter", "B-PER"), ("Smith", "I-PER"), ("lives", "O"), ("in", "O"), ("New", "B-LOC"), ("York", "I-LOC")],
    [("Lima", "B-LOC"), ("is", "O"), ("far", "O"), ("away", "O"), (".", "O")],
]
COLUMN_FILE = "-DOCSTART- -X- O\n\n" + "\n".join(
    "".join(f"{token} NN {tag}\n" for token, tag in line) for line in LINES * 40
)
INTENTS = {
    "seq.in": "\n".join(" ".join(token for token, _ in line) for line in LINES * 40),
    "seq.out": "\n".join(" ".join(tag for _, tag in line) for line in LINES * 40),
    "label": "\n".join(["live", "describe", "live", "ask"] * 20),
}
SPANS = [[{"start": 0, "end": 5, "label": "PER"}]]
JSON = "".join(
    json.dumps({"text": f"Peter has {row} books", "slots": SPANS[0], "size": row}) + "\n" for row in range(80)
)
CSV = "a,b\n" + "".join(f"{row},{row % 3}\n" for row in range(80))


def write(folder: Path, contents: dict[str, str | bytes]) -> Path:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def intents(*folders: str) -> dict[str, str | bytes]:
    return {f"{folder}/{name}": text for folder in folders for name, text in INTENTS.items()}


def draft_of(root: Path, *targets: str) -> Draft:
    draft = propose_problem(sample_table(root), targets)
    parse_draft(draft)
    return draft


SPANISH = COLUMN_FILE.replace("Smith", "Muñoz").encode("cp1252")
FORMATS: dict[str, tuple[dict[str, str | bytes], str | None, list[str]]] = {
    "CoNLL-2003": (
        {"eng.train": COLUMN_FILE, "eng.testa": COLUMN_FILE, "metadata": "words\n"},
        "conll",
        ["eng.testa", "eng.train"],
    ),
    "tabs, of any suffix": ({"train.tsv": "a\tO\nb\tB-x\n", "x.conll": COLUMN_FILE}, "conll", ["train.tsv", "x.conll"]),
    "a byte order mark": (
        {"train.txt": "\ufeff" + COLUMN_FILE, "dev.txt": "\ufeffa O\n"},
        "conll",
        ["dev.txt", "train.txt"],
    ),
    "letters of one byte": ({"train.txt": SPANISH}, "conll", ["train.txt"]),
    "folders of intents": (
        intents("train", "test"),
        "intent_slots",
        [f"{f}/{n}" for f in ("test", "train") for n in INTENTS],
    ),
    "JSON lines": ({"a.jsonl": JSON, "b.ndjson": JSON, "notes.txt": "words"}, None, ["a.jsonl", "b.ndjson"]),
    "tables beside a column file": ({"a.csv": CSV, "train.txt": COLUMN_FILE}, None, ["a.csv"]),
    "a table of words and tags": ({"a.tsv": "word\ttag\nx\tO\n"}, None, ["a.tsv"]),
}


@pytest.mark.parametrize(("contents", "data_format", "files"), FORMATS.values(), ids=FORMATS)
def test_the_format_follows_from_names_and_content(
    tmp_path: Path, contents: dict[str, str | bytes], data_format: str | None, files: list[str]
) -> None:
    source = find_source(write(tmp_path, contents))
    assert source.format == data_format
    assert sorted(str(path.relative_to(tmp_path)) for path in source.files) == sorted(files)


@pytest.mark.parametrize("contents", [{}, {".hidden.csv": CSV}, {"notes.txt": "words"}, {"x.txt": "a NN O\nb O\n"}])
def test_a_folder_without_data_is_refused(tmp_path: Path, contents: dict[str, str | bytes]) -> None:
    with pytest.raises(DataError, match=r"data must be \.parquet, .*found"):
        find_source(write(tmp_path, contents))


SPLITS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "CoNLL-2003": (
        ["eng.train", "eng.testa", "eng.testb"],
        {"train": "eng.train", "validation": "eng.testa", "test": "eng.testb"},
    ),
    "suffixes": (
        ["train.txt", "dev.txt", "test.txt"],
        {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"},
    ),
    "no validation": (["train.txt", "test.txt"], {"train": "train.txt", "validation": 0.1, "test": "test.txt"}),
}


@pytest.mark.parametrize(("files", "options"), SPLITS.values(), ids=SPLITS)
def test_files_named_like_splits_define_the_split(tmp_path: Path, files: list[str], options: dict[str, Any]) -> None:
    draft = draft_of(write(tmp_path, dict.fromkeys(files, COLUMN_FILE)), "spans")
    assert draft.split.options == {"by": "column", "column": "file", **options}
    assert (set(draft.features), set(draft.left_out)) == ({"text"}, {"file"})


def test_other_files_are_no_feature_and_annotations_no_key(tmp_path: Path) -> None:
    labels = "\n".join(f"label {row % 40}" for row in range(80))
    root = write(tmp_path, intents("one", "two") | {"one/label": labels, "two/label": labels})
    draft = draft_of(root, "spans")
    assert draft.split.options["column"] == "row"
    assert (set(draft.features), set(draft.left_out)) == ({"text"}, {"file", "label"})


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("wnut17train.conll", "train"),
        ("ned.testb", "test"),
        ("BC5CDR-devel.tsv", "validation"),
        ("train_dev.tsv", ""),
        ("retrained.txt", ""),
    ],
)
def test_a_word_of_a_file_name_is_its_split(name: str, split: str) -> None:
    assert split_of_file(name) == split


CORPORA: dict[str, tuple[dict[str, str | bytes], str, set[str]]] = {
    "column files": (
        {"eng.train": COLUMN_FILE, "eng.testa": COLUMN_FILE, "eng.testb": COLUMN_FILE, "README": "words"},
        "spans",
        {"eng.train", "eng.testa", "eng.testb"},
    ),
    "intents": (intents("train", "valid", "test"), "label,spans", set(intents("train", "valid", "test"))),
    "JSON lines": ({"a.jsonl": JSON, "b.jsonl": JSON}, "slots,size", {"a.jsonl", "b.jsonl"}),
}


@pytest.mark.parametrize(("contents", "tasks", "copies"), CORPORA.values(), ids=CORPORA)
def test_a_folder_becomes_a_problem_without_errors(
    tmp_path: Path, contents: dict[str, str | bytes], tasks: str, copies: set[str]
) -> None:
    root, folder = write(tmp_path / "corpus", contents), tmp_path / "problem"
    assert mtl(folder, "init", str(root), "--tasks", tasks) == 0
    data = folder / "data" / "corpus"
    assert {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()} == copies
    assert all((data / name).read_bytes() == (root / name).read_bytes() for name in copies)
    assert mtl(folder, "check") == 0


def test_a_folder_in_data_is_used_in_place(tmp_path: Path) -> None:
    """Unless it has a file that the problem could not read."""
    names = {"train.txt", "dev.txt", "test.txt"}
    root = write(tmp_path / "data" / "corpus", {**dict.fromkeys(names, COLUMN_FILE), "README": "words"})
    with pytest.raises(DataError, match="found README; move it out"):
        draft_problem(root, ("spans",), tmp_path, None)
    (root / "README").unlink()
    draft_problem(root, ("spans",), tmp_path, None)
    assert mtl(tmp_path, "check") == 0
    assert {path.name for path in (tmp_path / "data").rglob("*")} == {"corpus", *names}


def test_files_that_are_no_column_files_are_named(tmp_path: Path) -> None:
    root = write(tmp_path / "corpus", {"train.txt": COLUMN_FILE, "test.txt": COLUMN_FILE, "dev.txt": "Lima LOC\n"})
    _, steps = draft_problem(root, ("spans",), tmp_path / "problem", None)
    assert steps[-1] == "not copied, since it is no column file: dev.txt"


def test_a_target_that_a_part_lacks_is_refused_with_its_file(tmp_path: Path) -> None:
    unlabelled = "".join(f'{{"text": "row {row}"}}\n' for row in range(80))
    root = write(tmp_path, {"a.jsonl": JSON, "b.jsonl": unlabelled})
    with pytest.raises(ProblemError, match=r"'slots' must be a column of every part file, found b\.jsonl without it"):
        draft_of(root, "slots")


def test_the_encoding_of_a_corpus_is_detected(tmp_path: Path) -> None:
    reading = draft_of(write(tmp_path, {"dev.txt": COLUMN_FILE, "train.txt": SPANISH}), "spans").reading
    assert (reading.format, reading.options.csv.encoding) == ("conll", "cp1252")
    assert "not UTF-8" in reading.warnings["data.csv"]


def test_numbers_and_words_of_a_corpus_stay_text(tmp_path: Path) -> None:
    """Neither a decimal mark, nor a date, nor a word for missing values is guessed from the tokens."""
    lines = "".join(f"{token} {tag}\n\n" for token, tag in [("1,5", "O"), ("NA", "O"), ("31.12.2024", "B-x")] * 40)
    reading = draft_of(write(tmp_path, {"train.txt": lines}), "spans").reading
    assert reading.options.model_fields_set == {"csv"}
    assert reading.options.csv.nulls == ()
