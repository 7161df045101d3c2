"""`data`: the source of the rows, and how their values are read."""

import codecs
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mtl_core.frozen import Frozen

DeclaredType = Literal["text", "number", "boolean", "datetime"]

_MOMENT = datetime(2019, 11, 23, 13, 45, 59)
"""Distinct year, month and day, for the check of a format."""


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Csv(Frozen):
    """Format of CSV files and of the values in their cells.

    `nulls`, `decimal` and `thousands` also apply to text in other files and in requests, so that the same text is
    the same value everywhere.
    """

    separator: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """The character between cells; ";" and "\\t" are common."""
    decimal: Literal[".", ","] = "."
    """The decimal mark of numbers."""
    thousands: Literal["", ".", ",", " ", "'"] = ""
    """The mark between groups of three digits, as in 1,234,567; none by default."""
    encoding: str = "utf-8"
    """Encoding of CSV files and of tagged text, by its name in Python: utf-8, utf-16, latin-1, cp1252 ..."""
    nulls: tuple[str, ...] = ()
    """Texts that mean a missing value, in addition to the empty cell. The whole cell must be equal to one."""

    @field_validator("separator")
    @classmethod
    def _separator_is_no_quote(cls, separator: str) -> str:
        if separator in '"\r\n\0':
            raise ValueError(f"must be the character between cells, not a quote or a line break, found {separator!r}")
        return separator

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
            "".encode(encoding)  # some of Python's codecs are not for text
        except (LookupError, ValueError):
            raise ValueError(
                f"must be an encoding of text, as utf-8, utf-16, latin-1 or cp1252, found {encoding!r}"
            ) from None
        return encoding

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"`thousands` must differ from `decimal`, found {self.decimal!r} for both")
        return self


class ReadOptions(Frozen):
    """Options of reading values from files, and from text in requests."""

    csv: Csv = Csv()
    types: dict[str, DeclaredType] = Field(default_factory=dict)
    """Column -> type, where the values do not show it: {code: text} distinguishes 007 from 7. A cell of another type
    is an error.
    """
    dates: dict[str, str] = Field(default_factory=dict)
    """Column -> format of dates and times that are not ISO 8601, in the syntax of Python's strptime: "%m/%d/%Y"."""

    @field_validator("dates")
    @classmethod
    def _formats_have_a_day(cls, dates: dict[str, str]) -> dict[str, str]:
        for column, text in dates.items():
            try:
                parsed = datetime.strptime(_MOMENT.astimezone().strftime(text), text)
            except ValueError as error:
                raise ValueError(
                    f"{column}: must be a format of strptime, as %d.%m.%Y, found {text!r} ({error})"
                ) from None
            if parsed.date() != _MOMENT.date():
                raise ValueError(
                    f"{column}: a format must have a year, a month and a day, as %d.%m.%Y %H:%M, found {text!r}"
                )
        return dates

    @model_validator(mode="after")
    def _type_or_format(self) -> Self:
        if both := [column for column in self.dates if column in self.types]:
            raise ValueError(f"a column may be in `types` or in `dates`, found {both[0]!r} in both; remove one")
        return self


class Data(ReadOptions):
    """The source of the rows."""

    renamed: ClassVar[dict[str, str]] = {"nulls": "csv.nulls"}

    path: str
    """File, or folder of part files, relative to the problem's folder: .parquet, .csv, .tsv, .jsonl or .ndjson."""
    format: Literal["conll", "intent_slots"] | None = None
    """Format of the files, by default by their suffixes; `conll` for column files as of CoNLL-2003, `intent_slots` for
    folders with `seq.in`, `seq.out` and `label`.
    """
    quarantine: Annotated[float, Field(ge=0, le=1)] = 0.001
    """Maximum share of a part's rows that validation may quarantine."""
    key: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(default=(), exclude=True)
    """Column or list of columns that identify a row, by which `mtl ingest --update` finds it. Excluded from every dump
    of a problem, since no model depends on it.
    """

    @field_validator("key")
    @classmethod
    def _key_columns_are_distinct(cls, key: tuple[str, ...]) -> tuple[str, ...]:
        if "" in key or len(set(key)) < len(key):
            raise ValueError(f"must be distinct names of columns, found {list(key)}")
        return key

    @property
    def reading(self) -> ReadOptions:
        """The options of reading, without path, format, quarantine and key."""
        return ReadOptions(csv=self.csv, types=self.types, dates=self.dates)
