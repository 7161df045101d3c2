"""Where the rows are, and which of them train, validate and test."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtl_core.frozen import Frozen

__all__ = ["Border", "ColumnSplit", "Data", "HashSplit", "Split", "TimeSplit"]

Share = Annotated[float, Field(gt=0, lt=1)]
Border = date | datetime | int | float | str


class Data(Frozen):
    """Where the rows are."""

    path: str
    """One file, or a folder of parts: Parquet or CSV, relative to the problem's folder."""
    nulls: tuple[str, ...] = ("",)
    """What stands for a missing value in CSV."""
    quarantine: Annotated[float, Field(ge=0, le=1)] = 0.001
    """The largest share of a part's rows that validation may set aside."""


class TimeSplit(Frozen):
    """Everything before `validation` trains, everything from `test` on tests."""

    by: Literal["time"]
    column: str
    validation: Border
    test: Border


class HashSplit(Frozen):
    """By a hash of a key, so that the rows of one key never straddle two splits."""

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
    """By a column that says it; rows with any other value train."""

    by: Literal["column"]
    column: str
    validation: str | int = "validation"
    test: str | int = "test"


Split = Annotated[TimeSplit | HashSplit | ColumnSplit, Field(discriminator="by")]
