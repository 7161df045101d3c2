"""Stage `prepare`: the encoder, fitted on the training split, and the encoded splits."""

import json
from functools import partial
from pathlib import Path

from flows.console.bars import Bars
from flows.console.terminal import open_console
from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.data.duplicates import DUPLICATES
from mtl_core.data.prepare import prepare
from mtl_core.data.windows import SPLIT, SplitSummary, left_out_message
from mtl_core.files import os_errors_with_path


def run(folder: Path) -> None:
    """Write artifacts/encoded."""
    layout = Layout(folder)
    with os_errors_with_path(layout.encoded), Bars(open_console(), transient=True) as bars:
        bar = bars.add("rows")
        counts = prepare(
            folder, load_problem(folder), layout.quarantine, layout.encoded, on_rows=partial(bars.move, bar)
        )
    print("encoded " + ", ".join(f"{rows:,} rows for {name}" for name, rows in counts.items()))
    summary = SplitSummary.model_validate_json((layout.encoded / SPLIT).read_bytes())
    if summary.windows:
        print("windows: " + "; ".join(f"{name} {window}" for name, window in summary.windows.items()))
    if summary.left_out:
        print(left_out_message(summary.left_out))
    for name, rows in json.loads((layout.encoded / DUPLICATES).read_text(encoding="utf-8")).items():
        if rows:
            print(f"{rows:,} of the {counts[name]:,} rows for {name} equal a training row in every feature")
