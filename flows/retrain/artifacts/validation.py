"""Summary of a validation: rows and quarantined rows per part, the reasons, the errors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from flows.retrain.artifacts.markdown import escape, table

MAX_ROWS = 50
"""Maximum rows of a table; failed parts, and frequent reasons, come first."""


def validation_summary(result: Mapping[str, Any], quarantine: Path) -> str:
    """Markdown of a validation.

    Args:
        result: the content of result.json.
        quarantine: the file of the quarantined rows and their reasons.
    """
    parts = sorted(result["parts"], key=lambda part: (part["passed"], -part["quarantined"]))
    verdict = "passed" if result["passed"] else "**failed**"
    rows = [
        (part["part"], f"{part['rows']:,}", f"{part['quarantined']:,}", "passed" if part["passed"] else "failed")
        for part in parts
    ]
    text = [
        f"{len(parts):,} parts {verdict}: {result['rows']:,} rows, {result['quarantined']:,} quarantined "
        f"(limit per part: {result['limit']:.3%})",
        _shortened(("part", "rows", "quarantined", "outcome"), rows),
    ]
    if reasons := _reasons(quarantine):
        text += ["### Reasons for quarantine", _shortened(("column", "expectation", "rows"), reasons)]
    if errors := [error for part in parts for error in part["errors"]]:
        more = [f"- and {len(errors) - MAX_ROWS:,} more"] if len(errors) > MAX_ROWS else []
        text += ["### Errors", "\n".join([*(f"- {escape(error)}" for error in errors[:MAX_ROWS]), *more])]
    return "\n\n".join(text)


def _reasons(quarantine: Path) -> list[tuple[str, str, str]]:
    """Column, expectation and number of rows of every reason, the most frequent first."""
    counts = pq.read_table(quarantine, columns=["column", "expectation"]).group_by(["column", "expectation"])
    rows = counts.aggregate([([], "count_all")]).sort_by([("count_all", "descending")]).to_pylist()
    return [(row["column"] or "", row["expectation"], f"{row['count_all']:,}") for row in rows]


def _shortened(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    more = f"\n\nand {len(rows) - MAX_ROWS:,} more" if len(rows) > MAX_ROWS else ""
    return table(head, rows[:MAX_ROWS]) + more
