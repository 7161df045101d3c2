"""Write data/snips.parquet: 14,484 requests to a voice assistant, with the intent and the slots of each.

Source: a folder with the public files of the SNIPS benchmark (CC0), by default a clone beside this script. The output
is byte-identical on every machine: rows stay in the files' order, and the version of pyarrow and the source's commit
are pinned.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SOURCE = "https://github.com/sonos/nlu-benchmark@b86ac7f1577868c42158d0dec77db50956046696"
CLONE = Path(__file__).parent / "nlu-benchmark"
FILES = {"train": "train_{}_full.json", "test": "validate_{}.json"}
INTENTS = (
    *("AddToPlaylist", "BookRestaurant", "GetWeather", "PlayMusic", "RateBook", "SearchCreativeWork"),
    "SearchScreeningEvent",
)
VALIDATION_ROWS = 700
"""Number of validation rows, that of the benchmark's test rows: 100 for each intent."""
SPANS = pa.list_(pa.struct({"start": pa.int64(), "end": pa.int64(), "label": pa.string()}))
TYPES = pa.schema({"text": pa.string(), "intent": pa.string(), "slots": SPANS, "split": pa.string()})


def read_source(folder: Path) -> list[dict[str, Any]]:
    """The rows of all files below a folder. The benchmark's `validate` files are the test split."""
    return [
        row(request["data"], intent, split)
        for intent in INTENTS
        for split, pattern in FILES.items()
        for request in json.loads(decoded(find(folder, pattern.format(intent))))[intent]
    ]


def find(folder: Path, name: str) -> Path:
    """The file whose name ends with `name`; exits with an error if there is not exactly one."""
    paths = sorted(folder.rglob(f"*{name}"))
    if len(paths) != 1:
        repository, commit = SOURCE.split("@")
        sys.exit(
            f"{folder}: must have exactly one file *{name}, found {len(paths)}. The data are in the folder "
            f"2017-06-custom-intent-engines of {repository}:\n"
            f"    git clone {repository} {CLONE}\n"
            f"    git -C {CLONE} checkout {commit}\n"
            "If they are in another folder: python fetch_data.py PATH"
        )
    return paths[0]


def decoded(path: Path) -> str:
    """The text of a file in UTF-8, where an emoji may be a pair of surrogates; UnicodeError for any other encoding.

    The training file of PlayMusic is no strict UTF-8: it has one such pair.
    """
    text = path.read_bytes().decode("utf-8", "surrogatepass")
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def row(pieces: list[dict[str, str]], intent: str, split: str) -> dict[str, Any]:
    """A request from its consecutive pieces of text; a piece with an entity is a slot."""
    text, slots = "", []
    for piece in pieces:
        start, text = len(text), text + piece["text"]
        if "entity" in piece:
            slots.append({"start": start, "end": len(text), "label": piece["entity"]})
    return {"text": text, "intent": intent, "slots": slots, "split": split}


def hold_out(rows: list[dict[str, Any]], count: int) -> None:
    """Move `count` training rows to the validation split: those with the lowest hashes of their texts."""
    train = [row for row in rows if row["split"] == "train"]
    for held_out in sorted(train, key=lambda row: hashlib.sha256(row["text"].encode()).digest())[:count]:
        held_out["split"] = "validation"


def main(source: Path, path: Path) -> None:
    """Convert the source's files to one Parquet file."""
    rows = read_source(source)
    hold_out(rows, VALIDATION_ROWS)
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_suffix(".pending")
    pq.write_table(pa.Table.from_pylist(rows, TYPES), pending, compression="zstd")
    pending.replace(path)
    print(f"{path}: {len(rows):,} requests")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else CLONE, Path(__file__).parent / "data" / "snips.parquet")
