"""`split`: the split of the rows into training, validation and test."""

from collections import Counter
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mtl_core.config.duration import Duration, read_duration
from mtl_core.frozen import Frozen

ROW = "row"
"""Key of a split by hash that means all columns except the targets, of those that every part has."""

Share = Annotated[float, Field(gt=0, lt=1)]


def _check_values(value: Any) -> Any:
    """Raise a single error, where a union would raise one for each of its members."""
    items = value if isinstance(value, list | tuple) else (value,)
    if not items or not all(isinstance(item, str | int) for item in items):
        raise ValueError(f"must be text, a whole number, true or false, or a list of such values, found {value!r:.80}")
    return value


def _check_share_or_values(value: Any) -> Any:
    return value if isinstance(value, float) and 0 < value < 1 else _check_values(value)


SplitValue = str | bool | int
SplitValues = SplitValue | tuple[SplitValue, ...]
Boundary = date | datetime | int | float | str


class TimeSplit(Frozen):
    """Split by time: rows before `validation` train, rows from `test` on test, rows between validate.

    `validation` and `test` are the first values of these splits, or durations such as `1 month`: `test` is then counted
    back from the newest row, `validation` from the start of `test`.
    """

    by: Literal["time"]
    column: str
    """Dates, timestamps, numbers, or ISO 8601 text."""
    train: Boundary | None = None
    """First value of the training rows, or a duration before `validation`; earlier rows are not used. By default all
    rows before `validation` train.
    """
    validation: Boundary
    test: Boundary
    """A boundary without a time zone is local time in the zone of the column, quoted or not."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The declared columns of the data."""
        return (self.column,)

    @property
    def starts(self) -> dict[str, Boundary]:
        """Split -> its declared boundary or duration; without `train` if that is not declared."""
        starts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: start for split, start in starts.items() if start is not None}

    @property
    def durations(self) -> dict[str, Duration]:
        """Split -> its duration, if the split is relative to the newest row; else empty."""
        durations = ((split, read_duration(split, start)) for split, start in self.starts.items())
        return {split: duration for split, duration in durations if duration is not None}

    @model_validator(mode="after")
    def _boundaries_or_durations(self) -> Self:
        if self.durations and len(self.durations) < len(self.starts):
            found = ", ".join(f"`{split}: {start}`" for split, start in self.starts.items())
            raise ValueError(
                f"{', '.join(f'`{split}`' for split in self.starts)} must be all boundaries or all durations, found "
                f'{found}; write boundaries, as in `validation: "2013-10-01"` and `test: "2013-11-01"`, or durations '
                "counted back from the newest row, as in `validation: 1 month` and `test: 1 month`"
            )
        return self


class HashSplit(Frozen):
    """Split by a hash of a key: all rows with the same key are in the same split."""

    by: Literal["hash"]
    column: str
    """The key. `row`, where the data have no column of that name, means every column except the targets."""
    validation: Share = 0.1
    test: Share = 0.1

    @property
    def columns(self) -> tuple[str, ...]:
        """The declared columns of the data."""
        return () if self.column == ROW else (self.column,)

    @model_validator(mode="after")
    def _some_rows_train(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"`validation` and `test` must leave rows to train on, found {self.validation + self.test:g}"
            )
        return self


class ColumnSplit(Frozen):
    """Split by the values of a column; a row with a value that is not declared is refused."""

    by: Literal["column"]
    column: str
    train: Annotated[SplitValues, BeforeValidator(_check_values)] = ("train", "training")
    """The value, or list of values, of training rows."""
    validation: Annotated[Share | SplitValues, BeforeValidator(_check_share_or_values)] = "validation"
    """A value or list of values; or a share of the training rows, such as 0.1, chosen by a hash of `key`."""
    test: Annotated[SplitValues, BeforeValidator(_check_values)] = "test"
    key: str = ROW
    """Key of the hash where `validation` is a share; see `column` of a split by hash."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The declared columns of the data."""
        return (self.column,) if self.key == ROW else (self.column, self.key)

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Split -> its values as text; without validation where that is a share."""
        values = {"train": self.train, "test": self.test}
        if not isinstance(self.validation, float):
            values["validation"] = self.validation
        return {split: tuple(map(_text, v if isinstance(v, tuple) else (v,))) for split, v in values.items()}

    @model_validator(mode="after")
    def _values_are_distinct(self) -> Self:
        counts = Counter(value for values in self.parts.values() for value in values)
        if repeated := [value for value, count in counts.items() if count > 1]:
            raise ValueError(f"a value must be named once, found {repeated[0]!r} twice; remove one")
        if self.key != ROW and not isinstance(self.validation, float):
            raise ValueError(
                f"`key` needs a share as `validation`, found {self.validation!r}; leave it out, or set `validation` to "
                "a share, such as 0.1"
            )
        return self


def _text(value: SplitValue) -> str:
    """The text that a column's values are compared with: booleans as Arrow writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


Split = Annotated[TimeSplit | HashSplit | ColumnSplit, Field(discriminator="by")]
