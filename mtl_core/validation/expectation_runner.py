"""Runs a suite's expectations on a frame with Great Expectations.

This module and the Data Docs alone import the package, which takes seconds.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.core import ExpectationSuite, ExpectationValidationResult
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.expectation import Expectation as GxExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.registry import list_registered_expectation_implementations

from mtl_core.errors import DataError, nearest
from mtl_core.expectations import NAMES, Expectation
from mtl_core.names import LABEL
from mtl_core.validation.results import ExpectationResult, Level
from mtl_core.validation.suite import Suite

MAX_COLUMNS = 64
"""Maximum columns of a frame on which expectations about columns are run together."""
MAX_EXAMPLES = 3
"""Maximum number of unexpected values that a result shows."""
TYPE_EXPECTATIONS = ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list")
_POSITION = "position in the suite"
"""Results come in an order of their own, and an expectation with an `id` would be taken for one of another suite."""


class ExpectationRunner:
    """A suite in a context in memory: nothing is read from or written to a Great Expectations project."""

    def __init__(self, suite: Suite, path: Path, label_prefix: str = LABEL) -> None:
        """Raise DataError for an entry of the file `path` that is no expectation.

        Args:
            label_prefix: begins the names of the indicator columns.
        """
        self.suite = suite
        self._configurations = list(map(_configure, suite.expectations, range(len(suite.expectations))))
        self.levels = tuple(
            _level(expectation, _build(configuration, f"{path}: expectations[{position}]"), label_prefix)
            for position, (expectation, configuration) in enumerate(
                zip(suite.expectations, self._configurations, strict=True)
            )
        )
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        asset = context.data_sources.add_pandas(suite.name).add_dataframe_asset("parts")
        self._batches: BatchDefinition[None] = asset.add_batch_definition_whole_dataframe("part")

    def run(self, frame: pd.DataFrame, positions: Sequence[int]) -> dict[int, ExpectationResult]:
        """Run the expectations at those positions of the suite."""
        found: dict[int, ExpectationValidationResult] = {}
        for columns, chunk in self._chunks(positions):
            # Great Expectations goes through all columns of its frame once or more for every expectation.
            narrow = frame[[name for name in frame.columns if name in columns]] if columns else frame
            found |= self._validate(narrow, chunk, "SUMMARY")
        return {position: self._result(position, found[position], len(frame)) for position in positions}

    def skip(self, position: int, *, success: bool, error: str = "", redundant: bool = False) -> ExpectationResult:
        """The result of an expectation that is not run."""
        raw = ExpectationValidationResult(
            success=success, expectation_config=self._configurations[position], result={"observed_value": error}
        )
        expectation = self.suite.expectations[position]
        return ExpectationResult(
            expectation=expectation, level="part", success=success, error=error, redundant=redundant, raw=raw
        )

    def unexpected_rows(self, frame: pd.DataFrame, position: int) -> list[int]:
        """The index labels of all rows that break the expectation at that position: a second pass, for it alone.

        Great Expectations filters every column of its frame, needed or not: it gets those that are.
        """
        expectation = self.suite.expectations[position]
        if "row_condition" not in expectation.kwargs:  # which may be about any column
            frame = frame[list(expectation.columns)]
        raw = self._validate(frame, [position], "COMPLETE")[position]
        return [int(row) for row in raw.result["unexpected_index_list"]]

    def gx_suite(self, configurations: Sequence[ExpectationConfiguration] | None = None) -> ExpectationSuite:
        """The suite as one of Great Expectations; a new one, since an expectation object belongs to one suite only."""
        chosen = self._configurations if configurations is None else configurations
        return ExpectationSuite(name=self.suite.name, expectations=[each.to_domain_obj() for each in chosen])

    def _chunks(self, positions: Sequence[int]) -> Iterator[tuple[set[str], list[int]]]:
        """Positions of expectations about the same few columns, with these; with no columns where all are needed."""
        of_table: list[int] = []
        columns: set[str] = set()
        chunk: list[int] = []
        for position in positions:
            expectation = self.suite.expectations[position]
            if not expectation.columns or "row_condition" in expectation.kwargs:
                of_table.append(position)
                continue
            if len(columns.union(expectation.columns)) > MAX_COLUMNS and chunk:
                yield columns, chunk
                columns, chunk = set(), []
            columns.update(expectation.columns)
            chunk.append(position)
        if chunk:
            yield columns, chunk
        if of_table:
            yield set(), of_table

    def _validate(
        self, frame: pd.DataFrame, positions: Sequence[int], result_format: Literal["SUMMARY", "COMPLETE"]
    ) -> dict[int, ExpectationValidationResult]:
        configurations, names = [self._configurations[position] for position in positions], _distinct_names(frame)
        if names:
            renamed = (self.suite.expectations[position].renamed(names) for position in positions)
            configurations = list(map(_configure, renamed, positions))
            frame = frame.rename(columns=names)
        batch = self._batches.get_batch({"dataframe": frame})
        found: dict[int, ExpectationValidationResult] = {}
        for raw in batch.validate(self.gx_suite(configurations), result_format=result_format).results:
            assert raw.expectation_config is not None
            position = raw.expectation_config.meta[_POSITION]
            assert isinstance(position, int)
            raw.expectation_config = self._configurations[position]
            found[position] = raw
        return found

    def _result(self, position: int, raw: ExpectationValidationResult, rows: int) -> ExpectationResult:
        raw.result = result = _json(raw.result)
        raw.success = bool(raw.success)  # some expectations return a numpy.bool, which JSON does not know
        error = "" if raw.success else _exception(raw.exception_info)
        return ExpectationResult(
            expectation=self.suite.expectations[position],
            level="part" if error else self.levels[position],
            success=raw.success,
            observed=result.get("observed_value"),
            rows=rows,
            unexpected=result.get("unexpected_count", 0),
            examples=_examples(result.get("partial_unexpected_list", ())),
            error=error,
            raw=raw,
        )


def _configure(expectation: Expectation, position: int) -> ExpectationConfiguration:
    return ExpectationConfiguration(
        type=expectation.type,
        kwargs={key: value if key in NAMES else _timestamp(value) for key, value in expectation.kwargs.items()},
        meta={**expectation.meta, _POSITION: position},
        notes=expectation.notes or None,
        severity=FailureSeverity(expectation.severity),
    )


def _timestamp(value: Any) -> Any:
    """A day as its midnight: Great Expectations makes a date of it, which pandas does not compare with times."""
    return f"{value}T00:00:00" if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) else value


def _build(configuration: ExpectationConfiguration, where: str) -> GxExpectation:
    known = list_registered_expectation_implementations()
    if configuration.type not in known:
        near = nearest(configuration.type, known)
        hint = near if near.startswith("did") else "see the gallery of Great Expectations"
        raise DataError(
            f"{where}.type: must be an expectation of Great Expectations, found {configuration.type!r}; {hint}"
        )
    try:
        return configuration.to_domain_obj()
    except (ValueError, TypeError, GreatExpectationsError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise DataError(
            f"{where}.kwargs: do not fit {configuration.type}, found {configuration.kwargs}: {reason}"
        ) from None


def _level(expectation: Expectation, built: GxExpectation, label_prefix: str) -> Level:
    """`row` for what must hold in every row; with `mostly`, or about a type or a label rate, it is about the part."""
    per_row = isinstance(built, ColumnMapExpectation | ColumnPairMapExpectation | MulticolumnMapExpectation)
    about_labels = any(column.startswith(label_prefix) for column in expectation.columns)
    if about_labels or not per_row or expectation.type in TYPE_EXPECTATIONS:
        return "part"
    return "row" if expectation.kwargs.get("mostly") in (None, 1) else "part"


def _distinct_names(frame: pd.DataFrame) -> dict[str, str]:
    """Column -> another name, where Great Expectations takes its own for an earlier column's.

    It ignores case and backticks.
    """
    taken: set[str] = set()
    names: dict[str, str] = {}
    for column in frame.columns:
        name = column
        while name.casefold().strip("`") in taken:
            name += "_"
        taken.add(name.casefold().strip("`"))
        if name != column:
            names[column] = name
    return names


def _exception(info: dict[str, Any] | None) -> str:
    """The message of what was raised while measuring; Great Expectations nests it under the metric, or does not."""
    for each in (info, *(value for value in info.values() if isinstance(value, dict))) if info else ():
        if each.get("raised_exception"):
            return "could not be measured: " + " ".join(str(each.get("exception_message")).split())[:200]
    return ""


def _json(value: Any) -> Any:
    """The same in what JSON knows: numpy's scalars as Python's, what is not finite and every other object as text."""
    match value:
        case dict():
            return {str(key): _json(inner) for key, inner in value.items()}
        case list() | tuple() | set() | np.ndarray():
            return [_json(inner) for inner in value]
        case np.generic():
            return _json(value.item())
        case float():
            return value if np.isfinite(value) else str(value)
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def _examples(values: Sequence[Any]) -> tuple[Any, ...]:
    """The first distinct values; a missing one shows nothing."""
    shown = (str(value) if isinstance(value, list | dict) else value for value in values if value is not None)
    return tuple(dict.fromkeys(shown))[:MAX_EXAMPLES]
