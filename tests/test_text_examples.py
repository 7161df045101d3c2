"""examples/snips and examples/news on small files of the formats of their sources."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from flows.layout import Layout
from flows.pipeline.pin import FETCH, PIN
from flows.stages import check, export, prepare, train, validate
from mtl_core.config import PARAMS

ROOT = Path(__file__).parents[1]
SNIPS, NEWS = ROOT / "examples" / "snips", ROOT / "examples" / "news"
INTENTS = (
    *("AddToPlaylist", "BookRestaurant", "GetWeather", "PlayMusic", "RateBook", "SearchCreativeWork"),
    "SearchScreeningEvent",
)
SURROGATES = b"\xed\xa0\xbc\xed\xbd\x95"
"""An emoji as the training file of PlayMusic has it: its two surrogates, each as UTF-8."""


def convert(folder: Path, *source: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of the script in `folder`, which has its data there."""
    shutil.copy(SNIPS / FETCH, folder / FETCH)
    command = [sys.executable, str(folder / FETCH), *map(str, source)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write_benchmark(source: Path, name: str = "{intent}/{split}") -> None:
    """A train and a validate file for each intent, with two requests each."""
    for intent in INTENTS:
        for split in (f"train_{intent}_full.json", f"validate_{intent}.json"):
            path = source / name.format(intent=intent, split=split)
            path.parent.mkdir(parents=True, exist_ok=True)
            requests = [
                {"data": [{"text": "play "}, {"text": f"Ōr {split}", "entity": "album"}, {"text": " now"}]},
                {"data": [{"text": f"hello {split}"}]},
            ]
            path.write_text(json.dumps({intent: requests}, ensure_ascii=False), encoding="utf-8")


def requests_of(folder: Path) -> list[dict[str, Any]]:
    rows = pq.read_table(folder / "data" / "snips.parquet").to_pylist()
    assert all(isinstance(row, dict) for row in rows)
    return rows


@pytest.mark.parametrize("name", ["{intent}/{split}", "2017-06-custom-intent-engines__{intent}__{split}"])
def test_pieces_of_requests_become_texts_with_spans_in_characters(tmp_path: Path, name: str) -> None:
    write_benchmark(tmp_path / "source", name)
    run = convert(tmp_path, tmp_path / "source")
    assert run.returncode == 0, run.stderr
    rows = requests_of(tmp_path)
    assert [row["intent"] for row in rows] == [intent for intent in INTENTS for _ in range(4)]
    assert {row["split"] for row in rows if "validate" in row["text"]} == {"test"}
    assert "test" not in {row["split"] for row in rows if "train" in row["text"]}
    for tagged, plain in zip(rows[::2], rows[1::2], strict=True):
        (slot,) = tagged["slots"]
        assert tagged["text"][slot["start"] : slot["end"]] == tagged["text"].removeprefix("play ").removesuffix(" now")
        assert slot["label"] == "album"
        assert plain["slots"] == []


def test_surrogate_pairs_are_characters_and_other_encodings_are_refused(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "nlu-benchmark")
    path = tmp_path / "nlu-benchmark" / "PlayMusic" / "train_PlayMusic_full.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"play ", b"play " + SURROGATES, 1))
    assert convert(tmp_path).returncode == 0
    (row,) = [row for row in requests_of(tmp_path) if "🍕" in row["text"]]
    assert row["slots"][0]["start"] == len("play 🍕")
    for invalid in ("é".encode("latin-1"), SURROGATES[:3]):
        path.write_bytes(content.replace(b"play ", invalid, 1))
        run = convert(tmp_path)
        assert run.returncode == 1
        assert "UnicodeDecodeError" in run.stderr


def test_without_its_source_the_script_says_where_it_is(tmp_path: Path) -> None:
    run = convert(tmp_path)
    assert run.returncode == 1
    assert "nlu-benchmark: must have exactly one file *train_AddToPlaylist_full.json, found 0" in run.stderr
    assert "git clone https://github.com/sonos/nlu-benchmark" in run.stderr
    assert not (tmp_path / "data").exists()


def test_the_benchmark_becomes_the_pinned_data(tmp_path: Path) -> None:
    if not (SNIPS / "nlu-benchmark").exists():
        pytest.skip("examples/snips/nlu-benchmark is not there; see examples/snips/README.md")
    assert convert(tmp_path, SNIPS / "nlu-benchmark").returncode == 0
    pin = YAML(typ="safe", pure=True).load((SNIPS / PIN).read_text(encoding="utf-8"))
    digest = hashlib.md5((tmp_path / "data" / "snips.parquet").read_bytes(), usedforsecurity=False).hexdigest()
    assert pin["meta"]["files"] == {"snips.parquet": digest}


def sentences(seed: int, count: int) -> str:
    """A column file in IOB1: persons and places by their words."""
    draw = random.Random(seed)
    people, places = ("Anna", "Boris", "Chen", "Dora"), ("Paris", "York", "Lima", "Oslo")
    lines = ["-DOCSTART- -X- -X- O", ""]
    for _ in range(count):
        lines += [f"{draw.choice(people)} NNP I-NP I-PER", f"{draw.choice(('flew', 'went'))} VBD I-VP O"]
        lines += ["to TO I-PP O", f"{draw.choice(places)} NNP I-NP I-LOC", ". . O O", ""]
    return "\n".join(lines)


def test_news_runs_from_column_files_to_a_checked_graph(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    shutil.copytree(NEWS, folder, ignore=shutil.ignore_patterns("artifacts", "data", "cache"))
    yaml, rows = YAML(), {"eng.train": 300, "eng.testa": 60, "eng.testb": 50}
    params = yaml.load(folder / PARAMS)
    params["training"] |= {"epochs": 4, "batch_size": 16, "learning_rate": 0.01}
    params["model"] = {"members": 1, "text": {"kind": "conv", "width": 16, "embedding": 16}}  # a short export
    params["gates"]["latency_ms"] = None  # a busy machine must not fail the test
    yaml.dump(params, folder / PARAMS)
    (folder / "data" / "conll2003").mkdir(parents=True)
    for seed, (name, count) in enumerate(rows.items()):
        (folder / "data" / "conll2003" / name).write_text(sentences(seed, count), encoding="utf-8")
    for stage in (validate, prepare, train, export, check):
        stage.run(folder)
    layout = Layout(folder)
    tables = {name: pq.read_table(layout.encoded / f"{name}.parquet").num_rows for name in ("validation", "test")}
    assert tables == {"validation": rows["eng.testa"], "test": rows["eng.testb"]}
    assert pq.read_table(layout.predictions).num_rows == rows["eng.testb"]
    assert json.loads(layout.metrics.read_text(encoding="utf-8"))["test"]["entities"]["span_f1"] > 0.9
    (output,) = json.loads(layout.signature.read_text(encoding="utf-8"))["outputs"]
    assert (output["name"], output["form"], output["labels"]) == ("entities", "spans", ["LOC", "PER"])
