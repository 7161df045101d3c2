"""Entries of a suite as expectations of Great Expectations, and their level: row or part."""

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

from mtl_core.errors import DataError, nearest
from mtl_core.expectations import NAMES, Expectation
from mtl_core.validation.outcome import Level

__all__ = ["OF_TYPE", "POSITION", "build", "configure", "level_of"]

OF_TYPE = ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list")
POSITION = "place in the suite"
"""Results come in an order of their own, and an expectation with an `id` would be taken for one of another suite."""

_PER_ROW = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)


def level_of(expectation: Expectation, built: GxExpectation, label_prefix: str) -> Level:
    """`row` for what must hold in every row; with `mostly`, or about a type or a label rate, it is about the part."""
    about_labels = any(column.startswith(label_prefix) for column in expectation.columns)
    if about_labels or not isinstance(built, _PER_ROW) or expectation.type in OF_TYPE:
        return "part"
    mostly = expectation.kwargs.get("mostly")
    return "row" if mostly is None or mostly == 1 else "part"


def configure(expectation: Expectation, position: int) -> ExpectationConfiguration:
    return ExpectationConfiguration(
        type=expectation.type,
        kwargs={key: value if key in NAMES else _moment(value) for key, value in expectation.kwargs.items()},
        meta={**expectation.meta, POSITION: position},
        notes=expectation.notes or None,
        severity=FailureSeverity(expectation.severity),
    )


def _moment(value: Any) -> Any:
    """A day as its midnight: Great Expectations makes a date of it, which pandas does not compare with times."""
    return f"{value}T00:00:00" if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) else value


def build(configuration: ExpectationConfiguration, where: str) -> GxExpectation:
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
        what = " ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise DataError(
            f"{where}.kwargs: do not fit {configuration.type}, found {configuration.kwargs}: {what}"
        ) from None
