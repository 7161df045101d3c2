"""Stage `validate`: every part against the problem's expectations; rows that violate them are quarantined."""

from functools import partial
from pathlib import Path

from flows.console.bars import Bars
from flows.console.terminal import open_console
from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.errors import ValidationFailed
from mtl_core.files import os_errors_with_path
from mtl_core.validation.validate import validate


def run(folder: Path) -> None:
    """Write artifacts/validation; then raise ValidationFailed if a part violates its expectations."""
    layout, problem = Layout(folder), load_problem(folder)
    with os_errors_with_path(layout.validation), Bars(open_console(), transient=True) as bars:
        progress = partial(bars.track, description="parts validated")
        result = validate(folder, problem, layout.validation, progress=progress)
    docs = layout.validation / "data_docs" / "index.html"
    if not result.passed:
        raise ValidationFailed(f"{result.message}\nsee {docs.relative_to(folder)}")
    print(
        f"{len(result.parts)} parts, {result.rows:,} rows, {result.quarantined:,} quarantined; "
        f"Data Docs: {docs.relative_to(folder)}"
    )
