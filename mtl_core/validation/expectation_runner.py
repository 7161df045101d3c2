"""Runs a suite's expectations on a frame with Great Expectations.

Only this module, `gx_configuration` and `data_docs` import the package, which takes seconds.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.core import ExpectationSuite, ExpectationValidationResult
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from mtl_core.names import LABEL, SPAN
from mtl_core.validation.gx_configuration import POSITION, build, configure, level_of
from mtl_core.validation.results import ExpectationResult, Level
from mtl_core.validation.suite import Suite

MAX_COLUMNS = 64
"""Maximum columns of a frame on which expectations about columns are run together."""
MAX_EXAMPLES = 3
"""Maximum number of unexpected values that a result shows."""


class ExpectationRunner:
    """A suite in a context in memory: nothing is read from or written to a Great Expectations project."""

    def __init__(self, suite: Suite, path: Path, label_prefix: str = LABEL, span_prefix: str = SPAN) -> None:
        """Raise DataError for an entry of the file `path` that is no expectation.

        Args:
            label_prefix: prefix of the names of indicator columns.
            span_prefix: prefix of the names of columns about spans.
        """
        self.suite = suite
        self.indicators = [column for column in suite.columns if column.startswith(label_prefix)]
        self.span_columns = [column for column in suite.columns if column.startswith(span_prefix)]
        self.levels: list[Level] = []
        self._configurations: list[ExpectationConfiguration] = []
        for position, expectation in enumerate(suite.expectations):
            configuration = configure(expectation, position)
            built = build(configuration, f"{path}: expectations[{position}]")
            self.levels.append(level_of(expectation, built, label_prefix))
            self._configurations.append(configuration)
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        asset = context.data_sources.add_pandas(suite.name).add_dataframe_asset("parts")
        self._batches: BatchDefinition[None] = asset.add_batch_definition_whole_dataframe("part")

    def run(self, frame: pd.DataFrame, positions: Sequence[int]) -> dict[int, ExpectationResult]:
        """Run the expectations at these positions of the suite."""
        raw: dict[int, ExpectationValidationResult] = {}
        for columns, chunk in self._chunks(positions):
            # Great Expectations reads all columns of its frame for every expectation.
            narrow = frame[[name for name in frame.columns if name in columns]] if columns else frame
            raw |= self._validate(narrow, chunk, "SUMMARY")
        return {position: self._result(position, raw[position], len(frame)) for position in positions}

    def skip(self, position: int, *, success: bool, error: str = "", redundant: bool = False) -> ExpectationResult:
        """The result of an expectation that is not run."""
        return ExpectationResult(
            expectation=self.suite.expectations[position],
            level="part",
            success=success,
            error=error,
            redundant=redundant,
            raw=ExpectationValidationResult(
                success=success, expectation_config=self._configurations[position], result={"observed_value": error}
            ),
        )

    def unexpected_rows(self, frame: pd.DataFrame, position: int) -> list[int]:
        """The index labels of all rows that break the expectation at a position, in a separate pass."""
        expectation = self.suite.expectations[position]
        # Great Expectations filters all columns of its frame, and a row condition may be about any column.
        if "row_condition" not in expectation.kwargs:
            frame = frame[list(expectation.columns)]
        raw = self._validate(frame, [position], "COMPLETE")[position]
        return [int(row) for row in raw.result["unexpected_index_list"]]

    def gx_suite(self) -> ExpectationSuite:
        """The suite as one of Great Expectations."""
        return ExpectationSuite(name=self.suite.name, expectations=self._configurations)

    def _chunks(self, positions: Sequence[int]) -> Iterator[tuple[set[str], list[int]]]:
        """Positions of expectations about the same few columns, with these; with no columns where all are needed."""
        columns: set[str] = set()
        chunk: list[int] = []
        of_all_columns: list[int] = []
        for position in positions:
            expectation = self.suite.expectations[position]
            if not expectation.columns or "row_condition" in expectation.kwargs:
                of_all_columns.append(position)
                continue
            if len(columns.union(expectation.columns)) > MAX_COLUMNS and chunk:
                yield columns, chunk
                columns, chunk = set(), []
            columns.update(expectation.columns)
            chunk.append(position)
        if chunk:
            yield columns, chunk
        if of_all_columns:
            yield set(), of_all_columns

    def _validate(
        self, frame: pd.DataFrame, positions: Sequence[int], result_format: Literal["SUMMARY", "COMPLETE"]
    ) -> dict[int, ExpectationValidationResult]:
        configurations = [self._configurations[position] for position in positions]
        if names := _distinct_names(frame):
            expectations = self.suite.expectations
            configurations = [configure(expectations[position].renamed(names), position) for position in positions]
            frame = frame.rename(columns=names)
        suite = ExpectationSuite(name=self.suite.name, expectations=configurations)
        batch = self._batches.get_batch({"dataframe": frame})
        results: dict[int, ExpectationValidationResult] = {}
        for raw in batch.validate(suite, result_format=result_format).results:
            assert raw.expectation_config is not None
            position = raw.expectation_config.meta[POSITION]
            raw.expectation_config = self._configurations[position]
            results[position] = raw
        return results

    def _result(self, position: int, raw: ExpectationValidationResult, rows: int) -> ExpectationResult:
        raw.result = result = _json(raw.result)
        raw.success = bool(raw.success)  # some expectations return a numpy.bool, which JSON does not have
        error = "" if raw.success else _exception_text(raw.exception_info)
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


def _distinct_names(frame: pd.DataFrame) -> dict[str, str]:
    """Column -> another name, where its own differs from an earlier one only in case or backticks.

    Great Expectations does not distinguish such names.
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


def _exception_text(info: dict[str, Any]) -> str:
    """The message of an exception during measurement; Great Expectations may nest it under the metric."""
    for exception in (info, *(value for value in info.values() if isinstance(value, dict))):
        if exception.get("raised_exception"):
            return "could not be measured: " + " ".join(str(exception.get("exception_message")).split())[:200]
    return ""


def _json(value: Any) -> Any:
    """The value as JSON: scalars of numpy as Python's; numbers that are not finite, and other objects, as text."""
    match value:
        case dict():
            return {str(key): _json(item) for key, item in value.items()}
        case list() | tuple() | set() | np.ndarray():
            return [_json(item) for item in value]
        case np.generic():
            return _json(value.item())
        case float():
            return value if np.isfinite(value) else str(value)
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def _examples(values: Sequence[Any]) -> tuple[Any, ...]:
    """The first distinct values that are not null."""
    hashable = (str(value) if isinstance(value, list | dict) else value for value in values if value is not None)
    return tuple(dict.fromkeys(hashable))[:MAX_EXAMPLES]
