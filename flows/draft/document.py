"""A draft as the text of `params.yaml`, with what was guessed and doubted beside it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flows.draft.guesses import Draft
from flows.draft.patterns import MIN_COLUMNS, Pattern, alike
from flows.draft.reading import DetectedReading
from mtl_core.config.patterns import distinct_names
from mtl_core.features import Proposal

__all__ = ["document", "quoted"]

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}

REST = """\
# The shared network and its training. What is not declared here has its default; pages of Trunkline's documentation say
# what can be: docs/training.md, docs/trunks.md, docs/balancing.md, docs/stopping.md.
model: {}

training:
  seed: 0

# {int8: true} makes a smaller and faster graph, of weights in 8 bits; gates.parity must then say how far it may be off.
export: {}

# What a model must pass before it can serve. A task may not be worse than the baseline beyond chance; where it is not
# shown to be better, a warning says so. More limits, and how to switch a gate off by its name: docs/gates.md. As in
#   gates: {metrics: {TASK: {METRIC: limit}}, baseline: {TASK: required}}
GATES

# What `mtl tune` tries; nothing else reads this section. docs/tuning.md
tuning:
  trials: 20
  space:
    training.learning_rate: {low: 0.0003, high: 0.01, log: true}
    model.trunk.widths: {choices: [[128], [256, 256], [512, 512]]}
    model.trunk.dropout: {low: 0.0, high: 0.5}
    model.private: {choices: [0, 32, 64]}

# Not good enough? Look at the learning curves in artifacts/report.html; then try steps, patience, dropout and learning
# rate, then trunks, then teachers: docs/not-good-enough.md has the commands.
"""

WIDE = 100
"""Features from which the time of a call is mostly theirs, so that the default limits say little."""


def document(name: str, path: str, draft: Draft) -> str:
    """The whole file. `path`: where the data lie in the folder."""
    doubts = len(draft.doubts)
    words = "1 guess is in doubt" if doubts == 1 else f"{doubts} guesses are in doubt"
    lines = [
        f"# The declared problem, drafted from the data; {words}: search for `doubt:`.",
        "# `mtl check` shows it resolved, or says what is wrong.",
        f"name: {name}",
        "",
        "data:",
        f"  path: {quoted(path)}",
    ]
    lines += [*_reading(draft.reading), "", *_section("split", {"": draft.split}), ""]
    lines.append("# Keep what is known when a prediction is asked for; what is known only afterwards leaks the answer.")
    lines += ["features:", *_features(draft)]
    if draft.left_out:
        lines += ["  # left out:", *(f"  #   {line}" for line in _left_out(draft.left_out))]
    lines += ["", "tasks:"]
    tasks = distinct_names(draft.tasks, taken=draft.features)
    for column, guess in draft.tasks.items():
        kind, *more = guess.options.items()
        lines.append(f"  {quoted(tasks[column])}:")
        lines.append(f"    kind: {kind[1]}{_comment(guess)}")
        lines.append(f"    target: {quoted(column)}")
        lines += [f"    {key}: {_scalar(value)}" for key, value in more]
    return "\n".join(lines) + "\n\n" + REST.replace("GATES", _gates(len(draft.features)))


def quoted(text: str) -> str:
    """A string as a YAML scalar that is read back as that string."""
    if PLAIN.fullmatch(text) and text.lower() not in RESERVED:
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _features(draft: Draft) -> Iterator[str]:
    """A line per pattern, in the place of its first column, and per feature that is declared by name."""
    pattern_of = {column: name for name, pattern in draft.patterns.items() for column in pattern.columns}
    names = distinct_names(column for column in draft.features if column not in pattern_of)
    written: set[str] = set()
    for column, guess in draft.features.items():
        if (name := pattern_of.get(column)) is None:
            options = dict(guess.options) | ({"column": column} if names[column] != column else {})
            yield f"  {quoted(names[column])}: {_flow(options)}{_comment(guess)}"
        elif name not in written:
            written.add(name)
            yield _pattern(name, draft.patterns[name])


def _pattern(name: str, pattern: Pattern) -> str:
    guess, count = pattern.proposal, f"{len(pattern.columns):,} columns"
    if pattern.constant:
        count += f", {len(pattern.constant):,} of them with the same value in every row"
    options = dict(guess.options) | ({"exclude": pattern.exclude} if pattern.exclude else {})
    note = "; ".join(filter(None, (count, guess.note)))
    return f"  {quoted(name)}: {_flow(options)}{_comment(replace(guess, note=note))}"


def _left_out(proposals: Mapping[str, Proposal]) -> Iterator[str]:
    """A line per column; a single one for many columns with like names and reasons."""
    groups: dict[tuple[str, str], list[str]] = {}
    for column, guess in proposals.items():
        groups.setdefault((alike(column), alike(_words(guess))), []).append(column)
    for columns in groups.values():
        if len(columns) < MIN_COLUMNS:
            yield from (f"{_shown(column)}: {_words(proposals[column])}" for column in columns)
        else:
            yield f"{_shown(columns[0])} and {len(columns) - 1:,} more: {_words(proposals[columns[0]])}"


def _section(title: str, guesses: Mapping[str, Proposal]) -> list[str]:
    (guess,) = guesses.values()
    (first, *more) = guess.options.items()
    rest = [f"  {key}: {_scalar(value)}" for key, value in more]
    return [f"{title}:{_comment(guess)}", f"  {first[0]}: {_scalar(first[1])}", *rest]


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    # YAML forbids some of what is not printable, and reads some of it as the end of a line.
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _reading(reading: DetectedReading) -> list[str]:
    """Lines of `data` about how the file is read, where that differs from the defaults."""
    lines = []
    if options := reading.options.csv.model_dump(exclude_defaults=True):
        lines.append(f"  csv: {_flow(options)}{_comment(Proposal(doubt=reading.doubts.get('data.csv', '')))}")
    if reading.options.dates:
        lines.append("  dates:")
        for column, form in reading.options.dates.items():
            about = Proposal(doubt=reading.doubts.get(f"data.dates.{column}", ""))
            lines.append(f"    {quoted(column)}: {quoted(form)}{_comment(about)}")
    return lines


def _comment(guess: Proposal) -> str:
    words = _words(guess)
    return f"  # {words}" if words else ""


def _words(guess: Proposal) -> str:
    """Note and doubt in one line, without what would end it."""
    words = [guess.note] if guess.note else []
    words += [f"doubt: {guess.doubt}"] if guess.doubt else []
    return "".join(character if character.isprintable() else " " for character in "; ".join(words))


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def _shown(column: str) -> str:
    return column if column and column.isprintable() else json.dumps(column)


def _gates(features: int) -> str:
    """The section `gates`; its latencies grow with the features, as a first model's do."""
    if features <= WIDE:
        return "gates: {}"
    return (
        f"gates:\n  latency_ms: {{rows_1: {features / 10:g}, rows_1000: {features * 2}}}  # for {features:,} features"
    )
