"""Columns of timestamps as seconds, and the pattern of the ISO 8601 text that such a column may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, is_text
from mtl_core.errors import DataError
from mtl_core.expectations import Expectation, expect
from mtl_core.features.calendar import MAX_SECONDS, MIN_SECONDS
from mtl_core.timestamps import as_seconds

if TYPE_CHECKING:
    import pandas as pd

_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_MONTH_DAY = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DATE = f"(?:{_YEAR}-{_MONTH_DAY}|{_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3])(?::[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?)?"
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"

_NAIVE = f"{_DATE}(?:[ T]{_TIME})?"
_ZONED = f"{_DATE}[ T]{_TIME}{_OFFSET}"
"""Only days that exist, of the years 1 to 9999: others must fail validation, since preparation stops at them."""


def is_iso_timestamp(texts: pa.Array, *, zoned: bool) -> NDArray[np.bool_]:
    """(rows,) text -> (rows,) mask of ISO 8601 timestamps: with an offset if `zoned`, else without."""
    mask = pc.match_substring_regex(as_strings(texts), f"^(?:{_ZONED if zoned else _NAIVE})$")
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)


def suite_pattern(*, zoned: bool) -> str:
    """The pattern for Python, where `$` accepts a trailing line break."""
    return rf"\A(?:{_ZONED if zoned else _NAIVE})\Z"


def pattern_expectation(column: str, parts: Sequence[pd.Series]) -> Expectation:
    """Expectation of the pattern that most distinct texts of the parts have: with an offset, or without."""
    texts = pa.array([text for values in parts for text in values.unique().tolist()], pa.string())
    zoned = bool(is_iso_timestamp(texts, zoned=True).sum() > is_iso_timestamp(texts, zoned=False).sum())
    notes = f"ISO 8601 {'with' if zoned else 'without'} an offset"
    return expect("column_values_to_match_regex", notes, column=column, regex=suite_pattern(zoned=zoned))


def first_text(values: pa.Array) -> str | None:
    """The first value that is not missing."""
    texts = as_strings(values)
    index = pc.index(pc.not_equal(texts, ""), True).as_py()
    return None if index < 0 else str(texts[index].as_py())


def read_seconds(values: pa.Array, name: str, column: str, *, zoned: bool) -> NDArray[np.float64]:
    """(rows,) dates, timestamps or text of a feature's column -> (rows,) seconds since 1970-01-01T00:00:00.

    Seconds are of the wall clock, or in UTC where timestamps are zoned, clipped to the years 1 to 9999; NaN where one
    is missing. DataError for text that is no such timestamp.
    """
    if is_text(values.type):
        _check_texts(as_strings(values), name, column, zoned=zoned)
    return np.clip(as_seconds(values, zoned=zoned), MIN_SECONDS, MAX_SECONDS)


def _check_texts(texts: pa.Array, name: str, column: str, *, zoned: bool) -> None:
    invalid = ~is_iso_timestamp(texts, zoned=zoned) & pc.not_equal(texts, "").to_numpy(zero_copy_only=False)
    if not invalid.any():
        return
    value = texts[int(invalid.argmax())]
    where = f"found {value.as_py()!r} in column {column!r}"
    if is_iso_timestamp(pa.array([value]), zoned=not zoned)[0]:
        first, all_of = ("an offset", "an offset (Z is UTC)") if zoned else ("no offset", "no offset")
        raise DataError(
            f"feature {name!r}: timestamps must all have {all_of}, as the first one in training has {first}, {where}; "
            "write all of them with an offset, or none"
        )
    raise DataError(
        f"feature {name!r}: a datetime feature needs ISO 8601 text, as 2013-10-01 or 2013-10-01T05:30:00"
        f"{'Z' if zoned else ''} with at most 6 decimals, {where}; repair the values, let validation quarantine such "
        "rows (`mtl profile` writes the rule), or declare another kind"
    )
