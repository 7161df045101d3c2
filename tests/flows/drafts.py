"""Tables of 200 rows, and their drafts by `mtl init`, which are valid problems."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.draft.document import document
from flows.draft.facts import sample_table
from flows.draft.proposals import Draft, propose_problem
from mtl_core.config import Problem, parse_problem, parse_yaml

RANGE = range(200)
DAY = date(2024, 1, 1)
DAYS = [DAY + timedelta(row) for row in RANGE]
BASE: dict[str, Any] = {"amount": [row * 0.37 for row in RANGE], "yes": [row % 3 == 0 for row in RANGE]}
COLUMNS: dict[str, Any] = {"key": [f"k{row}" for row in RANGE], **BASE}


def repeat(*values: Any) -> list[Any]:
    """A column that repeats the values."""
    return [values[row % len(values)] for row in RANGE]


def draft_of(tmp_path: Path, columns: dict[str, Any], *targets: str) -> Draft:
    """The draft of a Parquet file with the columns."""
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(columns), path)
    draft = propose_problem(sample_table(path), targets)
    parse_draft(draft)
    return draft


def parse_draft(draft: Draft) -> Problem:
    """The problem in the draft's params.yaml."""
    return parse_problem(parse_yaml(document("table", "data/table.parquet", draft)))
