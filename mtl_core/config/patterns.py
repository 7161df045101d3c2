"""Patterns among the names of features: shell-style wildcards that stand for all columns whose names they match."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import translate
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mtl_core.config.document import KEY
from mtl_core.errors import nearest

if TYPE_CHECKING:
    from mtl_core.config.problem import Problem

_WILDCARDS = re.compile(r"[*?\[]")


def is_pattern(name: str) -> bool:
    """True for a name with a wildcard, which no plain name has."""
    return _WILDCARDS.search(name) is not None


def pattern_errors(name: str, feature: Any) -> Iterator[str]:
    """Error lines for options that only a pattern has, or that none has."""
    if is_pattern(name) and feature.column is not None:
        yield (
            f"features.{name}.column: a pattern reads the columns that it matches, found {feature.column!r}; leave "
            "`column` out"
        )
    if not is_pattern(name) and feature.exclude:
        yield (
            f"features.{name}.exclude: is for patterns such as {name + '_*'!r}, found {', '.join(feature.exclude)}; "
            "leave it out"
        )


def matched_columns(problem: "Problem", columns: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Pattern -> the columns of the data that it declares, in their order; and error lines.

    No pattern matches a target, a weight column, a column of the split, or a column that a plain feature reads. Of two
    patterns that match a column the narrower one counts, all of whose columns the other one matches too.
    """
    split = problem.split
    kept = {*problem.targets, *problem.weight_columns, split.column, getattr(split, "key", split.column), ""}
    free = [column for column in columns if column not in kept]
    errors: list[str] = []
    matches: dict[str, dict[str, None]] = {}
    for name in problem.patterns:
        matches[name], lines = _matches(name, problem.features[name].exclude, free)
        errors += lines
    if errors:
        return {}, errors
    plain = {problem.column_of(name) for name in problem.features if not is_pattern(name)}
    for one, other in combinations(matches, 2):
        both = (matches[one].keys() & matches[other].keys()) - plain
        if both and not (matches[one].keys() < matches[other].keys() or matches[other].keys() < matches[one].keys()):
            column = next(column for column in matches[one] if column in both)
            errors.append(
                f"features.{one}: of two patterns that match a column one must match all columns of the other and "
                f"more, found {column!r} in {other!r} too; add it to `exclude` of one of them, or declare it by name"
            )
    found: dict[str, list[str]] = {name: [] for name in matches}
    narrow_first = sorted(matches, key=lambda name: len(matches[name]))
    for name in narrow_first:
        found[name] = [column for column in matches[name] if column not in plain]
        plain.update(found[name])
    return {name: tuple(own) for name, own in found.items()}, errors


def distinct_names(columns: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Column -> the name it is declared under: its own where that is a valid name, never one twice, none of `taken`.

    >>> distinct_names(["size", "price (EUR)", "price [EUR]"], taken=["size"])
    {'size': 'size_2', 'price (EUR)': 'price_EUR', 'price [EUR]': 'price_EUR_2'}
    """
    columns, used = list(columns), set(taken)
    found = {column: column for column in columns if re.fullmatch(KEY, column) and column not in used}
    used.update(found)
    numbers: dict[str, int] = {}
    for column in columns:
        if column not in found:
            base = name = safe_name(column)
            while name in used:
                numbers[base] = numbers.get(base, 1) + 1
                name = f"{base}_{numbers[base]}"
            found[column] = name
            used.add(name)
    return found


def safe_name(text: str) -> str:
    """A valid name of a feature or task, as near to the text as can be."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.")[:90].rstrip("_.") or "column"
    return name if re.fullmatch(KEY, name) else f"_{name}"


def _matches(name: str, exclude: Sequence[str], columns: Sequence[str]) -> tuple[dict[str, None], list[str]]:
    """The columns that a pattern matches without those that it excludes, and error lines."""
    found = dict.fromkeys(filter(re.compile(translate(name)).match, columns))
    if not found:
        rule = "must match a column that is no target, no weight and no column of the split"
        return {}, [f"features.{name}: {rule}, found none; {_near(name, columns)}"]
    errors = []
    left_out: set[str] = set()
    for text in exclude:
        own = [text] if text in found else list(filter(re.compile(translate(text)).match, found))
        left_out.update(own)
        if not own:
            errors.append(
                f"features.{name}.exclude: must name columns that the pattern matches, found {text!r}; "
                f"{nearest(text, list(found))}"
            )
    kept = {column: None for column in found if column not in left_out}
    if not kept and not errors:
        errors.append(f"features.{name}.exclude: must leave a column, found none that is left; remove the pattern")
    return kept, errors


def _near(name: str, columns: Sequence[str]) -> str:
    """The column whose beginning, or end, is most like that of the pattern."""
    first, *_, last = _WILDCARDS.split(name)
    parts = {column[: len(first)] if first else column[-len(last) :]: column for column in reversed(columns)}
    close = get_close_matches(first or last, parts, n=1, cutoff=0.6)
    return f"did you mean {parts[close[0]]!r}?" if close else nearest(name, columns)
