"""Reads a body with care, and says what is wrong with it: every broken rule counted, the first ones in words.

Pure, and off the fast path: it runs for a request that is refused anyway, and for a model whose columns have names that
msgspec cannot take. Its rules are those of `rows.py`.
"""

from __future__ import annotations

import difflib
import json
import math
from typing import TYPE_CHECKING

from serving.errors import Fault, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from serving.signature import Input

__all__ = ["MAX_FAULTS", "explain", "read_carefully"]

MAX_FAULTS = 10  # told in words; the others are counted
_MAX_SHOWN = 40  # characters of what was found that are sent back

_KINDS = {
    "string": "must be a string or null",
    "number": "must be a number or null",
    "boolean": "must be true, false or null",
}


def explain(body: bytes, inputs: Sequence[Input], *, max_rows: int, max_text: int, reason: str) -> RequestError:
    """The error for a body that was refused.

    reason: the fast path's own words, used where this reading finds nothing wrong (a key that stands twice, say).
    """
    try:
        read_carefully(body, inputs, max_rows=max_rows, max_text=max_text)
    except RequestError as error:
        return error
    return _about_body("the body must be a JSON list of rows", reason)


def read_carefully(
    body: bytes, inputs: Sequence[Input], *, max_rows: int, max_text: int
) -> list[dict[str, str | float | bool | None]]:
    """The rows of a body; raises RequestError, status 400, whose faults name row, field, rule and what was found."""
    try:
        rows = _decode(body)
    except UnicodeDecodeError as error:
        raise _about_body("the body must be JSON", f"not UTF-8 at byte {error.start:,}") from error
    except RecursionError as error:
        raise _about_body("the body must be JSON", "lists or objects nested too deeply") from error
    except ValueError as error:
        raise _about_body("the body must be JSON", str(error).split(" (char")[0]) from error
    if not isinstance(rows, list):
        raise _about_body("the body must be a JSON list of rows: [{...}, ...]", _shown(rows))
    if not 1 <= len(rows) <= max_rows:
        raise _about_body(f"the list must hold 1 to {max_rows:,} rows", f"{len(rows):,} rows")

    names = [column.name for column in inputs]
    told: list[Fault] = []
    total = 0
    for place, row in enumerate(rows):
        for field, rule, value in _broken(row, inputs, max_text=max_text):
            total += 1
            if len(told) < MAX_FAULTS:
                told.append(_fault(place, field, rule, value, names))
    if told:
        raise _about_rows(told, total)
    return rows


class _Absent:
    """Stands for the value of a field that is not there."""


_ABSENT = _Absent()
_UNKNOWN = "is not an input of this model"


def _broken(row: object, inputs: Sequence[Input], *, max_text: int) -> Iterator[tuple[str | None, str, object]]:
    if not isinstance(row, dict):
        yield None, "a row must be an object {field: value, ...}", row
        return
    for column in inputs:
        value = row.get(column.name, _ABSENT)
        if value is _ABSENT:
            yield column.name, "must be there, null where it is not known", value
        elif rule := _broken_rule(column.type, value, max_text=max_text):
            yield column.name, rule, value
    known = {column.name for column in inputs}
    for name, value in row.items():
        if name not in known:
            yield name, _UNKNOWN, value


def _broken_rule(kind: str, value: object, *, max_text: int) -> str | None:
    if value is None:
        return None
    if kind == "boolean":
        return None if isinstance(value, bool) else _KINDS[kind]
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return _KINDS[kind]
        return None if math.isfinite(value) else "must be within the range of a 64-bit float"
    if not isinstance(value, str):
        return _KINDS[kind]
    if len(value) > max_text:
        return f"must have at most {max_text:,} characters (it has {len(value):,})"
    return None if _is_unicode(value) else "must be valid Unicode (it has half of a surrogate pair)"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault(place: int, field: str | None, rule: str, value: object, names: Sequence[str]) -> Fault:
    if rule == _UNKNOWN and field is not None:
        # difflib is quadratic: a name of a megabyte is not compared whole.
        nearest = difflib.get_close_matches(field[:100], names, n=1)
        rule += f"; did you mean {nearest[0]!r}?" if nearest else "; GET /model lists them"
    return Fault(row=place, field=None if field is None else _short(field), rule=rule, found=_shown(value))


def _about_rows(told: Sequence[Fault], total: int) -> RequestError:
    first = told[0]
    where = f"row {first.row}" + ("" if first.field is None else f", field {first.field!r}")
    others = f" (and {total - 1:,} more)" if total > 1 else ""
    return RequestError(
        f"{where}: {first.rule}, found {first.found}{others}", status=400, faults=tuple(told), total=total
    )


def _about_body(rule: str, found: str) -> RequestError:
    fault = Fault(row=None, field=None, rule=rule, found=found)
    return RequestError(f"{rule}, found: {found}", status=400, faults=(fault,), total=1)


def _shown(value: object) -> str:
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, dict):
        return f"an object with {len(value):,} fields"
    if isinstance(value, list):
        return f"a list of {len(value):,} values"
    if isinstance(value, str):
        return json.dumps(_short(value), ensure_ascii=False)
    return _short(str(value) if isinstance(value, float) else json.dumps(value))


def _short(text: str) -> str:
    text = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair could not be sent back


def _decode(body: bytes) -> object:
    return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, parse_int=_integer)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name}, which JSON does not have: write null for a missing value")


def _integer(digits: str) -> int | float:
    # Python refuses to read an integer of 4,301 digits; as a float it is infinite, which is refused by name.
    number = float(digits)
    return int(digits) if abs(number) < 2**63 else number
