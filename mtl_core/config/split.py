"""`split`: the split of the rows into training, validation and test."""

from collections import Counter
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mtl_core.frozen import Frozen

ROW = "row"
"""Key of a split by hash that stands for all columns but the targets, of those that every part has."""

Share = Annotated[float, Field(gt=0, lt=1)]


def _values(found: Any) -> Any:
    """A single error, where a union would give one for each of its members."""
    items = found if isinstance(found, list | tuple) else (found,)
    if not items or not all(isinstance(item, str | int) for item in items):
        raise ValueError(f"must be text, a whole number, true or false, or a list of such values, found {found!r:.80}")
    return found


def _share_or_values(found: Any) -> Any:
    return found if isinstance(found, float) and 0 < found < 1 else _values(found)


Value = str | bool | int
Values = Value | tuple[Value, ...]
Boundary = date | datetime | int | float | str


class TimeSplit(Frozen):
    """Split by time: rows before `validation` train, rows from `test` on test, rows between validate."""

    by: Literal["time"]
    column: str
    """Dates, timestamps, numbers, or ISO 8601 text."""
    validation: Boundary
    test: Boundary
    """A boundary without a zone is in the local time of the column's zone, quoted or not."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data that it names."""
        return (self.column,)


class HashSplit(Frozen):
    """Split by a hash of a key: all rows with the same key are in the same split."""

    by: Literal["hash"]
    column: str
    """The key. `row`, where the data have no column of that name, is every column but the targets."""
    validation: Share = 0.1
    test: Share = 0.1

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data that it names."""
        return () if self.column == ROW else (self.column,)

    @model_validator(mode="after")
    def _some_train(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"`validation` and `test` must leave rows to train on, found {self.validation + self.test:g}"
            )
        return self


class ColumnSplit(Frozen):
    """Split by the values of a column; a row with a value that is not declared is refused."""

    by: Literal["column"]
    column: str
    train: Annotated[Values, BeforeValidator(_values)] = ("train", "training")
    """The values, one or several, whose rows train."""
    validation: Annotated[Share | Values, BeforeValidator(_share_or_values)] = "validation"
    """A share, as 0.1, takes the rows from those that train, by a hash of `key`."""
    test: Annotated[Values, BeforeValidator(_values)] = "test"
    key: str = ROW
    """Key of the hash where `validation` is a share, as the column of a split by hash."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data that it names."""
        return (self.column,) if self.key == ROW else (self.column, self.key)

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Split -> the texts of its values; none for validation where that is a share."""
        named = {"train": self.train, "test": self.test}
        if not isinstance(self.validation, float):
            named["validation"] = self.validation
        return {part: tuple(map(_text, v if isinstance(v, tuple) else (v,))) for part, v in named.items()}

    @model_validator(mode="after")
    def _one_part_a_value(self) -> Self:
        values = [value for part in self.parts.values() for value in part]
        if twice := [value for value, count in Counter(values).items() if count > 1]:
            raise ValueError(f"a value must be named once, found {twice[0]!r} twice; take one away")
        if self.key != ROW and not isinstance(self.validation, float):
            raise ValueError(
                f"`key` is for a share of the rows that train, found `validation` {self.validation!r}; leave it out, "
                "or give `validation` a share, as 0.1"
            )
        return self


def _text(value: Value) -> str:
    """The value as a column of that type is compared: booleans as Arrow writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


Split = Annotated[TimeSplit | HashSplit | ColumnSplit, Field(discriminator="by")]
