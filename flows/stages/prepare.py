"""Stage `prepare`: fits the encoder on the training split and writes the encoded splits."""

from pathlib import Path

from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.data.prepare import prepare
from mtl_core.files import naming


def run(folder: Path) -> None:
    """Writes artifacts/encoded."""
    layout = Layout(folder)
    with naming(layout.encoded):
        counts = prepare(folder, load_problem(folder), layout.quarantine, layout.encoded)
    print("encoded " + ", ".join(f"{rows:,} rows for {name}" for name, rows in counts.items()))
