"""`data` and `split`: the source of the rows, and their split into training, validation and test."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtl_core.frozen import Frozen

__all__ = ["Border", "ColumnSplit", "Data", "HashSplit", "Split", "TimeSplit"]

Share = Annotated[float, Field(gt=0, lt=1)]
Border = date | datetime | int | float | str


class Data(Frozen):
    """The source of the rows."""

    path: str
    """A file or a folder of part files, Parquet or CSV, relative to the problem's folder."""
    nulls: tuple[str, ...] = ("",)
    """Text that stands for a missing value in CSV."""
    quarantine: Annotated[float, Field(ge=0, le=1)] = 0.001
    """Maximum share of a part's rows that validation may quarantine."""


class TimeSplit(Frozen):
    """Split by time: rows before `validation` train, rows from `test` on test, rows between validate."""

    by: Literal["time"]
    column: str
    validation: Border
    test: Border


class HashSplit(Frozen):
    """Split by a hash of a key: all rows with the same key are in the same split."""

    by: Literal["hash"]
    column: str
    validation: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _some_train(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"`validation` and `test` must leave rows to train on, found {self.validation + self.test:g}"
            )
        return self


class ColumnSplit(Frozen):
    """Split by the values of a column; rows with any other value train."""

    by: Literal["column"]
    column: str
    validation: str | int = "validation"
    test: str | int = "test"


Split = Annotated[TimeSplit | HashSplit | ColumnSplit, Field(discriminator="by")]
