"""Slow decoding of a body: every broken rule is counted, and the first ones are described.

It runs for a body that msgspec could not decode, and for a model whose columns have names that msgspec cannot take. The
rules of the values are those of `inputs.py`.
"""

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from serving.errors import ErrorDetail, RequestError
from serving.inputs import InputField

MAX_DETAILS = 10  # broken rules that are described; the others are counted
_MAX_SHOWN = 40  # characters of a value that are sent back
_UNKNOWN = "is not an input of this model"
_MISSING = object()  # the value of a field that is not there


def request_error(body: bytes, inputs: Sequence[InputField], *, max_rows: int, reason: str) -> RequestError:
    """The error for a body that msgspec could not decode.

    reason: msgspec's message, used where this decoding finds nothing wrong (a repeated key, for example).
    """
    try:
        decode_with_errors(body, inputs, max_rows=max_rows)
    except RequestError as error:
        return error
    return _body_error("the body must be a JSON list of rows", reason)


def decode_with_errors(body: bytes, inputs: Sequence[InputField], *, max_rows: int) -> list[dict[str, Any]]:
    """The rows of a body; raises RequestError, status 400, whose details name row, field, rule and value."""
    try:
        rows: object = json.loads(body.decode("utf-8"), parse_constant=_reject_constant, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise _body_error("the body must be JSON", f"not UTF-8 at byte {error.start:,}") from error
    except RecursionError as error:
        raise _body_error("the body must be JSON", "lists or objects nested too deeply") from error
    except ValueError as error:
        raise _body_error("the body must be JSON", str(error).split(" (char")[0]) from error
    if not isinstance(rows, list):
        raise _body_error("the body must be a JSON list of rows: [{...}, ...]", _shown(rows))
    if not 1 <= len(rows) <= max_rows:
        raise _body_error(f"the list must hold 1 to {max_rows:,} rows", f"{len(rows):,} rows")

    names = [field.name for field in inputs]
    details: list[ErrorDetail] = []
    total = 0
    for index, row in enumerate(rows):
        for field, rule, value in _violations(row, inputs):
            total += 1
            if len(details) < MAX_DETAILS:
                details.append(_detail(index, field, rule, value, names))
    if details:
        raise _row_error(details, total)
    return rows


def _violations(row: object, inputs: Sequence[InputField]) -> Iterator[tuple[str | None, str, object]]:
    """Field, rule and value of each broken rule of a row."""
    if not isinstance(row, dict):
        yield None, "a row must be an object {field: value, ...}", row
        return
    for field in inputs:
        if field.name not in row:
            yield field.name, "is required (null if unknown)", _MISSING
        elif row[field.name] is not None and (violation := field.violation(row[field.name])):
            yield field.name, *violation
    names = {field.name for field in inputs}
    for name, value in row.items():
        if name not in names:
            yield name, _UNKNOWN, value


def _detail(index: int, field: str | None, rule: str, value: object, names: Sequence[str]) -> ErrorDetail:
    if rule == _UNKNOWN and field is not None:
        # difflib is quadratic, and a name may have megabytes.
        nearest = difflib.get_close_matches(field[:100], names, n=1)
        rule += f"; did you mean {nearest[0]!r}?" if nearest else "; GET /model lists them"
    return ErrorDetail(row=index, field=None if field is None else _short(field), rule=rule, found=_shown(value))


def _row_error(details: Sequence[ErrorDetail], total: int) -> RequestError:
    first = details[0]
    location = f"row {first.row}" + ("" if first.field is None else f", field {first.field!r}")
    others = f" (and {total - 1:,} more)" if total > 1 else ""
    message = f"{location}: {first.rule}, found {first.found}{others}"
    return RequestError(message, status=400, details=tuple(details), total=total)


def _body_error(rule: str, found: str) -> RequestError:
    detail = ErrorDetail(row=None, field=None, rule=rule, found=found)
    return RequestError(f"{rule}, found: {found}", status=400, details=(detail,), total=1)


def _shown(value: object) -> str:
    if value is _MISSING:
        return "nothing"
    if isinstance(value, dict):
        return f"an object with {len(value):,} field{'s' * (len(value) != 1)}"
    if isinstance(value, list):
        return f"a list of {len(value):,} value{'s' * (len(value) != 1)}"
    if isinstance(value, str):
        return json.dumps(_short(value), ensure_ascii=False)
    return _short(str(value) if isinstance(value, float) else json.dumps(value))


def _short(text: str) -> str:
    text = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair could not be sent back


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name}, which JSON does not have: write null for a missing value")


def _integer(digits: str) -> int | float:
    # Python does not parse an integer of 4,301 digits; as a float it is infinite, which is out of range.
    number = float(digits)
    return int(digits) if abs(number) < 2**63 else number
