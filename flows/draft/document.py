"""A draft as the text of `params.yaml`, with notes and doubts as comments."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.tokens import CommentToken

from flows.draft.guesses import Draft
from flows.draft.patterns import MIN_COLUMNS, Pattern, alike
from flows.draft.reading import DetectedReading
from mtl_core.config.document import flow_style
from mtl_core.config.patterns import distinct_names
from mtl_core.features import Proposal

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
RESERVED = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}

COMMENTS = {
    "features": "Keep only columns that are known at prediction time; columns filled later leak the target.",
    "model": """\
The shared network and its training. Options that are not declared here have their defaults. Documentation:
docs/training.md, docs/trunks.md, docs/balancing.md, docs/stopping.md.""",
    "export": "{int8: true} exports 8-bit weights: a smaller and faster graph. It requires gates.parity, the largest"
    " difference allowed.",
    "gates": """\
Conditions that a model must pass before it can be served. By default, a task that is significantly worse than the
baseline fails, and one that is not significantly better gives a warning. All gates: docs/gates.md. Example:
  gates: {metrics: {TASK: {METRIC: limit}}, baseline: {TASK: required}}""",
    "tuning": "Search space of `mtl tune`. Documentation: docs/tuning.md",
}
"""Section -> the comment before it."""
SPACE: dict[str, Any] = {
    "training.learning_rate": {"low": 0.0003, "high": 0.01, "log": True},
    "model.trunk.widths": {"choices": [[128], [256, 256], [512, 512]]},
    "model.trunk.dropout": {"low": 0.0, "high": 0.5},
    "model.private": {"choices": [0, 32, 64]},
}
"""The search space of `mtl tune`."""
END = """
# To improve a task, look at its learning curve in artifacts/report.html. Then try more epochs, patience, dropout and
# learning rate, other trunks, and teachers. Documentation: docs/not-good-enough.md
"""
WIDE = 100
"""Features from which the time of a call is mostly theirs, so that the default limits say little."""


def document(name: str, path: str, draft: Draft) -> str:
    """The whole file. `path`: where the data lie in the folder."""
    doubts = "1 guess is uncertain" if len(draft.doubts) == 1 else f"{len(draft.doubts)} guesses are uncertain"
    sections = CommentedMap(
        name=name,
        data=_data(path, draft.reading),
        split=_options(draft.split.options),
        features=_features(draft),
        tasks=_tasks(draft),
        model=CommentedMap(),
        training=CommentedMap(seed=0),
        export=CommentedMap(),
        gates=CommentedMap(),
        tuning=CommentedMap(trials=20, space=CommentedMap((path, flow_style(each)) for path, each in SPACE.items())),
    )
    _comment(sections, "split", draft.split)
    if (features := len(draft.features)) > WIDE:  # latencies grow with the features, as a first model's do
        limits = {"rows_1": features / 10, "rows_1000": features * 2}
        sections["gates"]["latency_ms"] = flow_style(limits, _number)
        _comment(sections["gates"], "latency_ms", Proposal(note=f"for {features:,} features"))
    sections.yaml_set_start_comment(
        f"Drafted by `mtl init` from the data. {doubts}: search for `doubt:`.\n"
        "`mtl check` validates this file and shows all defaults."
    )
    if draft.left_out:
        lines = "\n".join(["left out:", *(f"  {line}" for line in _left_out(draft.left_out))])
        sections.yaml_set_comment_before_after_key("tasks", before=lines, indent=2)
    for section in list(sections)[1:]:
        sections.yaml_set_comment_before_after_key(section, before=f"\n{COMMENTS.get(section, '')}")
    yaml, text = YAML(), io.StringIO()
    yaml.width = 1_000_000  # no line is folded
    yaml.dump(sections, text)
    return text.getvalue() + END


def _quoted(value: Any) -> Any:
    """A scalar as ruamel.yaml writes it: text in quotes, but for words that every reader of YAML takes for text."""
    if not isinstance(value, str) or (PLAIN.fullmatch(value) and value.lower() not in RESERVED):
        return value
    return DoubleQuotedScalarString(value)


def _data(path: str, reading: DetectedReading) -> CommentedMap:
    """Path of the data, and how they are read where that differs from the defaults."""
    data = CommentedMap(path=_quoted(path))
    if options := reading.options.csv.model_dump(exclude_defaults=True):
        data["csv"] = flow_style(options, _quoted)
        _comment(data, "csv", Proposal(doubt=reading.doubts.get("data.csv", "")))
    if reading.options.dates:
        dates = data["dates"] = _options(reading.options.dates)
        for column in reading.options.dates:
            _comment(dates, column, Proposal(doubt=reading.doubts.get(f"data.dates.{column}", "")))
    return data


def _features(draft: Draft) -> CommentedMap:
    """An entry per pattern, at the position of its first column, and per feature that is declared by name."""
    pattern_of = {column: name for name, pattern in draft.patterns.items() for column in pattern.columns}
    names = distinct_names(column for column in draft.features if column not in pattern_of)
    features = CommentedMap()
    for column, guess in draft.features.items():
        name, options = pattern_of.get(column), dict(guess.options)
        if name is None:
            name = names[column]
            options |= {"column": column} if name != column else {}
        elif name in features:
            continue
        else:
            guess, options = _pattern(draft.patterns[name])
        features[_quoted(name)] = flow_style(options, _quoted)
        _comment(features, name, guess)
    return features


def _pattern(pattern: Pattern) -> tuple[Proposal, dict[str, Any]]:
    """The proposal of a pattern with the number of its columns, and its options."""
    guess, count = pattern.proposal, f"{len(pattern.columns):,} columns"
    if pattern.constant:
        count += f", {len(pattern.constant):,} of them constant"
    note = "; ".join(filter(None, (count, guess.note)))
    return replace(guess, note=note), dict(guess.options) | ({"exclude": pattern.exclude} if pattern.exclude else {})


def _tasks(draft: Draft) -> CommentedMap:
    names, tasks = distinct_names(draft.tasks, taken=draft.features), CommentedMap()
    for column, guess in draft.tasks.items():
        options = {"kind": guess.options["kind"], "target": column, **guess.options}
        task = tasks[_quoted(names[column])] = _options(options)
        _comment(task, "kind", guess)
    return tasks


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


def _options(options: Mapping[str, Any]) -> CommentedMap:
    """A line per option."""
    return CommentedMap((_quoted(key), flow_style(value, _quoted)) for key, value in options.items())


def _comment(section: CommentedMap, key: str, guess: Proposal) -> None:
    """Note and doubt at the end of an option's line."""
    if words := _words(guess):
        section.ca.items[key] = [None, None, CommentToken(f" # {words}\n", CommentMark(0)), None]


def _words(guess: Proposal) -> str:
    """Note and doubt in one line, without what would end it."""
    words = [guess.note] if guess.note else []
    words += [f"doubt: {guess.doubt}"] if guess.doubt else []
    return "".join(character if character.isprintable() else " " for character in "; ".join(words))


def _number(value: Any) -> Any:
    return float(f"{value:g}") if isinstance(value, float) else value


def _shown(column: str) -> str:
    return column if column and column.isprintable() else json.dumps(column)
