"""Dates and times: calendar parts as sine and cosine or as embeddings, and elapsed time as a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import AfterValidator, model_validator

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, is_temporal, scalar_type, value_type
from mtl_core.errors import DataError
from mtl_core.expectations import Expectation
from mtl_core.features.base import Feature
from mtl_core.features.calendar import CalendarParts
from mtl_core.features.datetime_fitter import DatetimeFitter
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.iso import is_iso_timestamp, pattern_expectation
from mtl_core.features.profiling import day_range_expectation
from mtl_core.features.zones import check_zone, is_zone
from mtl_core.input_types import DatetimeInput

if TYPE_CHECKING:
    import pandas as pd


MAX_INVALID = 0.001
"""Maximum share of texts that are no timestamps where this kind is proposed; validation quarantines such rows."""


class Datetime(Feature):
    """A date, a timestamp with or without a zone, or ISO 8601 text.

    Parts are minute, hour, weekday, day, month and dayofyear. By default those of hour, weekday and dayofyear that vary
    in training are cyclic and none is categorical: sine and cosine put the values of a cycle on a circle, where a
    linear unit can separate any one of them and neighbours are close. A missing value is encoded as zeros and a
    separate id; where training has any, a further column flags them.
    """

    kind: Literal["datetime"] = "datetime"
    cyclic: CalendarParts | None = None
    """Parts that are encoded as sine and cosine."""
    categorical: CalendarParts = ()
    """Parts that are encoded as embeddings."""
    elapsed: bool = True
    """Elapsed time as a number, standardised and clipped to the training range."""
    timezone: Annotated[str, AfterValidator(check_zone)] = ""
    """IANA zone of the calendar parts, only for a column with a zone or offsets; UTC where none is given."""

    @model_validator(mode="after")
    def _check_encodings(self) -> Self:
        if not (self.elapsed or self.categorical or self.cyclic != ()):
            raise ValueError("must have elapsed: true, or a part in cyclic or categorical, found none of them")
        return self

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        options: dict[str, Any] = {"kind": "datetime"}
        if facts.is_temporal:
            zone = getattr(facts.type, "tz", None)
            if zone is None or is_zone(zone):
                return Proposal(options=options | ({"timezone": zone} if zone else {}))
            warning = f"its zone {zone} is no IANA name: calendar parts are taken in UTC"
            return Proposal(options=options, warning=warning)
        if not facts.is_text:
            return None
        texts = as_strings(facts.values)
        texts = texts.filter(pc.not_equal(texts, ""))
        min_valid = max(1.0, len(texts) * (1 - MAX_INVALID))
        if is_iso_timestamp(texts, zoned=False).sum() >= min_valid:
            return Proposal(options=options)
        if is_iso_timestamp(texts, zoned=True).sum() >= min_valid:
            return Proposal(options=options, warning="calendar parts are taken in UTC; timezone: names another zone")
        return None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> DatetimeInput:
        if scalar_type(arrow_type) == "string":
            return DatetimeInput(zoned=bool(self.timezone))
        if not is_temporal(arrow_type):
            raise DataError(
                f"feature {name!r}: a datetime feature needs a column of dates, timestamps or ISO 8601 text, found "
                f"{arrow_type} in column {column!r}; convert the column, or declare another kind"
            )
        zoned = getattr(value_type(arrow_type), "tz", None) is not None
        if not zoned:
            self.check_no_timezone(name, column, str(arrow_type))
        return DatetimeInput(zoned=zoned)

    def check_no_timezone(self, name: str, column: str, values: str) -> None:
        """DataError if a zone is declared for a column that has none; `values` describes its values."""
        if self.timezone:
            raise DataError(
                f"feature {name!r}: timezone needs a column with a zone or offsets, found {values} in column "
                f"{column!r}, whose parts are those of its wall clock; remove timezone, or write the column with a zone"
            )

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> DatetimeFitter:
        zoned = self.input_type(name, column, arrow_type).zoned
        return DatetimeFitter(self, name, column, None if scalar_type(arrow_type) == "string" else zoned)

    def expectations(self, column: str, type_in_suite: str, parts: Sequence[pd.Series]) -> list[Expectation]:
        """A pattern for text, a wide range for dates and timestamps."""
        present = [values for part in parts if len(values := part.dropna())]
        if present and type_in_suite == "str":
            return [pattern_expectation(column, present)]
        return [day_range_expectation(column, present)] if present and type_in_suite == "datetime64" else []
