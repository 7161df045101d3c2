"""Stage `prepare`: fits the encoder on the training split and writes the encoded splits."""

import json
from pathlib import Path

from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.data.duplicates import DUPLICATES
from mtl_core.data.prepare import prepare


def run(folder: Path) -> None:
    """Writes artifacts/encoded."""
    layout = Layout(folder)
    counts = prepare(folder, load_problem(folder), layout.quarantine, layout.encoded)
    print("encoded " + ", ".join(f"{rows:,} rows for {name}" for name, rows in counts.items()))
    for name, rows in json.loads((layout.encoded / DUPLICATES).read_text(encoding="utf-8")).items():
        if rows:
            print(f"{rows:,} of the {counts[name]:,} rows for {name} equal a training row in every feature")
