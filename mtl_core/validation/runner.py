"""Runs a suite's expectations on a frame with Great Expectations.

This module and the Data Docs alone import the package, which takes seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from mtl_core.names import LABEL
from mtl_core.validation.expectations import POSITION, build, configure, level_of
from mtl_core.validation.outcome import Outcome
from mtl_core.validation.suite import Suite

__all__ = ["EXAMPLES", "ExpectationRunner", "MeasuredExpectation"]

MAX_COLUMNS = 64
"""Maximum columns of a frame on which expectations about columns are run together."""
EXAMPLES = 3
"""Maximum number of unexpected values that an outcome shows."""


@dataclass(frozen=True, kw_only=True)
class MeasuredExpectation:
    """An outcome with what Great Expectations needs to draw it."""

    outcome: Outcome
    raw: ExpectationValidationResult


class ExpectationRunner:
    """A suite in a context in memory: nothing is read from or written to a Great Expectations project."""

    def __init__(self, suite: Suite, path: Path, label_prefix: str = LABEL) -> None:
        """Raises DataError, naming the entry of the file `path`, where an expectation is none.

        Args:
            label_prefix: begins the names of the indicator columns.
        """
        self.suite = suite
        self._configurations = [
            configure(expectation, position) for position, expectation in enumerate(suite.expectations)
        ]
        built = [build(one, f"{path}: expectations[{position}]") for position, one in enumerate(self._configurations)]
        self.levels = tuple(
            level_of(expectation, one, label_prefix) for expectation, one in zip(suite.expectations, built, strict=True)
        )
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        asset = context.data_sources.add_pandas(suite.name).add_dataframe_asset("parts")
        self._batches: BatchDefinition[None] = asset.add_batch_definition_whole_dataframe("part")

    def measure(self, frame: pd.DataFrame, positions: Sequence[int]) -> dict[int, MeasuredExpectation]:
        """Run the expectations at those positions of the suite."""
        found: dict[int, ExpectationValidationResult] = {}
        for columns, chunk in self._chunks(positions):
            # Great Expectations goes through all columns of its frame once or more for every expectation.
            narrow = frame[[name for name in frame.columns if name in columns]] if columns else frame
            found |= {_position(raw): raw for raw in self._validate(narrow, chunk, "SUMMARY").results}
        return {position: self._measured(position, found[position], len(frame)) for position in positions}

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

    def rows(self, frame: pd.DataFrame, position: int) -> list[int]:
        """The index labels of all rows that break the expectation at that position: a second pass, for it alone.

        Great Expectations filters every column of its frame, needed or not: it gets those that are.
        """
        expectation = self.suite.expectations[position]
        if "row_condition" not in expectation.kwargs:  # which may speak about any column
            frame = frame[list(expectation.columns)]
        (raw,) = self._validate(frame, [position], "COMPLETE").results
        return [int(row) for row in raw.result["unexpected_index_list"]]

    def unmeasured(self, position: int, *, success: bool, why: str, explained: bool = False) -> MeasuredExpectation:
        """The outcome of an expectation that was not run."""
        outcome = Outcome(
            expectation=self.suite.expectations[position],
            level="part",
            success=success,
            why="" if success else why,
            explained=explained,
        )
        raw = ExpectationValidationResult(
            success=success, expectation_config=self._configurations[position], result={"observed_value": why}
        )
        return MeasuredExpectation(outcome=outcome, raw=raw)

    def document(
        self, measured: Sequence[MeasuredExpectation], meta: dict[str, Any]
    ) -> ExpectationSuiteValidationResult:
        """All outcomes of a part as one result of Great Expectations, for the Data Docs."""
        succeeded = sum(one.outcome.success for one in measured)
        statistics = {
            "evaluated_expectations": len(measured),
            "successful_expectations": succeeded,
            "unsuccessful_expectations": len(measured) - succeeded,
            "success_percent": 100 * succeeded / max(1, len(measured)),
        }
        return ExpectationSuiteValidationResult(
            success=succeeded == len(measured),
            results=[one.raw for one in measured],
            suite_name=self.suite.name,
            statistics=statistics,
            meta=meta,
        )

    def gx_suite(self) -> ExpectationSuite:
        """The suite as Great Expectations has it. Made anew, since an expectation object belongs to one suite only."""
        return self._suite(self._configurations)

    def _suite(self, configurations: Sequence[ExpectationConfiguration]) -> ExpectationSuite:
        expectations = [configuration.to_domain_obj() for configuration in configurations]
        return ExpectationSuite(name=self.suite.name, expectations=expectations)

    def _validate(
        self, frame: pd.DataFrame, positions: Sequence[int], form: Literal["SUMMARY", "COMPLETE"]
    ) -> ExpectationSuiteValidationResult:
        configurations, names = [self._configurations[position] for position in positions], _distinct_names(frame)
        if names:
            renamed = (self.suite.expectations[position].renamed(names) for position in positions)
            configurations = list(map(configure, renamed, positions))
            frame = frame.rename(columns=names)
        batch = self._batches.get_batch({"dataframe": frame})
        result = batch.validate(self._suite(configurations), result_format=form)
        if names:
            for raw in result.results:
                raw.expectation_config = self._configurations[_position(raw)]
        return result

    def _measured(self, position: int, raw: ExpectationValidationResult, rows: int) -> MeasuredExpectation:
        expectation, level = self.suite.expectations[position], self.levels[position]
        raw.result = result = _json(raw.result)
        raw.success = bool(raw.success)  # some expectations answer with a numpy.bool, which JSON does not know
        counted = "unexpected_count" in result
        why = "" if raw.success else _exception(raw.exception_info)
        outcome = Outcome(
            expectation=expectation,
            level="part" if why else level,
            success=raw.success,
            observed=result.get("observed_value"),
            rows=rows,
            unexpected=result["unexpected_count"] if counted else 0,
            examples=_examples(result.get("partial_unexpected_list", ())),
            why=why,
        )
        return MeasuredExpectation(outcome=outcome, raw=raw)


def _distinct_names(frame: pd.DataFrame) -> dict[str, str]:
    """Column -> another name, where Great Expectations takes its own for an earlier column's: it ignores case and
    backticks.
    """
    taken: set[str] = set()
    names: dict[str, str] = {}
    for column in frame.columns:
        name = column
        while _read_as(name) in taken:
            name += "_"
        taken.add(_read_as(name))
        if name != column:
            names[column] = name
    return names


def _read_as(name: str) -> str:
    return name.casefold().strip("`")


def _position(raw: ExpectationValidationResult) -> int:
    assert raw.expectation_config is not None
    position = raw.expectation_config.meta[POSITION]
    assert isinstance(position, int)
    return position


def _exception(info: dict[str, Any] | None) -> str:
    """The message of what was raised while measuring; Great Expectations nests it under the metric, or does not."""
    if not info:
        return ""
    for one in (info, *(value for value in info.values() if isinstance(value, dict))):
        if one.get("raised_exception"):
            return "could not be measured: " + " ".join(str(one.get("exception_message")).split())[:200]
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
    return tuple(dict.fromkeys(shown))[:EXAMPLES]
