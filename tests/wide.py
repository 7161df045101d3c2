"""A problem with so many columns that graphs have matrices: numbers, flags, text, codes, a list and a timestamp."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.small import Small, document, prepared

ROWS, COLUMNS_PER_KIND = 400, 70
TASKS: dict[str, Any] = {
    "late": {"kind": "binary", "target": "minutes", "at_least": 0, "metric": "auc"},
    "minutes": {"kind": "regression", "target": "minutes"},
}
KINDS: dict[str, dict[str, Any]] = {
    "number": {"kind": "numeric"},
    "amount": {"kind": "numeric", "transform": "log1p"},
    "flag": {"kind": "numeric"},
    "text": {"kind": "categorical"},
    "code": {"kind": "categorical"},
}
SINGLE_FEATURES: dict[str, dict[str, Any]] = {"tags": {"kind": "multicategorical"}, "when": {"kind": "datetime"}}


def patterns() -> dict[str, Any]:
    """The features, declared by patterns."""
    return {f"{stem}_*": options for stem, options in KINDS.items()} | SINGLE_FEATURES


def by_name() -> dict[str, Any]:
    """The same features, declared by name."""
    columns = {f"{stem}_{index}": options for stem, options in KINDS.items() for index in range(COLUMNS_PER_KIND)}
    return columns | SINGLE_FEATURES


def table(seed: int = 0) -> pa.Table:
    """COLUMNS_PER_KIND columns of each of KINDS, a tenth of the values missing in every third, and SINGLE_FEATURES."""
    generator = np.random.default_rng(seed)
    columns: dict[str, Any] = {"key": np.arange(ROWS)}
    for stem in KINDS:
        for index in range(COLUMNS_PER_KIND):
            missing = generator.random(ROWS) < 0.1 * (index % 3 == 0)
            match stem:
                case "flag":
                    values: Any = generator.random(ROWS) < 0.5
                case "text":
                    values = np.array([f"{'abc'[index % 3]}{value}" for value in generator.integers(0, 5, ROWS)])
                case "code":
                    values = generator.integers(0, 3 + index % 4, ROWS)
                case _:
                    values = np.exp(generator.normal(size=ROWS))
            columns[f"{stem}_{index}"] = pa.array(values, mask=missing)
    columns["tags"] = pa.array([["a", "b"][: row % 3] for row in range(ROWS)])
    columns["when"] = pa.array(3_600 * np.arange(ROWS)).cast(pa.timestamp("s"))
    columns["minutes"] = np.log(columns["number_1"].to_numpy(zero_copy_only=False)) + generator.normal(size=ROWS) / 9
    return pa.table(columns)


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The problem declared by patterns, prepared once per session."""
    declared = document() | {"features": patterns(), "tasks": TASKS}
    return prepared(tmp_path_factory.mktemp("wide"), declared, table())
