"""Patterns in place of many features with like names and the same options, so that a draft of a wide table is read."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Any

from mtl_core.features import Proposal

MIN_COLUMNS = 20
"""Minimum columns of a pattern."""
MAX_EXCLUDED = 10
"""Maximum columns that a pattern excludes by name."""
MAX_PREFIXES = 3
"""Prefixes of a name that are tried, from its start."""
CONSTANT = "the same value in every row"
"""Note of a column that is left out since it does not vary; harmless as a number."""
_SEPARATOR = re.compile(r"(?<=[^_ .:/-])[_ .:/-]+")
_DIGITS = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"[0-9]+(,[0-9]{3})*")


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A proposed pattern.

    `columns`: those that it declares; `constant`: of these the ones without a second value; `exclude`: columns that it
    matches and that are left out.
    """

    columns: tuple[str, ...]
    constant: tuple[str, ...]
    exclude: tuple[str, ...]
    proposal: Proposal


@dataclass(frozen=True, kw_only=True)
class _Search:
    """Takes patterns one after another, each only where all that it matches can then be declared as proposed."""

    features: Mapping[str, Proposal]
    left_out: Mapping[str, Proposal]
    numbers: frozenset[str]
    """Columns of numbers and booleans."""
    accepted: dict[str, Pattern] = field(default_factory=dict)
    matches: dict[str, frozenset[str]] = field(default_factory=dict)
    """Accepted pattern -> all that it matches and does not exclude."""
    covered: set[str] = field(default_factory=set)
    """Columns that some accepted pattern declares."""

    def add(self, pattern: str, group: frozenset[str]) -> None:
        """Take the pattern for a group of features with equal options, where it fits."""
        fits = re.compile(translate(pattern)).match
        matched = frozenset(name for name in (*self.features, *self.left_out) if fits(name))
        constant, exclude = self._of_left_out(matched, numeric=self._options(group) == {"kind": "numeric"})
        matched -= exclude
        narrower = [other for other in self.matches.values() if other < matched]
        own = (matched & group).difference(self.covered, *narrower)
        if pattern in self.accepted or len(exclude) > MAX_EXCLUDED or len(own | constant) < MIN_COLUMNS or not own:
            return
        for other in self.matches.values():
            # Of two patterns the narrower one counts: it must take nothing that the other one declares.
            inside = matched < other and not matched & self.covered
            if matched & other and not (inside or other < matched):
                return
        self.matches[pattern] = matched
        self.covered.update(own, constant)
        self.accepted[pattern] = Pattern(
            columns=tuple(name for name in (*self.features, *self.left_out) if name in own or name in constant),
            constant=tuple(name for name in self.left_out if name in constant),
            exclude=tuple(name for name in self.left_out if name in exclude),
            proposal=self._proposal([name for name in self.features if name in own]),
        )

    def _options(self, group: frozenset[str]) -> Mapping[str, Any]:
        return self.features[next(iter(group))].options

    def _of_left_out(self, matched: frozenset[str], *, numeric: bool) -> tuple[frozenset[str], frozenset[str]]:
        """Those of the columns that are left out: constant ones, which a numeric pattern declares, and others."""
        unused = {name for name in matched if name in self.left_out and name not in self.covered}
        constant = {n for n in unused if numeric and n in self.numbers and self.left_out[n].note == CONSTANT}
        return frozenset(constant), frozenset(unused - constant)

    def _proposal(self, columns: Sequence[str]) -> Proposal:
        """The proposal of all these columns; a doubt names the first."""
        first = self.features[columns[0]]
        doubt = f"{columns[0]} and {len(columns) - 1:,} more: {first.doubt}" if first.doubt else ""
        return Proposal(options=first.options, note=first.note, doubt=doubt)


def find_patterns(
    features: Mapping[str, Proposal], left_out: Mapping[str, Proposal], numbers: Iterable[str]
) -> dict[str, Pattern]:
    """Patterns for features that are alike; the rest is declared by name, which goes before a pattern.

    Args:
        features, left_out: proposals by column, without targets and columns of the split.
        numbers: the columns of numbers and booleans.
    """
    search = _Search(features=features, left_out=left_out, numbers=frozenset(numbers))
    groups: dict[tuple[str, str], list[str]] = {}
    for name, proposal in features.items():
        groups.setdefault((repr(proposal.options), alike(f"{proposal.note};{proposal.doubt}")), []).append(name)
    counts = Counter(
        (key, pattern)
        for key, names in groups.items()
        if len(names) >= MIN_COLUMNS
        for name in names
        for pattern in dict.fromkeys(_candidates(name))
    )
    # The pattern of most columns first; of the same columns the one that says most.
    for (key, pattern), count in sorted(counts.items(), key=lambda item: (-item[1], -len(item[0][1]))):
        if count >= MIN_COLUMNS:
            search.add(pattern, frozenset(groups[key]))
    return search.accepted


def alike(text: str) -> str:
    """The text with every number replaced, so that texts about columns of one kind are equal."""
    return _NUMBER.sub("0", text)


def _candidates(name: str) -> Iterator[str]:
    """Patterns that match the name: any number in the place of each of its numbers, any name with its prefix."""
    by_number = "*".join(map(_literal, _DIGITS.split(name)))
    if by_number != _literal(name):
        yield by_number if by_number.strip("*") else "[0-9]*"
    for _, end in zip(range(MAX_PREFIXES), _SEPARATOR.finditer(name), strict=False):
        if end.end() < len(name):
            yield _literal(name[: end.end()]) + "*"


def _literal(text: str) -> str:
    return re.sub(r"[*?\[]", r"[\g<0>]", text)
