"""Patterns that declare many features with similar names and equal options, so that a wide table has a short draft."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate

from mtl_core.features import Proposal

MIN_COLUMNS = 20
"""Minimum number of columns of a pattern."""
MAX_EXCLUDED = 10
"""Maximum number of columns that a pattern excludes by name."""
MAX_PREFIXES = 3
"""Maximum number of prefixes of a name that are tried as patterns, from the shortest on."""
CONSTANT = "the same value in every row"
"""Note of a column that is left out because it is constant; a pattern of numeric features may declare it."""
_SEPARATOR = re.compile(r"(?<=[^_ .:/-])[_ .:/-]+")
_DIGITS = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"[0-9]+(,[0-9]{3})*")


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A proposed pattern, and the columns that it declares."""

    columns: tuple[str, ...]
    proposal: Proposal


@dataclass(frozen=True, kw_only=True)
class _Search:
    """Greedy search: a pattern is accepted if all that it matches can then be declared as proposed."""

    features: Mapping[str, Proposal]
    left_out: Mapping[str, Proposal]
    constant: frozenset[str]
    """Columns of numbers that are left out because they are constant."""
    accepted: dict[str, Pattern] = field(default_factory=dict)
    matches: dict[str, frozenset[str]] = field(default_factory=dict)
    """Accepted pattern -> all columns that it matches and does not exclude."""
    covered: set[str] = field(default_factory=set)
    """Columns that an accepted pattern declares."""

    def add(self, pattern: str, group: frozenset[str]) -> None:
        """Accept the pattern for a group of features with equal options, if it fits."""
        is_match = re.compile(translate(pattern)).match
        matched = frozenset(name for name in (*self.features, *self.left_out) if is_match(name))
        numeric = self.features[next(iter(group))].options == {"kind": "numeric"}
        unused = matched.intersection(self.left_out) - self.covered
        constant = unused & self.constant if numeric else frozenset()
        exclude = unused - constant
        matched -= exclude
        narrower = [other for other in self.matches.values() if other < matched]
        varying = (matched & group).difference(self.covered, *narrower)
        declared = varying | constant
        if pattern in self.accepted or len(exclude) > MAX_EXCLUDED or len(declared) < MIN_COLUMNS or not varying:
            return
        for other in self.matches.values():
            # The narrower one of two patterns takes precedence: it must not match what the other one declares.
            is_narrower = matched < other and not matched & self.covered
            if matched & other and not (is_narrower or other < matched):
                return
        self.matches[pattern] = matched
        self.covered.update(declared)
        features = [name for name in self.features if name in varying]
        constants = [name for name in self.left_out if name in constant]
        excluded = [name for name in self.left_out if name in exclude]
        first = self.features[features[0]]
        counts = f"{len(declared):,} columns" + (f", {len(constants):,} of them constant" if constants else "")
        proposal = Proposal(
            options={**first.options, **({"exclude": excluded} if excluded else {})},
            note="; ".join(filter(None, (counts, first.note))),
            warning=f"{features[0]} and {len(features) - 1:,} more: {first.warning}" if first.warning else "",
        )
        self.accepted[pattern] = Pattern(columns=(*features, *constants), proposal=proposal)


def find_patterns(proposals: Mapping[str, Proposal], numbers: Iterable[str]) -> dict[str, Pattern]:
    """Patterns for similar features; the other features are declared by name, which takes precedence over a pattern.

    Args:
        proposals: by column, without targets and columns of the split.
        numbers: columns of numbers and booleans.
    """
    features = {name: proposal for name, proposal in proposals.items() if proposal.options}
    left_out = {name: proposal for name, proposal in proposals.items() if not proposal.options}
    constant = frozenset(name for name in numbers if name in left_out and left_out[name].note == CONSTANT)
    search = _Search(features=features, left_out=left_out, constant=constant)
    groups: dict[tuple[str, str], list[str]] = {}
    for name, proposal in features.items():
        text = mask_numbers(f"{proposal.note};{proposal.warning}")
        groups.setdefault((repr(proposal.options), text), []).append(name)
    counts = Counter(
        (key, pattern)
        for key, names in groups.items()
        if len(names) >= MIN_COLUMNS
        for name in names
        for pattern in dict.fromkeys(_candidates(name))
    )
    # The pattern with most columns first; among those with equally many the longest.
    for (key, pattern), count in sorted(counts.items(), key=lambda item: (-item[1], -len(item[0][1]))):
        if count >= MIN_COLUMNS:
            search.add(pattern, frozenset(groups[key]))
    return search.accepted


def mask_numbers(text: str) -> str:
    """Replace every number by 0, so that texts that differ only in numbers become equal."""
    return _NUMBER.sub("0", text)


def group_lines(texts: Mapping[str, str], *, by_name: bool = False) -> Iterator[str]:
    """A line per column, and a single line for at least MIN_COLUMNS columns whose texts differ only in numbers.

    With `by_name`, the names of the columns too differ only in numbers.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for name, text in texts.items():
        groups.setdefault((mask_numbers(name) if by_name else "", mask_numbers(text)), []).append(name)
    for names in groups.values():
        if len(names) < MIN_COLUMNS:
            yield from (f"{_one_line(name)}: {texts[name]}" for name in names)
        else:
            yield f"{_one_line(names[0])} and {len(names) - 1:,} more: {texts[names[0]]}"


def _one_line(name: str) -> str:
    return name if name and name.isprintable() else json.dumps(name)


def _candidates(name: str) -> Iterator[str]:
    """Patterns that match the name: with * for each of its numbers, or for all that follows a prefix."""
    without_numbers = "*".join(map(_literal, _DIGITS.split(name)))
    if without_numbers != _literal(name):
        yield without_numbers if without_numbers.strip("*") else "[0-9]*"
    for _, end in zip(range(MAX_PREFIXES), _SEPARATOR.finditer(name), strict=False):
        if end.end() < len(name):
            yield _literal(name[: end.end()]) + "*"


def _literal(text: str) -> str:
    return re.sub(r"[*?\[]", r"[\g<0>]", text)
