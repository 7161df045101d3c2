"""Patterns among the names of features: shell-style wildcards that declare all columns whose names they match."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import translate
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mtl_core.config.document import KEY
from mtl_core.errors import suggestion

if TYPE_CHECKING:
    from mtl_core.config.problem import Problem

_WILDCARDS = re.compile(r"[*?\[]")


def is_pattern(name: str) -> bool:
    """True for a name with a wildcard, which no plain name has."""
    return _WILDCARDS.search(name) is not None


def pattern_errors(name: str, feature: Any) -> Iterator[str]:
    """Error lines for options that only a pattern, or only a plain feature, may have."""
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

    No pattern matches a target, a weight column, a column of the split, or a column that a plain feature reads. A
    column that several patterns match belongs to the narrowest: all its columns are matched by the others too.
    """
    split = problem.split
    reserved = {*problem.targets, *problem.weight_columns, split.column, getattr(split, "key", split.column), ""}
    candidates = [column for column in columns if column not in reserved]
    errors: list[str] = []
    matches: dict[str, dict[str, None]] = {}
    for pattern in problem.patterns:
        matches[pattern], lines = _matches(pattern, problem.features[pattern].exclude, candidates)
        errors += lines
    if errors:
        return {}, errors
    assigned = {problem.column_of(name) for name in problem.features if not is_pattern(name)}
    for first, second in combinations(matches, 2):
        left, right = matches[first].keys(), matches[second].keys()
        overlap = (left & right) - assigned
        if overlap and not (left < right or right < left):
            column = next(column for column in matches[first] if column in overlap)
            errors.append(
                f"features.{first}: of two patterns that match a column one must match all columns of the other and "
                f"more, found {column!r} in {second!r} too; add it to `exclude` of one of them, or declare it by name"
            )
    declared: dict[str, tuple[str, ...]] = dict.fromkeys(matches, ())
    for pattern in sorted(matches, key=lambda pattern: len(matches[pattern])):
        declared[pattern] = tuple(column for column in matches[pattern] if column not in assigned)
        assigned.update(declared[pattern])
    return declared, errors


def distinct_names(columns: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Column -> valid name of its feature. Names are unique and not in `taken`; a valid column name is unchanged.

    >>> distinct_names(["size", "price (EUR)", "price [EUR]"], taken=["size"])
    {'size': 'size_2', 'price (EUR)': 'price_EUR', 'price [EUR]': 'price_EUR_2'}
    """
    columns, used = list(columns), set(taken)
    names = {column: column for column in columns if re.fullmatch(KEY, column) and column not in used}
    used.update(names)
    numbers: dict[str, int] = {}
    for column in columns:
        if column not in names:
            base = name = safe_name(column)
            while name in used:
                numbers[base] = numbers.get(base, 1) + 1
                name = f"{base}_{numbers[base]}"
            names[column] = name
            used.add(name)
    return names


def safe_name(text: str) -> str:
    """A valid name of a feature or task, similar to the text."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.")[:90].rstrip("_.") or "column"
    return name if re.fullmatch(KEY, name) else f"_{name}"


def _matches(pattern: str, exclude: Sequence[str], columns: Sequence[str]) -> tuple[dict[str, None], list[str]]:
    """The columns that a pattern matches, without the excluded ones; and error lines."""
    matched = dict.fromkeys(filter(re.compile(translate(pattern)).match, columns))
    if not matched:
        rule = "must match a column that is no target, no weight and no column of the split"
        return {}, [f"features.{pattern}: {rule}, found none; {_nearest_column(pattern, columns)}"]
    errors = []
    excluded: set[str] = set()
    for text in exclude:
        columns_of_text = [text] if text in matched else list(filter(re.compile(translate(text)).match, matched))
        excluded.update(columns_of_text)
        if not columns_of_text:
            errors.append(
                f"features.{pattern}.exclude: must name columns that the pattern matches, found {text!r}; "
                f"{suggestion(text, list(matched))}"
            )
    remaining = {column: None for column in matched if column not in excluded}
    if not remaining and not errors:
        errors.append(f"features.{pattern}.exclude: must leave a column, found none that is left; remove the pattern")
    return remaining, errors


def _nearest_column(pattern: str, columns: Sequence[str]) -> str:
    """Suggestion of the column whose beginning, or end, is most similar to that of the pattern."""
    start, *_, end = _WILDCARDS.split(pattern)
    by_affix = {column[: len(start)] if start else column[-len(end) :]: column for column in reversed(columns)}
    close = get_close_matches(start or end, by_affix, n=1)
    return f"did you mean {by_affix[close[0]]!r}?" if close else suggestion(pattern, columns)
