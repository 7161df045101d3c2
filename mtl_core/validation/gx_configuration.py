"""Expectations of a suite as configurations of Great Expectations, and the level at which they fail."""

import re
from typing import Any

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

from mtl_core.errors import DataError, suggestion
from mtl_core.expectations import NAMES, Expectation
from mtl_core.validation.results import Level

TYPE_EXPECTATIONS = ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list")
POSITION = "position in the suite"
"""Key in `meta`: results have another order, and Great Expectations refuses an expectation with an `id`."""


def configure(expectation: Expectation, position: int) -> ExpectationConfiguration:
    """The expectation at a position of the suite."""
    return ExpectationConfiguration(
        type=expectation.type,
        kwargs={key: value if key in NAMES else _timestamp(value) for key, value in expectation.kwargs.items()},
        meta={**expectation.meta, POSITION: position},
        notes=expectation.notes or None,
        severity=FailureSeverity(expectation.severity),
    )


def build(configuration: ExpectationConfiguration, where: str) -> GxExpectation:
    """The expectation of a configuration; DataError if it is none. `where` is its path, for the error."""
    types = list_registered_expectation_implementations()
    if configuration.type not in types:
        name = suggestion(configuration.type, types)
        fix = name if name.startswith("did") else "see the gallery of Great Expectations"
        raise DataError(
            f"{where}.type: must be an expectation of Great Expectations, found {configuration.type!r}; {fix}"
        )
    try:
        return configuration.to_domain_obj()
    except (ValueError, TypeError, GreatExpectationsError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise DataError(
            f"{where}.kwargs: do not fit {configuration.type}, found {configuration.kwargs}: {reason}"
        ) from None


def level_of(expectation: Expectation, built: GxExpectation, label_prefix: str) -> Level:
    """`row` for a rule for every row; `part` with `mostly`, for a type, and for a label rate."""
    per_row = isinstance(built, ColumnMapExpectation | ColumnPairMapExpectation | MulticolumnMapExpectation)
    about_labels = any(column.startswith(label_prefix) for column in expectation.columns)
    if about_labels or not per_row or expectation.type in TYPE_EXPECTATIONS:
        return "part"
    return "row" if expectation.kwargs.get("mostly") in (None, 1) else "part"


def _timestamp(value: Any) -> Any:
    """A day as its midnight: Great Expectations would make it a date, which pandas does not compare with times."""
    return f"{value}T00:00:00" if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) else value
