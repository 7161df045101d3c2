"""`data`: the source of the rows, and how their values are read."""

import codecs
from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from mtl_core.frozen import Frozen

DeclaredType = Literal["text", "number", "boolean", "datetime"]

_MOMENT = datetime(2019, 11, 23, 13, 45, 59)
"""Distinct in year, month and day, to try a format on."""


class Csv(Frozen):
    """Options of reading text: the form of CSV files, and of the values in their cells.

    `nulls`, `decimal` and `thousands` hold for text in Parquet files and in requests as well, so that one rule reads a
    value wherever it comes from.
    """

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """The character between cells; ";" and "\\t" are common."""
    decimal: Literal[".", ","] = "."
    """The decimal mark of numbers."""
    thousands: Literal["", ".", ",", " ", "'"] = ""
    """The mark between groups of three digits, as in 1,234,567; none by default."""
    encoding: str = "utf-8"
    """The encoding of CSV files, by a name that Python knows: utf-8, utf-16, latin-1, cp1252 ..."""
    nulls: tuple[str, ...] = ()
    """Words that stand for a missing value, beside the empty cell. A cell must equal one exactly."""

    @field_validator("separator")
    @classmethod
    def _separates(cls, separator: str) -> str:
        if separator in '"\r\n\0':
            raise ValueError(f"must be the character between cells, not a quote or a line break, found {separator!r}")
        return separator

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
            "".encode(encoding)  # some codecs are not of text
        except (LookupError, ValueError):
            raise ValueError(
                f"must be an encoding of text, as utf-8, utf-16, latin-1 or cp1252, found {encoding!r}"
            ) from None
        return encoding

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"`thousands` must differ from `decimal`, found {self.decimal!r} for both")
        return self


class Reading(Frozen):
    """Options of reading values, from files and, where they are sent as text, from requests."""

    csv: Csv = Csv()
    types: dict[str, DeclaredType] = Field(default_factory=dict)
    """Types of columns whose values do not show it: {code: text} keeps 007 apart from 7. A cell that is not of its
    column's declared type is an error.
    """
    dates: dict[str, str] = Field(default_factory=dict)
    """Formats of columns of dates and times that are not ISO 8601, as Python's strptime reads them: "%m/%d/%Y"."""

    @field_validator("dates")
    @classmethod
    def _has_a_day(cls, dates: dict[str, str]) -> dict[str, str]:
        for column, form in dates.items():
            try:
                read = datetime.strptime(_MOMENT.astimezone().strftime(form), form)
            except ValueError as error:
                raise ValueError(
                    f"{column}: must be a format of strptime, as %d.%m.%Y, found {form!r} ({error})"
                ) from None
            if read.date() != _MOMENT.date():
                raise ValueError(
                    f"{column}: a format must have a year, a month and a day, as %d.%m.%Y %H:%M, found {form!r}"
                )
        return dates

    @model_validator(mode="after")
    def _once(self) -> Self:
        if twice := [column for column in self.dates if column in self.types]:
            raise ValueError(f"a column stands in `types` or in `dates`, found {twice[0]!r} in both; remove one")
        return self


class Data(Reading):
    """The source of the rows."""

    renamed: ClassVar[dict[str, str]] = {"nulls": "csv.nulls"}

    path: str
    """A file or a folder of part files, Parquet or CSV, relative to the problem's folder."""
    quarantine: Annotated[float, Field(ge=0, le=1)] = 0.001
    """Maximum share of a part's rows that validation may quarantine."""

    @property
    def reading(self) -> Reading:
        """The options of reading, without path and quarantine."""
        return Reading(csv=self.csv, types=self.types, dates=self.dates)
